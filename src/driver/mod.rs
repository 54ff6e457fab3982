//! Bytes under keys: what the registry asks of the place where it keeps its data.
//!
//! The trait is small enough that an object store can do it, and says of each call what is durable
//! when it returns. [`Filesystem`] is the real thing; [`Memory`] serves tests and can lose power.

#[cfg(test)]
mod contract;
mod durable;
mod error;
mod filesystem;
mod folders;
mod gate;
mod leftovers;
mod listing;
mod lock;
mod memory;
mod open_file;
mod read_only;
mod staged;
mod writable;

pub use error::{Error, Result, found};
pub use filesystem::Filesystem;
pub use leftovers::Leftovers;
pub use memory::Memory;
pub use read_only::ReadOnly;
pub use writable::{Unwritable, look, look_below};

use crate::sys;
use error::{Changed, RootGone, is_full};
use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

/// Where something is kept: relative, slash-separated. Built by `storage::layout` alone, from checked
/// words, so that no key leads out of the root.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// A key; for `storage::layout` and the tests of drivers.
    pub(crate) fn new(path: impl Into<String>) -> Key {
        Key(path.into())
    }

    /// The path, without a leading or trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the folder that it is in; the root for a single word.
    pub fn parent(&self) -> Key {
        Key(self
            .0
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent)
            .to_owned())
    }

    /// The key of an entry of this folder.
    pub fn child(&self, name: &str) -> Key {
        if self.0.is_empty() {
            Key(name.to_owned())
        } else {
            Key(format!("{}/{name}", self.0))
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// One durable change. See [`Driver::publish`].
#[derive(Debug)]
pub enum Change<'a> {
    /// Puts small content under a key, replacing what was there in one step.
    Write(Key, &'a [u8]),
    /// Renames a file whose content was synced, replacing what was there in one step. [`Error::is_changed`] when
    /// another program replaced it, or added to it: what is there stays where it is.
    Move {
        /// Where it is.
        from: Key,
        /// Which file is meant.
        state: FileState,
        /// Where it belongs.
        to: Key,
    },
}

impl Change<'_> {
    /// What is there afterwards.
    pub fn target(&self) -> &Key {
        match self {
            Change::Write(key, _) | Change::Move { to: key, .. } => key,
        }
    }
}

/// Which file it is, whatever it is called: one that another program puts in its place has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(pub [u64; 3]);

/// Which file is under a key, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Which file.
    pub file: FileId,
    /// Bytes in it.
    pub length: u64,
}

/// Who may hold a [`Driver::lock`] at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Others that share it as well.
    Shared,
    /// Nobody else.
    Exclusive,
}

/// The bytes of a file, open for reading.
pub struct Content {
    /// How many there are.
    pub length: u64,
    /// Where they are.
    pub source: Source,
}

/// Where the bytes of a [`Content`] are.
#[derive(Clone)]
pub enum Source {
    /// In a file of the operating system: it can be sent without passing through the program.
    File(Arc<File>),
    /// In memory.
    Bytes(Arc<[u8]>),
}

impl Content {
    /// Reads it from the start.
    pub fn reader(&self) -> Box<dyn Read + Send + '_> {
        match &self.source {
            Source::File(file) => Box::new(FromStart { file, offset: 0 }),
            Source::Bytes(bytes) => Box::new(&**bytes),
        }
    }
}

/// A file from its start on, wherever its own cursor is.
struct FromStart<'f> {
    file: &'f File,
    offset: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = sys::read_at(self.file, into, self.offset)?;
        self.offset = self.offset.saturating_add(count as u64);
        Ok(count)
    }
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Bytes in it.
    pub length: u64,
    /// When it was last written.
    pub modified: SystemTime,
}

/// A file that grows. What was written is durable only after [`Sink::sync`].
pub trait Sink: Write + Send {
    /// Which file it is.
    fn file(&self) -> FileId;

