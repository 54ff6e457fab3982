//! What the engine asks of the program it serves.

use super::super::message::request::Request;
use super::super::message::response::Response;
use std::net::IpAddr;
use std::time::Duration;

/// The program behind the engine.
pub trait Handler: Send + Sync + 'static {
    /// What the program wants to remember about a request until its response has been sent: who asked, for what.
    type Note: Default;

    /// Responds to one request, and fills its note for [`Handler::sent`]. A panic in here becomes a 500 and is logged;
    /// the server continues.
    fn handle(&self, request: &mut Request<'_>, note: &mut Self::Note) -> Response;

    /// Called once for every exchange after the last byte left (or the connection broke), also
    /// for requests that the engine rejected by itself. For access logs and metrics. Bytes without a request line
    /// are not a request and are not reported here.
    ///
    /// The note is as [`Handler::handle`] left it, even by a panic; of a rejected request it is the default.
    fn sent(&self, exchange: &Exchange<'_>, note: &Self::Note) {
        let _ = (exchange, note);
    }
}

/// The client went away before its request was complete, or before a byte of the response left: the status that nginx
/// and distribution write to access logs for it. It is never sent.
pub const CLIENT_CLOSED_REQUEST: u16 = 499;

/// One finished exchange, as the access log needs it.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The client that a trusted proxy named, otherwise the peer; `None` on a unix socket.
    pub client: Option<IpAddr>,
    /// The method.
    pub method: &'a str,
    /// The raw request target; only the beginning of one that is too long.
    pub target: &'a str,
    /// `HTTP/1.1` or `HTTP/1.0`; another where the request was rejected for it.
    pub version: &'a str,
    /// The `Referer` header, empty when absent.
    pub referer: &'a str,
    /// The `User-Agent` header, empty when absent.
    pub user_agent: &'a str,
    /// The status that was sent; [`CLIENT_CLOSED_REQUEST`] where there was nobody to send it to.
    pub status: u16,
    /// Body bytes that left.
    pub body_bytes: u64,
    /// From the first byte of the head to the last byte of the response.
    pub duration: Duration,
}
