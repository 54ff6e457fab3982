//! `GET /v2/_token`: tokens for docker and other clients that follow a `Bearer` challenge (docker's token
//! specification, `spec/auth/token.md` of distribution).
//!
//! A token says whose it is and no more; the scopes that a client names do not matter, since
//! the rules are checked on every request.

use super::{Api, Result, json};
use crate::auth::{ISSUED_TOKEN_LIFETIME, Identity};
use crate::http::Request;
use crate::spec::{Code, Error};
use serde_json::json;

/// The path below the prefix.
pub const PATH: &str = "v2/_token";

impl Api {
    /// A token for a user whose password was right, or for nobody in particular.
    pub(super) fn issue_token(&self, identity: &Identity) -> Result {
        let Some(token) = self.authenticator.issue_token(identity) else {
            let text = "this registry issues no tokens; use the credentials themselves";
            return Err(Error::new(Code::PathUnknown).message(text));
        };
        let body = json!({
            "token": token,
            "access_token": token,
            "expires_in": ISSUED_TOKEN_LIFETIME.as_secs(),
        });
        let response = json(200, "application/json; charset=utf-8", &body);
        Ok(response.header("Cache-Control", "no-store"))
    }

    /// Where tokens are issued on the host of the request; `None` when they are not.
    pub(super) fn token_url(&self, request: &Request<'_>) -> Option<String> {
        if let Some(path) = self.authenticator.redirect_path() {
            return Some(self.realm_url(request, path.trim_start_matches('/')));
        }
        let issues = self.authenticator.issues_tokens();
        issues.then(|| self.realm_url(request, PATH))
    }
}
