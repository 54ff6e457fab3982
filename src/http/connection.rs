//! One connection on its own thread: requests one after the other until it ends.
//!
//! `serve` is the whole life: the handshake of TLS where there is one, wait for a head, hand the request to the program, send the answer, drain
//! what was not read, again. Whatever breaks ends this connection and nothing else.

mod refuse;

use super::body::{BodyReader, Incoming};
use super::head::{Head, Scan, Scanned};
use super::held;
use super::refusal::Refusal;
use super::request_line::RequestLine;
use super::shared::Shared;
use super::table::Entry;
use super::tls;
use super::wire::{Pace, Secured, Wire};
use super::write::{self, Date, Fault, Form, Outcome};
use super::{CLIENT_CLOSED_REQUEST, Exchange, Handler, Method, Request, Response, excerpt};
use std::any::Any;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// Empty lines that may come before a request line (RFC 9112 2.2).
const EMPTY_LINES_MAX: usize = 4;
/// What a client is told that speaks plain HTTP where TLS is spoken.
const HTTPS_PORT: &str =
    "This is an HTTPS port and the request came over plain HTTP; use https://.";

/// What a client is told that speaks TLS where plain HTTP is spoken.
const HTTP_PORT: &str = "This is a plain HTTP port and the client spoke TLS; use http://.";
/// The first byte of a TLS client: the record type "handshake" (RFC 8446 5.1). No method begins with it.
const TLS_HANDSHAKE: u8 = 22;

/// Serves one connection to its end.
pub(super) fn serve<H: Handler>(shared: Arc<Shared>, entry: Arc<Entry>, handler: Arc<H>) {
    let patience = shared.limits.answer_grace;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        entry.socket.prepare(shared.tick, patience)?;
        let first_byte = Pace::deadline(shared.limits.head_timeout);
        let connection = Connection {
            wire: Wire::new(Arc::clone(&shared), Arc::clone(&entry)),
            head: Head::new(),
            date: Date::default(),
            client: None,
            handler,
        };
        connection.begin(first_byte);
        std::io::Result::Ok(())
    }));
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::debug!("a connection ended before it began: {error}"),
        Err(panic) => log::error!("a connection's thread panicked: {}", words(&*panic)),
    }
    shared.table.release(&entry);
}

/// Tells the program about a finished exchange.
pub(super) fn report<H: Handler>(handler: &H, exchange: &Exchange<'_>, note: &H::Note) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| handler.sent(exchange, note))) {
        log::error!("the log of an exchange panicked: {}", words(&*panic));
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no message)")
}

struct Connection<H> {
    handler: Arc<H>,
    wire: Wire,
    head: Head,
    date: Date,
    /// Who sent the request that is answered: whom a trusted proxy names, else the peer.
    client: Option<IpAddr>,
}

/// What waiting for a request came to.
enum Next {
    /// A head was parsed; its first byte came then.
    Request(Instant),
    /// With its request line, if there is one.
    Refused(Refusal, Option<RequestLine>, Instant),
    /// The client speaks TLS and this port does not.
    TlsHello(Instant),
    /// The client went away, or rested too long, or the server needs the place.
    Ended,
}

/// What to do after an exchange.
enum After {
    NextRequest,
    /// The connection broke.
    Close,
    /// Close, but let the client read the answer first.
    Linger,
}

