//! Storage drivers: objects under keys, which is all that the registry needs of the place where it keeps its data.
//!
//! The trait says what is wanted, not how it is done, so that an object store can implement it as well as a file system:
//! objects are replaced as a whole, a directory is a common prefix of keys, and uploads are resumed at checkpoints. Each
//! method documents what is durable when it returns. [`Filesystem`] is the driver for production; [`Memory`] serves tests and
//! can simulate a power loss.

#[cfg(test)]
mod contract;
mod entry;
mod error;
mod filesystem;
mod key;
mod memory;
mod object;
mod read_only;
mod upload;

#[cfg(test)]
pub(crate) use contract::{directory_in_memory, object_store};
pub use entry::{Entries, Entry, EntryKind, FewNames, LINK_TO_NOTHING};
pub use error::{Error, Result, found};
pub use filesystem::{Filesystem, Leftovers, Unwritable, is_temporary, look, look_below};
#[cfg(test)]
pub(crate) use filesystem::{power_cut, recording};
pub use key::Key;
pub use memory::Memory;
pub use object::{Object, ObjectReader, Precondition, Remote, SmallObject, Stat, Version, Write};
pub use read_only::ReadOnly;
pub use upload::{Replay, Upload, UploadNote, UploadState};

use error::{Changed, RootGone, is_full};
use std::any::Any;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

/// Who may hold a [`Driver::lock`] at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Others that share it as well.
    Shared,
    /// Nobody else.
    Exclusive,
}

/// Properties of a driver that its callers have to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Names that differ only by case are the same name, as on NTFS; see [`Driver::spelling`].
    pub folds_case: bool,
    /// [`Driver::lock`] works between processes. Without it, what must not be overwritten is written with a
    /// [`Precondition`].
    pub has_locks: bool,
    /// A directory is there until it is removed, also when nothing is in it.
    pub keeps_empty_directories: bool,
}

/// A request for a URL that lets a client read an object directly from the store.
#[derive(Clone, Copy, Debug)]
pub struct Presign<'a> {
    /// The method that the client will use: `GET` or `HEAD`.
    pub method: &'a str,
    /// How long the URL is good for.
    pub valid_for: Duration,
}

/// Which leftovers to remove.
pub struct LeftoverSearch<'s> {
    /// Those that were last written before this time.
    pub before: SystemTime,
    /// Also directories in which nothing is, but for those in the root itself.
    pub empty_directories: bool,
    /// Directories that stay although nothing is in them.
    pub kept_directories: &'s [&'s str],
    /// Asked before each step: the search ends when it says no.
    pub may_continue: &'s dyn Fn() -> bool,
}

/// Why the store cannot be written to, in words for the operator.
pub type ProbeError = Box<dyn std::error::Error + Send + Sync>;

/// A storage driver. Every error names the key that it is about.
pub trait Driver: Send + Sync {
    /// Reads a small object; `None` if it does not exist. An object of more than `bytes_max` bytes is an error of
    /// kind `InvalidData`, and so is anything but a regular file. Never blocks on named pipes and the like.
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Option<SmallObject>>;

    /// Opens an object of any size for streaming; `None` if it does not exist. An object of at most `small_bytes_max` bytes
    /// is read into memory at once, so that it need not be opened a second time.
    fn open(&self, key: &Key, small_bytes_max: u64) -> Result<Option<Object>>;

    /// Looks up an object without opening it; `None` if it does not exist.
    fn stat(&self, key: &Key) -> Result<Option<Stat>>;

    /// Looks up the object `directory`/NAME/`rest` for each of these names, in their order.
    fn stat_each(&self, directory: &Key, names: &[&str], rest: &str) -> Vec<Result<Option<Stat>>> {
        let stat = |name: &&str| self.stat(&directory.child(name).child(rest));
        names.iter().map(stat).collect()
    }

