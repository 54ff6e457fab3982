//! What the engine responds to by itself, and how it is reported: requests with a request line in the access log,
//! anything else in the log, now and then.

use super::super::message::rejection::Rejection;
use super::super::message::request_line::RequestLine;
use super::super::message::response_head::ResponseForm;
use super::super::transport::write::SendOutcome;
use super::connection::Connection;
use super::handler::{Exchange, Handler};
use std::time::Instant;

/// The response to a client that speaks TLS on a plain HTTP port.
const HTTP_PORT: &str = "This is a plain HTTP port, but the client spoke TLS; use http://.";

impl<H: Handler> Connection<'_, H> {
    /// Responds to a head that is not handed to the program. It is reported if it has a request line.
    pub(super) fn reject(
        &mut self,
        rejection: Rejection,
        line: Option<RequestLine>,
        began: Instant,
    ) {
        let outcome = self.send_rejection(rejection);
        let Some(line) = line else {
            let peer = || self.open.peer();
            if let Some(occurrence) = self.server.no_requests.count(began, peer) {
                let message = rejection.message;
                log::info!("a client sent something other than HTTP ({occurrence}): {message}");
            }
            return;
        };
        let exchange = Exchange {
            client: self.open.remote.map(|remote| remote.ip()),
            method: &line.method,
            target: &line.target,
            version: &line.version,
            referer: "",
            user_agent: "",
            status: rejection.status,
            body_bytes: outcome.body_bytes,
            duration: began.elapsed(),
        };
        self.report(&exchange, &H::Note::default());
    }

    fn send_rejection(&mut self, rejection: Rejection) -> SendOutcome {
        let form = ResponseForm {
            is_http_1_0: false,
            head_only: false,
            keep: false,
        };
        self.send(form, rejection.to_response())
    }

    /// Responds to a TLS client in plain HTTP: that is how clients learn that they should speak it.
    pub(super) fn reject_tls_hello(&mut self, began: Instant) {
        self.send_rejection(Rejection::bad_request(HTTP_PORT));
        let peer = || self.open.peer();
        if let Some(occurrence) = self.server.tls_hellos.count(began, peer) {
            log::info!(
                "a TLS client on a plain HTTP port ({occurrence}); many clients try https first and fall back to http"
            );
        }
    }
}
