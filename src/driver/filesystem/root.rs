//! The root directory, and how files get into place below it.
//!
//! The root may disappear while the program runs: a volume is unmounted, and nothing or an empty mount point is left. So
//! whenever something is not found the root is checked, so that data that cannot be reached is never reported as missing, and
//! nothing is written to where the data should be mounted.

use super::directories::{Retries, make_directories, patiently, with_directories};
use super::disk;
use super::durable::Durable;
use super::gate::Gate;
use super::listing::Listings;
use super::lock;
use super::name_order::NameOrder;
use super::open_file::{Ids, OpenFile};
use super::presence::{Held, Presence};
use super::small_files::SmallFiles;
use super::staged::{Origin, Staged};
use crate::driver::{Error, Key, Lock, Precondition, Result, RootGone, Write, found};
use crate::sync::Mutex;
use crate::sys;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Files of one request that are open at once while they are written: a manifest may come with many tags.
const OPEN_FILES_MAX: usize = 16;

/// The lock of processes that write with a precondition.
const WRITES_LOCK: &str = "locks/writes";

/// The root directory, and what is known about its content.
pub struct Root {
    pub(super) path: PathBuf,
    pub(super) gate: Gate,
    pub(super) listings: Listings,
    pub(super) durable: Durable,
    pub(super) ids: Ids,
    pub(super) order: NameOrder,
    pub(super) small_files: SmallFiles,
    /// A directory in the root that has been seen: without it the root does not hold the data.
    landmark: OnceLock<PathBuf>,
    presence: Presence,
    /// Held while something is written with a precondition.
    conditional: Mutex<()>,
    temporaries: AtomicU64,
    process: u64,
}

impl Root {
    /// A root with a literal path; at most `threads_max` operations run at once.
    pub fn new(path: PathBuf, threads_max: usize) -> io::Result<Root> {
        let mut process = [0; 8];
        getrandom::fill(&mut process).map_err(io::Error::other)?;
        Ok(Root {
            presence: Presence::new(&path),
            path,
            gate: Gate::new(threads_max),
            listings: Listings::default(),
            durable: Durable::default(),
            ids: Ids::default(),
            order: NameOrder::default(),
            small_files: SmallFiles::default(),
            landmark: OnceLock::new(),
            conditional: Mutex::default(),
            temporaries: AtomicU64::new(0),
            process: u64::from_le_bytes(process),
        })
    }

    /// The path of a key.
    pub fn path(&self, key: &Key) -> PathBuf {
        self.path.join(key.as_str())
    }

    /// The key of a path below the root.
    pub fn key(&self, path: &Path) -> Key {
        let rest = path.strip_prefix(&self.path).unwrap_or(path);
        let words = rest.iter().map(|word| word.to_string_lossy());
        Key::new(words.collect::<Vec<_>>().join("/"))
    }

    /// Turns the outcome of an operation on a key into a driver's. If the root is gone, that is the error instead of "not found".
    pub fn outcome<T>(&self, key: &Key, outcome: io::Result<T>) -> Result<T> {
        use io::ErrorKind::{NotADirectory, NotFound};
        let outcome = match outcome {
            Ok(value) => {
                self.is_there(key);
                Ok(value)
            }
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {
                self.check().and(Err(error))
            }
            Err(error) => Err(error),
        };
        outcome.map_err(|error| Error::new(key, error))
    }

    /// The same with `None` if there is nothing.
    pub fn found<T>(&self, key: &Key, outcome: io::Result<T>) -> Result<Option<T>> {
        found(self.outcome(key, outcome))
    }

    /// Notes that something with this key exists.
    pub fn is_there(&self, key: &Key) {
        if self.landmark.get().is_none()
            && let Some((first, _)) = key.as_str().split_once('/')
        {
            // Another may have been first; they all are in the same root.
            let _ = self.landmark.set(self.path.join(first));
        }
    }

