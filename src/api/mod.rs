//! The OCI distribution API, one file a noun of the spec.
//!
//! A path becomes a [`Route`], route and method an [`Operation`], whose handler returns a `Result`; one place here turns
//! an error into the spec's JSON and a line in the log.

mod authorization;
mod base;
mod blobs;
mod catalog;
mod clean_path;
mod content;
mod failure;
mod location;
mod manifests;
mod methods;
mod note;
mod operation;
mod page;
mod parameters;
mod referrers;
mod repositories;
mod requested_access;
mod route;
mod tags;
mod token;
mod uploads;

pub use note::RequestNote;
pub use operation::{Facts, Operation, Permission};
pub use route::Route;

use crate::auth::{Authenticator, Identity};
use crate::config::LocationStyle;
use crate::http::{Body, Method, Request, Response, excerpt};
use crate::spec::validation::Validation;
use crate::spec::{Code, Digest, Error};
use crate::storage::Storage;
use std::sync::Arc;

/// The registry as its clients see it.
pub struct Api {
    storage: Arc<Storage>,
    options: ApiOptions,
    authenticator: Authenticator,
}

/// What can be set about the API.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// Where the API lives; starts and ends with `/` (`http.prefix`).
    pub prefix: String,
    /// How URLs in responses are written (`http.host`, `http.relativeurls`).
    pub location: LocationStyle,
    /// Headers added to every response (`http.headers`).
    pub headers: Vec<(String, String)>,
    /// Whether anything may be deleted (`storage.delete.enabled`).
    pub delete_enabled: bool,
    /// Whether nothing may be changed (`storage.maintenance.readonly`).
    pub read_only: bool,
    /// Whether `/` answers 503 when the storage cannot be written to.
    pub watches_writability: bool,
    /// Longest page of the catalog (`catalog.maxentries`).
    pub catalog_entries_max: usize,
    /// Longest page of tags (`tags.maxtags`); `None`: all of them, unless a client asks for fewer.
    pub tags_max: Option<usize>,
    /// Largest manifest that is accepted, in bytes.
    pub manifest_bytes_max: u64,
    /// What a manifest may name (`validation`).
    pub validation: Validation,
}

/// What a handler returns.
type Result<T = Response> = std::result::Result<T, Error>;

impl Api {
    /// The API over a storage, open to everyone.
    pub fn new(storage: Storage, options: ApiOptions) -> Api {
        Api {
            storage: Arc::new(storage),
            options,
            authenticator: Authenticator::none(),
        }
    }

    /// The same API behind a authenticator.
    #[must_use]
    pub fn authenticated_by(self, authenticator: Authenticator) -> Api {
        Api {
            authenticator,
            ..self
        }
    }

    /// Where the API keeps its data.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Answers a request, and notes what it was.
    pub fn respond(&self, request: &mut Request<'_>, note: &mut RequestNote) -> Response {
        let response = self.dispatch(request, note).unwrap_or_else(|error| {
            note.failure = Some(error.code);
            error_response(request, error)
        });
        let response = response.header("Docker-Distribution-API-Version", "registry/2.0");
        let add = |response: Response, (name, value): &(String, String)| {
            response.header(name.clone(), value.clone())
        };
        self.options.headers.iter().fold(response, add)
    }

    fn dispatch(&self, request: &mut Request<'_>, note: &mut RequestNote) -> Result {
        let prefix = &self.options.prefix;
        let own = || Route::repository_itself(request.path(), prefix, request.method());
        let route = Route::parse(request.path(), prefix).or_else(|error| own().ok_or(error));
        // Both depend on nothing but the text of the path.
        if *request.method() == Method::Options {
            return Ok(self.allow(request, route.as_ref().ok()));
        }
        if let Some(path) = clean_path::clean(request.path(), prefix) {
            return Ok(clean_path::redirect(request, &path));
        }
        // Before anything that would reveal what exists.
        let identity = self.authorize(request, route.as_ref().ok())?;
        note.user = identity.user();
        let route = note.route.insert(route?);
        let facts = self.operation(route, request.method())?;
        note.operation = Some(facts.operation);
        self.perform(
            facts.operation,
            request,
            (&identity, route),
            &mut note.digest,
        )
    }