    /// Performs all writes, each completely or not at all, in no particular order. Once this returns `Ok` they survive a
    /// power loss; after an error or a crash any of them may have been performed.
    ///
    /// A [`Precondition`] is checked atomically with respect to all other writes that have one, from every process that shares
    /// the data.
    fn write(&self, writes: &[Write<'_>]) -> Result<()>;

    /// Makes now the time when an object was last written; durable at some later time. `false` if it does not exist.
    fn touch(&self, key: &Key) -> Result<bool>;

    /// Removes those of the objects that exist; durable when it returns. If one cannot be removed, the others are; the error is
    /// that of the first.
    fn remove(&self, keys: &[&Key]) -> Result<()>;

    /// Removes the objects with these keys and all objects and uploads below them, in no particular order and not atomically.
    /// Durable when it returns. If something cannot be removed, the rest is; the error is that of the first.
    fn remove_below(&self, directories: &[&Key]) -> Result<()>;

    /// Does the same without promising anything: what was removed may be back after a power loss, and a failure is only logged.
    fn discard(&self, directory: &Key) {
        if let Err(error) = self.remove_below(&[directory]) {
            log::warn!("cannot remove {error}; the purge of uploads will try again");
        }
    }

    /// Lists up to `limit` names in a directory that sort after `after`, each once, in the byte order of the names themselves
    /// (`a` before `a-b`, although `a/x` sorts after `a-b/x`). Empty if the directory does not exist.
    fn list(&self, directory: &Key, after: &str, limit: usize) -> Result<Vec<String>>;

    /// The names of the directories in each directory `directory`/NAME, in the order of these names. `None` where that is not known at
    /// once: there is no such directory, it is a symbolic link, it holds many directories or a link, or it cannot be read.
    fn directories_in_each(&self, _directory: &Key, names: &[&str]) -> Vec<Option<FewNames>> {
        vec![None; names.len()]
    }

    /// Whether a directory exists. An empty one may count as existing.
    fn has_directory(&self, directory: &Key) -> Result<bool> {
        Ok(!self.list(directory, "", 1)?.is_empty())
    }

    /// Visits all objects below a directory, in no particular order, until the visitor breaks. Objects that are written or removed
    /// during the walk may be missed.
    fn walk(
        &self,
        directory: &Key,
        visit: &mut dyn FnMut(&Key, &Stat) -> ControlFlow<()>,
    ) -> Result<()>;

    /// The entries of a directory as they are, also those that are no objects; none if it does not exist. Nothing is kept of
    /// them, so that a directory of any size can be looked through once.
    fn entries(&self, directory: &Key) -> Result<Entries<'_>> {
        Ok(entry::listed(self, directory))
    }

    /// Gives whatever is under `from`, an object, a directory with all that is below it or what is neither, the key `to`;
    /// `false` if there is nothing. Durable when it returns. On a file system it is one step; elsewhere each object is copied
    /// and then removed, so that none is ever missing. An error of kind `AlreadyExists` if there is something under `to`.
    fn relocate(&self, from: &Key, to: &Key) -> Result<bool> {
        entry::copied(self, from, to)
    }

    /// Removes a directory if nothing is in it, and then each above it for which that is true, up to `top`, which stays. Promises
    /// nothing: an empty directory does no harm.
    fn prune(&self, _directory: &Key, _top: &Key) {}

    /// Begins an upload. `key` is a directory that belongs to this upload exclusively. Other processes see nothing of it before
    /// its first checkpoint.
    fn upload(&self, key: &Key) -> Result<Box<dyn Upload>>;

    /// Resumes an upload that another or an earlier process began, with its first `length` bytes; `None` if it does not
    /// exist. The driver passes what it knows of those bytes to `replay`.
    ///
    /// [`Upload::rewind`] then takes the upload over; until it is called nothing changes for the other process.
    fn resume(
        &self,
        key: &Key,
        length: u64,
        replay: &mut dyn Replay,
    ) -> Result<Option<Box<dyn Upload>>>;

    /// The state of an upload; `None` if it does not exist. Does not wait for a process that is writing to it.
    fn upload_state(&self, key: &Key) -> Result<Option<UploadState>>;

    /// When an upload was started or, if that is unknown, when something was last put into its directory; `None` if it does not
    /// exist.
    fn upload_started(&self, key: &Key) -> Result<Option<SystemTime>>;

    /// A URL from which a client can read an object directly; `None` if the driver has no such URLs.
    fn redirect(&self, _key: &Key, _request: &Presign<'_>) -> Result<Option<String>> {
        Ok(None)
    }

    /// Waits for a lock that excludes other processes on the same data, and holds it until the returned value is dropped.
    /// Gives up with an error of kind `WouldBlock`. Does nothing without [`Capabilities::has_locks`].
    fn lock(&self, _key: &Key, _lock: Lock) -> Result<Box<dyn Any + Send>> {
        Ok(Box::new(()))
    }

    /// The same without waiting; `None` if another holds the lock.
    fn try_lock(&self, _key: &Key, _lock: Lock) -> Result<Option<Box<dyn Any + Send>>> {
        Ok(Some(Box::new(())))
    }

    /// [`Driver::lock`] for what is held for hours: where a lock cannot be had by itself, because the store is full, it is an
    /// error, and no other lock makes up for it.
    fn lock_for_long(&self, key: &Key, lock: Lock) -> Result<Box<dyn Any + Send>> {
        self.lock(key, lock)
    }

    /// [`Driver::try_lock`] for what is held for hours.
    fn try_lock_for_long(&self, key: &Key, lock: Lock) -> Result<Option<Box<dyn Any + Send>>> {
        self.try_lock(key, lock)
    }

    /// The properties of this driver.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Whether a directory is a symbolic link to one of its ancestors: a walk that followed it would not end.
    fn leads_back(&self, _directory: &Key) -> Result<bool> {
        Ok(false)
    }

    /// How the last component of a key is spelled in the store; `None` if it does not exist. Needed only with
    /// [`Capabilities::folds_case`].
    fn spelling(&self, _key: &Key) -> Result<Option<String>> {
        Ok(None)
    }

    /// Checks that the data is reachable and that the root and those of these directories that exist can be written to. Leaves
    /// nothing behind.
    fn probe(&self, _directories: &[&str]) -> std::result::Result<(), ProbeError> {
        Ok(())
    }

    /// Removes what killed processes left behind.
    fn remove_leftovers(&self, _search: &LeftoverSearch<'_>) -> Leftovers {
        Leftovers::default()
    }
}
