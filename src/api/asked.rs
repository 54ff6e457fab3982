//! What a request asks for, in the words of docker's token scopes (`spec/auth/scope.md` of distribution):
//! the `scope` of a challenge, and the `detail` of an `UNAUTHORIZED` or `DENIED`, which has the form that
//! distribution's `registry/auth.Access` has as JSON.

use super::Route;
use super::parameters::Parameters;
use crate::http::{Method, Request};
use crate::spec::{Code, Error, Name};
use serde_json::{Value, json};

/// Some actions on one thing.
struct Access {
    kind: &'static str,
    name: String,
    actions: &'static [&'static str],
}

/// All that a request asks for; nothing for `/v2/` and for what is no endpoint.
pub struct Asked(Vec<Access>);

impl Asked {
    /// Reads it from what a path names and the method. A push reads as well: docker looks what is there
    /// already. A mount reads where the blob is mounted from.
    pub fn of(request: &Request<'_>, route: Option<&Route>) -> Asked {
        let actions: &'static [&'static str] = match request.method() {
            Method::Get | Method::Head => &["pull"],
            Method::Delete => &["delete"],
            _ => &["pull", "push"],
        };
        let (name, actions) = match route {
            None | Some(Route::Root | Route::Base | Route::Token) => return Asked(Vec::new()),
            Some(Route::Catalog) => {
                let (kind, name, actions) = ("registry", "catalog".to_owned(), &["*"]);
                return Asked(vec![Access {
                    kind,
                    name,
                    actions,
                }]);
            }
            Some(Route::Upload(name, _) | Route::Uploads(name)) => (name, &["pull", "push"][..]),
            Some(
                Route::Tags(name)
                | Route::Manifest(name, _)
                | Route::Referrers(name, _)
                | Route::Blob(name, _),
            ) => (name, actions),
        };
        let repository = |name: &Name, actions| Access {
            kind: "repository",
            name: name.as_str().to_owned(),
            actions,
        };
        let source = mount_source(request, route).filter(|source| source != name);
        let source = source.map(|source| repository(&source, &["pull"]));
        let target = repository(name, actions);
        Asked(std::iter::once(target).chain(source).collect())
    }

    /// `repository:a:pull,push repository:b:pull`; `None` when nothing is asked for.
    pub fn scope(&self) -> Option<String> {
        let scope = |access: &Access| {
            let actions = access.actions.join(",");
            format!("{}:{}:{actions}", access.kind, access.name)
        };
        let scopes: Vec<String> = self.0.iter().map(scope).collect();
        (!scopes.is_empty()).then(|| scopes.join(" "))
    }

    /// `UNAUTHORIZED` or `DENIED` with the detail of distribution. Where that is `null` the message is
    /// one that its clients do not know by heart, and so do not drop.
    pub fn refused(&self, code: Code) -> Error {
        let error = Error::new(code).detail(self.detail());
        match (self.0.is_empty(), code) {
            (true, Code::Unauthorized) => {
                error.message("authentication required: credentials are missing or wrong")
            }
            (true, _) => error.message("access to this registry is denied"),
            (false, _) => error,
        }
    }

    /// One entry an action; `null` when nothing is asked for.
    fn detail(&self) -> Value {
        let entries = self.0.iter().flat_map(|access| {
            let (kind, name) = (access.kind, &access.name);
            let entry = move |action: &&str| {
                json!({ "Type": kind, "Class": "", "Name": name, "Action": action })
            };
            access.actions.iter().map(entry)
        });
        match self.0.is_empty() {
            true => Value::Null,
            false => entries.collect(),
        }
    }
}

/// The repository that a blob is to be mounted from. `None` for what is no mount and for a name that no
/// repository has.
pub fn mount_source(request: &Request<'_>, route: Option<&Route>) -> Option<Name> {
    let is_post = matches!(request.method(), Method::Post);
    let may_mount = is_post && matches!(route, Some(Route::Uploads(_)));
    let parameters = may_mount.then(|| Parameters::of(request).ok()).flatten()?;
    parameters.first("mount")?;
    parameters.first("from")?.parse().ok()
}
