//! What the engine answers by itself: a request it cannot or will not hand to the program.
//!
//! One readable sentence as plain text; the connection is closed after it, because where the next
//! request would begin is not known.

use super::response::reason;
use super::{Body, Response};

/// When to try again, in seconds.
const RETRY_AFTER: &str = "1";

/// A status and one sentence that says what is wrong and what would be right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: &'static str,
}

impl Refusal {
    /// Broken framing or syntax (RFC 9112).
    pub(super) const fn bad(message: &'static str) -> Refusal {
        Refusal {
            status: 400,
            message,
        }
    }

    /// Any other status.
    pub(super) const fn new(status: u16, message: &'static str) -> Refusal {
        Refusal { status, message }
    }

    /// No place for another connection.
    pub(super) const fn overloaded() -> Refusal {
        Refusal::new(
            503,
            "The server has no place for another connection; try again.",
        )
    }

    /// Too many requests of one client at the same time.
    pub(super) const fn too_many_requests() -> Refusal {
        Refusal::new(
            429,
            "Too many requests of this address are in flight at this moment; try again.",
        )
    }

    /// No memory for a large head or answer.
    pub(super) const fn no_memory() -> Refusal {
        Refusal::new(
            503,
            "All memory for requests and answers is taken at this moment; try again.",
        )
    }

    /// The answer, for a connection that has a thread.
    pub(super) fn to_response(self) -> Response {
        let body = format!("{}\n", self.message);
        let response = Response::new(self.status)
            .header("Content-Type", "text/plain; charset=utf-8")
            .body(Body::Bytes(body.into_bytes()));
        match self.status {
            429 | 503 => response.header("Retry-After", RETRY_AFTER),
            _ => response,
        }
    }

    /// The whole answer as bytes, for a connection that has no thread.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        format!(
            "HTTP/1.1 {} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
             Retry-After: {RETRY_AFTER}\r\nConnection: close\r\n\r\n{}\n",
            self.status,
            reason(self.status),
            self.message.len() + 1,
            self.message
        )
        .into_bytes()
    }
}