    /// Makes everything written so far survive a power loss.
    fn sync(&mut self) -> io::Result<()>;
}

/// Bytes under keys. Every error names the key that it is about.
pub trait Driver: Send + Sync {
    /// A whole small file. More than `bytes_max` bytes is an error of kind `InvalidData`, and so is what is no
    /// regular file; nothing is waited for.
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Vec<u8>>;

    /// A file of any size: the bytes of one that has no more than `small_bytes_max`, of a larger one a place to
    /// read them from.
    fn load(&self, key: &Key, _small_bytes_max: u64) -> Result<Content> {
        self.open(key)
    }

    /// A file of any size, for streaming.
    fn open(&self, key: &Key) -> Result<Content>;

    /// What is known of a file; `None` when there is none.
    fn stat(&self, key: &Key) -> Result<Option<Stat>>;

    /// Whether there is a folder.
    fn has_folder(&self, key: &Key) -> Result<bool>;

    /// Whether a folder leads back to one that it is in, by a symbolic link: a walk that went into it would go in
    /// circles.
    fn leads_back(&self, _folder: &Key) -> Result<bool> {
        Ok(false)
    }

    /// Whether names that differ only by case are the same name here, as on NTFS.
    fn folds_case(&self) -> bool {
        false
    }

    /// The name under which the last word of a key is kept, where case is folded; `None` when there is
    /// nothing. Asked only of a driver that folds case.
    fn kept_name(&self, _key: &Key) -> Result<Option<String>> {
        Ok(None)
    }

    /// Which file is there; `None` when there is none.
    fn file_state(&self, key: &Key) -> Result<Option<FileState>>;

    /// Makes a new file to write to. An error of kind `AlreadyExists` when there is one. Nothing is durable yet.
    fn create(&self, key: &Key) -> Result<Box<dyn Sink>>;

    /// Opens a file to write from `offset` on; what lies behind is cut off. [`Error::is_changed`] when it is not `file`,
    /// which is left as it is. Nothing is durable yet.
    fn append(&self, key: &Key, offset: u64, file: FileId) -> Result<Box<dyn Sink>>;

    /// Gives a file another name, replacing what was there in one step. Not durable.
    fn rename(&self, from: &Key, to: &Key) -> Result<()>;

    /// Waits until no other process on the same data holds this lock, and holds it until what is returned is dropped.
    /// A lock that stays held is an error of kind `WouldBlock`. Where nobody else can have the same data, nothing is done.
    fn lock(&self, _key: &Key, _lock: Lock) -> Result<Box<dyn Any>> {
        Ok(Box::new(()))
    }

    /// Makes all changes. When it returns `Ok` they survive a power loss, with every folder that they
    /// needed; after an error or a crash any of them may have happened, in any order.
    fn publish(&self, changes: &[Change<'_>]) -> Result<()>;

    /// Up to `limit` names of a folder's entries that sort after `after`, in byte order. Empty for a
    /// folder that is not there. The cost is about that of the page, not of the folder.
    fn list(&self, folder: &Key, after: &str, limit: usize) -> Result<Vec<String>>;

    /// Removes a file or a folder with all that is in it; durable when it returns. `false` when there
    /// was nothing.
    fn remove(&self, key: &Key) -> Result<bool>;

    /// Tries whether something can be written, with the folders that are there among these; leaves
    /// nothing behind.
    fn check_writable(&self, _folders: &[&str]) -> std::result::Result<(), Unwritable> {
        Ok(())
    }

    /// Removes temporary files that were left behind by a process that was killed: those last written before
    /// `before`. Ends early when `go_on` says so.
    fn remove_leftovers(&self, _before: SystemTime, _go_on: &dyn Fn() -> bool) -> Leftovers {
        Leftovers::default()
    }

    /// Removes what nobody was promised to be gone; a failure is logged, and it may be back after a
    /// power loss.
    fn discard(&self, key: &Key);
}
