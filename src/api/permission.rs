//! Who may ask for what: between the route and the nouns (RFC 9110, 11; docker's registry
//! authentication).
//!
//! Everything but `/` is closed by default, also what is no endpoint, so that an answer to a stranger
//! never tells what is there.

use super::{Api, Result, Route};
use crate::auth::{Caller, Refused};
use crate::http::{Method, Request};
use crate::spec::{Code, Error};

impl Api {
    /// Lets a request in, or not: `UNAUTHORIZED` with a challenge, `TOOMANYREQUESTS` when too many
    /// passwords are being checked. `route` is `None` for a path that is no endpoint. Nothing of the
    /// body is read.
    pub(super) fn admit(&self, request: &Request<'_>, route: Option<&Route>) -> Result<()> {
        if !self.guard.knows_users() || matches!(route, Some(Route::Root)) {
            return Ok(());
        }
        match self.guard.caller(request.headers("Authorization")) {
            Ok(Caller::User(_)) => Ok(()),
            Ok(Caller::Anonymous) => Err(self.challenge(request, route)),
            Err(Refused::Wrong(why)) => Err(self.challenge(request, route).cause(why)),
            Err(Refused::Busy { retry_seconds }) => {
                let text = "too many passwords are being checked; try again later";
                let error = Error::new(Code::TooManyRequests).message(text);
                Err(error.field("Retry-After", retry_seconds.to_string()))
            }
        }
    }

    /// The same for every path, name and reason, but for the scope, which says what was asked for.
    fn challenge(&self, request: &Request<'_>, route: Option<&Route>) -> Error {
        let scope = route.and_then(|route| scope(route, request.method()));
        let error = Error::new(Code::Unauthorized);
        match self.guard.challenge(scope.as_deref()) {
            Some(challenge) => error.field("WWW-Authenticate", challenge),
            None => error,
        }
    }
}

/// What a request wants, in the words of docker's token scopes. A push reads as well: docker looks
/// what is there already.
fn scope(route: &Route, method: &Method) -> Option<String> {
    let actions = match method {
        Method::Get | Method::Head => "pull",
        Method::Delete if !matches!(route, Route::Upload(..)) => "delete",
        _ => "pull,push",
    };
    match route {
        Route::Root | Route::Base => None,
        Route::Catalog => Some("registry:catalog:*".to_owned()),
        Route::Upload(name, _) | Route::Uploads(name) => {
            Some(format!("repository:{name}:pull,push"))
        }
        Route::Tags(name)
        | Route::Manifest(name, _)
        | Route::Referrers(name, _)
        | Route::Blob(name, _) => Some(format!("repository:{name}:{actions}")),
    }
}
