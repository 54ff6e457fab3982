//! What the engine allows a peer to cost: connections, heads, slowness.

use std::path::PathBuf;
use std::time::Duration;

/// The engine's limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections in all.
    pub connections_max: usize,
    /// Connections of one address.
    pub connections_per_address_max: usize,
    /// Bytes of a request head.
    pub head_bytes_max: usize,
    /// Fields of a request head.
    pub head_fields_max: usize,
    /// Bytes of a request's target.
    pub target_bytes_max: usize,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// Between two requests on one connection.
    pub idle_timeout: Duration,
    /// The slowest body that is waited for.
    pub body_rate_min_bytes_per_second: u64,
    /// How long a body may fall below that rate.
    pub body_grace: Duration,
    /// The slowest an answer may be taken.
    pub answer_rate_min_bytes_per_second: u64,
    /// How long an answer may fall below that rate.
    pub answer_grace: Duration,
    /// Bytes of an unread body that are drained before the connection is closed.
    pub drain_bytes_max: u64,
    /// How long such a drain may take.
    pub linger_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 4096,
            connections_per_address_max: 1024,
            head_bytes_max: 32 * 1024,
            head_fields_max: 100,
            target_bytes_max: 8 * 1024,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            body_rate_min_bytes_per_second: 1024,
            body_grace: Duration::from_secs(30),
            answer_rate_min_bytes_per_second: 1024,
            answer_grace: Duration::from_secs(30),
            drain_bytes_max: 64 * 1024,
            linger_timeout: Duration::from_secs(2),
        }
    }
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// `host:port`; an empty host means every address.
    Tcp(String),
    /// The path of a unix socket.
    Unix(PathBuf),
}
