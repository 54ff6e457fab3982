//! Which processes change the data, known without any space on the disk: each shares a lock of the root directory itself.
//!
//! The locks of [`super::lock`] are files, and on a full disk one that does not exist cannot be made: then nothing could be
//! deleted, and the disk would stay full. A process that finds itself alone does without such a file: it has the root
//! directory exclusively for as long, and another one that wants to change something waits.
//!
//! Not on Windows, which locks no directories, and where small files find room on a full disk.

use super::lock::{self, PAUSE_FIRST, PAUSE_MAX};
use crate::driver::Result;
use crate::sync::Mutex;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The presence of this process.
pub struct Presence {
    root: PathBuf,
    state: Arc<Mutex<State>>,
}

/// What this process has of the root directory.
#[derive(Default)]
enum State {
    /// Nothing yet.
    #[default]
    Absent,
    /// There are no such locks here.
    Unknown,
    /// It shares the directory, or has it exclusively while `alone` is more than zero.
    Present { directory: File, alone: usize },
}

/// What a process holds while it relies on being alone.
pub struct Alone(Arc<Mutex<State>>);

impl Presence {
    /// Nothing is opened before it is needed.
    pub fn new(root: &Path) -> Presence {
        Presence {
            root: root.to_owned(),
            state: Arc::default(),
        }
    }

    /// Takes a share of the root directory, unless this process has one. Waits for a process that relies on being alone, at most
    /// `wait_max`.
    pub fn enter(&self, wait_max: Duration) -> io::Result<()> {
        let started = Instant::now();
        let mut pause = PAUSE_FIRST;
        while !self.try_enter() {
            if started.elapsed() >= wait_max {
                return Err(lock::held_for(wait_max));
            }
            thread::sleep(pause);
            pause = PAUSE_MAX.min(pause * 2);
        }
        Ok(())
    }

    /// `false` while another process relies on being alone.
    fn try_enter(&self) -> bool {
        let mut state = self.state.lock();
        if let State::Absent = *state {
            let Ok(directory) = File::open(&self.root) else {
                *state = State::Unknown;
                return true;
            };
            *state = match directory.try_lock_shared() {
                Ok(()) => State::Present {
                    directory,
                    alone: 0,
                },
                Err(TryLockError::WouldBlock) => return false,
                Err(TryLockError::Error(_)) => State::Unknown,
            };
        }
        true
    }

    /// A lock by its file, or what makes up for it where there is no room for that.
    pub fn or_alone(&self, by_file: Result<Option<File>>) -> Result<Held> {
        match by_file {
            Err(error) if error.is_full() => match self.alone() {
                Some(alone) => Ok(Held::Alone { _alone: alone }),
                None => Err(error),
            },
            held => Ok(Held::File { file: held? }),
        }
    }

    /// Being alone in place of a lock that nobody can have; an error if others are there, as if one of them held it.
    pub fn in_place_of_none(&self, held: Held) -> io::Result<Held> {
        let is_known = matches!(*self.state.lock(), State::Present { .. });
        match held {
            Held::File { file: None } if is_known => match self.alone() {
                Some(alone) => Ok(Held::Alone { _alone: alone }),
                None => Err(lock::held_for(Duration::ZERO)),
            },
            held => Ok(held),
        }
    }

    /// `None` if there are other processes, or if that cannot be told.
    fn alone(&self) -> Option<Alone> {
        let mut state = self.state.lock();
        let State::Present { directory, alone } = &mut *state else {
            return None;
        };
        if *alone == 0 && directory.try_lock().is_err() {
            // What was shared may be lost by the attempt.
            if directory.try_lock_shared().is_err() {
                *state = State::Absent;
            }
            return None;
        }
        *alone += 1;
        Some(Alone(Arc::clone(&self.state)))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if let State::Present { directory, alone } = &mut *state {
            *alone -= 1;
            if *alone == 0 && directory.try_lock_shared().is_err() {
                *state = State::Absent;
            }
        }
    }
}

/// A lock, or what makes up for it.
pub enum Held {
    /// A locked file; `None` where there are no locks.
    File { file: Option<File> },
    /// The file could not be made, and there is nobody to lock out.
    Alone { _alone: Alone },
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn a_process_is_alone_or_shares_the_directory_with_others() {
        let root = tempfile::tempdir().unwrap();
        let [one, other] = [(), ()].map(|()| Presence::new(root.path()));
        assert!(one.alone().is_none());
        one.enter(NOW).unwrap();
        let (first, second) = (one.alone().unwrap(), one.alone().unwrap());
        // Another waits as long as one of them lasts.
        drop(first);
        let error = other.enter(NOW).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(second);
        other.enter(NOW).unwrap();
        // Now they are two, and both notice it, however often they try.
        for presence in [&one, &other, &one] {
            assert!(presence.alone().is_none());
            presence.enter(NOW).unwrap();
        }
        drop(one);
        assert!(other.alone().is_some());
    }

    #[test]
    fn without_room_for_a_lock_who_is_alone_goes_on() {
        let root = tempfile::tempdir().unwrap();
        let [one, other] = [(), ()].map(|()| Presence::new(root.path()));
        let failed = |kind: io::ErrorKind| {
            let key = crate::driver::Key::new("locks/00".to_owned());
            Err(crate::driver::Error::new(&key, kind.into()))
        };
        let full = || failed(io::ErrorKind::StorageFull);
        one.enter(NOW).unwrap();
        assert!(matches!(one.or_alone(full()), Ok(Held::Alone { .. })));
        assert!(one.or_alone(failed(io::ErrorKind::WouldBlock)).is_err());
        other.enter(NOW).unwrap();
        assert!(one.or_alone(full()).is_err_and(|error| error.is_full()));
    }

    #[test]
    fn where_nobody_can_lock_who_is_alone_does_not_wait() {
        let root = tempfile::tempdir().unwrap();
        let [one, other] = [(), ()].map(|()| Presence::new(root.path()));
        let none = || Held::File { file: None };
        one.enter(NOW).unwrap();
        let held = one.in_place_of_none(none());
        assert!(matches!(held, Ok(Held::Alone { .. })));
        drop(held);
        other.enter(NOW).unwrap();
        let error = one.in_place_of_none(none()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        // Where that cannot be told either, it is as before.
        let nowhere = Presence::new(&root.path().join("missing"));
        nowhere.enter(NOW).unwrap();
        assert!(nowhere.in_place_of_none(none()).is_ok());
    }

    #[test]
    fn where_the_directory_cannot_be_locked_nobody_is_alone() {
        let root = tempfile::tempdir().unwrap();
        let presence = Presence::new(&root.path().join("missing"));
        presence.enter(NOW).unwrap();
        assert!(presence.alone().is_none());
    }
}
