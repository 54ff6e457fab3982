//! `registry serve`: runs the registry until it is asked to stop.

use crate::config::{Config, Notice, Severity};
use crate::logging::{self, Sink};
use crate::server::Registry;
use crate::sys::{self, Stop};
use std::io;
use std::time::Duration;

/// Who runs the registry, and will ask it to stop.
pub trait Runner {
    /// Notes what to call. Called once, before [`Runner::ready`].
    fn on_stop(&self, stop: Stop) -> io::Result<()>;

    /// Hears that clients are served from now on.
    fn ready(&self);
}

/// A terminal, a container engine, systemd: they ask by signals.
pub struct Signals;

impl Runner for Signals {
    fn on_stop(&self, stop: Stop) -> io::Result<()> {
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
    let registry = Registry::open(config, sink)?;
    let (control, drain) = (registry.control(), config.http.drain_timeout);
    let stop = move |longest: Option<Duration>| {
        let drain = longest.map_or(drain, |longest| drain.min(longest));
        log::info!("asked to stop: finishing what is in flight, {drain:?} at most");
        control.shutdown(drain);
    };
    let stops = runner.on_stop(Box::new(stop));
    stops.map_err(|error| format!("cannot wait for signals: {error}"))?;
    let over_tls = config.http.tls.as_ref().map_or("", |_| ", tls");
    log::info!("listening on {}{over_tls}", registry.address());
    runner.ready();
    registry.run();
    log::info!("stopped");
    Ok(())
}
