//! What is answered without asking the program, and how it is told: what has a request line in the access
//! log, everything else in words and now and then.

use super::super::refusal::Refusal;
use super::super::request_line::RequestLine;
use super::super::write::{Form, Outcome};
use super::{Connection, Exchange, HTTP_PORT, Handler, report};
use std::time::Instant;

impl<H: Handler> Connection<H> {
    /// Answers a head that is not handed to the program. It is reported if it has a request line.
    pub(super) fn refuse(&mut self, refusal: Refusal, line: Option<RequestLine>, began: Instant) {
        let outcome = self.send_refusal(refusal);
        let shared = &self.wire.shared;
        let Some(line) = line else {
            let peer = || self.wire.entry.peer();
            if let Some(told) = shared.no_requests.note(began, peer) {
                let message = refusal.message;
                log::info!("a client sent no HTTP request ({told}): {message}");
            }
            return;
        };
        report(
            &*self.handler,
            &Exchange {
                client: self.wire.entry.remote.map(|remote| remote.ip()),
                method: &line.method,
                target: &line.target,
                version: &line.version,
                referer: "",
                user_agent: "",
                status: refusal.status,
                body_bytes: outcome.body_bytes,
                duration: began.elapsed(),
            },
            &H::Note::default(),
        );
    }

    fn send_refusal(&mut self, refusal: Refusal) -> Outcome {
        let form = Form {
            old: false,
            head_only: false,
            keep: false,
        };
        self.send(form, refusal.to_response())
    }

    /// Answers a TLS client in plain HTTP: that is how clients learn that they should speak it.
    pub(super) fn note_tls_hello(&mut self, began: Instant) {
        self.send_refusal(Refusal::bad(HTTP_PORT));
        let peer = || self.wire.entry.peer();
        if let Some(told) = self.wire.shared.tls_hellos.note(began, peer) {
            log::info!(
                "a TLS client on a plain HTTP port ({told}); many clients try https first and then go on with http"
            );
        }
    }
}
