//! `GET /v2/_token`: tickets for docker and others who follow a `Bearer` challenge (docker's token
//! specification, `spec/auth/token.md` of distribution).
//!
//! A ticket says who its holder is and no more; the scopes that a client names do not matter, since
//! rules are looked at on every request.

use super::{Api, Result, json};
use crate::auth::{Caller, TICKET_GOOD_FOR};
use crate::http::Request;
use crate::spec::{Code, Error};
use serde_json::json;

/// The path below the prefix.
pub const PATH: &str = "v2/_token";

impl Api {
    /// A ticket for whoever asks: a user whose password was right, or nobody in particular.
    pub(super) fn give_ticket(&self, caller: &Caller) -> Result {
        let Some(ticket) = self.guard.ticket(caller) else {
            let text = "no tokens are given out here; use the credentials themselves";
            return Err(Error::new(Code::PathUnknown).message(text));
        };
        let body = json!({
            "token": ticket,
            "access_token": ticket,
            "expires_in": TICKET_GOOD_FOR.as_secs(),
        });
        let response = json(200, "application/json; charset=utf-8", &body);
        Ok(response.header("Cache-Control", "no-store"))
    }

    /// Where tokens are to be had on the host of the request; `None` when they are not.
    pub(super) fn token_url(&self, request: &Request<'_>) -> Option<String> {
        if let Some(path) = self.guard.redirect_path() {
            return Some(self.realm_url(request, path.trim_start_matches('/')));
        }
        let gives = self.guard.gives_tickets();
        gives.then(|| self.realm_url(request, PATH))
    }
}
