//! What a verification repairs, each in one step that loses nothing: corrupt bytes and what is no file are moved aside, links
//! that lead nowhere are removed, and what the index of referrers lacks is written.

use super::blobs::Aside;
use super::finding::Repair;
use super::{RepairScope, Stop, Verifier};
use crate::driver::{self, Key, Lock};
use crate::spec::{Digest, Hasher, Name};
use crate::storage::links::Link;
use crate::storage::{Error, Result as StorageResult, Storage, layout};
use std::io::{self, ErrorKind};

/// Copies of one digest that are kept aside.
const COPIES_MAX: usize = 1000;

/// Bytes that are read in one step.
const BUFFER_BYTES: usize = 1024 * 1024;

impl Verifier<'_> {
    fn repairs_everything(&self) -> bool {
        self.options.repair == RepairScope::Everything
    }

    /// Moves a blob aside if its bytes are still not what its digest says. Nobody pushes it meanwhile.
    pub(super) fn put_aside(&self, digest: &Digest) -> Result<Aside, Stop> {
        let key = layout::blob_data(digest);
        let moved = self.storage.put_aside(digest, &key);
        match moved {
            Ok(Some(to)) => Ok(Aside::Moved(to)),
            Ok(None) => Ok(Aside::Needless),
            Err(Error::Driver(error)) if error.is_unreachable() => Err(error.into()),
            Err(error) => Ok(Aside::Failed(error.to_string())),
        }
    }

    /// Moves aside something that is not a file but is where one belongs.
    pub(super) fn move_entry(&self, key: &Key, place: impl Fn(usize) -> Key) -> Repair {
        if !self.repairs_everything() {
            return Repair::None;
        }
        match self.storage.relocate_to_free(key, place) {
            Ok(Some(to)) => Repair::Moved(to),
            Ok(None) => Repair::None,
            Err(error) => Repair::Failed(error.to_string()),
        }
    }

    /// Removes a link, with the directories that it leaves empty. `is_wrong` is asked again while the repository is locked.
    pub(super) fn remove_link(
        &self,
        name: &Name,
        key: &Key,
        is_wrong: impl FnOnce() -> StorageResult<bool>,
    ) -> Repair {
        self.change(name, |storage| {
            if !is_wrong()? {
                return Ok(Repair::None);
            }
            storage.driver.remove(&[key])?;
            storage.prune_in(name, &key.parent());
            Ok(Repair::Removed)
        })
    }

    /// Removes a directory with all that is in it.
    pub(super) fn remove_directory(
        &self,
        name: &Name,
        directory: &Key,
        is_wrong: impl FnOnce() -> StorageResult<bool>,
    ) -> Repair {
        self.change(name, |storage| {
            if !is_wrong()? {
                return Ok(Repair::None);
            }
            storage.driver.remove_below(&[directory])?;
            storage.prune_in(name, &directory.parent());
            Ok(Repair::Removed)
        })
    }

    /// Writes a link.
    pub(super) fn write_link(&self, name: &Name, link: Link<'_>) -> Repair {
        self.change(name, |storage| {
            storage.driver.write(&[link.write()])?;
            Ok(Repair::Written)
        })
    }

    /// Removes a directory that was found empty.
    pub(super) fn prune_empty(&self, name: &Name, directory: &Key) {
        if self.repairs_everything() {
            self.storage.prune_in(name, directory);
        }
    }

    fn change(&self, name: &Name, act: impl FnOnce(&Storage) -> StorageResult<Repair>) -> Repair {
        if !self.repairs_everything() {
            return Repair::None;
        }
        let outcome = self.storage.change_exclusively(name, || act(self.storage));
        outcome.unwrap_or_else(|error| Repair::Failed(error.to_string()))
    }
}

impl Storage {
    /// Removes a directory of a repository if it is empty, with those above it; what makes it a repository stays.
    fn prune_in(&self, name: &Name, directory: &Key) {
        let manifests = layout::manifests(name);
        let top = match directory.is_within(&manifests) {
            true => manifests,
            false => layout::repository(name),
        };
        self.driver.prune(directory, &top);
    }

    /// Moves a blob aside if its bytes are not what its digest says; where to. `None` if they are, or there are none.
    fn put_aside(&self, digest: &Digest, key: &Key) -> StorageResult<Option<Key>> {
        // Who pushes it meanwhile waits, and then replaces nothing.
        let _held = self.lock_content(digest, Lock::Exclusive)?;
        let Some(object) = self.driver.open(key, 0)? else {
            return Ok(None);
        };
        let mut hashing = Hashing(Hasher::new(digest.algorithm()));
        let mut reader = io::BufReader::with_capacity(BUFFER_BYTES, object.reader());
        let read = io::copy(&mut reader, &mut hashing);
        read.map_err(|error| driver::Error::new(key, error))?;
        if hashing.0.digest() == *digest {
            return Ok(None);
        }
        self.relocate_to_free(key, |copy| layout::lost_blob(digest, copy))
    }

    /// Moves something to the first of several places that is free; which. `None` if it is gone.
    fn relocate_to_free(
        &self,
        key: &Key,
        place: impl Fn(usize) -> Key,
    ) -> StorageResult<Option<Key>> {
        for copy in 0..COPIES_MAX {
            let to = place(copy);
            match self.driver.relocate(key, &to) {
                Ok(true) => {
                    self.driver.prune(&key.parent(), &layout::blobs());
                    return Ok(Some(to));
                }
                Ok(false) => return Ok(None),
                Err(error) if error.source.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        let why = format!("there are {COPIES_MAX} of it in the place for lost content already");
        Err(driver::Error::new(key, io::Error::other(why)).into())
    }
}

/// Hashes what is written to it.
struct Hashing(Hasher);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
