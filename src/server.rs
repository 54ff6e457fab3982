//! A whole registry: storage, API and HTTP engine put together as a configuration says.

mod data;
mod error;
mod maintenance;

pub use error::StartError;

use crate::api::{Api, ApiOptions, RequestNote};
use crate::auth::Authenticator;
use crate::config::{Config, QuotaConfig, RetentionConfig, UploadPurging};
use crate::http::{self, Bound, Control, Exchange, Handler, Listening, Request, Response, Tls};
use crate::logging::{AccessLog, Sink};
use crate::memory::Budget;
use crate::storage::{Storage, StorageOptions, UploadLimits};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

/// A registry that listens. [`Registry::run`] serves until its [`Control`] says stop.
pub struct Registry {
    server: http::Server<App>,
    app: Arc<App>,
    purging: UploadPurging,
    retention: RetentionConfig,
    quota: QuotaConfig,
    is_writable: bool,
}

/// What the engine calls.
struct App {
    api: Api,
    access_log: AccessLog,
}

impl Handler for App {
    type Note = RequestNote;

    fn handle(&self, request: &mut Request<'_>, note: &mut RequestNote) -> Response {
        self.api.respond(request, note)
    }

    fn sent(&self, exchange: &Exchange<'_>, note: &RequestNote) {
        self.access_log.record(exchange, note.user.as_deref());
    }
}

/// Everything that would keep a registry of this configuration from starting. Nothing is touched: no
/// directory is created and no port is taken, so that this can be asked while a registry is running.
pub fn check(config: &Config) -> Vec<StartError> {
    let outcomes = [
        authenticator(config).map(drop),
        tls(config).map(drop),
        Listening::check(&config.http.listen).map_err(address),
        data::check(config).map(drop),
    ];
    outcomes.into_iter().filter_map(Result::err).collect()
}

impl Registry {
    /// Takes the address and opens the storage; the access log goes to `sink`.
    ///
    /// What only reads comes first, then the address, and the storage last, because that creates directories:
    /// a registry that cannot start leaves nothing behind.
    pub fn open(config: &Config, sink: &Sink) -> Result<Registry, StartError> {
        let (authenticator, tls) = (authenticator(config)?, tls(config)?);
        Listening::check(&config.http.listen).map_err(address)?;
        let is_writable = data::check(config)?;
        let listening = Listening::open(&config.http.listen).map_err(address)?;
        let driver = data::open(config)?;
        if is_writable {
            data::probe(config, &*driver)?;
        }
        let memory = Budget::new(config.http.limits.memory_bytes_max);
        let storage = Storage::new(driver, storage_options(config))
            .within(&memory)
            .with_immutable_tags(config.storage.immutable.clone())
            .with_quota(config.storage.quota.limits());
        let api = Api::new(storage, api_options(config, is_writable));
        let app = Arc::new(App {
            api: api.authenticated_by(authenticator),
            access_log: AccessLog::new(config.log.access_log, sink.clone()),
        });
        let (limits, handler) = (config.http.limits.clone(), Arc::clone(&app));
        let server = http::Server::new(listening, limits, tls, handler, &memory);
        let mut purging = config.storage.upload_purging.clone();
        purging.enabled &= is_writable;
        Ok(Registry {
            server: server.map_err(address)?,
            app,
            purging,
            retention: config.storage.retention.clone(),
            quota: config.storage.quota.clone(),
            is_writable,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> Bound {
        self.server.address()
    }

    /// What stops it, from any thread.
    pub fn control(&self) -> Control {
        self.server.control()
    }

    /// Serves until it is stopped and the requests in flight are done.
    pub fn run(self) {
        let (stop, stopped) = mpsc::channel::<()>();
        let (app, purging, is_writable) = (Arc::clone(&self.app), &self.purging, self.is_writable);
        thread::scope(|scope| {
            let maintain =
                move || maintenance::run(app.api.storage(), purging, is_writable, &stopped);
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, maintain) {
                log::error!("unfinished uploads are not purged: cannot start a thread: {error}");
            }
            let (stop_retention, stopped) = mpsc::channel::<()>();
            let (storage, retention) = (self.app.api.storage(), &self.retention);
            if retention.enabled && is_writable {
                let retain = move || maintenance::retain(storage, retention, &stopped);
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, retain) {
                    log::error!("no tags are deleted: cannot start a thread: {error}");
                }
            }
            let (stop_quota, stopped) = mpsc::channel::<()>();
            let quota = &self.quota;
            if !quota.limits().is_empty() && is_writable {
                let count = move || maintenance::count_quota(storage, quota, &stopped);
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, count) {
                    log::error!(
                        "nothing can be pushed, since quotas cannot be counted: cannot start a thread: {error}"
                    );
                }
            }
            self.server.run();
            drop((stop, stop_retention, stop_quota));
        });
    }
}

fn authenticator(config: &Config) -> Result<Authenticator, StartError> {
    let rules = config.access.clone();
    Authenticator::open(&config.auth, rules).map_err(StartError::Users)
}

fn tls(config: &Config) -> Result<Option<Tls>, StartError> {
    let tls = config.http.tls.clone().map(Tls::new);
    tls.transpose().map_err(StartError::Tls)
}

fn address(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StartError {
    StartError::Address(error.into())
}

fn storage_options(config: &Config) -> StorageOptions {
    StorageOptions {
        uploads: UploadLimits {
            sessions_max: config.uploads.sessions_max,
            sessions_per_address_max: config.uploads.sessions_per_address_max,
            idle_timeout: config.uploads.idle_timeout,
        },
        tag_lookup_threads: config.storage.tag_lookup_threads,
        manifest_bytes_max: config.manifest_bytes_max,
    }
}

fn api_options(config: &Config, is_writable: bool) -> ApiOptions {
    ApiOptions {
        prefix: config.http.prefix.clone(),
        location: config.http.location.clone(),
        headers: config.http.headers.clone(),
        delete_enabled: config.storage.delete_enabled,
        read_only: config.storage.read_only,
        watches_writability: is_writable,
        catalog_entries_max: config.catalog_entries_max,
        tags_max: config.tags_max,
        manifest_bytes_max: config.manifest_bytes_max,
        validation: config.validation.clone(),
    }
}
