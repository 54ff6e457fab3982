//! Which requests may change the links of a repository, or content, at the same time.
//!
//! A push creates directories and writes links into them; a deletion removes the directories. Pushes share a repository, a
//! deletion has it exclusively: both would fail if a directory were removed while a link is written into it,
//! and a tag that is set while the tags of its manifest are being searched would be left behind.
//! Readers never wait: they find a link or none.
//!
//! Content belongs to all repositories. Whoever stores it or links to it shares its lock, a collection has it exclusively while it
//! looks once more and removes it. The lock of a repository always comes before that of content.
//!
//! The locks in memory queue the requests of this process; the driver's work between processes that share the data. Where a
//! driver has none ([`crate::driver::Capabilities::has_locks`]), a deletion at one replica can meet a push at another: then a
//! tag may name a manifest that is gone, and pushing it again repairs that.

use super::{Result, Storage, layout};
use crate::driver::Lock;
use crate::spec::{Digest, Name};
use crate::sync::{Mutex, RwLock};
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// Locks of content: one for each first byte of a digest.
const CONTENT_LOCKS: usize = 256;

/// The repositories that are being changed, and the content.
pub struct Changes {
    repositories: Mutex<HashMap<Name, Arc<RwLock<()>>>>,
    content: [RwLock<()>; CONTENT_LOCKS],
}

impl Default for Changes {
    fn default() -> Changes {
        Changes {
            repositories: Mutex::default(),
            content: [const { RwLock::new(()) }; CONTENT_LOCKS],
        }
    }
}

/// A lock of content, held until it is dropped.
pub(super) struct ContentLock<'c> {
    _elsewhere: Box<dyn Any + Send>,
    _here: Held<'c>,
}

enum Held<'c> {
    Shared { _guard: RwLockReadGuard<'c, ()> },
    Exclusive { _guard: RwLockWriteGuard<'c, ()> },
}

impl Changes {
    /// Runs what only adds to a repository, concurrently with others that do.
    fn shared<T>(&self, name: &Name, act: impl FnOnce() -> T) -> T {
        let entry = self.enter(name);
        let _shared = entry.lock.read();
        act()
    }

    /// Runs what removes from a repository, or must not coincide with another change, exclusively.
    fn exclusive<T>(&self, name: &Name, act: impl FnOnce() -> T) -> T {
        let entry = self.enter(name);
        let _exclusive = entry.lock.write();
        act()
    }

    fn enter<'c>(&'c self, name: &'c Name) -> RepositoryLock<'c> {
        let lock = Arc::clone(self.repositories().entry(name.clone()).or_default());
        RepositoryLock {
            changes: self,
            name,
            lock,
        }
    }

    fn repositories(&self) -> MutexGuard<'_, HashMap<Name, Arc<RwLock<()>>>> {
        self.repositories.lock()
    }
}

impl Storage {
    /// Runs what only adds to a repository, concurrently with others that do, in this process and in others.
    pub(super) fn change_shared<T>(
        &self,
        name: &Name,
        act: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.changes.shared(name, || {
            let _held = self.driver.lock(&layout::lock(name), Lock::Shared)?;
            act()
        })
    }

    /// What a process holds while it serves the data. One that serves it alone first forgets the grace of others, if that is shorter
    /// than its own. Waits for one that works on data that is not served
    /// ([`Storage::lock_offline`]), for a time: [`crate::driver::Error::is_locked`].
    pub fn lock_for_serving(&self) -> Result<Box<dyn Any + Send>> {
        if self.driver.capabilities().has_locks
            && let Ok(Some(_alone)) = self.lock_offline()
            && let Err(error) = self.forget_shorter_grace()
        {
            log::debug!("the grace of earlier collections is kept: {error}");
        }
        let lock = Lock::Shared;
        Ok(self.driver.lock_for_long(&layout::server_lock(), lock)?)
    }

    /// What a process holds while it works on data that nobody may serve meanwhile; `None` if somebody does. The
    /// lock ends with its process, however that ends.
    pub fn lock_offline(&self) -> Result<Option<Box<dyn Any + Send>>> {
        let lock = Lock::Exclusive;
        Ok(self.driver.try_lock(&layout::server_lock(), lock)?)
    }

    /// Locks the content of a digest, and that of some others, in this process and in others.
    pub(super) fn lock_content(&self, digest: &Digest, lock: Lock) -> Result<ContentLock<'_>> {
        let (first_two, _) = digest.hex().split_at(2);
        let number = u8::from_str_radix(first_two, 16).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "there is one for each byte")]
        let content = &self.changes.content[usize::from(number)];
        let held = match lock {
            Lock::Shared => Held::Shared {
                _guard: content.read(),
            },
            Lock::Exclusive => Held::Exclusive {
                _guard: content.write(),
            },
        };
        Ok(ContentLock {
            _elsewhere: self.driver.lock(&layout::content_lock(digest), lock)?,
            _here: held,
        })
    }

    /// Runs what removes from a repository, or must not coincide with another change, exclusively among all processes.
    pub(super) fn change_exclusively<T>(
        &self,
        name: &Name,
        act: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.changes.exclusive(name, || {
            let _held = self.driver.lock(&layout::lock(name), Lock::Exclusive)?;
            act()
        })
    }
}

/// One change's share in a repository's lock. The last one removes the lock.
struct RepositoryLock<'c> {
    changes: &'c Changes,
    name: &'c Name,
    lock: Arc<RwLock<()>>,
}

impl Drop for RepositoryLock<'_> {
    fn drop(&mut self) {
        let mut repositories = self.changes.repositories();
        // The map's and this one: nobody can get another while the map is locked.
        if Arc::strong_count(&self.lock) == 2 {
            repositories.remove(self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;

    #[test]
    fn additions_meet_and_nothing_is_kept_when_all_are_done() {
        let (changes, name) = (Changes::default(), "a".parse::<Name>().unwrap());
        let ((to_a, from_b), (to_b, from_a)) = (channel(), channel());
        thread::scope(|scope| {
            // Each ends only when the other is inside as well.
            let (changes, name) = (&changes, &name);
            scope.spawn(move || {
                changes.shared(name, || {
                    to_b.send(()).unwrap();
                    from_b.recv().unwrap();
                })
            });
            scope.spawn(move || {
                changes.shared(name, || {
                    to_a.send(()).unwrap();
                    from_a.recv().unwrap();
                })
            });
        });
        assert!(changes.repositories().is_empty());
    }

    #[test]
    fn a_removal_has_its_repository_exclusively_and_no_other() {
        let changes = Changes::default();
        let (name, other): (Name, Name) = ("a".parse().unwrap(), "b".parse().unwrap());
        let inside = Mutex::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        changes.exclusive(&name, || {
                            let counted = inside.try_lock().map(|mut count| *count += 1);
                            assert!(counted.is_some());
                        });
                    }
                });
            }
        });
        assert_eq!(*inside.lock(), 400);
        changes.exclusive(&name, || changes.exclusive(&other, || ()));
        assert!(changes.repositories().is_empty());
    }
}
