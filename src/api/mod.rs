//! The OCI distribution API, one file a noun of the spec.
//!
//! A request becomes a [`Route`], the route's handler returns a `Result`, and one place here turns
//! an error into the spec's JSON and a line in the log.

mod asked;
mod base;
mod blobs;
mod catalog;
mod clean;
mod failure;
mod location;
mod manifests;
mod methods;
mod page;
mod parameters;
mod permission;
mod references;
mod referrers;
mod route;
mod tags;
mod token;
mod uploads;

pub use route::Route;

use crate::auth::Guard;
use crate::config::{LocationStyle, ValidationConfig};
use crate::http::{Body, Method, Request, Response, excerpt};
use crate::spec::{Code, Error};
use crate::storage::Storage;
use std::sync::Arc;

/// The registry as its clients see it.
pub struct Api {
    storage: Arc<Storage>,
    settings: Settings,
    guard: Guard,
}

/// What can be set about the API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the API lives; starts and ends with `/` (`http.prefix`).
    pub prefix: String,
    /// How URLs in answers are written (`http.host`, `http.relativeurls`).
    pub location: LocationStyle,
    /// Fields added to every answer (`http.headers`).
    pub headers: Vec<(String, String)>,
    /// Whether anything may be deleted (`storage.delete.enabled`).
    pub delete_enabled: bool,
    /// Whether nothing may be changed (`storage.maintenance.readonly`).
    pub read_only: bool,
    /// Whether `/` tells when the storage cannot be written to.
    pub watches_writability: bool,
    /// Longest page of the catalog (`catalog.maxentries`).
    pub catalog_entries_max: usize,
    /// Longest page of tags (`tags.maxtags`); `None`: all of them, unless a client asks for fewer.
    pub tags_max: Option<usize>,
    /// Largest manifest that is taken, in bytes.
    pub manifest_bytes_max: u64,
    /// What a manifest may name (`validation`).
    pub validation: ValidationConfig,
}

/// What a handler returns.
type Result<T = Response> = std::result::Result<T, Error>;

impl Api {
    /// The API over a storage, open to everyone.
    pub fn new(storage: Storage, settings: Settings) -> Api {
        Api {
            storage: Arc::new(storage),
            settings,
            guard: Guard::none(),
        }
    }

    /// The same API behind a guard.
    #[must_use]
    pub fn guarded(self, guard: Guard) -> Api {
        Api { guard, ..self }
    }

    /// What the API keeps its data in.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Answers a request.
    pub fn respond(&self, request: &mut Request<'_>) -> Response {
        let response = self
            .dispatch(request)
            .unwrap_or_else(|error| failed(request, error));
        let response = response.header("Docker-Distribution-API-Version", "registry/2.0");
        let add = |response: Response, (name, value): &(String, String)| {
            response.header(name.clone(), value.clone())
        };
        self.settings.headers.iter().fold(response, add)
    }

    fn dispatch(&self, request: &mut Request<'_>) -> Result {
        let prefix = &self.settings.prefix;
        let route = Route::parse(request.path(), prefix);
        // Neither is told anything but what the text of the path says.
        if *request.method() == Method::Options {
            return Ok(self.options(request, route.as_ref().ok()));
        }
        if let Some(path) = clean::clean(request.path(), prefix) {
            return Ok(clean::moved(request, &path));
        }
        // Before anything that would tell what is there and what is not.
        let caller = self.admit(request, route.as_ref().ok())?;
        let route = route?;
        self.check_allowed(&route, request.method())?;
        match (route, request.method()) {
            (Route::Root, _) => self.alive(),
            (Route::Base, _) => Ok(base::version()),
            (Route::Catalog, _) => self.list_repositories(request, &caller),
            (Route::Token, _) => self.give_ticket(&caller),
            (Route::Tags(name), _) => self.list_tags(request, &name),
            (Route::Referrers(name, subject), _) => self.list_referrers(request, &name, &subject),
            (Route::Manifest(name, reference), Method::Put) => {
                self.put_manifest(request, &caller, (&name, reference))
            }
            (Route::Manifest(name, reference), Method::Delete) => {
                self.delete_manifest(&name, &reference)
            }
            (Route::Manifest(name, reference), _) => self.get_manifest(request, &name, &reference),
            (Route::Blob(name, digest), Method::Delete) => self.delete_blob(&name, &digest),
            (Route::Blob(name, digest), _) => self.get_blob(request, &name, &digest),
            (Route::Uploads(name), _) => self.start_upload(request, &caller, &name),
            (Route::Upload(name, id), Method::Patch) => self.append_upload(request, &name, &id),
            (Route::Upload(name, id), Method::Put) => self.commit_upload(request, &name, &id),
            (Route::Upload(name, id), Method::Delete) => self.cancel_upload(&name, &id),
            (Route::Upload(name, id), _) => self.upload_status(request, &name, &id),
        }
    }
}

/// The one place where an error is logged and becomes an answer.
fn failed(request: &Request<'_>, error: Error) -> Response {
    let (method, status) = (request.method(), error.code.status());
    let (method, target) = (excerpt(method.as_str()), excerpt(request.target()));
    let cause = error
        .cause
        .as_deref()
        .map(|cause| format!(": {}", excerpt(cause)))
        .unwrap_or_default();
    // What every client does on its way is no news, and its line in the access log says it all: docker asks for
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
        .fields
        .into_iter()
        .fold(response, |response, (name, value)| {
            response.header(name, value)
        })
}

/// An answer of JSON.
fn json(status: u16, content_type: &'static str, value: &serde_json::Value) -> Response {
    let body = Body::Bytes(value.to_string().into_bytes());
    Response::new(status)
        .header("Content-Type", content_type)
        .body(body)
}
