//! One request and its response: handed to the program, sent, reported, and what was not read drained.

use super::super::message::excerpt::excerpt;
use super::super::message::rejection::Rejection;
use super::super::message::request::Request;
use super::super::message::response::Response;
use super::super::message::response_head::ResponseForm;
use super::super::transport::held::count_response;
use super::super::transport::incoming::{BodyReader, Incoming};
use super::super::transport::patience::{Deadline, MinimumRate};
use super::super::transport::write::{Fault, SendOutcome};
use super::connection::{Connection, panic_message};
use super::handler::{CLIENT_CLOSED_REQUEST, Exchange, Handler};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;
use tiny_http::Method;

/// The response when a handler panicked.
const HANDLER_PANICKED: Rejection = Rejection::new(
    500,
    "The server failed to process this request; see its log.",
);

/// What to do after an exchange.
pub(super) enum After {
    NextRequest,
    /// The connection broke.
    Close,
    /// Close, but let the client read the response first.
    Linger,
}

impl<H: Handler> Connection<'_, H> {
    /// One request, which began then, and its response.
    pub(super) fn exchange(&mut self, began: Instant) -> After {
        let (server, open, limits) = (self.server, self.open, &self.server.limits);
        let forwarded = server.table.forwarded_client(open, &self.head);
        self.client = forwarded.or_else(|| open.remote.map(|remote| remote.ip()));
        // It counts until the response has been sent.
        let counted = forwarded.map(|client| server.table.begin_request(open, client));
        let mut note = H::Note::default();
        let rate = MinimumRate::new(limits.body_rate_min_bytes_per_second, limits.body_grace);
        let mut incoming = Incoming::new(
            self.head.framing,
            self.head.expects_continue,
            limits.head_bytes_max,
            rate,
        );
        let handled = match counted {
            Some(None) => Some(Rejection::TOO_MANY_REQUESTS.to_response()),
            Some(Some(_)) | None => self.handle(&mut incoming, &mut note),
        };
        let is_healthy = handled.is_some();
        let response = handled.unwrap_or_else(|| HANDLER_PANICKED.to_response());
        let response = count_response(&self.wire, response);
        let head = &self.head;
        let form = ResponseForm {
            is_http_1_0: head.is_http_1_0(),
            head_only: head.method == Method::Head,
            keep: is_healthy
                && head.keep_alive
                && !server.table.is_stopping()
                && incoming.is_drainable(limits.drain_bytes_max),
        };
        let after = self.respond(form, response, (began, incoming.is_cut()), &note);
        let deadline = Deadline::new(limits.linger_timeout);
        match after {
            After::NextRequest
                if !incoming.drain(&mut self.wire, limits.drain_bytes_max, deadline) =>
            {
                After::Linger
            }
            after => after,
        }
    }

    /// Hands the request in `head` to the program; `None` when the handler panicked.
    fn handle(&mut self, incoming: &mut Incoming, note: &mut H::Note) -> Option<Response> {
        let head = &self.head;
        let secure = self.wire.is_secure();
        let mut body = BodyReader {
            wire: &mut self.wire,
            incoming,
        };
        let mut request = Request {
            head,
            client: self.client,
            is_forwarded: self.open.is_trusted,
            secure,
            body: &mut body,
        };
        let handled = AssertUnwindSafe(|| self.handler.handle(&mut request, note));
        match catch_unwind(handled) {
            Ok(response) => Some(response),
            Err(panic) => {
                let (method, target) = (&head.method, excerpt(head.target()));
                let message = panic_message(&*panic);
                log::error!("the handler of {method} {target} panicked: {message}");
                None
            }
        }
    }

    /// Sends a response to the request in `head` and reports it. `is_cut`: the client went away in the middle
    /// of its body.
    fn respond(
        &mut self,
        form: ResponseForm,
        response: Response,
        (began, is_cut): (Instant, bool),
        note: &H::Note,
    ) -> After {
        let status = response.status();
        let outcome = self.send(form, response);
        // A client that this server cut did not go away.
        let is_gone = (is_cut || outcome.is_client_gone()) && !self.open.socket.is_ended();
        let head = &self.head;
        if let Some(fault) = &outcome.fault {
            let (method, target) = (&head.method, excerpt(head.target()));
            match fault {
                Fault::Client(error) => {
                    log::debug!("cannot send the response to {method} {target}: {error}");
                }
                Fault::Source(error) => {
                    log::error!(
                        "cannot read the body of the response to {method} {target}: {error}"
                    );
                }
            }
        }
        let exchange = Exchange {
            client: self.client,
            method: head.method.as_str(),
            target: head.target(),
            version: head.version(),
            referer: head.header("Referer").unwrap_or_default(),
            user_agent: head.header("User-Agent").unwrap_or_default(),
            status: if is_gone {
                CLIENT_CLOSED_REQUEST
            } else {
                status
            },
            body_bytes: outcome.body_bytes,
            duration: began.elapsed(),
        };
        self.report(&exchange, note);
        match outcome {
            SendOutcome { fault: Some(_), .. } => After::Close,
            SendOutcome { keep: true, .. } => After::NextRequest,
            SendOutcome { keep: false, .. } => After::Linger,
        }
    }
}
