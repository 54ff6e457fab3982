//! The place where the data is kept, opened as the configuration says.

use super::StartError;
use crate::config::{Config, StorageDriver};
use crate::driver::{Driver, Filesystem, Memory, ReadOnly};
use crate::storage::{self, Storage};
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Whether the directory of the data could be used, and a push would find its directories writable: those below
/// the root may belong to another user. Touches nothing. `false` where nothing can be written and nothing has to be: in
/// read-only mode, and in a directory that is mounted read-only, which is served with a warning.
pub fn check(config: &Config) -> Result<bool, StartError> {
    let StorageDriver::Filesystem { root_directory, .. } = &config.storage.driver else {
        return Ok(!config.storage.read_only);
    };
    // One that is only read need not be writable, and is not created.
    if config.storage.read_only && !root_directory.exists() {
        let root = root_directory.display();
        log::warn!(
            "storage.filesystem.rootdirectory: the directory {root} does not exist, and read-only mode does not create \
             it: requests are answered with 503 until it is there (storage.maintenance.readonly)"
        );
        return Ok(false);
    }
    if config.storage.read_only && root_directory.is_dir() {
        return Ok(false);
    }
    match storage::look_whether_writable(root_directory) {
        Err(error) if error.is_read_only() && root_directory.is_dir() => {
            log::warn!("every push will be rejected with 503: {error}");
            Ok(false)
        }
        Ok(()) => Ok(!config.storage.read_only),
        Err(error) => Err(unusable(root_directory, error)),
    }
}

/// Opens the driver, and creates what it needs.
pub fn open(config: &Config) -> Result<Arc<dyn Driver>, StartError> {
    let is_read_only = config.storage.read_only;
    match &config.storage.driver {
        StorageDriver::InMemory if is_read_only => Ok(Arc::new(ReadOnly(Memory::default()))),
        StorageDriver::InMemory => Ok(Arc::new(Memory::default())),
        StorageDriver::Filesystem {
            root_directory,
            threads_max,
        } => {
            let wrong = |error| unusable(root_directory, error);
            if is_read_only {
                let driver = Filesystem::over(root_directory, *threads_max).map_err(wrong)?;
                return Ok(Arc::new(ReadOnly(driver)));
            }
            let driver = Filesystem::new(root_directory, *threads_max).map_err(wrong)?;
            Ok(Arc::new(driver))
        }
    }
}

/// Lets others know that the data is served from now on. A command that works on it without a server is waited for, for a time.
pub fn serve(config: &Config, storage: &Storage) -> Result<Box<dyn Any + Send>, StartError> {
    match storage.lock_for_serving() {
        Ok(held) => Ok(held),
        Err(storage::Error::Driver(error)) if error.is_locked() => {
            let root = match &config.storage.driver {
                StorageDriver::Filesystem { root_directory, .. } => root_directory.as_path(),
                StorageDriver::InMemory => Path::new("memory"),
            };
            Err(unusable(root, BeingWorkedOn))
        }
        Err(error) => {
            log::warn!(
                "commands that work on data which is not served cannot notice this registry: {error}"
            );
            Ok(Box::new(()))
        }
    }
}

/// Why data cannot be served at the moment.
#[derive(Debug)]
struct BeingWorkedOn;

impl fmt::Display for BeingWorkedOn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(
            "another process is working on it (`registry garbage-collect`, `registry delete` or `registry verify \
             --repair`); start again when it has finished",
        )
    }
}

impl Error for BeingWorkedOn {}

/// Whether a push could write, tried out.
pub fn probe(config: &Config, driver: &dyn Driver) -> Result<(), StartError> {
    match &config.storage.driver {
        StorageDriver::Filesystem { root_directory, .. } => {
            let probed = driver.probe(&storage::layout::DIRECTORIES);
            probed.map_err(|error| unusable(root_directory, error))
        }
        StorageDriver::InMemory => Ok(()),
    }
}

fn unusable(root: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> StartError {
    StartError::Data {
        root_directory: root.to_owned(),
        source: source.into(),
    }
}
