//! What the engine responds by itself: a request it cannot or will not hand to the program.
//!
//! One readable sentence as plain text; the connection is closed after it, because it is unknown where the next
//! request would start.

use super::response::{Body, Response, reason};

/// When to try again.
const RETRY_AFTER_SECONDS: &str = "1";

/// A status and one sentence that says what is wrong and how to fix it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::http) struct Rejection {
    pub(in crate::http) status: u16,
    pub(in crate::http) message: &'static str,
}

impl Rejection {
    /// Broken framing or syntax (RFC 9112).
    pub(in crate::http) const fn bad_request(message: &'static str) -> Rejection {
        Rejection {
            status: 400,
            message,
        }
    }

    /// Any other status.
    pub(in crate::http) const fn new(status: u16, message: &'static str) -> Rejection {
        Rejection { status, message }
    }

    /// A target beyond its limit (RFC 9110 15.5.15).
    pub(in crate::http) const TARGET_TOO_LONG: Rejection =
        Rejection::new(414, "The request target is too long.");
    /// No connection is free.
    pub(in crate::http) const TOO_MANY_CONNECTIONS: Rejection =
        Rejection::new(503, "Too many connections; try again later.");
    /// One client has too many requests in flight.
    pub(in crate::http) const TOO_MANY_REQUESTS: Rejection = Rejection::new(
        429,
        "Too many concurrent requests from this address; try again later.",
    );
    /// No memory for a large head or response.
    pub(in crate::http) const NO_MEMORY: Rejection = Rejection::new(
        503,
        "The server is out of memory for requests and responses; try again later.",
    );

    /// The response, for a connection that has a thread.
    pub(in crate::http) fn to_response(self) -> Response {
        let body = format!("{}\n", self.message);
        let response = Response::new(self.status)
            .header("Content-Type", "text/plain; charset=utf-8")
            .body(Body::Bytes(body.into_bytes()));
        match self.status {
            429 | 503 => response.header("Retry-After", RETRY_AFTER_SECONDS),
            _ => response,
        }
    }

    /// The whole response as bytes, for a connection that has no thread.
    pub(in crate::http) fn to_bytes(self) -> Vec<u8> {
        format!(
            "HTTP/1.1 {} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
             Retry-After: {RETRY_AFTER_SECONDS}\r\nConnection: close\r\n\r\n{}\n",
            self.status,
            reason(self.status),
            self.message.len() + 1,
            self.message
        )
        .into_bytes()
    }
}
