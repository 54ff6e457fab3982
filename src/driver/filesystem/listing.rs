//! Sorted names of directories, kept so that a page costs about a page.
//!
//! A directory of 100,000 tags takes tens of milliseconds to read and sort. Its names are kept and
//! trusted as long as the directory's modification time is the one that it had when they were read;
//! what this process adds and removes is noted in place.

use crate::sync::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Names kept in all directories together; beyond it all are forgotten and read again when asked for.
/// A name takes about 50 bytes.
pub const NAMES_MAX: usize = 400_000;

/// Names that were noted by ourselves are read again after this time, so that what another program
/// did in the very moment of a note of ours is not hidden for long.
const NOTED_AGE_MAX: Duration = Duration::from_secs(10);

/// A directory that changed so shortly before it was read may change again without its time changing:
/// the clock of a file system ticks every few milliseconds, or every two seconds where it keeps no
/// fraction.
const SETTLED_FINE: Duration = Duration::from_millis(25);
const SETTLED_COARSE: Duration = Duration::from_secs(3);

/// The kept directories.
pub struct Listings {
    /// In the order of their paths, so that those below one follow it.
    directories: Mutex<BTreeMap<PathBuf, Arc<Mutex<Directory>>>>,
    names_max: usize,
    /// Names that were read since they were last counted.
    read: AtomicUsize,
}

impl Default for Listings {
    fn default() -> Listings {
        Listings {
            directories: Mutex::default(),
            names_max: NAMES_MAX,
            read: AtomicUsize::new(0),
        }
    }
}

#[derive(Default)]
struct Directory {
    names: BTreeSet<Box<str>>,
    /// The directory's time when the names were right; `None`: they are not to be trusted.
    modified: Option<SystemTime>,
    read_at: Option<Instant>,
    noted: bool,
}

impl Listings {
    /// Up to `limit` names after `after`, in byte order; empty when there is no such directory.
    pub fn page(&self, path: &Path, after: &str, limit: usize) -> io::Result<Vec<String>> {
        let Some(modified) = modified(path)? else {
            self.forget(path);
            return Ok(Vec::new());
        };
        let directory = self.directory(path);
        let mut directory = directory.lock();
        if !directory.is_fresh(modified) {
            if !directory.read(path, modified, self.names_max)? {
                return read_page(path, after, limit);
            }
            self.count(path, directory.names.len());
        }
        let after = (Bound::Excluded(after), Bound::Unbounded);
        Ok(directory
            .names
            .range::<str, _>(after)
            .take(limit)
            .map(|name| name.to_string())
            .collect())
    }

    /// Notes that this process made or removed an entry. To be called after the change.
    pub fn note(&self, path: &Path, name: &str, exists: bool) {
        let Some(directory) = self.directories.lock().get(path).cloned() else {
            return;
        };
        let mut directory = directory.lock();
        if directory.modified.is_none() {
            return;
        }
        if exists {
            directory.names.insert(name.into());
        } else {
            directory.names.remove(name);
        }
        directory.noted = true;
        directory.modified = modified(path).ok().flatten();
    }

    /// Forgets a directory and all below it.
    pub fn forget(&self, path: &Path) {
        let mut directories = self.directories.lock();
        let from = (Bound::Included(path), Bound::Unbounded);
        let is_within = |kept: &&PathBuf| kept.starts_with(path);
        let within: Vec<PathBuf> = directories
            .range::<Path, _>(from)
            .map(|(kept, _)| kept)
            .take_while(is_within)
            .cloned()
            .collect();
        for kept in within {
            directories.remove(&kept);
        }
    }

    /// Notes that the names of a directory were read, and forgets the others when there may be too many.
    fn count(&self, path: &Path, names: usize) {
        let read = self.read.fetch_add(names, Ordering::Relaxed) + names;
        if read <= self.names_max {
            return;
        }
        let mut directories = self.directories.lock();
        // The directory itself is locked, and counts nothing here.
        let count =
            |directory: &Arc<Mutex<Directory>>| directory.try_lock().map_or(0, |f| f.names.len());
        let mut kept = names + directories.values().map(count).sum::<usize>();
        if kept > self.names_max {
            directories.retain(|kept, _| kept == path);
            kept = names;
        }
        self.read.store(kept, Ordering::Relaxed);
    }

    fn directory(&self, path: &Path) -> Arc<Mutex<Directory>> {
        let mut directories = self.directories.lock();
        if let Some(directory) = directories.get(path) {
            return Arc::clone(directory);
        }
        // Each kept directory counts as a name, so that empty ones are bounded too. A directory that is
        // being read right now is skipped: it is counted the next time.
        let count = |directory: &Arc<Mutex<Directory>>| {
            1 + directory.try_lock().map_or(0, |f| f.names.len())
        };
        if directories.len() % 64 == 63
            && directories.values().map(count).sum::<usize>() > NAMES_MAX
        {
            directories.clear();
        }
        Arc::clone(directories.entry(path.to_owned()).or_default())
    }
}

impl Directory {
    fn is_fresh(&self, modified: SystemTime) -> bool {
        let too_old = || {
            self.read_at
                .is_none_or(|read_at| read_at.elapsed() > NOTED_AGE_MAX)
        };
        self.modified == Some(modified) && !(self.noted && too_old())
    }

