//! Who may ask for what: between the route and the handlers (RFC 9110, 11; docker's registry
//! authentication).
//!
//! Everything but `/` is closed by default, even a path that is not an endpoint, so that a response to a stranger
//! never reveals what exists. With rules (`access`) a client without credentials may be let in, and a
//! user may be kept out: 401 when logging in could help, 403 when it could not.

use super::operation::{Facts, Permission};
use super::requested_access::{RequestedAccess, mount_source};
use super::{Api, Result, Route};
use crate::auth::{AccessRules, Action, CredentialsError, Identity};
use crate::http::Request;
use crate::spec::{Code, Error, Name};

impl Api {
    /// Authenticates and authorizes a request, and says whose it is. Otherwise `UNAUTHORIZED` with a challenge,
    /// `DENIED`, or `TOOMANYREQUESTS` when too many passwords are being checked. `route` is `None` for a path
    /// that is not an endpoint. Nothing of the body is read.
    pub(super) fn authorize(
        &self,
        request: &Request<'_>,
        route: Option<&Route>,
    ) -> Result<Identity> {
        let is_open = !self.authenticator.has_users() && self.authenticator.rules().is_none();
        if is_open || matches!(route, Some(Route::Root)) {
            return Ok(Identity::Anonymous);
        }
        let identity = self.authenticate(request, route)?;
        let is_allowed = self.is_allowed(request, route, &identity);
        match &identity {
            _ if is_allowed => Ok(identity),
            // Another token may grant more.
            Identity::Token(_) | Identity::Guest => {
                Err(self.challenge(request, route, Some("insufficient_scope")))
            }
            Identity::Anonymous if self.authenticator.has_users() => {
                Err(self.challenge(request, route, None))
            }
            Identity::Anonymous | Identity::User(_) => {
                Err(RequestedAccess::from_request(request, route).refusal(Code::Denied))
            }
        }
    }

    /// Whose request it is.
    fn authenticate(&self, request: &Request<'_>, route: Option<&Route>) -> Result<Identity> {
        let (headers, client) = (request.headers("Authorization"), request.client());
        let identity = match route {
            Some(Route::Token) if self.authenticator.issues_tokens() => {
                self.authenticator.identify_for_token(headers, client)
            }
            _ => self.authenticator.identify(headers, client),
        };
        identity.map_err(|error| match error {
            CredentialsError::Invalid(why) => self
                .challenge(request, route, Some("invalid_token"))
                .cause(why),
            CredentialsError::Busy { retry_seconds } => Error::new(Code::TooManyRequests)
                .message("too many passwords are being checked; try again later")
                .header("Retry-After", retry_seconds.to_string()),
        })
    }

    fn is_allowed(
        &self,
        request: &Request<'_>,
        route: Option<&Route>,
        identity: &Identity,
    ) -> bool {
        let permission = route
            .and_then(|route| Facts::find_or_first(route, request.method()))
            .map_or(Permission::None, |facts| facts.permission);
        let name = route.and_then(Route::repository);
        let by_rules = match (self.authenticator.rules(), permission) {
            _ if route == Some(&Route::Token) && self.authenticator.issues_tokens() => true,
            (None, _) => identity.has_credentials(),
            (Some(rules), Permission::Repository(action)) => {
                name.is_some_and(|name| rules.permits(identity, name.as_str(), action))
            }
            (Some(rules), Permission::Catalog) => rules.permits_catalog(identity),
            // Whoever has not been challenged yet is: otherwise docker would never log in.
            (Some(_), Permission::None) => {
                *identity != Identity::Anonymous || !self.authenticator.has_users()
            }
        };
        by_rules && by_token(request, route, permission, identity)
    }

    /// Whether an identity that the route let in may do this as well.
    pub(super) fn permits(&self, identity: &Identity, name: &Name, action: Action) -> bool {
        let rules = self.authenticator.rules();
        identity.grants(name.as_str(), action)
            && rules.is_none_or(|rules| rules.permits(identity, name.as_str(), action))
    }

    /// Whether blobs may be mounted without naming the repository they come from: only where everything may
    /// be pulled anyway.
    pub(super) fn may_mount_from_anywhere(&self, identity: &Identity) -> bool {
        self.authenticator.rules().is_none() && !matches!(identity, Identity::Token(_))
    }

    /// Whether an identity may move the tags of a repository, and not only create them.
    pub(super) fn may_move_tags(&self, identity: &Identity, name: &Name) -> bool {
        !self
            .authenticator
            .rules()
            .is_some_and(AccessRules::has_immutable_tags)
            || self.permits(identity, name, Action::Push)
    }

    /// The same for every path, name and reason, except for the scope and the detail, which say what was
    /// wanted.
    fn challenge(
        &self,
        request: &Request<'_>,
        route: Option<&Route>,
        problem: Option<&'static str>,
    ) -> Error {
        let requested = RequestedAccess::from_request(request, route);
        // Whoever asks for a token learns of a wrong password in the plainest way.
        let url = self
            .token_url(request)
            .filter(|_| route != Some(&Route::Token));
        let scope = requested.scope();
        let challenge = self
            .authenticator
            .challenge(url.as_deref(), scope.as_deref(), problem);
        let error = requested.refusal(Code::Unauthorized);
        // It names the host that the password goes to: a cache could hand one client's to another.
        let error = error.header("Cache-Control", "no-store".to_owned());
        match challenge {
            Some(challenge) => error.header("WWW-Authenticate", challenge),
            None => error,
        }
    }
}

/// Whether the token, if that is how the client authenticated, grants what the request wants. It must also grant
/// reading where a mount comes from, as in distribution; otherwise the client is to fetch another.
fn by_token(
    request: &Request<'_>,
    route: Option<&Route>,
    permission: Permission,
    identity: &Identity,
) -> bool {
    let Identity::Token(_) = identity else {
        return true;
    };
    let source = mount_source(request, route);
    let grants_source = source.is_none_or(|name| identity.grants(name.as_str(), Action::Pull));
    grants_source
        && match permission {
            Permission::None => true,
            Permission::Catalog => identity.grants_catalog(),
            Permission::Repository(action) => route
                .and_then(Route::repository)
                .is_some_and(|name| identity.grants(name.as_str(), action)),
        }
}
