//! A parsed request, as a handler sees it.

use super::{HTTPVersion, Method};
use std::io::Read;
use std::net::SocketAddr;

/// One request: head fields by value, the body as a stream that is read at most once.
pub struct Request<'c> {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) version: HTTPVersion,
    pub(super) fields: Vec<(String, String)>,
    pub(super) remote: Option<SocketAddr>,
    pub(super) content_length: Option<u64>,
    pub(super) body: Box<dyn Read + 'c>,
}

impl Request<'_> {
    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The raw request target in origin form: path and query, still percent-encoded.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The raw path: the target up to `?`.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target(), |(path, _)| path)
    }

    /// The raw query: what follows `?`, empty when there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The protocol version of the request line.
    pub fn version(&self) -> &HTTPVersion {
        &self.version
    }

    /// The first field of that name (case-insensitive), trimmed.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }

    /// Every field of that name (case-insensitive), in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
    }

    /// The peer's address; `None` on a unix socket.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// The announced body length; `None` with chunked coding, `Some(0)` when there is no body.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// The body. The first read answers `Expect: 100-continue`. Errors: `UnexpectedEof` (the client
    /// went away), `InvalidData` (broken chunked coding), `TimedOut` (slower than the minimum rate).
    pub fn body(&mut self) -> &mut dyn Read {
        &mut self.body
    }
}
