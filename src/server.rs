//! A whole registry: storage, API and HTTP engine put together as a configuration says.

mod data;
mod error;
mod maintenance;
mod offline;

pub use error::StartError;
pub use offline::{OfflineAccess, OfflineData, OfflineError, open as open_offline};

use crate::api::{Api, ApiOptions, RequestNote};
use crate::auth::Authenticator;
use crate::config::Config;
use crate::http::{self, Bound, Control, Exchange, Handler, Listening, Request, Response, Tls};
use crate::logging::{AccessLog, Sink};
use crate::memory::Budget;
use crate::storage::{Storage, StorageOptions, UploadLimits};
use std::any::Any;
use std::sync::Arc;
use std::thread;

/// A registry that listens. [`Registry::run`] serves until its [`Control`] says stop.
pub struct Registry {
    server: http::Server<App>,
    app: Arc<App>,
    config: Config,
    is_writable: bool,
    /// Held as long as the data is served.
    _serving: Box<dyn Any + Send>,
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
        let serving = data::serve(config, &storage)?;
        let api = Api::new(storage, api_options(config, is_writable));
        let app = Arc::new(App {
            api: api.authenticated_by(authenticator),
            access_log: AccessLog::new(config.log.access_log, sink.clone()),
        });
        let (limits, handler) = (config.http.limits.clone(), Arc::clone(&app));
        let server = http::Server::new(listening, limits, tls, handler, &memory);
        let mut config = config.clone();
        config.storage.upload_purging.enabled &= is_writable;
        Ok(Registry {
            server: server.map_err(address)?,
            app,
            config,
            is_writable,
            _serving: serving,
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
        let stopping = maintenance::Stopping::default();
        let storage = self.app.api.storage();
        thread::scope(|scope| {
            let data = (storage, &self.config);
            maintenance::start(scope, data, self.is_writable, &stopping);
            self.server.run();
            stopping.stop();
        });
    }
}

fn authenticator(config: &Config) -> Result<Authenticator, StartError> {
    let rules = config.access.clone();
    Authenticator::open(&config.auth, rules, config.check_pause).map_err(StartError::Users)
}

fn tls(config: &Config) -> Result<Option<Tls>, StartError> {
    let pause = config.check_pause;
    let tls = config
        .http
        .tls
        .clone()
        .map(|settings| Tls::new(settings, pause));
    tls.transpose().map_err(StartError::Tls)
}

fn address(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StartError {
    StartError::Address(error.into())
}

fn storage_options(config: &Config) -> StorageOptions {
    let collection = &config.storage.garbage_collection;
    StorageOptions {
        uploads: UploadLimits {
            sessions_max: config.uploads.sessions_max,
            sessions_per_address_max: config.uploads.sessions_per_address_max,
            idle_timeout: config.uploads.idle_timeout,
        },
        tag_lookup_threads: config.storage.tag_lookup_threads,
        manifest_bytes_max: config.manifest_bytes_max,
        collection_grace: collection.enabled.then_some(collection.grace),
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
