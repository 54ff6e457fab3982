//! Which directories are known to survive a power loss: those whose entry in the directory above was synced since
//! this process started.
//!
//! A directory that is about to be created or removed is forgotten first. A request that was syncing meanwhile may have
//! synced the one that was there before, so it does not note it then.

use crate::driver::Key;
use crate::sync::Mutex;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::MutexGuard;

/// Directories that are remembered; beyond that all are forgotten, which costs a few more syncs.
const DIRECTORIES_MAX: usize = 2048;

/// Directories of which it is known that they were forgotten recently.
const FORGOTTEN_MAX: usize = 256;

/// The directories that are known to be durable.
#[derive(Default)]
pub struct Durable(Mutex<DurableState>);

#[derive(Default)]
struct DurableState {
    directories: HashSet<Key>,
    /// Those that were forgotten most recently, the newest first.
    forgotten: VecDeque<Key>,
    /// How many were forgotten in all.
    count: u64,
}

/// What has to be synced so that files that were renamed to their places survive.
pub struct Unsynced {
    /// The directory of each file, and each above it up to the first whose entry is known to be durable.
    pub directories: BTreeSet<Key>,
    /// Those whose entry is durable once all of that is synced.
    reached: Vec<Key>,
    /// How many had been forgotten by then.
    count: u64,
}

impl Durable {
    /// What has to be synced for files under these keys.
    pub fn unsynced<'k>(&self, files: impl Iterator<Item = &'k Key>) -> Unsynced {
        let state = self.lock();
        let (mut directories, mut reached) = (BTreeSet::new(), Vec::new());
        for file in files {
            let mut directory = file.parent();
            directories.insert(directory.clone());
            while !directory.as_str().is_empty() && !state.directories.contains(&directory) {
                let parent = directory.parent();
                directories.insert(parent.clone());
                reached.push(std::mem::replace(&mut directory, parent));
            }
        }
        Unsynced {
            directories,
            reached,
            count: state.count,
        }
    }

    /// Notes that all of it has been synced.
    pub fn note(&self, synced: Unsynced) {
        let mut state = self.lock();
        let since = state.count.saturating_sub(synced.count);
        let since = usize::try_from(since).unwrap_or(usize::MAX);
        if since > state.forgotten.len() {
            return;
        }
        let forgotten: Vec<Key> = state.forgotten.iter().take(since).cloned().collect();
        let is_same = |directory: &Key| !forgotten.iter().any(|key| directory.is_within(key));
        // What is above a directory that is known is known as well, so either all or none are.
        if state.directories.len() > DIRECTORIES_MAX {
            state.directories.clear();
            return;
        }
        state
            .directories
            .extend(synced.reached.into_iter().filter(is_same));
    }

    /// Forgets a directory and all below it: it is about to be made, or to go.
    pub fn forget(&self, key: &Key) {
        let mut state = self.lock();
        if state.directories.contains(key) {
            state
                .directories
                .retain(|directory| !directory.is_within(key));
        }
        state.forgotten.truncate(FORGOTTEN_MAX - 1);
        state.forgotten.push_front(key.clone());
        state.count = state.count.saturating_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, DurableState> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsynced(durable: &Durable, file: &str) -> Unsynced {
        durable.unsynced([&Key::new(file)].into_iter())
    }

    fn directories(unsynced: &Unsynced) -> String {
        let words: Vec<&str> = unsynced.directories.iter().map(Key::as_str).collect();
        words.join(" ")
    }

    #[test]
    fn a_folder_is_synced_up_to_the_first_that_is_known() {
        let durable = Durable::default();
        let first = unsynced(&durable, "a/b/c/link");
        assert_eq!(directories(&first), " a a/b a/b/c");
        durable.note(first);
        assert_eq!(directories(&unsynced(&durable, "a/b/c/link")), "a/b/c");
        assert_eq!(directories(&unsynced(&durable, "a/b/d/link")), "a/b a/b/d");
        durable.forget(&Key::new("a/b"));
        assert_eq!(
            directories(&unsynced(&durable, "a/b/c/link")),
            "a a/b a/b/c"
        );
    }

    #[test]
    fn what_was_synced_while_a_folder_was_made_anew_is_not_noted() {
        let durable = Durable::default();
        let first = unsynced(&durable, "a/b/link");
        durable.forget(&Key::new("a/b"));
        durable.note(first);
        // It alone: of what was not made anew it is known.
        assert_eq!(directories(&unsynced(&durable, "a/b/link")), "a a/b");
        let next = unsynced(&durable, "a/b/link");
        for number in 0..2 * FORGOTTEN_MAX {
            durable.forget(&Key::new(format!("x/{number}")));
        }
        durable.note(next);
        assert_eq!(directories(&unsynced(&durable, "a/b/link")), "a a/b");
        let next = unsynced(&durable, "a/b/link");
        durable.forget(&Key::new("x"));
        durable.note(next);
        assert_eq!(directories(&unsynced(&durable, "a/b/link")), "a/b");
    }
}
