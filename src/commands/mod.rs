//! One file for each command: its options as the command line has them, and `execute`. `cli.rs` reads the arguments
//! and calls one of them.

pub mod certificate;
pub mod check_config;
pub mod delete;
mod error;
pub mod garbage_collect;
pub mod health;
pub mod htpasswd;
pub mod serve;
pub mod service;
pub mod verify;

pub use error::CommandError;

use crate::config::{Config, ConfigError, ConfigSource, Notice, PATH_VARIABLE};
use std::ffi::OsString;
use std::path::PathBuf;

/// The path in `REGISTRY_CONFIGURATION_PATH`, if it is set.
pub fn path_from_environment() -> Option<PathBuf> {
    let path = std::env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// Loads the configuration that is named, by an argument or by the environment, or the one that is found.
pub fn load_or_search(named: Option<PathBuf>) -> Result<(Config, Vec<Notice>), Vec<ConfigError>> {
    let (source, mut notices) = match named.or_else(path_from_environment) {
        Some(path) => (ConfigSource::File(path), Vec::new()),
        None => ConfigSource::search().map_err(|error| vec![error])?,
    };
    let (config, more) = load(source)?;
    notices.extend(more);
    Ok((config, notices))
}

/// Loads a configuration with the environment of the process.
pub fn load(source: ConfigSource) -> Result<(Config, Vec<Notice>), Vec<ConfigError>> {
    // Only names and values that are text can be meant for us.
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os();
    Config::load(
        source,
        variables.map(|(name, value)| (text(name), text(value))),
    )
}
