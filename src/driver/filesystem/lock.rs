//! Locks between processes: the old and the new container during an update, replicas on one volume.
//!
//! A lock is an empty file that is locked by the system, so it ends with the process that holds it.

use crate::driver::Lock;
use crate::sys;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for a lock. It is held for a few changes of the disk, so beyond this its holder hangs.
pub const WAIT_MAX: Duration = Duration::from_secs(10);
/// The first pause between two attempts.
pub const PAUSE_FIRST: Duration = Duration::from_millis(1);
/// The longest pause between two attempts.
pub const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Opens the file of a lock, which is created if it does not exist. Some file systems want it open for reading for a shared lock,
/// and for writing for an exclusive one.
///
/// A shared lock may be held for as long as a server runs, and a file system on which a file is open for writing cannot be
/// mounted read-only.
pub fn open(path: &Path, lock: Lock) -> io::Result<File> {
    if let Lock::Shared = lock {
        let opened = sys::open_regular(path, OpenOptions::new().read(true));
        return match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                drop(open(path, Lock::Exclusive)?);
                Ok(sys::open_regular(path, OpenOptions::new().read(true))?.0)
            }
            opened => Ok(opened?.0),
        };
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let opened = match sys::open_regular(path, &mut options) {
        // That of another user, such as the root who ran a command: local file systems lock it all the same.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let opened = sys::open_regular(path, OpenOptions::new().read(true));
            opened.map_err(|_| error)
        }
        opened => opened,
    };
    Ok(opened?.0)
}

/// Waits for a lock, at most `wait_max`. If the file system or its permissions allow none, nothing is locked, which
/// is logged once.
pub fn hold(
    open: impl FnOnce() -> io::Result<File>,
    lock: Lock,
    wait_max: Duration,
) -> io::Result<Option<File>> {
    let file = match open() {
        Ok(file) => file,
        Err(error) if is_refused(&error) => return Ok(none(&error)),
        Err(error) => return Err(error),
    };
    let started = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        let outcome = match lock {
            Lock::Shared => file.try_lock_shared(),
            Lock::Exclusive => file.try_lock(),
        };
        match outcome {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if started.elapsed() < wait_max => {
                thread::sleep(pause);
                pause = PAUSE_MAX.min(pause * 2);
            }
            Err(TryLockError::WouldBlock) => return Err(held_for(wait_max)),
            Err(TryLockError::Error(error)) => return Ok(none(&error)),
        }
    }
}

/// What is said when a lock was waited for in vain.
pub fn held_for(waited: Duration) -> io::Error {
    let seconds = waited.as_secs();
    let text = format!("another process has held this lock for {seconds} seconds");
    io::Error::new(io::ErrorKind::WouldBlock, text)
}

fn is_refused(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(
        error.kind(),
        PermissionDenied | ReadOnlyFilesystem | Unsupported
    )
}

fn none(error: &io::Error) -> Option<File> {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        log::warn!(
            "no locks can be had in the directory of the data ({error}): while this registry deletes, no other may push to \
             the same directory"
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_shared_or_exclusive_and_ends_with_its_holder() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let shared = hold(|| open(&path, Lock::Shared), Lock::Shared, WAIT_MAX)
            .unwrap()
            .unwrap();
        drop(
            hold(|| open(&path, Lock::Shared), Lock::Shared, WAIT_MAX)
                .unwrap()
                .unwrap(),
        );
        let other = open(&path, Lock::Exclusive).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        let refused = hold(
            || open(&path, Lock::Exclusive),
            Lock::Exclusive,
            Duration::ZERO,
        )
        .unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(shared);
        let exclusive = hold(|| open(&path, Lock::Exclusive), Lock::Exclusive, WAIT_MAX)
            .unwrap()
            .unwrap();
        assert!(other.try_lock_shared().is_err());
        drop(exclusive);
        assert!(other.try_lock_shared().is_ok());
    }
}
