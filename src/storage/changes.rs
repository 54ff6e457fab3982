//! Who may change the manifests and tags of a repository at one time.
//!
//! A push makes folders and puts links into them; a delete removes the folders. Pushes go on side by
//! side, a delete goes alone: a folder that is removed while a link is put into it makes both fail,
//! and a tag that comes while the tags of its manifest are being looked through would be left behind.
//! Readers are not held up: they find a link or none.
//!
//! The locks in memory queue the requests of this process; those of the driver hold between processes on one folder.

use super::{Result, Storage, layout};
use crate::driver::Lock;
use crate::spec::Name;
use crate::sync::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::{Arc, MutexGuard};

/// The repositories that are being changed.
#[derive(Default)]
pub struct Changes {
    repositories: Mutex<HashMap<Name, Arc<RwLock<()>>>>,
}

impl Changes {
    /// Does what only adds to a repository, beside others that do.
    fn shared<T>(&self, name: &Name, act: impl FnOnce() -> T) -> T {
        let entry = self.enter(name);
        let _shared = entry.lock.read();
        act()
    }

    /// Does what removes from a repository, or must not meet another change, alone.
    fn exclusive<T>(&self, name: &Name, act: impl FnOnce() -> T) -> T {
        let entry = self.enter(name);
        let _exclusive = entry.lock.write();
        act()
    }

    fn enter<'c>(&'c self, name: &'c Name) -> Entry<'c> {
        let lock = Arc::clone(self.repositories().entry(name.clone()).or_default());
        Entry {
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
    /// Does what only adds to a repository, beside others that do, in this process and in others.
    pub(super) fn add_to<T>(&self, name: &Name, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.changes.shared(name, || {
            let _held = self.driver.lock(&layout::lock(name), Lock::Shared)?;
            act()
        })
    }

    /// Does what removes from a repository, or must not meet another change, alone among all processes.
    pub(super) fn change_alone<T>(
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

/// One change's share in a repository's lock, which goes with the last of them.
struct Entry<'c> {
    changes: &'c Changes,
    name: &'c Name,
    lock: Arc<RwLock<()>>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut repositories = self.changes.repositories();
        // The map's and this one: nobody else can come by another while the map is locked.
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
    fn a_removal_is_alone_in_its_repository_and_in_no_other() {
        let changes = Changes::default();
        let (name, other): (Name, Name) = ("a".parse().unwrap(), "b".parse().unwrap());
        let inside = Mutex::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        changes.exclusive(&name, || {
                            let alone = inside.try_lock().map(|mut count| *count += 1);
                            assert!(alone.is_some());
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
