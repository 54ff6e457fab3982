//! Objects under keys: what the registry asks of the place where it keeps its data.
//!
//! The trait says what is meant and not how it is done, so that an object store can do it as well as a file system: objects
//! are replaced whole, directories are what keys have in common, and uploads are resumed at checkpoints. It says of each
//! call what is durable when it returns. [`Filesystem`] is the real thing; [`Memory`] serves tests and can lose power.

#[cfg(test)]
mod contract;
mod error;
mod filesystem;
mod key;
mod memory;
mod object;
mod read_only;
mod upload;

#[cfg(test)]
pub(crate) use contract::object_store;
pub use error::{Error, Result, found};
pub use filesystem::{Filesystem, Leftovers, Unwritable, look, look_below};
pub use key::Key;
pub use memory::Memory;
pub use object::{Object, ObjectReader, Precondition, Remote, Stat, Version, Write};
pub use read_only::ReadOnly;
pub use upload::{Note, Replay, Upload, UploadState};

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

/// What a driver is like, as far as it changes what others do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Names that differ only by case are the same name, as on NTFS: ask for [`Driver::spelling`].
    pub folds_case: bool,
    /// [`Driver::lock`] holds between processes. Where it does not, what must not be overwritten is written under a
    /// [`Precondition`].
    pub has_locks: bool,
}

/// How somebody else is to be allowed to read an object for a while.
#[derive(Clone, Copy, Debug)]
pub struct Presign<'a> {
    /// The method that the client will use: `GET` or `HEAD`.
    pub method: &'a str,
    /// How long the URL is good for.
    pub valid_for: Duration,
}

/// Why nothing could be written, in words for whoever runs the registry.
pub type ProbeError = Box<dyn std::error::Error + Send + Sync>;

/// Objects under keys. Every error names the key that it is about.
pub trait Driver: Send + Sync {
    /// A whole small object and its version; `None` when there is none. More than `bytes_max` bytes is an error of kind
    /// `InvalidData`, and so is what is no regular file; nothing is waited for.
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Option<(Vec<u8>, Version)>>;

    /// An object of any size, for streaming; `None` when there is none. One of no more than `small_bytes_max` bytes
    /// is read at once, which saves opening it a second time.
    fn open(&self, key: &Key, small_bytes_max: u64) -> Result<Option<Object>>;

    /// What is known of an object; `None` when there is none.
    fn stat(&self, key: &Key) -> Result<Option<Stat>>;

    /// Makes all writes, each whole or not at all, in no order. When it returns `Ok` they survive a power loss;
    /// after an error or a crash any of them may have been made.
    ///
    /// A [`Precondition`] holds against all writes that have one, of every process where the data is shared.
    fn write(&self, writes: &[Write<'_>]) -> Result<()>;

    /// Removes objects, as far as they are there; durable when it returns.
    fn remove(&self, keys: &[&Key]) -> Result<()>;

    /// Removes an object of that key and all objects and uploads below it, in no order: others may see a part of them
    /// meanwhile. Durable when it returns.
    fn remove_below(&self, directory: &Key) -> Result<()>;

    /// The same for what nobody was promised to be gone: it may be back after a power loss, and a failure is logged.
    fn discard(&self, directory: &Key) {
        if let Err(error) = self.remove_below(directory) {
            log::warn!("cannot remove {error}; the purge of uploads will try again");
        }
    }

    /// Up to `limit` names in a directory that sort after `after`, each once, in the byte order of names (`a` comes
    /// before `a-b`, whatever lies below either). Empty where there is no directory.
    fn list(&self, directory: &Key, after: &str, limit: usize) -> Result<Vec<String>>;

    /// Whether there is anything in a directory; an empty one may count.
    fn has_directory(&self, directory: &Key) -> Result<bool> {
        Ok(!self.list(directory, "", 1)?.is_empty())
    }

    /// Visits all objects below a directory, in no order, until the visitor breaks. What is written or removed meanwhile may be
    /// missed.
    fn walk(
        &self,
        directory: &Key,
        visit: &mut dyn FnMut(&Key, &Stat) -> ControlFlow<()>,
    ) -> Result<()>;

    /// Begins an upload. `key` is a directory that belongs to it alone, and where nothing is seen of it before its
    /// first checkpoint.
    fn upload(&self, key: &Key) -> Result<Box<dyn Upload>>;

    /// Goes on with an upload that another process began, or an earlier one, with its first `length` bytes; `None`
    /// when there is none. The driver gives `replay` what it knows of those bytes.
    ///
    /// The upload becomes this process's with [`Upload::rewind`]: until then nothing changes for the other.
    fn resume(
        &self,
        key: &Key,
        length: u64,
        replay: &mut dyn Replay,
    ) -> Result<Option<Box<dyn Upload>>>;

    /// How far an upload is; `None` when there is none. Waits for nobody who writes to it.
    fn upload_state(&self, key: &Key) -> Result<Option<UploadState>>;

    /// When an upload was started, or, where that is not known, last written to; `None` when nothing is known of it.
    fn upload_started(&self, key: &Key) -> Result<Option<SystemTime>>;

    /// A URL under which a client can read an object from elsewhere; `None` where there is none to be had.
    fn redirect(&self, _key: &Key, _request: &Presign<'_>) -> Result<Option<String>> {
        Ok(None)
    }

    /// Waits until no other process on the same data holds this lock, and holds it until what is returned is dropped.
    /// A lock that stays held is an error of kind `WouldBlock`. Without [`Capabilities::has_locks`] nothing is done.
    fn lock(&self, _key: &Key, _lock: Lock) -> Result<Box<dyn Any>> {
        Ok(Box::new(()))
    }

    /// What it is like.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Whether a directory leads back to one that it is in, by a symbolic link: a walk that went into it would go in
    /// circles.
    fn leads_back(&self, _directory: &Key) -> Result<bool> {
        Ok(false)
    }

    /// How the last word of a key is spelled in the store, where case is folded; `None` when there is nothing. Asked
    /// only where [`Capabilities::folds_case`].
    fn spelling(&self, _key: &Key) -> Result<Option<String>> {
        Ok(None)
    }

    /// Tries whether something can be written, and whether the data is there at all, with those of these directories that
    /// exist; leaves nothing behind.
    fn probe(&self, _directories: &[&str]) -> std::result::Result<(), ProbeError> {
        Ok(())
    }

    /// Removes what was left behind by a process that was killed: what was last written before `before`. Ends early
    /// when `go_on` says so.
    fn remove_leftovers(&self, _before: SystemTime, _go_on: &dyn Fn() -> bool) -> Leftovers {
        Leftovers::default()
    }
}
