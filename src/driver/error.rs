//! Errors of drivers, and what kind of failure each is: that decides which response a client gets.

use super::Key;
use crate::sys;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The result of a driver.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the driver could not do it.
#[derive(Debug)]
pub struct Error {
    /// What it was about.
    pub key: Key,
    /// What the system said.
    pub source: io::Error,
}

impl Error {
    /// Ties what the system said to the key.
    pub fn new(key: &Key, source: io::Error) -> Error {
        Error {
            key: key.clone(),
            source,
        }
    }

    /// There is nothing under the key.
    pub fn is_not_found(&self) -> bool {
        // A file where a directory was expected counts as nothing, and so does a name that is too long to exist.
        matches!(
            self.source.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
        )
    }

    /// Another process replaced or extended what was expected to be there, or the precondition of a write is not met.
    pub fn is_changed(&self) -> bool {
        let inner = self.source.get_ref();
        inner.is_some_and(|inner| inner.is::<Changed>())
    }

    /// This driver does not support that.
    pub fn is_unsupported(&self) -> bool {
        self.source.kind() == io::ErrorKind::Unsupported
    }

    /// The storage is full.
    pub fn is_full(&self) -> bool {
        is_full(&self.source)
    }

    /// Somebody has the file open, on a system where it can then not be replaced.
    pub fn is_in_use(&self) -> bool {
        sys::is_in_use(&self.source)
    }

    /// Another process holds the lock, and has held it for long.
    pub fn is_locked(&self) -> bool {
        self.source.kind() == io::ErrorKind::WouldBlock
    }

    /// Too many files are open: a moment later it may work.
    pub fn is_out_of_files(&self) -> bool {
        sys::is_out_of_files(&self.source)
    }

    /// The system does not let us write there.
    pub fn is_read_only(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        matches!(self.source.kind(), PermissionDenied | ReadOnlyFilesystem)
    }

    /// The place where everything is kept is gone, or cannot be reached now.
    pub fn is_unreachable(&self) -> bool {
        use io::ErrorKind::{
            HostUnreachable, NetworkDown, NetworkUnreachable, NotConnected, StaleNetworkFileHandle,
            TimedOut,
        };
        let is_gone = self
            .source
            .get_ref()
            .is_some_and(|error| error.is::<RootGone>());
        let kinds = [
            HostUnreachable,
            NetworkDown,
            NetworkUnreachable,
            NotConnected,
            StaleNetworkFileHandle,
            TimedOut,
        ];
        is_gone || kinds.contains(&self.source.kind())
    }

    /// What is there has no content that could be meant: it is too large, or no regular file.
    pub fn is_no_content(&self) -> bool {
        use io::ErrorKind::{InvalidData, IsADirectory};
        matches!(self.source.kind(), InvalidData | IsADirectory)
    }

    /// The failure concerns this entry only (it may not be read, is a loop of links, is not a regular file, has
    /// unreadable bytes), so that others may be fine. Not so if everything fails at the moment.
    pub fn is_of_one_entry(&self) -> bool {
        let is_short_of =
            sys::is_out_of_files(&self.source) || self.source.kind() == io::ErrorKind::OutOfMemory;
        !is_short_of && !self.is_unreachable()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.key, self.source)
    }
}

impl std::error::Error for Error {}

/// What [`Error::is_changed`] looks for.
#[derive(Debug)]
pub(super) struct Changed;

impl Changed {
    pub(super) fn error() -> io::Error {
        io::Error::other(Changed)
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("another program has changed the file")
    }
}

impl std::error::Error for Changed {}

/// The root directory is gone: it was unmounted or removed while the program ran.
#[derive(Debug)]
pub(super) struct RootGone(pub(super) PathBuf);

impl fmt::Display for RootGone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.display();
        write!(
            out,
            "{path} is gone; was the data unmounted or removed? It is not made anew: put it back, or restart the \
             registry to begin an empty one"
        )
    }
}

impl std::error::Error for RootGone {}

/// Whether an error means that the storage is full, or that a quota is exhausted.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// `None` in place of an error that says there is nothing.
pub fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
