//! `registry serve`: runs the registry until it is asked to stop.

use crate::config::{Config, Notice, Severity};
use crate::logging;

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

/// Serves until a signal. The error says why it could not start or go on.
pub fn run(config: Config) -> Result<(), String> {
    Err(format!(
        "there is no server behind {:?} yet",
        config.http.listen
    ))
}
