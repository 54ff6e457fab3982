//! A whole registry: storage, API and HTTP engine put together as a configuration says.

use crate::api::{self, Api, RequestNote};
use crate::auth::Authenticator;
use crate::config::{Config, StorageDriver, UploadPurging, format_duration};
use crate::driver::{Driver, Filesystem, Memory, ReadOnly};
use crate::http::{self, Bound, Control, Exchange, Handler, Listening, Request, Response, Tls};
use crate::logging::{AccessLog, Sink};
use crate::memory::Budget;
use crate::storage::{self, Purge, PurgeReport, Storage};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// A registry that listens. [`Registry::run`] serves until its [`Control`] says stop.
pub struct Registry {
    server: http::Server<App>,
    app: Arc<App>,
    purging: UploadPurging,
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

/// What would keep a registry of this configuration from starting, found out without touching anything: no
/// folder is made and no port is taken, so that it can be asked beside a registry that runs.
pub fn check(config: &Config) -> Vec<String> {
    let authenticator = Authenticator::open(&config.auth, config.access.clone());
    let authenticator = authenticator.map(drop).map_err(|error| error.to_string());
    let tls = config.http.tls.clone().map(Tls::new).transpose().map(drop);
    let address = Listening::check(&config.http.listen);
    let address = address.map_err(|error| format!("{error} (http.addr)"));
    let outcomes = [
        authenticator,
        tls,
        address,
        look_at_storage(config).map(drop),
    ];
    outcomes.into_iter().filter_map(Result::err).collect()
}

/// Whether the folder of the data could be used, and a push would find its folders writable: those below
/// the root may be another user's. `false` where nothing can be written and nothing has to be: in read-only mode,
/// and in a folder that is mounted read-only, which is served with a warning.
fn look_at_storage(config: &Config) -> Result<bool, String> {
    let StorageDriver::Filesystem { root_directory, .. } = &config.storage.driver else {
        return Ok(!config.storage.read_only);
    };
    // One that is only read need not be writable, and is not made.
    if config.storage.read_only && !root_directory.exists() {
        let folder = root_directory.display();
        log::warn!(
            "storage.filesystem.rootdirectory: there is no folder {folder}, and in read-only mode none is made: \
             requests are answered 503 until it is there (storage.maintenance.readonly)"
        );
        return Ok(false);
    }
    if config.storage.read_only && root_directory.is_dir() {
        return Ok(false);
    }
    match storage::look_whether_writable(root_directory) {
        Err(why) if why.is_read_only() && root_directory.is_dir() => {
            log::warn!("every push will be refused with 503: {why}");
            Ok(false)
        }
        Ok(()) => Ok(!config.storage.read_only),
        Err(why) => Err(unusable(root_directory, &why)),
    }
}

impl Registry {
    /// Takes the address and opens the storage; the access log goes to `sink`. The error says what could not be done and why.
    ///
    /// What only reads comes first, then the address, and the storage last, because that makes folders:
    /// a registry that cannot start leaves nothing behind.
    pub fn open(config: &Config, sink: &Sink) -> Result<Registry, String> {
        let authenticator = Authenticator::open(&config.auth, config.access.clone())
            .map_err(|error| error.to_string())?;
        let tls = config.http.tls.clone().map(Tls::new).transpose()?;
        let nowhere = |error| format!("{error} (http.addr)");
        Listening::check(&config.http.listen).map_err(nowhere)?;
        let is_writable = look_at_storage(config)?;
        let listening = Listening::open(&config.http.listen).map_err(nowhere)?;
        let driver = open_driver(config)?;
        if is_writable {
            check_storage(config, &*driver)?;
        }
        let memory = Budget::new(config.http.limits.memory_bytes_max);
        let storage = Storage::new(driver, storage_settings(config)).within(&memory);
        let mut settings = api_options(config);
        settings.watches_writability = is_writable;
        let api = Api::new(storage, settings).authenticated_by(authenticator);
        let app = Arc::new(App {
            api,
            access_log: AccessLog::new(config.log.access_log, sink.clone()),
        });
        let limits = config.http.limits.clone();
        let handler = Arc::clone(&app);
        let server = http::Server::new(listening, limits, tls, handler, &memory);
        let server = server.map_err(nowhere)?;
        let mut purging = config.storage.upload_purging.clone();
        purging.enabled &= is_writable;
        Ok(Registry {
            server,
            app,
            purging,
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

    /// Serves until it is stopped and what was in flight is done.
    pub fn run(self) {
        let (stop, stopped) = mpsc::channel::<()>();
        let (app, purging, is_writable) = (self.app, self.purging, self.is_writable);
        thread::scope(|scope| {
            let clean_up = move || clean_up(app.api.storage(), &purging, is_writable, &stopped);
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, clean_up) {
                log::error!("unfinished uploads are not purged: no thread can be started: {error}");
            }
            self.server.run();
            drop(stop);
        });
    }
}

/// Says at the start what unfinished uploads there are and purges them, with the temporary files of a process that
/// was killed; then purges after every interval, until the other end of `stopped` is gone, which ends it at the
/// next file.
fn clean_up(
    storage: &Storage,
    purging: &UploadPurging,
    is_writable: bool,
    stopped: &mpsc::Receiver<()>,
) {
    let interval = purging.interval.max(Duration::from_secs(1));
    let go_on = || stopped.try_recv() != Err(TryRecvError::Disconnected);
    let purge = Purge {
        age: purging.age,
        dry_run: purging.dry_run || !purging.enabled,
        go_on: &go_on,
    };
    // Where purging is turned off nothing is ever old enough.
    let purge = match purging.enabled {
        true => purge,
        false => Purge {
            age: Duration::MAX,
            ..purge
        },
    };
    let mut is_first = true;
    // They come of a process that was killed, and so before a start; those that are too young then, later.
    let mut leftovers_due = (is_writable && !purging.dry_run).then(Instant::now);
    loop {
        match storage.purge_uploads(&purge) {
            Ok(report) if go_on() => tell_purge(&report, purging, is_first),
            Ok(_) => return,
            Err(error) => log::warn!("unfinished uploads could not be purged: {error}"),
        }
        is_first = false;
        if leftovers_due.is_some_and(|due| due <= Instant::now()) {
            let leftovers = storage.remove_leftovers(&go_on);
            leftovers_due = (leftovers.left > 0).then(|| Instant::now() + storage::LEFTOVER_AGE);
            if leftovers.removed > 0 {
                let count = leftovers.removed;
                log::info!("temporary files of a process that was killed: {count} were removed");
            }
        }
        let pause = match (purging.enabled, leftovers_due) {
            (true, _) => interval,
            (false, Some(_)) => storage::LEFTOVER_AGE,
            (false, None) => return,
        };
        match stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn tell_purge(report: &PurgeReport, purging: &UploadPurging, is_first: bool) {
    let PurgeReport {
        seen,
        purged,
        stuck,
        bytes_kept,
    } = report;
    if *purged > 0 && purging.enabled {
        let done = match purging.dry_run {
            true => "would be purged",
            false => "were purged",
        };
        log::info!("{purged} of {seen} unfinished uploads {done}");
    }
    if *stuck > 0 {
        log::warn!("{stuck} of {seen} unfinished uploads are old and cannot be removed");
    }
    let kept = seen.saturating_sub(*purged);
    if is_first && kept > 0 {
        let age = format_duration(purging.age);
        let end = match purging.enabled {
            true => format!("each is removed when it is {age} old"),
            false => "none is removed, since purging is turned off".to_owned(),
        };
        log::info!(
            "unfinished uploads: {kept}, {bytes_kept} bytes; {end} (storage.maintenance.uploadpurging)"
        );
    }
}

fn open_driver(config: &Config) -> Result<Arc<dyn Driver>, String> {
    let is_read_only = config.storage.read_only;
    match &config.storage.driver {
        StorageDriver::InMemory if is_read_only => Ok(Arc::new(ReadOnly(Memory::default()))),
        StorageDriver::InMemory => Ok(Arc::new(Memory::default())),
        StorageDriver::Filesystem {
            root_directory,
            threads_max,
        } => {
            let wrong = |error| unusable(root_directory, &error);
            if is_read_only {
                let driver = Filesystem::over(root_directory, *threads_max).map_err(wrong)?;
                return Ok(Arc::new(ReadOnly(driver)));
            }
            let driver = Filesystem::new(root_directory, *threads_max).map_err(wrong)?;
            Ok(Arc::new(driver))
        }
    }
}

/// Whether a push would find the root writable.
fn check_storage(config: &Config, driver: &dyn Driver) -> Result<(), String> {
    match &config.storage.driver {
        StorageDriver::Filesystem { root_directory, .. } => {
            let tried = driver.check_writable(&storage::layout::DIRECTORIES);
            tried.map_err(|why| unusable(root_directory, &why))
        }
        StorageDriver::InMemory => Ok(()),
    }
}

fn unusable(root_directory: &Path, why: &dyn std::fmt::Display) -> String {
    let folder = root_directory.display();
    format!("cannot use {folder} as storage.filesystem.rootdirectory: {why}")
}

fn storage_settings(config: &Config) -> storage::Settings {
    storage::Settings {
        uploads: storage::UploadLimits {
            sessions_max: config.uploads.sessions_max,
            sessions_per_address_max: config.uploads.sessions_per_address_max,
            idle_timeout: config.uploads.idle_timeout,
        },
        tag_lookup_threads: config.storage.tag_lookup_threads,
        manifest_bytes_max: config.manifest_bytes_max,
    }
}

fn api_options(config: &Config) -> api::ApiOptions {
    api::ApiOptions {
        prefix: config.http.prefix.clone(),
        location: config.http.location.clone(),
        headers: config.http.headers.clone(),
        delete_enabled: config.storage.delete_enabled,
        read_only: config.storage.read_only,
        watches_writability: !config.storage.read_only,
        catalog_entries_max: config.catalog_entries_max,
        tags_max: config.tags_max,
        manifest_bytes_max: config.manifest_bytes_max,
        validation: config.validation.clone(),
    }
}
