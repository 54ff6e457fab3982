//! Sorted names of directories, kept so that a page costs about a page.
//!
//! A directory of 100,000 tags takes tens of milliseconds to read and sort. Its names are kept and
//! trusted as long as the directory's modification time is the one that it had when they were read;
//! what this process adds and removes is noted in place.

mod inside;
#[cfg(test)]
mod tests;

use super::settled::is_settled;
use crate::driver::FewNames;
use crate::sync::Mutex;
use crate::sys::OpenDirectory;
use inside::Inside;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Bound;
use std::path::{MAIN_SEPARATOR_STR, Path};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Names kept in all directories together; beyond it all are forgotten and read again when asked for.
/// A name takes about 50 bytes.
pub const NAMES_MAX: usize = 400_000;

/// A directory with fewer names is read each time: that costs little, and there are many of them.
const KEPT_MIN: usize = 4;

/// What is kept of the inside of a directory counts as so many names.
const INSIDE_NAMES: usize = 3;

/// Names that were noted by ourselves are read again after this time, so that what another program
/// did in the very moment of a note of ours is not hidden for long.
const NOTED_AGE_MAX: Duration = Duration::from_secs(10);

/// The kept directories.
pub struct Listings {
    /// By their paths, in the order of the bytes of these: those below one are together.
    directories: Mutex<BTreeMap<OsString, Arc<Mutex<Directory>>>>,
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
    /// What was found in those that are directories, as far as somebody asked.
    names: BTreeMap<Box<str>, Option<Arc<Inside>>>,
    /// Of how many that is kept.
    insides: usize,
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
            match directory.names.len() < KEPT_MIN {
                true => drop(self.directories.lock().remove(path.as_os_str())),
                false => self.count(path, directory.names.len(), directory.weight()),
            }
        }
        let after = (Bound::Excluded(after), Bound::Unbounded);
        Ok(directory
            .names
            .range::<str, _>(after)
            .take(limit)
            .map(|(name, _)| name.to_string())
            .collect())
    }

    /// The names of the directories in each of these directories in `path`, where that is known at once.
    pub fn directories_in_each(&self, path: &Path, names: &[&str]) -> Vec<Option<FewNames>> {
        let Ok(opened) = OpenDirectory::open(path) else {
            return vec![None; names.len()];
        };
        let directory = self.directories.lock().get(path.as_os_str()).cloned();
        // Others look at the same directory: it is not locked meanwhile.
        let before: Vec<Option<Arc<Inside>>> = match &directory {
            Some(directory) => {
                let directory = directory.lock();
                let kept = names.iter().map(|name| directory.names.get(*name)?.clone());
                kept.collect()
            }
            None => vec![None; names.len()],
        };
        let mut after = before.clone();
        let looked = names.iter().zip(&mut after);
        let found = looked
            .map(|(name, kept)| inside::names((&opened, path), name, kept))
            .collect();
        if let Some(directory) = directory {
            let all = names.iter().zip(before.iter().zip(after));
            let changed = all.filter(|(_, (before, after))| match (before, after) {
                (Some(before), Some(after)) => !Arc::ptr_eq(before, after),
                (before, after) => before.is_some() != after.is_some(),
            });
            let changed = changed.map(|(name, (_, after))| (*name, after));
            let mut directory = directory.lock();
            let added = directory.keep(changed);
            if added > 0 {
                self.count(path, added * INSIDE_NAMES, directory.weight());
            }
        }
        found
    }

    /// Notes that this process made or removed an entry. To be called after the change.
    pub fn note(&self, path: &Path, name: &str, exists: bool) {
        let Some(directory) = self.directories.lock().get(path.as_os_str()).cloned() else {
            return;
        };
        let mut directory = directory.lock();
        if directory.modified.is_none() {
            return;
        }
        if !exists {
            directory.remove(name);
        } else if !directory.names.contains_key(name) {
            directory.names.insert(name.into(), None);
        }
        directory.noted = true;
        directory.modified = modified(path).ok().flatten();
    }

    /// Forgets a directory and all below it.
    pub fn forget(&self, path: &Path) {
        let mut directories = self.directories.lock();
        directories.remove(path.as_os_str());
        let mut below = path.as_os_str().to_owned();
        below.push(MAIN_SEPARATOR_STR);
        let from = (Bound::Included(below.as_os_str()), Bound::Unbounded);
        let is_within = |kept: &&OsString| {
            let (kept, below) = (kept.as_encoded_bytes(), below.as_encoded_bytes());
            kept.starts_with(below)
        };
        let within: Vec<OsString> = directories
            .range::<OsStr, _>(from)
            .map(|(kept, _)| kept)
            .take_while(is_within)
            .cloned()
            .collect();
        for kept in within {
            directories.remove(&kept);
        }
    }

    /// Notes that so many names were read in a directory that weighs so much now, and forgets the others when there may be too many.
    fn count(&self, path: &Path, added: usize, weight: usize) {
        let read = self.read.fetch_add(added, Ordering::Relaxed) + added;
        if read <= self.names_max {
            return;
        }
        let mut directories = self.directories.lock();
        // The directory itself is locked, and counts nothing here.
        let count =
            |directory: &Arc<Mutex<Directory>>| directory.try_lock().map_or(0, |f| f.weight());
        let mut kept = weight + directories.values().map(count).sum::<usize>();
        if kept > self.names_max {
            directories.retain(|kept, _| kept == path.as_os_str());
            kept = weight;
        }
        self.read.store(kept, Ordering::Relaxed);
    }

    fn directory(&self, path: &Path) -> Arc<Mutex<Directory>> {
        let mut directories = self.directories.lock();
        if let Some(directory) = directories.get(path.as_os_str()) {
            return Arc::clone(directory);
        }
        // Each kept directory counts as a name, so that empty ones are bounded too. A directory that is
        // being read right now is skipped: it is counted the next time.
        let count =
            |directory: &Arc<Mutex<Directory>>| 1 + directory.try_lock().map_or(0, |f| f.weight());
        if directories.len() % 64 == 63
            && directories.values().map(count).sum::<usize>() > NAMES_MAX
        {
            directories.clear();
        }
        let path = path.as_os_str().to_owned();
        Arc::clone(directories.entry(path).or_default())
    }
}

impl Directory {
    /// What it takes in memory, in names.
    fn weight(&self) -> usize {
        self.names.len() + self.insides * INSIDE_NAMES
    }

    /// Keeps what was found in some of the directories; tells how many more there are of which something is kept.
    fn keep<'n>(&mut self, found: impl Iterator<Item = (&'n str, Option<Arc<Inside>>)>) -> usize {
        let before = self.insides;
        for (name, inside) in found {
            // It may have been removed meanwhile.
            if let Some(kept) = self.names.get_mut(name) {
                self.insides += usize::from(inside.is_some());
                self.insides -= usize::from(kept.is_some());
                *kept = inside;
            }
        }
        self.insides.saturating_sub(before)
    }

    fn remove(&mut self, name: &str) {
        if let Some(Some(_)) = self.names.remove(name) {
            self.insides -= 1;
        }
    }

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
                self.names.insert(name.into(), None);
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
