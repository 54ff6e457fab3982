//! `registry serve`: runs the registry until it is asked to stop.

use crate::config::{Config, Notice, Scheme, Severity, StorageDriver};
use crate::http::Bound;
use crate::logging::{self, Sink};
use crate::server::Registry;
use crate::sys::{self, StopAction};
use std::io;
use std::time::Duration;

/// Who runs the registry, and will ask it to stop.
pub trait Runner {
    /// Notes what to call. Called once, before [`Runner::ready`].
    fn on_stop(&self, stop: StopAction) -> io::Result<()>;

    /// Hears that clients are served from now on.
    fn ready(&self);
}

/// A terminal, a container engine, systemd: they ask by signals.
pub struct Signals;

impl Runner for Signals {
    fn on_stop(&self, stop: StopAction) -> io::Result<()> {
        sys::on_shutdown_signal(stop)
    }

    fn ready(&self) {}
}

/// Starts the log and tells in it what is to be known about the configuration.
pub fn announce(config: &Config, notices: &[Notice], sink: &Sink) {
    logging::init(&config.log, sink);
    for notice in notices {
        match notice.severity {
            Severity::Warning => log::warn!("{notice}"),
            Severity::Note => log::info!("{notice}"),
        }
    }
}

/// Serves until the runner asks to stop. The error says why it could not start.
pub fn run(config: &Config, sink: &Sink, runner: &dyn Runner) -> Result<(), String> {
    if let Err(error) = sys::raise_open_files_limit() {
        log::warn!("the limit of open files stays as it is: {error}");
    }
    let registry = Registry::open(config, sink).map_err(|error| error.to_string())?;
    let (control, drain) = (registry.control(), config.http.drain_timeout);
    let stop = move |longest: Option<Duration>| {
        let drain = longest.map_or(drain, |longest| drain.min(longest));
        log::info!("asked to stop: finishing what is in flight, {drain:?} at most");
        control.shutdown(drain);
    };
    let stops = runner.on_stop(Box::new(stop));
    stops.map_err(|error| format!("cannot wait for signals: {error}"))?;
    log::info!("{}", started(config, &registry.address()));
    runner.ready();
    registry.run();
    log::info!("stopped");
    Ok(())
}

/// What runs, in one line: the version, the address, TLS, where the data is, who may come in, and what of
/// all that was read where.
fn started(config: &Config, address: &Bound) -> String {
    let tls = match &config.http.tls {
        Some(tls) => format!("tls with {}", tls.certificate.display()),
        None => "plain HTTP".to_owned(),
    };
    let data = match &config.storage.driver {
        StorageDriver::Filesystem { root_directory, .. } => {
            let whole = std::path::absolute(root_directory);
            let whole = whole.unwrap_or(root_directory.clone());
            format!("data in {}", whole.display())
        }
        StorageDriver::InMemory => "data in memory".to_owned(),
    };
    let read_only = match config.storage.read_only {
        true => " (read-only)",
        false => "",
    };
    let users = match &config.auth {
        Scheme::None => "open to everyone".to_owned(),
        Scheme::Silly { .. } => "open to any credentials (silly)".to_owned(),
        Scheme::Htpasswd { path, .. } => format!("users of {}", path.display()),
        Scheme::Token(settings) => format!("tokens of {}", settings.issuer),
    };
    let rules = match &config.access {
        Some(access) => format!(", {} access rules", access.rules.len()),
        None => String::new(),
    };
    format!(
        "{} {} listening on {address}, {tls}, {data}{read_only}, {users}{rules}, configured by {}",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        config.source
    )
}
