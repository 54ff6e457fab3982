//! The life of one connection on its own thread: the handshake of TLS where there is one, then requests one after the
//! other until it ends. Whatever breaks ends this connection and nothing else.

use super::super::message::rejection::Rejection;
use super::super::message::request_line::RequestLine;
use super::super::message::scan::{Scan, Scanned};
use super::super::transport::buffer::BUFFER_BYTES;
use super::super::transport::patience::{Deadline, Patience};
use super::super::transport::tls;
use super::super::transport::wire::Secured;
use super::connection::{Connection, panic_message};
use super::exchange::After;
use super::handler::Handler;
use super::open_connection::OpenConnection;
use super::shared::ServerState;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Empty lines that may precede a request line (RFC 9112 2.2).
const EMPTY_LINES_MAX: usize = 4;
/// The length of an empty line.
const EMPTY_LINE_BYTES: usize = 2;
/// The response to a client that speaks plain HTTP on a TLS port.
const HTTPS_PORT: &str =
    "This is an HTTPS port, but the request was sent over plain HTTP; use https://.";
/// The first byte from a TLS client: the record type "handshake" (RFC 8446 5.1). No method starts with it.
const TLS_HANDSHAKE: u8 = 22;

/// Serves one connection to its end.
pub(super) fn serve<H: Handler>(handler: &H, server: &ServerState, open: &OpenConnection) {
    let patience = server.limits.response_grace;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        open.socket.prepare(server.transport.tick, patience)?;
        let first_byte = Deadline::new(server.limits.head_timeout);
        Connection::new(handler, server, open).start(first_byte);
        io::Result::Ok(())
    }));
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::debug!("a connection could not be prepared: {error}"),
        Err(panic) => {
            let message = panic_message(&*panic);
            log::error!("the thread of a connection panicked: {message}");
        }
    }
    server.table.release(open);
}

/// What came of waiting for a request.
enum Next {
    /// A head was parsed; its first byte arrived then.
    Request(Instant),
    /// With its request line, if there is one.
    Rejected(Rejection, Option<RequestLine>, Instant),
    /// The client speaks TLS and this port does not.
    TlsHello(Instant),
    /// The client went away or was idle for too long, or the server needs the connection.
    Ended,
}

/// What came of waiting for the end of a head.
enum HeadEnd {
    /// It has that many bytes.
    At(usize),
    Rejected(Rejection),
    /// The connection is over.
    Ended,
}

impl<H: Handler> Connection<'_, H> {
    /// Does the handshake where TLS is spoken, then serves.
    fn start(mut self, first_byte: Deadline) {
        let began = Instant::now();
        let mut deadline = Deadline::new(self.server.limits.head_timeout);
        match self.wire.secure(&mut deadline) {
            Ok(Secured::Done) => self.run(first_byte),
            Ok(Secured::PlainHttp) => {
                let line = self.request_line();
                self.reject(Rejection::bad_request(HTTPS_PORT), line, began);
                self.linger();
            }
            // The client is to read the alert that says why.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let reason = tls::handshake_error(&error);
                log::info!("TLS handshake with {} failed: {reason}", self.open.peer());
                self.linger();
            }
            Err(error) => log::debug!("TLS handshake with {} failed: {error}", self.open.peer()),
        }
    }

    fn run(mut self, first_byte: Deadline) {
        let mut deadline = first_byte;
        loop {
            match self.next(&mut deadline) {
                Next::Ended => return self.wire.close_notify(),
                Next::Rejected(rejection, line, began) => {
                    self.reject(rejection, line, began);
                    return self.linger();
                }
                Next::TlsHello(began) => {
                    self.reject_tls_hello(began);
                    return self.linger();
                }
                Next::Request(began) => match self.exchange(began) {
                    After::NextRequest => {}
                    After::Close => return,
                    After::Linger => return self.linger(),
                },
            }
            deadline = Deadline::new(self.server.limits.idle_timeout);
        }
    }

    /// Waits for the next head and parses it. `first_byte` bounds the wait for its first byte.
    fn next(&mut self, first_byte: &mut Deadline) -> Next {
        self.head.shrink(BUFFER_BYTES);
        // Much may have arrived behind a body.
        if self.wire.has_lost || !self.wire.has_memory(0) {
            return Next::Rejected(Rejection::NO_MEMORY, None, Instant::now());
        }
        for _ in 0..=EMPTY_LINES_MAX {
            if self.wire.buffer.is_empty() && !self.wait_first_byte(first_byte) {
                return Next::Ended;
            }
            if self.server.table.is_stopping() && self.wire.buffer.is_empty() {
                return Next::Ended;
            }
            let began = Instant::now();
            if !self.wire.is_secure() && self.wire.buffer.bytes().first() == Some(&TLS_HANDSHAKE) {
                return Next::TlsHello(began);
            }
            return match self.wait_head() {
                HeadEnd::At(EMPTY_LINE_BYTES) => {
                    self.wire.buffer.consume(EMPTY_LINE_BYTES);
                    continue;
                }
                HeadEnd::At(end) => match self.parse_head(end) {
                    Ok(()) => Next::Request(began),
                    Err((rejection, line)) => Next::Rejected(rejection, line, began),
                },
                HeadEnd::Rejected(rejection) => {
                    Next::Rejected(rejection, self.request_line(), began)
                }
                HeadEnd::Ended => Next::Ended,
            };
        }
        let rejection = Rejection::bad_request("Too many empty lines before the request line.");
        Next::Rejected(rejection, None, Instant::now())
    }

    /// Receives until the head is complete.
    fn wait_head(&mut self) -> HeadEnd {
        let (limits, head_limits) = (&self.server.limits, self.server.limits.head());
        let mut deadline = Deadline::new(limits.head_timeout);
        let mut scan = Scan::default();
        loop {
            match scan.advance(self.wire.buffer.bytes(), &head_limits) {
                Scanned::Complete(end) => return HeadEnd::At(end),
                Scanned::Rejected(rejection) => return HeadEnd::Rejected(rejection),
                Scanned::Incomplete => {}
            }
            match self.wire.fill(limits.head_bytes_max, &mut deadline) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    let late = Rejection::new(408, "The request head did not arrive in time.");
                    return HeadEnd::Rejected(late);
                }
                Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                    return HeadEnd::Rejected(Rejection::NO_MEMORY);
                }
                Ok(0) | Err(_) => return HeadEnd::Ended,
            }
        }
    }

    /// Parses a complete head of that many bytes. With its request line when it is rejected.
    fn parse_head(&mut self, end: usize) -> Result<(), (Rejection, Option<RequestLine>)> {
        if !self.wire.has_memory(end) {
            return Err((Rejection::NO_MEMORY, self.request_line()));
        }
        let (bytes, _) = self.wire.buffer.bytes().split_at(end);
        if let Err(rejection) = self.head.parse(bytes, &self.server.limits.head()) {
            return Err((rejection, self.request_line()));
        }
        self.wire.buffer.consume(end);
        self.wire.buffer.shrink();
        match self.wire.has_memory(self.head.text_bytes()) {
            true => Ok(()),
            false => Err((Rejection::NO_MEMORY, None)),
        }
    }

    /// Is idle until a byte arrives; `false` when the connection is over.
    fn wait_first_byte(&mut self, patience: &mut dyn Patience) -> bool {
        self.wire.shrink();
        self.server.table.mark_idle(self.open, Instant::now())
            && matches!(self.wire.fill(0, patience), Ok(1..))
            && self.open.mark_busy()
    }
}
