//! A blocking HTTP/1.1 server engine (RFC 9110, RFC 9112); it knows nothing of registries.
//!
//! The engine owns framing, limits, deadlines and how bytes leave; a [`Handler`] gets a parsed
//! [`Request`] and returns a [`Response`].

mod body;
mod buffer;
mod chunked;
mod connection;
mod excerpt;
mod forwarded;
mod framing;
mod head;
mod held;
mod in_flight;
mod limits;
mod occasional;
mod proxies;
pub mod range;
mod refusal;
mod request;
mod request_line;
mod response;
mod server;
mod shared;
mod socket;
mod table;
pub mod target;
pub mod tls;
mod wire;
mod write;

pub use excerpt::{EXCERPT_BYTES_MAX, excerpt};
pub use forwarded::Forwarded;
pub use limits::{HEAD_FIELDS_CEILING, Limits};
pub use proxies::{TrustedNetwork, TrustedProxies};
pub use request::Request;
pub use response::{Body, Response, Segment};
pub use server::{Control, Listening, Server};
pub use socket::{Bound, Listen};
pub use table::Load;
pub use tiny_http::{HTTPVersion, Method, StatusCode};
pub use tls::Tls;

use std::net::IpAddr;
use std::time::Duration;

/// What the engine asks of the program it serves.
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

/// The client went away before its request was complete, or before a byte of the answer left: nginx' and
/// distribution's word for it in access logs. It is never sent.
pub const CLIENT_CLOSED_REQUEST: u16 = 499;

/// One finished exchange, as the access log needs it.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The client: whom a trusted proxy named, else the peer; `None` on a unix socket.
    pub client: Option<IpAddr>,
    /// The method.
    pub method: &'a str,
    /// The raw request target; of one that is too long, its beginning.
    pub target: &'a str,
    /// `HTTP/1.1` or `HTTP/1.0`; another where the request was refused for it.
    pub version: &'a str,
    /// The `Referer` field, empty when absent.
    pub referer: &'a str,
    /// The `User-Agent` field, empty when absent.
    pub user_agent: &'a str,
    /// The status that was sent; [`CLIENT_CLOSED_REQUEST`] where there was nobody to send it to.
    pub status: u16,
    /// Body bytes that left.
    pub body_bytes: u64,
    /// From the first byte of the head to the last byte of the answer.
    pub duration: Duration,
}
