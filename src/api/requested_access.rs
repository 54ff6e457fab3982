//! What a request wants to do, in the terms of docker's token scopes (`spec/auth/scope.md` of distribution):
//! the `scope` of a challenge, and the `detail` of an `UNAUTHORIZED` or `DENIED`, which has the form that
//! distribution's `registry/auth.Access` has as JSON.

use super::Route;
use super::operation::{Endpoint, Facts};
use super::parameters::Parameters;
use crate::http::{Method, Request};
use crate::spec::{Code, Error, Name};
use serde_json::{Value, json};

/// Some actions on one resource.
struct ResourceActions {
    kind: &'static str,
    name: String,
    actions: &'static [&'static str],
}

/// All that a request wants to do; nothing for `/v2/` and for what is not an endpoint.
pub struct RequestedAccess(Vec<ResourceActions>);

impl RequestedAccess {
    /// Derives it from the path and the method. A mount also reads the repository that the blob is mounted from.
    pub fn from_request(request: &Request<'_>, route: Option<&Route>) -> RequestedAccess {
        let Some((route, facts)) = route.and_then(|route| {
            let facts = Facts::find_or_first(route, request.method())?;
            Some((route, facts))
        }) else {
            return RequestedAccess(Vec::new());
        };
        let resource = |kind, name: &str, actions| ResourceActions {
            kind,
            name: name.to_owned(),
            actions,
        };
        let Some(name) = route.repository() else {
            let catalog = (facts.endpoint == Endpoint::Catalog)
                .then(|| resource("registry", "catalog", facts.scope));
            return RequestedAccess(catalog.into_iter().collect());
        };
        let source = mount_source(request, Some(route)).filter(|source| source != name);
        let source = source.map(|source| resource("repository", source.as_str(), &["pull"]));
        let target = resource("repository", name.as_str(), facts.scope);
        RequestedAccess(std::iter::once(target).chain(source).collect())
    }

    /// `repository:a:pull,push repository:b:pull`; `None` when nothing is wanted.
    pub fn scope(&self) -> Option<String> {
        let scope = |resource: &ResourceActions| {
            let actions = resource.actions.join(",");
            format!("{}:{}:{actions}", resource.kind, resource.name)
        };
        let scopes: Vec<String> = self.0.iter().map(scope).collect();
        (!scopes.is_empty()).then(|| scopes.join(" "))
    }

    /// `UNAUTHORIZED` or `DENIED` with the detail of distribution. Where that is `null` the message is
    /// not the standard one: distribution's clients recognize that and leave it out.
    pub fn refusal(&self, code: Code) -> Error {
        let error = Error::new(code).detail(self.detail());
        match (self.0.is_empty(), code) {
            (true, Code::Unauthorized) => {
                error.message("authentication required: credentials are missing or wrong")
            }
            (true, _) => error.message("access to this registry is denied"),
            (false, _) => error,
        }
    }

    /// One entry per action; `null` when nothing is wanted.
    fn detail(&self) -> Value {
        let entries = self.0.iter().flat_map(|resource| {
            let (kind, name) = (resource.kind, &resource.name);
            let entry = move |action: &&str| {
                json!({ "Type": kind, "Class": "", "Name": name, "Action": action })
            };
            resource.actions.iter().map(entry)
        });
        match self.0.is_empty() {
            true => Value::Null,
            false => entries.collect(),
        }
    }
}

/// The repository that a blob is to be mounted from. `None` for what is not a mount and for an invalid name.
pub fn mount_source(request: &Request<'_>, route: Option<&Route>) -> Option<Name> {
    let is_post = matches!(request.method(), Method::Post);
    let may_mount = is_post && matches!(route, Some(Route::Uploads(_)));
    let parameters = may_mount
        .then(|| Parameters::from_request(request).ok())
        .flatten()?;
    parameters.first("mount")?;
    parameters.first("from")?.parse().ok()
}
