//! The driver for a file system: keys are paths below a root directory.
//!
//! A write is: temporary file next to its target, sync, rename, sync of the directory and of the
//! directories above it that have not been synced since this process started (`root`, `staged`, `durable`).
//!
//! Other processes may serve the same directory (`uploads`). An upload that is to be published first gets a name that
//! nobody else knows, and is checked under that name: what is published is the expected file, at its expected length.

mod directories;
mod disk;
mod durable;
mod entries;
mod file_upload;
mod gate;
mod hash_states;
mod leftovers;
mod listing;
mod lock;
mod name_order;
mod open_file;
mod presence;
mod root;
mod settled;
mod small_files;
mod staged;
mod uploads;
mod walk;
mod writable;

#[cfg(test)]
pub(crate) use disk::{power_cut, recording};
pub use leftovers::{Leftovers, is_temporary};
pub use writable::{Unwritable, look, look_below};

use super::{
    Capabilities, Driver, Entries, Error, FewNames, Key, LeftoverSearch, Lock, Object, ProbeError,
    Replay, Result, SmallObject, Stat, Upload, UploadState, Write,
};
use crate::sys::{self, OpenDirectory};
use directories::{make_root, open_file, patiently, remove_any};
use root::Root;
use small_files::SmallFile;
use staged::Staged;
use std::any::Any;
use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A driver for a directory of the operating system.
pub struct Filesystem {
    root: Arc<Root>,
}

impl Filesystem {
    /// A driver for `root`, which is created if it is missing; at most `threads_max` operations run at once.
    pub fn new(root: impl Into<PathBuf>, threads_max: usize) -> io::Result<Filesystem> {
        let root = root.into();
        make_root(&sys::literal(&root)?)?;
        Filesystem::over(root, threads_max)
    }

    /// The same for a root that is never created: while it is missing everything fails.
    pub fn over(root: impl Into<PathBuf>, threads_max: usize) -> io::Result<Filesystem> {
        let root = Root::new(sys::literal(&root.into())?, threads_max)?;
        Ok(Filesystem {
            root: Arc::new(root),
        })
    }

    /// The same on a disk that is taken to keep names in order.
    #[cfg(test)]
    pub(crate) fn in_order(root: PathBuf, threads_max: usize) -> io::Result<Filesystem> {
        make_root(&root)?;
        let mut root = Root::new(root, threads_max)?;
        root.order = name_order::NameOrder::assumed();
        Ok(Filesystem {
            root: Arc::new(root),
        })
    }

    /// Reads a small file whole, and keeps it.
    fn read_small(
        &self,
        key: &Key,
        mut file: File,
        metadata: &Metadata,
    ) -> io::Result<Arc<SmallFile>> {
        let bytes = read_whole(&mut file, metadata.len())?;
        let file = Arc::new(SmallFile::new(metadata, bytes)?);
        self.root.small_files.keep(key, &file);
        Ok(file)
    }

    /// What has to be synced for a file under this key.
    #[cfg(test)]
    pub(super) fn unsynced(&self, file: &Key) -> Vec<Key> {
        let unsynced = self.root.durable.unsynced([file].into_iter());
        unsynced.directories.into_iter().collect()
    }
}

/// All bytes of a file that was just opened.
fn read_whole(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut content = vec![0; length];
    file.read_exact(&mut content)?;
    Ok(content)
}

