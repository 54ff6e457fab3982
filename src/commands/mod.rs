//! One file a command; `cli.rs` reads the words and calls one of them.

pub mod certificate;
pub mod check_config;
pub mod health;
pub mod htpasswd;
pub mod serve;
pub mod service;

use crate::config::{Config, ConfigError, ConfigSource, Notice};
use std::path::PathBuf;

/// Mistakes as the text of one error: a line each, which the command line begins with `error: `.
pub fn told(errors: &[ConfigError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\nerror: ")
}

/// Loads the configuration that is named, or the one that is found, with the environment of the process.
pub fn load_or_search(named: Option<PathBuf>) -> Result<(Config, Vec<Notice>), Vec<ConfigError>> {
    let (source, mut notices) = match named {
        Some(path) => (ConfigSource::File(path), Vec::new()),
        None => ConfigSource::search().map_err(|error| vec![error])?,
    };
    let (config, more) = load(source)?;
    notices.extend(more);
    Ok((config, notices))
}

/// Loads the configuration with the environment of the process.
pub fn load(source: ConfigSource) -> Result<(Config, Vec<Notice>), Vec<ConfigError>> {
    // Only names and values that are text can be meant for us.
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    };
    Config::load(source, std::env::vars_os().map(text))
}
