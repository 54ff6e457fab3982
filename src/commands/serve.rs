//! `registry serve`: runs the registry until it is asked to stop.

use crate::config::{Config, Notice, Severity};
use crate::logging;
use crate::server::Registry;
use crate::sys;
use std::time::Duration;

/// Starts the log and tells in it what is to be known about the configuration.
pub fn announce(config: &Config, notices: &[Notice]) {
    logging::init(&config.log);
    for notice in notices {
        match notice.severity {
            Severity::Warning => log::warn!("{notice}"),
            Severity::Note => log::info!("{notice}"),
        }
    }
}

/// Serves until a signal asks to stop. The error says why it could not start.
pub fn run(config: &Config) -> Result<(), String> {
    if let Err(error) = sys::raise_open_files_limit() {
        log::warn!("the limit of open files stays as it is: {error}");
    }
    let registry = Registry::open(config)?;
    let (control, drain) = (registry.control(), config.http.drain_timeout);
    let stop = move |longest: Option<Duration>| {
        let drain = longest.map_or(drain, |longest| drain.min(longest));
        log::info!("asked to stop: finishing what is in flight, {drain:?} at most");
        control.shutdown(drain);
    };
    sys::on_shutdown_signal(stop).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let over_tls = config.http.tls.as_ref().map_or("", |_| ", tls");
    log::info!("listening on {}{over_tls}", registry.address());
    registry.run();
    log::info!("stopped");
    Ok(())
}