impl<H: Handler> Connection<H> {
    /// Shakes hands where TLS is spoken, then serves.
    fn begin(mut self, first_byte: Pace) {
        let began = Instant::now();
        let mut pace = Pace::deadline(self.wire.shared.limits.head_timeout);
        match self.wire.secure(&mut pace) {
            Ok(Secured::Done) => self.run(first_byte),
            Ok(Secured::PlainHttp) => {
                let line = self.request_line();
                self.refuse(Refusal::bad(HTTPS_PORT), line, began);
                self.linger();
            }
            // The client is to read the alert that says why.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                log::info!(
                    "no TLS with {}: {}",
                    self.wire.entry.peer(),
                    tls::why(&error)
                );
                self.linger();
            }
            Err(error) => log::debug!("no TLS with {}: {error}", self.wire.entry.peer()),
        }
    }

    fn run(mut self, first_byte: Pace) {
        let mut pace = first_byte;
        loop {
            match self.next(&mut pace) {
                Next::Ended => return self.wire.say_end(),
                Next::Refused(refusal, line, began) => {
                    self.refuse(refusal, line, began);
                    return self.linger();
                }
                Next::TlsHello(began) => {
                    self.note_tls_hello(began);
                    return self.linger();
                }
                Next::Request(began) => match self.exchange(began) {
                    After::NextRequest => {}
                    After::Close => return,
                    After::Linger => return self.linger(),
                },
            }
            pace = Pace::deadline(self.wire.shared.limits.idle_timeout);
        }
    }

    /// Waits for the next head and parses it. `rest` is the patience until its first byte.
    fn next(&mut self, rest: &mut Pace) -> Next {
        let shared = Arc::clone(&self.wire.shared);
        let limits = &shared.limits;
        self.head.rest();
        // What came behind a body may be much.
        if self.wire.has_lost || !self.wire.has_memory(0) {
            return Next::Refused(Refusal::no_memory(), None, Instant::now());
        }
        for _ in 0..=EMPTY_LINES_MAX {
            if self.wire.buffer.is_empty() && !self.wait_first_byte(rest) {
                return Next::Ended;
            }
            if shared.table.stopping() && self.wire.buffer.is_empty() {
                return Next::Ended;
            }
            let began = Instant::now();
            if !self.wire.is_secure() && self.wire.buffer.bytes().first() == Some(&TLS_HANDSHAKE) {
                return Next::TlsHello(began);
            }
            let mut pace = Pace::deadline(limits.head_timeout);
            let mut scan = Scan::default();
            let end = loop {
                match scan.more(self.wire.buffer.bytes(), limits) {
                    Scanned::End(end) => break end,
                    Scanned::Refused(refusal) => {
                        return Next::Refused(refusal, self.request_line(), began);
                    }
                    Scanned::More => {}
                }
                match self.wire.fill(limits.head_bytes_max, &mut pace) {
                    Ok(0) => return Next::Ended,
                    Ok(_) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                        let late = "The request's head did not come in time.";
                        let refusal = Refusal::new(408, late);
                        return Next::Refused(refusal, self.request_line(), began);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::OutOfMemory => {
                        return Next::Refused(Refusal::no_memory(), self.request_line(), began);
                    }
                    Err(_) => return Next::Ended,
                }
            };
            if end == 2 {
                self.wire.buffer.consume(end);
                continue;
            }
            if !self.wire.has_memory(end) {
                return Next::Refused(Refusal::no_memory(), self.request_line(), began);
            }
            let bytes = self.wire.buffer.bytes().get(..end).unwrap_or_default();
            if let Err(refusal) = self.head.parse(bytes, limits) {
                return Next::Refused(refusal, self.request_line(), began);
            }
            self.wire.buffer.consume(end);
            self.wire.buffer.rest();
            if !self.wire.has_memory(self.head.text_bytes()) {
                return Next::Refused(Refusal::no_memory(), None, began);
            }
            return Next::Request(began);
        }
        let empty = "There are too many empty lines before the request line.";
        Next::Refused(Refusal::bad(empty), None, Instant::now())
    }

    /// The request line of what was received and not used.
    fn request_line(&self) -> Option<RequestLine> {
        let target_bytes_max = self.wire.shared.limits.target_bytes_max;
        RequestLine::of(self.wire.buffer.bytes(), target_bytes_max)
    }

    /// Rests until a byte comes; `false` when the connection is over.
    fn wait_first_byte(&mut self, rest: &mut Pace) -> bool {
        self.wire.rest();
        let entry = Arc::clone(&self.wire.entry);
        self.wire.shared.table.rest(&entry, Instant::now())
            && matches!(self.wire.fill(0, rest), Ok(1..))
            && entry.wake()
    }

    /// One request and its answer.
    fn exchange(&mut self, began: Instant) -> After {
        let shared = Arc::clone(&self.wire.shared);
        let limits = &shared.limits;
        let head = &self.head;
        let entry = &self.wire.entry;
        let forwarded = shared.table.forwarded_client(entry, head);
        self.client = forwarded.or_else(|| entry.remote.map(|remote| remote.ip()));
        let counted = forwarded.map(|client| shared.table.begin(entry, client));
        let (client, is_forwarded) = (self.client, entry.is_trusted);
        let pace = Pace::rate(limits.body_rate_min_bytes_per_second, limits.body_grace);
        let expects = head.expects_continue;
        let mut incoming = Incoming::new(head.framing, expects, limits.head_bytes_max, pace);
        let (handler, mut note) = (&self.handler, H::Note::default());
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let mut body = BodyReader {
                wire: &mut self.wire,
                incoming: &mut incoming,
            };
            if let Some(None) = counted {
                return Refusal::too_many_requests().to_response();
            }
            let secure = body.wire.is_secure();
            let mut request = Request {
                head,
                client,
                is_forwarded,
                secure,
                body: &mut body,
            };
            handler.handle(&mut request, &mut note)
        }));
        let (response, healthy) = match answered {
            Ok(response) => (response, true),
            Err(panic) => {
                let target = excerpt(head.target());
                let words = words(&*panic);
                log::error!("the handler of {} {target} panicked: {words}", head.method);
                let message = "The server failed to answer this request; its log says why.";
                (Refusal::new(500, message).to_response(), false)
            }
        };
        let response = held::count(&self.wire, response);
        let form = Form {
            old: head.version().1 == 0,
            head_only: head.method == Method::Head,
            keep: healthy
                && head.keep_alive
                && !shared.table.stopping()
                && incoming.is_drainable(limits.drain_bytes_max),
        };
        let after = self.answer(form, response, (began, incoming.is_cut()), &note);
        let drain = Pace::deadline(limits.linger_timeout);
        match after {
            After::NextRequest
                if !incoming.drain(&mut self.wire, limits.drain_bytes_max, drain) =>
            {
                After::Linger
            }
            after => after,
        }
    }

    /// Sends an answer to the request in `head` and reports it. `is_cut`: the client went away in the middle
    /// of its body.
    fn answer(
        &mut self,
        form: Form,
        response: Response,
        (began, is_cut): (Instant, bool),
        note: &H::Note,
    ) -> After {
        let status = response.status();
        let outcome = self.send(form, response);
        // Who was cut by this server did not go away.
        let is_gone = (is_cut || outcome.is_client_gone()) && !self.wire.entry.socket.is_ended();
        let head = &self.head;
        match &outcome.fault {
            None => {}
            Some(Fault::Client(error)) => {
                log::debug!(
                    "the answer to {} {} broke: {error}",
                    head.method,
                    excerpt(head.target())
                );
            }
            Some(Fault::Source(error)) => {
                log::error!(
                    "the answer to {} {} broke: {error}",
                    head.method,
                    excerpt(head.target())
                );
            }
        }
        report(
            &*self.handler,
            &Exchange {
                client: self.client,
                method: head.method.as_str(),
                target: head.target(),
                version: head.version_text(),
                referer: head.field("Referer").unwrap_or_default(),
                user_agent: head.field("User-Agent").unwrap_or_default(),
                status: if is_gone {
                    CLIENT_CLOSED_REQUEST
                } else {
                    status
                },
                body_bytes: outcome.body_bytes,
                duration: began.elapsed(),
            },
            note,
        );
        match outcome {
            Outcome { fault: Some(_), .. } => After::Close,
            Outcome { keep: true, .. } => After::NextRequest,
            Outcome { keep: false, .. } => After::Linger,
        }
    }

    /// Sends an answer; a panic of a body's reader ends the connection like a read error.
    fn send(&mut self, form: Form, response: Response) -> Outcome {
        let (wire, date) = (&mut self.wire, &mut self.date);
        let sent = AssertUnwindSafe(|| write::answer(wire, date, form, response));
        catch_unwind(sent).unwrap_or_else(|panic| {
            let message = format!("the body's source panicked: {}", words(&*panic));
            Outcome {
                body_bytes: 0,
                has_begun: true,
                keep: false,
                fault: Some(Fault::Source(std::io::Error::other(message))),
            }
        })
    }

    /// Ends the sending side, then reads and drops until the client ends its own, for a short time:
    /// closing with bytes unread would reset the connection, and the client might never see the answer
    /// (RFC 9112 9.6).
    fn linger(mut self) {
        self.head.rest();
        self.wire.buffer.consume(usize::MAX);
        self.wire.rest();
        self.wire.end_sending();
        self.wire.shared.table.give_up(&self.wire.entry);
        let mut pace = Pace::deadline(self.wire.shared.limits.linger_timeout);
        let mut scratch = [0; 2 * super::buffer::BUFFER_BYTES];
        while matches!(self.wire.receive(&mut scratch, &mut pace), Ok(1..)) {}
    }
}
