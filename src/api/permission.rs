//! Who may ask for what: between the route and the nouns (RFC 9110, 11; docker's registry
//! authentication).
//!
//! Everything but `/` is closed by default, also what is no endpoint, so that an answer to a stranger
//! never tells what is there. With rules (`access`) a caller without credentials may be let in, and a
//! user may be kept out: 401 when logging in could help, 403 when it could not.

use super::asked::{Asked, mount_source};
use super::{Api, Result, Route};
use crate::auth::{Access, Action, Caller, Refused};
use crate::http::{Method, Request};
use crate::spec::{Code, Error, Name};

impl Api {
    /// Lets a request in, or not, and says who is asking: `UNAUTHORIZED` with a challenge, `DENIED`,
    /// or `TOOMANYREQUESTS` when too many passwords are being checked. `route` is `None` for a path
    /// that is no endpoint. Nothing of the body is read.
    pub(super) fn admit(&self, request: &Request<'_>, route: Option<&Route>) -> Result<Caller> {
        let is_open = !self.guard.knows_users() && self.guard.access().is_none();
        if is_open || matches!(route, Some(Route::Root)) {
            return Ok(Caller::Anonymous);
        }
        let (fields, client) = (request.headers("Authorization"), request.client());
        let asked = match route {
            Some(Route::Token) if self.guard.gives_tickets() => {
                self.guard.caller_for_ticket(fields, client)
            }
            _ => self.guard.caller(fields, client),
        };
        let caller = match asked {
            Ok(caller) => caller,
            Err(Refused::Wrong(why)) => {
                let problem = Some("invalid_token");
                return Err(self.challenge(request, route, problem).cause(why));
            }
            Err(Refused::Busy { retry_seconds }) => {
                let text = "too many passwords are being checked; try again later";
                let error = Error::new(Code::TooManyRequests).message(text);
                return Err(error.field("Retry-After", retry_seconds.to_string()));
            }
        };
        let may = match (self.guard.access(), route) {
            (_, Some(Route::Token)) if self.guard.gives_tickets() => true,
            (None, _) => caller.has_credentials(),
            // Whoever has not been challenged yet is: else docker would never log in.
            (Some(_), None | Some(Route::Root | Route::Base | Route::Token)) => {
                caller != Caller::Anonymous || !self.guard.knows_users()
            }
            (Some(access), Some(route)) => permits(access, &caller, route, request.method()),
        };
        let may = may && grants(&caller, route, request);
        match &caller {
            _ if may => Ok(caller),
            // Another token may grant more.
            Caller::Holder(_) | Caller::Guest => {
                Err(self.challenge(request, route, Some("insufficient_scope")))
            }
            Caller::Anonymous if self.guard.knows_users() => {
                Err(self.challenge(request, route, None))
            }
            Caller::Anonymous | Caller::User(_) => {
                Err(Asked::of(request, route).refused(Code::Denied))
            }
        }
    }

    /// Whether a caller whom the route let in may do this as well.
    pub(super) fn permits(&self, caller: &Caller, name: &Name, action: Action) -> bool {
        let access = self.guard.access();
        caller.grants(name.as_str(), action)
            && access.is_none_or(|access| access.permits(caller, name.as_str(), action))
    }

    /// Whether blobs may be mounted from a repository that is not named: only where everything may
    /// be pulled anyway.
    pub(super) fn may_mount_from_anywhere(&self, caller: &Caller) -> bool {
        self.guard.access().is_none() && !matches!(caller, Caller::Holder(_))
    }

    /// Whether a caller may move the tags of a repository, and not only create them.
    pub(super) fn may_move_tags(&self, caller: &Caller, name: &Name) -> bool {
        !self.guard.access().is_some_and(Access::keeps_tags)
            || self.permits(caller, name, Action::Push)
    }

    /// The same for every path, name and reason, but for the scope and the detail, which say what was
    /// asked for.
    fn challenge(
        &self,
        request: &Request<'_>,
        route: Option<&Route>,
        problem: Option<&'static str>,
    ) -> Error {
        let asked = Asked::of(request, route);
        // Whoever fetches a ticket is told of a wrong password in the plainest way.
        let url = self
            .token_url(request)
            .filter(|_| route != Some(&Route::Token));
        let scope = asked.scope();
        let challenge = self
            .guard
            .challenge(url.as_deref(), scope.as_deref(), problem);
        let error = asked.refused(Code::Unauthorized);
        // It names the place for the password: one that was kept somewhere could be handed to others.
        let error = error.field("Cache-Control", "no-store".to_owned());
        match challenge {
            Some(challenge) => error.field("WWW-Authenticate", challenge),
            None => error,
        }
    }
}

/// Whether rules let a caller do what a request wants.
fn permits(access: &Access, caller: &Caller, route: &Route, method: &Method) -> bool {
    match wanted(route, method) {
        Wanted::Nothing => true,
        Wanted::Catalog => access.permits_catalog(caller),
        Wanted::Repository(name, action) => access.permits(caller, name.as_str(), action),
    }
}

/// Whether a caller's credentials are good for what a request wants. A token must also be good for where
/// a mount comes from, as in distribution: one that is good for less is asked for anew.
fn grants(caller: &Caller, route: Option<&Route>, request: &Request<'_>) -> bool {
    let Caller::Holder(_) = caller else {
        return true;
    };
    let source = mount_source(request, route);
    let grants_source = source.is_none_or(|name| caller.grants(name.as_str(), Action::Pull));
    let wanted = route.map_or(Wanted::Nothing, |route| wanted(route, request.method()));
    grants_source
        && match wanted {
            Wanted::Nothing => true,
            Wanted::Catalog => caller.grants_catalog(),
            Wanted::Repository(name, action) => caller.grants(name.as_str(), action),
        }
}

/// The least right that a request needs.
enum Wanted<'r> {
    Nothing,
    Catalog,
    Repository(&'r Name, Action),
}

fn wanted<'r>(route: &'r Route, method: &Method) -> Wanted<'r> {
    match (route, method) {
        (Route::Root | Route::Base | Route::Token, _) => Wanted::Nothing,
        (Route::Catalog, _) => Wanted::Catalog,
        (Route::Uploads(name) | Route::Upload(name, _), _) => {
            Wanted::Repository(name, Action::PushNew)
        }
        (
            Route::Tags(name)
            | Route::Manifest(name, _)
            | Route::Referrers(name, _)
            | Route::Blob(name, _),
            method,
        ) => {
            let action = match method {
                Method::Get | Method::Head => Action::Pull,
                Method::Delete => Action::Delete,
                _ => Action::PushNew,
            };
            Wanted::Repository(name, action)
        }
    }
}