    /// Reads the names; `false` when there are more than may be kept, and none are.
    fn read(&mut self, path: &Path, modified: SystemTime, names_max: usize) -> io::Result<bool> {
        *self = Directory::default();
        for entry in std::fs::read_dir(path)? {
            // No key has a name that is not UTF-8: such an entry is not ours.
            if let Ok(name) = entry?.file_name().into_string() {
                self.names.insert(name.into());
            }
            if self.names.len() > names_max {
                *self = Directory::default();
                return Ok(false);
            }
        }
        self.read_at = Some(Instant::now());
        self.modified = is_settled(modified).then_some(modified);
        Ok(true)
    }
}

/// A page of a directory that is too large to be kept: of its names no more than the page are in memory.
fn read_page(path: &Path, after: &str, limit: usize) -> io::Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(path)? {
        let Ok(name) = entry?.file_name().into_string() else {
            continue;
        };
        if name.as_str() > after {
            names.insert(name);
        }
        if names.len() > limit {
            names.pop_last();
        }
    }
    Ok(names.into_iter().collect())
}

fn is_settled(modified: SystemTime) -> bool {
    let since_epoch = modified
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let coarse = since_epoch.subsec_nanos() == 0;
    let wait = if coarse { SETTLED_COARSE } else { SETTLED_FINE };
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age > wait)
}

/// The directory's time; `None` when there is no such directory.
fn modified(path: &Path) -> io::Result<Option<SystemTime>> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => metadata.modified().map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::open_folder;
    use std::fs;

    /// Makes a directory look as if nothing had happened in it for an hour.
    fn settle(path: &Path) {
        let then = SystemTime::now() - Duration::from_secs(3600);
        open_folder(path).unwrap().set_modified(then).unwrap();
    }

    fn page(listings: &Listings, path: &Path, after: &str, limit: usize) -> String {
        listings.page(path, after, limit).unwrap().join(" ")
    }

    #[test]
    fn what_is_forgotten_is_a_directory_with_all_below_it_and_nothing_beside() {
        let root = tempfile::tempdir().unwrap();
        let listings = Listings::default();
        for name in ["a", "a-b", "a/b", "a/b/c", "a0", "b"] {
            let path = root.path().join(name);
            fs::create_dir(&path).unwrap();
            page(&listings, &path, "", 1);
        }
        let kept = || -> Vec<String> {
            let directories = listings.directories.lock();
            let below = |path: &PathBuf| path.strip_prefix(root.path()).map(Path::to_owned);
            let names = directories.keys().map(|path| below(path).unwrap());
            names
                .map(|name| name.to_string_lossy().into_owned())
                .collect()
        };
        listings.forget(&root.path().join("a"));
        assert_eq!(kept(), ["a-b", "a0", "b"]);
        // Nor does it matter that there is none.
        listings.forget(&root.path().join("a"));
        listings.forget(&root.path().join("z"));
        assert_eq!(kept(), ["a-b", "a0", "b"]);
    }

    #[test]
    fn pages_follow_each_other_in_byte_order() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b", "a", "a-b", "a.b", "C"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let listings = Listings::default();
        assert_eq!(page(&listings, root.path(), "", 3), "C a a-b");
        assert_eq!(page(&listings, root.path(), "a-b", 3), "a.b b");
        assert_eq!(page(&listings, root.path(), "zz", 3), "");
        assert_eq!(page(&listings, &root.path().join("none"), "", 3), "");
    }

    #[test]
    fn names_that_are_kept_are_bounded_and_a_larger_folder_is_read_by_pages() {
        let root = tempfile::tempdir().unwrap();
        let listings = Listings {
            names_max: 10,
            ..Listings::default()
        };
        let directory = |number: usize| root.path().join(number.to_string());
        for number in 0..8 {
            for name in 0..=number * 2 {
                fs::create_dir_all(directory(number).join(format!("{name:02}"))).unwrap();
            }
            settle(&directory(number));
        }
        for _ in 0..3 {
            for number in 0..8 {
                let all: Vec<String> = (0..=number * 2).map(|name| format!("{name:02}")).collect();
                let found = listings.page(&directory(number), "", 100).unwrap();
                assert_eq!(found, all);
                let found = listings.page(&directory(number), "00", 2).unwrap();
                assert_eq!(found, all[1..all.len().min(3)]);
                let directories = listings.directories.lock();
                let kept: usize = directories.values().map(|one| one.lock().names.len()).sum();
                assert!(kept <= 20, "{kept}");
            }
        }
    }

    #[test]
    fn a_change_by_another_program_is_seen() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        settle(root.path());
        let listings = Listings::default();
        assert_eq!(page(&listings, root.path(), "", 9), "a");
        fs::create_dir(root.path().join("b")).unwrap();
        assert_eq!(page(&listings, root.path(), "", 9), "a b");
        fs::remove_dir(root.path().join("a")).unwrap();
        assert_eq!(page(&listings, root.path(), "", 9), "b");
    }

    #[test]
    fn kept_names_are_served_without_reading_the_folder_again() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        settle(root.path());
        let kept = fs::metadata(root.path()).unwrap().modified().unwrap();
        let listings = Listings::default();
        assert_eq!(page(&listings, root.path(), "", 9), "a");
        // Behind its back, with the time put back: only a directory that is read again shows it.
        fs::create_dir(root.path().join("hidden")).unwrap();
        open_folder(root.path())
            .unwrap()
            .set_modified(kept)
            .unwrap();
        assert_eq!(page(&listings, root.path(), "", 9), "a");
        fs::create_dir(root.path().join("noted")).unwrap();
        listings.note(root.path(), "noted", true);
        assert_eq!(page(&listings, root.path(), "", 9), "a noted");
        listings.note(root.path(), "a", false);
        assert_eq!(page(&listings, root.path(), "", 9), "noted");
    }
}