    /// Does what an operation says to what its route names, and sets the digest that it turned out to be about.
    fn perform(
        &self,
        operation: Operation,
        request: &mut Request<'_>,
        (identity, route): (&Identity, &Route),
        digest: &mut Option<Digest>,
    ) -> Result {
        match (operation, route) {
            (Operation::CheckHealth, _) => self.check_health(),
            (Operation::CheckVersion, _) => Ok(base::version()),
            (Operation::ListRepositories, _) => self.list_repositories(request, identity),
            (Operation::IssueToken, _) => self.issue_token(identity),
            (Operation::ListTags, Route::Tags(name)) => self.list_tags(request, name),
            (Operation::ListReferrers, Route::Referrers(name, subject)) => {
                self.list_referrers(request, name, subject)
            }
            (Operation::GetManifest, Route::Manifest(name, reference)) => {
                self.get_manifest(request, (name, reference), digest)
            }
            (Operation::PutManifest, Route::Manifest(name, reference)) => {
                self.put_manifest(request, identity, (name, reference), digest)
            }
            (Operation::DeleteManifest, Route::Manifest(name, reference)) => {
                self.delete_manifest(name, reference)
            }
            (Operation::GetBlob, Route::Blob(name, digest)) => self.get_blob(request, name, digest),
            (Operation::DeleteBlob, Route::Blob(name, digest)) => self.delete_blob(name, digest),
            (Operation::StartUpload, Route::Uploads(name)) => {
                self.start_upload(request, identity, name, digest)
            }
            (Operation::GetUpload, Route::Upload(name, id)) => self.get_upload(request, name, id),
            (Operation::AppendUpload, Route::Upload(name, id)) => {
                self.append_upload(request, name, id)
            }
            (Operation::CommitUpload, Route::Upload(name, id)) => {
                self.commit_upload(request, (name, id), digest)
            }
            (Operation::CancelUpload, Route::Upload(name, id)) => self.cancel_upload(name, id),
            (Operation::DeleteRepository, Route::Repository(name)) => self.delete_repository(name),
            // The table gives every operation to the routes above and to no others.
            (operation, route) => unreachable!("{operation:?} of {route:?}"),
        }
    }
}

/// The one place where an error is logged and becomes a response.
fn error_response(request: &Request<'_>, error: Error) -> Response {
    let (method, status) = (request.method(), error.code.status());
    let (method, target) = (excerpt(method.as_str()), excerpt(request.target()));
    let cause = error
        .cause
        .as_deref()
        .map(|cause| format!(": {}", excerpt(cause)))
        .unwrap_or_default();
    // What every client causes in passing is not worth a line in addition to that of the access log: docker asks for
    // every layer before it pushes it, and without credentials before it sends any.
    let level = match (error.code, status) {
        (Code::BodyCut, _) | (_, 401 | 404 | 405 | 416 | 429) => log::Level::Debug,
        (_, 500..) => log::Level::Error,
        _ => log::Level::Info,
    };
    let code = error.code.wire_name();
    log::log!(
        level,
        "{method} {target}: {status} {code}: {}{cause}",
        excerpt(error.text())
    );
    let response = Response::new(status)
        .header("Content-Type", "application/json; charset=utf-8")
        .body(Body::Bytes(error.to_json()));
    error
        .headers
        .into_iter()
        .fold(response, |response, (name, value)| {
            response.header(name, value)
        })
}

/// A response of JSON.
fn json(status: u16, content_type: &'static str, value: &serde_json::Value) -> Response {
    let body = Body::Bytes(value.to_string().into_bytes());
    Response::new(status)
        .header("Content-Type", content_type)
        .body(body)
}
