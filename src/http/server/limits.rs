//! Every bound of the engine, named in one place.
//!
//! A server that faces a network gives nothing away without a bound: connections, bytes, seconds. Each
//! bound here is enforced in one place and covered by a test in `tests/limits.rs`.

use super::super::message::head::HeadLimits;
use super::super::transport::patience::TICK_LONGEST;
use super::proxies::TrustedProxies;
use crate::memory;
use std::time::Duration;

/// The bounds of one server. Zero is a bound like any other, never "unlimited": no waiting, no
/// bytes; only a rate of zero means that no rate is required, and at least one connection is accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Open connections in all. At the bound the connection that has been idle longest is closed for
    /// a newcomer; when none is idle the newcomer gets a 503 with `Retry-After`. Default 4096.
    pub connections_max: usize,
    /// Open connections from one IPv4 address or one IPv6 /64 network, handled as above among those
    /// of that address. Unix sockets are not counted. For clients that a trusted proxy names it bounds the requests in
    /// flight instead; more get a 429 with `Retry-After`. Default 1024.
    pub connections_per_address_max: usize,
    /// Whose `Forwarded` and `X-Forwarded-*` headers count. Default: peers in loopback and private networks.
    pub trusted_proxies: TrustedProxies,
    /// Bytes of a request head, and of the trailers of a chunked body. More is a 431. Default
    /// 256 KiB: tokens that list many permissions are large.
    pub head_bytes_max: usize,
    /// Bytes of memory that may be held for all clients together beyond the small buffers that each
    /// connection has anyway: large heads, bodies that are read whole, responses. Beyond that, requests
    /// get a 503 with `Retry-After`. Default 96 MiB.
    pub memory_bytes_max: usize,
    /// Headers of a request, at most [`HEADERS_CEILING`](crate::http::HEADERS_CEILING). More is a 431. Default 100.
    pub headers_max: usize,
    /// Bytes of a request target. More is a 414. Default 64 KiB.
    pub target_bytes_max: usize,
    /// From the first byte of a head to its last, otherwise 408; and from the start of a connection to its
    /// first byte, otherwise it is closed silently. Default 10 s.
    pub head_timeout: Duration,
    /// How long a connection may be idle between two requests before it is closed silently. Default 60 s.
    pub idle_timeout: Duration,
    /// The slowest a request body may arrive: at least this many bytes a second over each [`Limits::body_grace`] of
    /// waiting for the client, otherwise reading it fails as `TimedOut`. Time the handler
    /// spends on its own is not counted. Default 1 KiB/s.
    pub body_rate_min_bytes_per_second: u64,
    /// The period over which the rate of a request body is measured. Default 30 s.
    pub body_grace: Duration,
    /// The slowest a response may be read, over each [`Limits::response_grace`] of waiting for the
    /// client, otherwise the connection is cut. Default 1 KiB/s.
    pub response_rate_min_bytes_per_second: u64,
    /// The period over which the rate of a response is measured. Default 30 s.
    pub response_grace: Duration,
    /// How many bytes of a body that the handler did not read are read and dropped to keep the
    /// connection open. Beyond that it is closed. Default 64 KiB.
    pub drain_bytes_max: u64,
    /// How long such a drain may take, and how long bytes are read and dropped after the last response of a
    /// connection while the client is still sending, so that the response is not lost. Default 2 s.
    pub linger_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 4096,
            connections_per_address_max: 1024,
            trusted_proxies: TrustedProxies::default(),
            head_bytes_max: 256 * 1024,
            memory_bytes_max: memory::BYTES_DEFAULT,
            headers_max: 100,
            target_bytes_max: 64 * 1024,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            body_rate_min_bytes_per_second: 1024,
            body_grace: Duration::from_secs(30),
            response_rate_min_bytes_per_second: 1024,
            response_grace: Duration::from_secs(30),
            drain_bytes_max: 64 * 1024,
            linger_timeout: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// The bounds of a request head.
    pub(super) fn head(&self) -> HeadLimits {
        HeadLimits {
            head_bytes_max: self.head_bytes_max,
            headers_max: self.headers_max,
            target_bytes_max: self.target_bytes_max,
        }
    }

    /// How long one read or write may block before the deadlines are checked: a quarter of the
    /// shortest of them, so that each is met within 25%; at most a second, at least a millisecond.
    pub(super) fn tick(&self) -> Duration {
        let shortest = [
            self.head_timeout,
            self.idle_timeout,
            self.body_grace,
            self.response_grace,
            self.linger_timeout,
        ]
        .into_iter()
        .min()
        .unwrap_or_default();
        (shortest / 4).clamp(Duration::from_millis(1), TICK_LONGEST)
    }
}