    /// Verifies that the root still exists, with what was seen in it.
    pub fn check(&self) -> io::Result<()> {
        use io::ErrorKind::{NotADirectory, NotFound};
        let path = self.landmark.get().unwrap_or(&self.path);
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(()),
            Err(error) if !matches!(error.kind(), NotFound | NotADirectory) => Err(error),
            _ => Err(io::Error::other(RootGone(sys::plain(path)))),
        }
    }

    /// Creates the directory of a path and its ancestors, but never the root itself.
    pub fn make_directory_of(&self, path: &Path) -> io::Result<()> {
        self.check()?;
        let missing: Vec<&Path> = path
            .ancestors()
            .skip(1)
            .take_while(|directory| *directory != self.path && !directory.is_dir())
            .collect();
        // Another program may have removed directories that were durable; new ones are not.
        if let Some(highest) = missing.last() {
            self.durable.forget(&self.key(highest));
        }
        make_directories(missing.into_iter().rev())
    }

    /// Creates a file; `AlreadyExists` if there is one.
    pub fn create_new(&self, path: &Path) -> io::Result<File> {
        with_directories(|| self.make_directory_of(path), || disk::create_new(path))
    }

    /// `<name>.<unique>.tmp` next to its target, as distribution names them.
    pub fn temporary(&self, target: &Path) -> PathBuf {
        let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}-{number:x}.tmp", self.process));
        target.with_file_name(name)
    }

    /// Waits for a lock between processes, for a time. If there is no room for its file, it is enough to be alone.
    pub fn lock(&self, key: &Key, lock: Lock, wait_max: Duration) -> Result<Held> {
        self.presence
            .or_alone(self.lock_by_file(key, lock, wait_max))
    }

    /// A lock that was not waited for; where there are none, being alone. If others are there, they count as its holders.
    pub fn in_place_of_none(&self, key: &Key, held: Held) -> Result<Held> {
        let held = self.presence.in_place_of_none(held);
        held.map_err(|error| Error::new(key, error))
    }

    /// The same, only by its file. `None` where there are no locks.
    pub fn lock_by_file(&self, key: &Key, lock: Lock, wait_max: Duration) -> Result<Option<File>> {
        let path = self.path(key);
        let make = || self.make_directory_of(&path);
        let open = || with_directories(make, || lock::open(&path, lock));
        let entered = self.presence.enter(wait_max);
        let held = entered.and_then(|()| lock::hold(open, lock, wait_max));
        self.outcome(key, held)
    }

    /// Performs changes: temporary files are written and synced, then all are renamed, then their directories are synced. `body` is
    /// the file of the first, if that is still open and not synced either.
    pub fn publish(&self, changes: Vec<Staged<'_>>, body: Option<OpenFile>) -> Result<()> {
        self.prepare_all(&changes, body)?;
        for change in &changes {
            self.place(change)?;
        }
        self.sync_directories(changes.iter().map(|change| change.key))?;
        changes.iter().for_each(|change| self.note(change.key));
        Ok(())
    }

    /// Stages the write of a small object.
    pub fn stage<'a>(&self, write: &'a Write<'a>) -> Staged<'a> {
        let from = self.temporary(&self.path(&write.key));
        Staged::new(&write.key, from, Origin::Content(write))
    }

    /// Writes and syncs the temporary files of all changes. The disk begins to write all of them before the first is waited for:
    /// then one commit of its journal may do for several.
    fn prepare_all(&self, changes: &[Staged<'_>], mut body: Option<OpenFile>) -> Result<()> {
        if let Some(body) = &mut body {
            body.begin_write_back();
        }
        for changes in changes.chunks(OPEN_FILES_MAX) {
            let mut written = Vec::new();
            for change in changes {
                let file = self.outcome(change.key, self.write(change))?;
                if let Some(file) = file {
                    sys::begin_write_back(&file, 0..change.length());
                    written.push((change.key, file));
                }
            }
            if let (Some(body), Some(first)) = (body.take(), changes.first()) {
                self.outcome(first.key, body.sync())?;
            }
            for (key, file) in written {
                self.outcome(key, disk::sync(&file))?;
            }
        }
        Ok(())
    }

    /// Writes the temporary file of a change, if it has one, and leaves it open.
    fn write(&self, staged: &Staged<'_>) -> io::Result<Option<File>> {
        let Origin::Content(write) = &staged.origin else {
            return Ok(None);
        };
        let mut file = self.create_new(&staged.from)?;
        disk::write_all(&mut file, write.content)?;
        Ok(Some(file))
    }

    fn place(&self, staged: &Staged<'_>) -> Result<()> {
        let condition = match &staged.origin {
            Origin::Content(write) => write.only_if,
            Origin::File { .. } => Precondition::None,
        };
        if let Precondition::None = condition {
            return self.outcome(staged.key, self.rename(staged));
        }
        let _here = self.conditional.lock();
        let _elsewhere = self.lock(&Key::new(WRITES_LOCK), Lock::Exclusive, lock::WAIT_MAX)?;
        let place = || {
            staged.check(&self.path(staged.key), condition)?;
            self.rename(staged)
        };
        self.outcome(staged.key, place())
    }

    /// Renames a staged file to its target. Another request may remove the directory at any moment, with the staged file in it:
    /// then both are created again.
    fn rename(&self, staged: &Staged<'_>) -> io::Result<()> {
        staged.take(&self.ids)?;
        let to = self.path(staged.key);
        let mut retries = Retries::default();
        loop {
            match patiently(|| disk::rename(&staged.from, &to)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && retries.may_continue() => {
                    self.make_directory_of(&to)?;
                    if !staged.from.exists()
                        && let Some(file) = self.write(staged)?
                    {
                        disk::sync(&file)?;
                    }
                }
                Ok(()) => {
                    staged.is_placed.set(true);
                    return Ok(());
                }
                other => return other,
            }
        }
    }

    /// Renames whatever is under `from`; an error of kind `AlreadyExists` if there is something under `to`. The new place is
    /// durable before the old one is forgotten.
    pub fn relocate(&self, from: &Key, to: &Key) -> io::Result<()> {
        let (source, target) = (self.path(from), self.path(to));
        fs::symlink_metadata(&source)?;
        if fs::symlink_metadata(&target).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let make = || self.make_directory_of(&target);
        with_directories(make, || disk::rename(&source, &target))?;
        self.sync_directories([to].into_iter())
            .map_err(|error| error.source)?;
        disk::sync_directory(source.parent().unwrap_or(&self.path))
    }

    /// Whether a symbolic link leads to a directory that it is in.
    pub fn leads_back(&self, link: &Path) -> io::Result<bool> {
        let target = fs::canonicalize(link)?;
        for above in link.ancestors().skip(1) {
            if fs::canonicalize(above)?.starts_with(&target) {
                return Ok(true);
            }
            if above == self.path {
                break;
            }
        }
        Ok(false)
    }

    /// Notes the entries that a new file may have added to the listed directories above it.
    pub fn note(&self, key: &Key) {
        let mut path = PathBuf::new();
        for word in key.as_str().split('/') {
            self.listings.note(&self.path.join(&path), word, true);
            path.push(word);
        }
    }

    /// Forgets what was known of a path that was removed.
    pub fn note_removal(&self, key: &Key) {
        let path = self.path(key);
        self.listings.forget(&path);
        if let Some((parent, name)) = path.parent().zip(path.file_name().and_then(|n| n.to_str())) {
            self.listings.note(parent, name, false);
        }
    }

    /// Syncs the directory of each key, the last of which was changed last, and those above that are not known to be durable.
    fn sync_directories<'k>(
        &self,
        targets: impl DoubleEndedIterator<Item = &'k Key> + Clone,
    ) -> Result<()> {
        let unsynced = self.durable.unsynced(targets.clone());
        if let Some(last) = targets.last()
            && self.sync_names(&last.parent(), &unsynced.directories)?
        {
            self.durable.note(unsynced);
            return Ok(());
        }
        for directory in &unsynced.directories {
            match disk::sync_directory(&self.path(directory)) {
                // Another request has removed it, and is responsible for the durability of that.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.outcome(directory, self.check())?;
                }
                other => self.outcome(directory, other)?,
            }
        }
        self.durable.note(unsynced);
        Ok(())
    }

    /// Syncs the directory that was changed last, if that does for all of them. `false` if each has to be synced.
    fn sync_names(&self, last: &Key, directories: &BTreeSet<Key>) -> Result<bool> {
        let path = self.path(last);
        let all = directories.iter().map(|directory| self.path(directory));
        if !self.order.covers(&path, all) {
            return Ok(false);
        }
        match disk::sync_names(&path) {
            // Another request has removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            synced => self.outcome(last, synced.map(|()| true)),
        }
    }
}
