//! The files of a service, and the paths in its configuration.

use crate::commands::{CommandError, path_from_environment};
use crate::config::PATH_VARIABLE;
use std::path::{Path, PathBuf};

/// The log's name next to the configuration.
const LOG: &str = "registry.log";

/// The files of a service, with absolute paths: a service is started in a directory of the system's.
pub struct Files {
    /// The configuration.
    pub config: PathBuf,
    /// The log.
    pub log: PathBuf,
}

impl Files {
    /// Takes the configuration, which the environment may name too, and the log, which is next to it by default.
    pub fn new(config: Option<PathBuf>, log: Option<PathBuf>) -> Result<Files, CommandError> {
        let config = config.or_else(path_from_environment).ok_or_else(|| {
            CommandError::Usage(format!(
                "no configuration was given: name a file, or set {PATH_VARIABLE} to its path"
            ))
        })?;
        let absolute = |path: PathBuf| {
            let whole = std::path::absolute(&path);
            whole.map_err(CommandError::system(path.display().to_string()))
        };
        let config = absolute(config)?;
        let log = match log {
            Some(log) => absolute(log)?,
            None => config.with_file_name(LOG),
        };
        Ok(Files { config, log })
    }

    /// What relative paths in the configuration start from.
    pub fn directory(&self) -> &Path {
        self.config.parent().unwrap_or(&self.config)
    }
}

/// A path of the configuration as the service will take it, without `.`.
pub fn absolute_below(directory: &Path, path: &Path) -> PathBuf {
    directory.join(path).components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(config: &str, log: Option<&str>) -> Files {
        Files::new(Some(config.into()), log.map(Into::into)).unwrap()
    }

    #[test]
    fn the_log_is_next_to_the_configuration_unless_it_is_named() {
        let directory = std::env::current_dir().unwrap();
        let files = self::files("etc/config.yml", None);
        assert_eq!(files.config, directory.join("etc/config.yml"));
        assert_eq!(files.log, directory.join("etc/registry.log"));
        assert_eq!(files.directory(), directory.join("etc"));
        let files = self::files("config.yml", Some("logs/a.log"));
        assert_eq!(files.log, directory.join("logs/a.log"));
    }
}