/// Looks up a file below an open directory.
fn stat_below(directory: &OpenDirectory, below: &str) -> io::Result<Stat> {
    let looked = patiently(|| directory.look(below))?;
    match looked.is_file {
        true => Ok(Stat {
            length: looked.length,
            modified: looked.modified,
        }),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// The same error once more.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// `None` if another process holds a lock.
fn unless_locked<T: Any + Send>(outcome: Result<T>) -> Result<Option<Box<dyn Any + Send>>> {
    match outcome {
        Ok(held) => Ok(Some(Box::new(held))),
        Err(error) if error.is_locked() => Ok(None),
        Err(error) => Err(error),
    }
}

impl Driver for Filesystem {
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Option<SmallObject>> {
        let _pass = self.root.gate.enter();
        let path = self.root.path(key);
        let read = || {
            if let Some(kept) = self.root.small_files.find(key, &path)
                && kept.bytes.len() as u64 <= bytes_max
            {
                return Ok(kept);
            }
            let (file, metadata) = open_file(&path)?;
            let length = metadata.len();
            if length > bytes_max {
                let text = format!("it has {length} bytes; at most {bytes_max} are expected");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            self.read_small(key, file, &metadata)
        };
        let found = self.root.found(key, read())?;
        Ok(found.map(|file| SmallObject {
            bytes: Arc::clone(&file.bytes),
            version: file.version.clone(),
            modified: file.modified,
        }))
    }

    fn open(&self, key: &Key, small_bytes_max: u64) -> Result<Option<Object>> {
        let _pass = self.root.gate.enter();
        let path = self.root.path(key);
        let open = || {
            // A large file is not among them: nothing is looked up for a blob.
            if small_bytes_max > 0
                && let Some(kept) = self.root.small_files.find(key, &path)
                && kept.bytes.len() as u64 <= small_bytes_max
            {
                return Ok(Object::Bytes(Arc::clone(&kept.bytes)));
            }
            let (file, metadata) = open_file(&path)?;
            let length = metadata.len();
            if length > small_bytes_max {
                let file = Arc::new(file);
                return Ok(Object::File { file, length });
            }
            let small = self.read_small(key, file, &metadata)?;
            Ok(Object::Bytes(Arc::clone(&small.bytes)))
        };
        self.root.found(key, open())
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        let _pass = self.root.gate.enter();
        let stat = || {
            let metadata = patiently(|| fs::metadata(self.root.path(key)))?;
            if !metadata.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(Stat {
                length: metadata.len(),
                modified: metadata.modified()?,
            })
        };
        self.root.found(key, stat())
    }

    fn stat_each(&self, directory: &Key, names: &[&str], rest: &str) -> Vec<Result<Option<Stat>>> {
        let _pass = self.root.gate.enter();
        let opened = OpenDirectory::open(&self.root.path(directory));
        let stat = |below: &str| match &opened {
            Ok(opened) => stat_below(opened, below),
            Err(error) => Err(again(error)),
        };
        let outcomes = names.iter().map(|name| {
            let below = format!("{name}/{rest}");
            self.root.found(&directory.child(&below), stat(&below))
        });
        outcomes.collect()
    }

    fn write(&self, writes: &[Write<'_>]) -> Result<()> {
        let _pass = self.root.gate.enter();
        let staged: Vec<Staged<'_>> = writes.iter().map(|write| self.root.stage(write)).collect();
        self.root.publish(staged, None)
    }

    fn touch(&self, key: &Key) -> Result<bool> {
        let _pass = self.root.gate.enter();
        let path = self.root.path(key);
        let touched = self.root.found(key, patiently(|| sys::touch(&path)))?;
        Ok(touched.is_some())
    }

    fn remove(&self, keys: &[&Key]) -> Result<()> {
        self.remove_below(keys)
    }

    fn remove_below(&self, directories: &[&Key]) -> Result<()> {
        let _pass = self.root.gate.enter();
        let mut parents = BTreeSet::new();
        let mut outcome = Ok(());
        for key in directories {
            self.root.durable.forget(key);
            let removed = remove_any(&self.root.path(key));
            match self.root.found(key, removed) {
                Ok(Some(())) => drop(parents.insert(key.parent())),
                Ok(None) => {}
                Err(error) => outcome = outcome.and(Err(error)),
            }
            self.root.note_removal(key);
        }
        for parent in &parents {
            let synced = disk::sync_directory(&self.root.path(parent));
            // It may have been removed as well.
            outcome = outcome.and(self.root.found(parent, synced).map(drop));
        }
        outcome
    }

    fn discard(&self, key: &Key) {
        let _pass = self.root.gate.enter();
        if let Err(error) = remove_any(&self.root.path(key))
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!("cannot remove {key}: {error}; the purge of uploads will try again");
        }
    }

    fn list(&self, directory: &Key, after: &str, limit: usize) -> Result<Vec<String>> {
        let _pass = self.root.gate.enter();
        let page = self
            .root
            .listings
            .page(&self.root.path(directory), after, limit);
        let page = page.and_then(|names| match names.is_empty() {
            true => self.root.check().map(|()| names),
            false => {
                self.root.is_there(directory);
                Ok(names)
            }
        });
        page.map_err(|error| Error::new(directory, error))
    }

    fn directories_in_each(&self, directory: &Key, names: &[&str]) -> Vec<Option<FewNames>> {
        let _pass = self.root.gate.enter();
        let path = self.root.path(directory);
        self.root.listings.directories_in_each(&path, names)
    }

    fn has_directory(&self, key: &Key) -> Result<bool> {
        let _pass = self.root.gate.enter();
        let metadata = patiently(|| fs::metadata(self.root.path(key)));
        let metadata = self.root.found(key, metadata)?;
        Ok(metadata.is_some_and(|metadata| metadata.is_dir()))
    }

    fn walk(
        &self,
        directory: &Key,
        visit: &mut dyn FnMut(&Key, &Stat) -> ControlFlow<()>,
    ) -> Result<()> {
        walk::walk(&self.root, directory, visit)
    }

    fn entries(&self, directory: &Key) -> Result<Entries<'_>> {
        entries::of(&self.root, directory)
    }

    fn relocate(&self, from: &Key, to: &Key) -> Result<bool> {
        let _pass = self.root.gate.enter();
        self.root.durable.forget(from);
        let moved = self
            .root
            .found(from, self.root.relocate(from, to))?
            .is_some();
        if moved {
            self.root.note_removal(from);
            self.root.note(to);
        }
        Ok(moved)
    }

    fn prune(&self, directory: &Key, top: &Key) {
        let mut directory = directory.clone();
        while directory != *top && directory.is_within(top) {
            self.root.durable.forget(&directory);
            if disk::remove_directory(&self.root.path(&directory)).is_err() {
                return;
            }
            self.root.note_removal(&directory);
            directory = directory.parent();
        }
    }

    fn upload(&self, key: &Key) -> Result<Box<dyn Upload>> {
        Ok(uploads::begin(&self.root, key))
    }

    fn resume(
        &self,
        key: &Key,
        length: u64,
        replay: &mut dyn Replay,
    ) -> Result<Option<Box<dyn Upload>>> {
        uploads::resume(&self.root, key, length, replay)
    }

    fn upload_state(&self, key: &Key) -> Result<Option<UploadState>> {
        let _pass = self.root.gate.enter();
        uploads::state(&self.root, key)
    }

    fn upload_started(&self, key: &Key) -> Result<Option<SystemTime>> {
        let _pass = self.root.gate.enter();
        uploads::started(&self.root, key)
    }

    fn lock(&self, key: &Key, lock: Lock) -> Result<Box<dyn Any + Send>> {
        Ok(Box::new(self.root.lock(key, lock, lock::WAIT_MAX)?))
    }

    fn try_lock(&self, key: &Key, lock: Lock) -> Result<Option<Box<dyn Any + Send>>> {
        let held = self.root.lock(key, lock, Duration::ZERO);
        unless_locked(held.and_then(|held| self.root.in_place_of_none(key, held)))
    }

    fn lock_for_long(&self, key: &Key, lock: Lock) -> Result<Box<dyn Any + Send>> {
        Ok(Box::new(self.root.lock_by_file(
            key,
            lock,
            lock::WAIT_MAX,
        )?))
    }

    fn try_lock_for_long(&self, key: &Key, lock: Lock) -> Result<Option<Box<dyn Any + Send>>> {
        unless_locked(self.root.lock_by_file(key, lock, Duration::ZERO))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            folds_case: sys::FOLDS_CASE,
            has_locks: true,
            keeps_empty_directories: true,
        }
    }

    fn leads_back(&self, directory: &Key) -> Result<bool> {
        let _pass = self.root.gate.enter();
        let path = self.root.path(directory);
        let leads_back = || {
            if !fs::symlink_metadata(&path)?.is_symlink() {
                return Ok(false);
            }
            self.root.leads_back(&path)
        };
        self.root.outcome(directory, leads_back())
    }

    fn spelling(&self, key: &Key) -> Result<Option<String>> {
        let _pass = self.root.gate.enter();
        let kept = self.root.found(key, sys::kept_name(&self.root.path(key)))?;
        Ok(kept.and_then(|name| name.into_string().ok()))
    }

    fn probe(&self, directories: &[&str]) -> std::result::Result<(), ProbeError> {
        let _pass = self.root.gate.enter();
        let root = &self.root.path;
        self.root
            .check()
            .map_err(|error| Unwritable::new(root, root, error))?;
        look(root, directories)?;
        let probe = self.root.temporary(&root.join("writable"));
        let name = probe.file_name().unwrap_or_default().to_string_lossy();
        Ok(writable::attempt(root, &name)?)
    }

    fn remove_leftovers(&self, search: &LeftoverSearch<'_>) -> Leftovers {
        leftovers::remove(&self.root, search)
    }
}
