//! A blocking HTTP/1.1 server engine (RFC 9110, RFC 9112); it knows nothing of registries.
//!
//! The engine owns framing, limits, deadlines and how bytes leave; a [`Handler`] gets a parsed
//! [`Request`] and returns a [`Response`]. `message` is HTTP without any input or output, `transport` moves the bytes of one
//! connection, `server` accepts connections and serves them; each uses only those before it.

#[cfg(fuzzing)]
pub mod fuzzing;
mod message;
mod server;
mod transport;

pub use message::excerpt::{EXCERPT_BYTES_MAX, excerpt};
pub use message::forwarded::Forwarded;
pub use message::head::HEADERS_CEILING;
pub use message::request::Request;
pub use message::response::{Body, Response, Segment};
pub use message::{range, target};
pub use server::handler::{CLIENT_CLOSED_REQUEST, Exchange, Handler};
pub use server::limits::Limits;
pub use server::proxies::{TrustedNetwork, TrustedProxies};
pub use server::table::Load;
pub use server::{Control, Listening, Server};
pub use tiny_http::Method;
pub use transport::listener::{Bound, Listen};
pub use transport::tls::{self, Tls};
