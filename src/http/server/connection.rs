//! One connection while it is served: its buffers, and how a response leaves it and is reported.
//!
//! `serve` is its life; `exchange` hands requests to the program, `rejected` responds to what is not handed on.

use super::super::message::head::Head;
use super::super::message::request_line::RequestLine;
use super::super::message::response::Response;
use super::super::message::response_head::{DateHeader, ResponseForm};
use super::super::transport::buffer::BUFFER_BYTES;
use super::super::transport::patience::{Deadline, MinimumRate};
use super::super::transport::wire::Wire;
use super::super::transport::write::{Fault, SendOutcome, send_response};
use super::handler::{Exchange, Handler};
use super::open_connection::OpenConnection;
use super::shared::ServerState;
use std::any::Any;
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A connection on its own thread.
pub(super) struct Connection<'c, H> {
    pub(super) handler: &'c H,
    pub(super) server: &'c ServerState,
    /// Its entry in the table.
    pub(super) open: &'c OpenConnection,
    pub(super) wire: Wire<'c>,
    pub(super) head: Head,
    date: DateHeader,
    /// Who sent the current request: the client that a trusted proxy names, otherwise the peer.
    pub(super) client: Option<IpAddr>,
}

impl<'c, H: Handler> Connection<'c, H> {
    /// A connection from which nothing has been read.
    pub(super) fn new(
        handler: &'c H,
        server: &'c ServerState,
        open: &'c OpenConnection,
    ) -> Connection<'c, H> {
        Connection {
            handler,
            server,
            open,
            wire: Wire::new(&server.transport, &open.socket),
            head: Head::new(),
            date: DateHeader::default(),
            client: None,
        }
    }

    /// The request line at the start of what was received and not used.
    pub(super) fn request_line(&self) -> Option<RequestLine> {
        let target_bytes_max = self.server.limits.target_bytes_max;
        RequestLine::find(self.wire.buffer.bytes(), target_bytes_max)
    }

    /// Sends a response; a panic of the body's reader ends the connection like a read error.
    pub(super) fn send(&mut self, form: ResponseForm, response: Response) -> SendOutcome {
        let limits = &self.server.limits;
        let rate = MinimumRate::new(
            limits.response_rate_min_bytes_per_second,
            limits.response_grace,
        );
        let (wire, date) = (&mut self.wire, &mut self.date);
        let sent = AssertUnwindSafe(|| send_response(wire, date, (form, rate), response));
        catch_unwind(sent).unwrap_or_else(|panic| {
            let message = format!(
                "the reader of the body panicked: {}",
                panic_message(&*panic)
            );
            SendOutcome {
                body_bytes: 0,
                has_begun: true,
                keep: false,
                fault: Some(Fault::Source(io::Error::other(message))),
            }
        })
    }

    /// Tells the program about a finished exchange.
    pub(super) fn report(&self, exchange: &Exchange<'_>, note: &H::Note) {
        let sent = AssertUnwindSafe(|| self.handler.sent(exchange, note));
        if let Err(panic) = catch_unwind(sent) {
            log::error!(
                "reporting a finished exchange panicked: {}",
                panic_message(&*panic)
            );
        }
    }

    /// Ends the sending side, then reads and drops until the client ends its own, for a short time:
    /// closing with bytes unread would reset the connection, and the client might never see the response
    /// (RFC 9112 9.6).
    pub(super) fn linger(mut self) {
        self.head.shrink(BUFFER_BYTES);
        self.wire.buffer.consume(usize::MAX);
        self.wire.shrink();
        self.wire.end_sending();
        self.open.mark_lingering();
        let mut deadline = Deadline::new(self.server.limits.linger_timeout);
        let mut scratch = [0; 2 * BUFFER_BYTES];
        while matches!(self.wire.receive(&mut scratch, &mut deadline), Ok(1..)) {}
    }
}

/// The message of a panic.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no message)")
}
