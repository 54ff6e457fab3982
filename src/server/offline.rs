//! Data that a command works on without a server: opened as the configuration says, and never created.

use super::{StartError, storage_options};
use crate::config::{Config, StorageDriver};
use crate::driver::Filesystem;
use crate::storage::{self, Storage};
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a command does with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineAccess {
    /// It only reads; a server may run.
    Read,
    /// It changes data, which no server may serve meanwhile; this is what to do where one does.
    Change(&'static str),
}

/// Data that is open for a command. No server can be started over it while it is open for changes.
pub struct OfflineData {
    /// The data.
    pub storage: Storage,
    _held: Option<Box<dyn Any + Send>>,
}

/// Why data cannot be worked on.
#[derive(Debug)]
pub enum OfflineError {
    /// It is in memory only.
    InMemory,
    /// Its directory does not exist, or is none.
    Missing(PathBuf),
    /// The system does not let us use it.
    Unusable(StartError),
    /// A server has it open.
    Served(PathBuf, &'static str),
}

/// Opens the data of a configuration. Nothing is created but the lock of [`OfflineAccess::Change`].
pub fn open(config: &Config, access: OfflineAccess) -> Result<OfflineData, OfflineError> {
    let StorageDriver::Filesystem {
        root_directory,
        threads_max,
    } = &config.storage.driver
    else {
        return Err(OfflineError::InMemory);
    };
    let unusable = |source: Box<dyn Error + Send + Sync>| {
        OfflineError::Unusable(StartError::Data {
            root_directory: root_directory.clone(),
            source,
        })
    };
    match std::fs::metadata(root_directory) {
        Ok(found) if found.is_dir() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(unusable(error.into()));
        }
        _ => return Err(OfflineError::Missing(root_directory.clone())),
    }
    if access != OfflineAccess::Read {
        let writable = storage::look_whether_writable(root_directory);
        writable.map_err(|error| unusable(error.into()))?;
    }
    let driver = Filesystem::over(root_directory, *threads_max);
    let driver = driver.map_err(|error| unusable(error.into()))?;
    let storage = Storage::new(Arc::new(driver), storage_options(config));
    let held = match access {
        OfflineAccess::Read => None,
        OfflineAccess::Change(instead) => {
            let held = storage.lock_offline();
            let held = held.map_err(|error| unusable(error.into()))?;
            let served = || OfflineError::Served(root_directory.clone(), instead);
            Some(held.ok_or_else(served)?)
        }
    };
    Ok(OfflineData {
        storage,
        _held: held,
    })
}

impl fmt::Display for OfflineError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |root: &Path| root.display().to_string();
        match self {
            OfflineError::InMemory => out.write_str(
                "storage.inmemory keeps data only while a registry runs, so there is none to work on; \
                 allowed: a configuration with storage.filesystem",
            ),
            OfflineError::Missing(root) => write!(
                out,
                "the directory {} does not exist (storage.filesystem.rootdirectory)",
                shown(root)
            ),
            OfflineError::Unusable(error) => error.fmt(out),
            OfflineError::Served(root, instead) => write!(
                out,
                "a registry, or another command, is using {}: nothing was changed; {instead}",
                shown(root)
            ),
        }
    }
}

impl Error for OfflineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            OfflineError::Unusable(error) => error.source(),
            _ => None,
        }
    }
}
