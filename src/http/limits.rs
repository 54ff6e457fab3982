//! What the engine allows a peer to cost: connections, heads, slowness.

use std::path::PathBuf;
use std::time::Duration;

/// The engine's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub connections_max: usize,
    /// Connections of one address.
    pub connections_per_address_max: usize,
    /// Bytes of a request head.
    pub head_bytes_max: usize,
    /// Fields of a request head.
    pub head_fields_max: usize,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// Between two requests on one connection.
    pub idle_timeout: Duration,
    /// The slowest body that is waited for.
    pub body_rate_min_bytes_per_second: u64,
    /// How long a body may fall below that rate.
    pub body_grace: Duration,
    /// Bytes of an unread body that are drained before the connection is closed.
    pub drain_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 4096,
            connections_per_address_max: 1024,
            head_bytes_max: 32 * 1024,
            head_fields_max: 100,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            body_rate_min_bytes_per_second: 1024,
            body_grace: Duration::from_secs(30),
            drain_bytes_max: 64 * 1024,
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
