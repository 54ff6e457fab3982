//! A parsed request, as a handler sees it.

use super::client::client_network;
use super::framing::Framing;
use super::head::Head;
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tiny_http::Method;

/// A request body, and a way to stop waiting for it.
pub(in crate::http) trait RequestBody: Read {
    /// Reading fails as `ConnectionAborted` within a second after `stop` is set.
    fn stop_when(&mut self, stop: Arc<AtomicBool>);
}

/// One request: its head, and the body as a stream that is read at most once.
pub struct Request<'c> {
    pub(in crate::http) head: &'c Head,
    pub(in crate::http) client: Option<IpAddr>,
    pub(in crate::http) is_forwarded: bool,
    pub(in crate::http) secure: bool,
    pub(in crate::http) body: &'c mut (dyn RequestBody + 'c),
}

impl Request<'_> {
    /// The method; extension methods as `Method::NonStandard`.
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The raw request target in origin form: path and query, still percent-encoded. Printable ASCII,
    /// starts with `/`; or `*`, which only OPTIONS may have. Of an absolute target (RFC 9112 3.2.2) the
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

    /// The first header of that name (case-insensitive), trimmed.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// Every header of that name (case-insensitive), in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + Clone {
        self.head
            .headers()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The first header of that name, if the peer is a trusted proxy
    /// ([`Limits::trusted_proxies`](crate::http::Limits::trusted_proxies)).
    pub fn forwarded(&self, name: &str) -> Option<&str> {
        self.header(name).filter(|_| self.is_forwarded)
    }

    /// What the client is counted by where each has a share: an IPv4 address, or the /64 network of an IPv6 address,
    /// because one host may use all of it; `None` on a unix socket. It is the client that a trusted proxy names, otherwise
    /// the peer.
    pub fn client(&self) -> Option<IpAddr> {
        self.client.map(client_network)
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

    /// The body. The first read sends `100 Continue` if the client expects it. Errors: `UnexpectedEof` (the client
    /// went away), `InvalidData` (malformed chunked coding), `TimedOut` (slower than the minimum rate).
    pub fn body(&mut self) -> &mut dyn Read {
        self.body
    }

    /// The body, until another thread sets `stop`: then reading fails as `ConnectionAborted` within a
    /// second, even if the client is silent.
    pub fn body_until(&mut self, stop: &Arc<AtomicBool>) -> &mut dyn Read {
        self.body.stop_when(Arc::clone(stop));
        self.body
    }
}
