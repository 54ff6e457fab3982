//! A parsed request, as a handler sees it.

use super::body::Stream;
use super::framing::Framing;
use super::head::Head;
use super::table::network;
use super::{HTTPVersion, Method};
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// One request: its head, and the body as a stream that is read at most once.
pub struct Request<'c> {
    pub(super) head: &'c Head,
    pub(super) client: Option<IpAddr>,
    pub(super) is_forwarded: bool,
    pub(super) secure: bool,
    pub(super) body: &'c mut (dyn Stream + 'c),
}

impl Request<'_> {
    /// The method; extension methods as `Method::NonStandard`.
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The raw request target in origin form: path and query, still percent-encoded. Printable ASCII,
    /// begins with `/`; or `*`, which OPTIONS alone may have. Of an absolute target (RFC 9112 3.2.2) the
    /// path and query.
    pub fn target(&self) -> &str {
        self.head.target()
    }

    /// The raw path: the target up to `?`.
    pub fn path(&self) -> &str {
        self.target()
            .split_once('?')
            .map_or(self.target(), |(path, _)| path)
    }

    /// The raw query: what follows `?`, empty when there is none.
    pub fn query(&self) -> &str {
        self.target().split_once('?').map_or("", |(_, query)| query)
    }

    /// The protocol version of the request line: 1.1 or 1.0.
    pub fn version(&self) -> &HTTPVersion {
        self.head.version()
    }

    /// The first field of that name (case-insensitive), trimmed.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// Every field of that name (case-insensitive), in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + Clone {
        self.head
            .fields()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The first field of that name, if the peer is a proxy that is believed what it says of its clients
    /// ([`Limits::trusted_proxies`](super::Limits::trusted_proxies)).
    pub fn forwarded(&self, name: &str) -> Option<&str> {
        self.header(name).filter(|_| self.is_forwarded)
    }

    /// What the client is counted by where each has its share: an IPv4 address, or the /64 network of an IPv6 address,
    /// all of which one host may use; `None` on a unix socket. It is the client whom a trusted proxy names, else the
    /// peer.
    pub fn client(&self) -> Option<IpAddr> {
        self.client.map(network)
    }

    /// Whether it came over TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The announced body length; `None` with chunked coding, `Some(0)` when there is no body.
    pub fn content_length(&self) -> Option<u64> {
        match self.head.framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        }
    }

    /// The body. The first read answers `Expect: 100-continue`. Errors: `UnexpectedEof` (the client
    /// went away), `InvalidData` (broken chunked coding), `TimedOut` (slower than the minimum rate).
    pub fn body(&mut self) -> &mut dyn Read {
        self.body
    }

    /// The body, for as long as another thread does not set `stop`: then reading fails as `ConnectionAborted` within a
    /// second, even where the client is silent.
    pub fn body_until(&mut self, stop: &Arc<AtomicBool>) -> &mut dyn Read {
        self.body.stop_when(Arc::clone(stop));
        self.body
    }
}
