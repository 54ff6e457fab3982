//! Keys as files below a root folder.
//!
//! Publishing is: temporary file beside its target, sync, rename, sync of the folder and of the
//! folders above it that have not been synced since this process started.
//!
//! Other processes may serve the same folder. A file that is to be moved is first given a name that nobody else knows, and
//! is looked at under that: what is published is the file that was meant, as long as it was.
//!
//! The root may go while the program runs: a volume is unmounted, and what is left is nothing or an empty
//! mount point. Whenever something is not found it is looked for, so that "not there" is never said of data
//! that cannot be seen, and so that nothing is written where the data should be mounted.

use super::durable::Durable;
use super::folders::{
    TRIES, make_folders, make_root, open_file, patiently, remove_any, with_folders,
};
use super::gate::Gate;
use super::leftovers::{self, Leftovers};
use super::listing::Listings;
use super::open_file::{Ids, OpenFile, file_state};
use super::staged::{Origin, Staged};
use super::writable::{self, Unwritable};
use super::{
    Change, Content, Driver, Error, FileId, FileState, Key, Lock, Result, RootGone, Sink, Source,
    Stat, lock,
};
use crate::sys;
use std::any::Any;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// A driver over a folder of the operating system.
pub struct Filesystem {
    root: PathBuf,
    gate: Gate,
    listings: Listings,
    durable: Durable,
    /// A folder of the root that was there once: without it what is at the root is not the data.
    landmark: OnceLock<PathBuf>,
    ids: Ids,
    temporaries: AtomicU64,
    process: u64,
}

impl Filesystem {
    /// A driver over `root`, which is made when it is missing; `threads_max` operations at once.
    pub fn new(root: impl Into<PathBuf>, threads_max: usize) -> io::Result<Filesystem> {
        let root = root.into();
        make_root(&sys::literal(&root)?)?;
        Filesystem::over(root, threads_max)
    }

    /// The same over a root that is never made: while it is missing everything fails.
    pub fn over(root: impl Into<PathBuf>, threads_max: usize) -> io::Result<Filesystem> {
        let root = sys::literal(&root.into())?;
        let mut process = [0; 8];
        getrandom::fill(&mut process).map_err(io::Error::other)?;
        Ok(Filesystem {
            root,
            gate: Gate::new(threads_max),
            listings: Listings::default(),
            durable: Durable::default(),
            landmark: OnceLock::new(),
            ids: Ids::default(),
            temporaries: AtomicU64::new(0),
            process: u64::from_le_bytes(process),
        })
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// What came of an operation on a key. What is not found is an error of another kind where the root is gone.
    fn outcome<T>(&self, key: &Key, outcome: io::Result<T>) -> Result<T> {
        use io::ErrorKind::{NotADirectory, NotFound};
        let outcome = match outcome {
            Ok(value) => {
                self.is_there(key);
                Ok(value)
            }
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {
                self.check_root().and(Err(error))
            }
            Err(error) => Err(error),
        };
        outcome.map_err(|error| Error::new(key, error))
    }

    /// Notes that something under a key is there.
    fn is_there(&self, key: &Key) {
        if self.landmark.get().is_none()
            && let Some((first, _)) = key.as_str().split_once('/')
        {
            // Another may have been first; they all are in the same root.
            let _ = self.landmark.set(self.root.join(first));
        }
    }

    /// What has to be synced for a file under this key.
    #[cfg(test)]
    pub(super) fn unsynced(&self, file: &Key) -> Vec<Key> {
        let unsynced = self.durable.unsynced([file].into_iter());
        unsynced.folders.into_iter().collect()
    }

    /// Whether the root is still there, with what was seen in it.
    fn check_root(&self) -> io::Result<()> {
        use io::ErrorKind::{NotADirectory, NotFound};
        let path = self.landmark.get().unwrap_or(&self.root);
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(()),
            Err(error) if !matches!(error.kind(), NotFound | NotADirectory) => Err(error),
            _ => Err(io::Error::other(RootGone(sys::plain(path)))),
        }
    }

    /// Makes the folder of a path, and those above it up to the root, which is never made anew.
    fn make_folder_of(&self, path: &Path) -> io::Result<()> {
        self.check_root()?;
        let missing: Vec<&Path> = path
            .ancestors()
            .skip(1)
            .take_while(|folder| *folder != self.root && !folder.is_dir())
            .collect();
        // Another program may have removed what was durable: what is made anew is not.
        if let Some(highest) = missing.last() {
            self.durable.forget(&self.key(highest));
        }
        make_folders(missing.into_iter().rev())
    }

    /// The key of a path below the root.
    fn key(&self, path: &Path) -> Key {
        let rest = path.strip_prefix(&self.root).unwrap_or(path);
        let words = rest.iter().map(|word| word.to_string_lossy());
        Key::new(words.collect::<Vec<_>>().join("/"))
    }

    /// `<name>.<unique>.tmp` beside its target, as distribution names them.
    fn temporary(&self, target: &Path) -> PathBuf {
        let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}-{number:x}.tmp", self.process));
        target.with_file_name(name)
    }

    /// Makes a change ready: content is in a synced file beside its target.
    fn stage<'a>(&self, change: &'a Change<'a>) -> Result<Staged<'a>> {
        let key = change.target();
        let (from, origin) = match change {
            Change::Write(_, content) => {
                (self.temporary(&self.path(key)), Origin::Content(content))
            }
            Change::Move { from, state, .. } => {
                let (file, state) = (self.path(from), *state);
                (self.temporary(&file), Origin::File { file, state })
            }
        };
        let staged = Staged { key, from, origin };
        self.outcome(key, self.write(&staged))?;
        Ok(staged)
    }

    /// Renames a staged change to its place. Another request may remove the folder at any moment, with
    /// the staged file in it: then both are made again.
    fn place(&self, staged: &Staged<'_>) -> io::Result<()> {
        staged.take(&self.ids)?;
        let to = self.path(staged.key);
        let mut tries = 0;
        loop {
            match patiently(|| fs::rename(&staged.from, &to)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                    tries += 1;
                    self.make_folder_of(&to)?;
                    if !staged.from.exists() {
                        self.write(staged)?;
                    }
                }
                other => return other,
            }
        }
    }

    /// Notes the entries that a new file may have added to the listed folders above it.
    fn note(&self, key: &Key) {
        let mut path = PathBuf::new();
        for word in key.as_str().split('/') {
            self.listings.note(&self.root.join(&path), word, true);
            path.push(word);
        }
    }

    /// Syncs the folder of each key, and those above that are not known to be durable.
    fn sync_folders<'k>(&self, targets: impl Iterator<Item = &'k Key>) -> Result<()> {
        let unsynced = self.durable.unsynced(targets);
        for folder in &unsynced.folders {
            match sys::sync_directory(&self.path(folder)) {
                // Removed meanwhile by another request, which is as durable as it makes it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.outcome(folder, self.check_root())?;
                }
                other => self.outcome(folder, other)?,
            }
        }
        self.durable.note(unsynced);
        Ok(())
    }

    /// Writes and syncs the temporary file of a staged change, if it has one.
    fn write(&self, staged: &Staged<'_>) -> io::Result<()> {
        let Origin::Content(content) = staged.origin else {
            return Ok(());
        };
        let make = || self.make_folder_of(&staged.from);
        let mut file = with_folders(make, || File::create_new(&staged.from))?;
        file.write_all(content)?;
        file.sync_all()
    }
}

impl Driver for Filesystem {
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Vec<u8>> {
        let _pass = self.gate.enter();
        let read = || {
            let (mut file, metadata) = open_file(&self.path(key))?;
            let length = metadata.len();
            if length > bytes_max {
                let text = format!("{length} bytes, where {bytes_max} are the most expected");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            let mut content = vec![0; usize::try_from(length).unwrap_or_default()];
            file.read_exact(&mut content)?;
            Ok(content)
        };
        self.outcome(key, read())
    }

    fn load(&self, key: &Key, small_bytes_max: u64) -> Result<Content> {
        let _pass = self.gate.enter();
        let load = || {
            let (mut file, metadata) = open_file(&self.path(key))?;
            let length = metadata.len();
            let source = if length > small_bytes_max {
                Source::File(Arc::new(file))
            } else {
                let mut content = vec![0; usize::try_from(length).unwrap_or_default()];
                file.read_exact(&mut content)?;
                Source::Bytes(content.into())
            };
            Ok(Content { length, source })
        };
        load().map_err(|error| Error::new(key, error))
    }

    fn open(&self, key: &Key) -> Result<Content> {
        let _pass = self.gate.enter();
        let open = || {
            let (file, metadata) = open_file(&self.path(key))?;
            Ok(Content {
                length: metadata.len(),
                source: Source::File(Arc::new(file)),
            })
        };
        self.outcome(key, open())
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        let _pass = self.gate.enter();
        let stat = || {
            let metadata = patiently(|| fs::metadata(self.path(key)))?;
            if !metadata.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(Stat {
                length: metadata.len(),
                modified: metadata.modified()?,
            })
        };
        super::found(self.outcome(key, stat()))
    }

    fn has_folder(&self, key: &Key) -> Result<bool> {
        let _pass = self.gate.enter();
        let metadata = patiently(|| fs::metadata(self.path(key)));
        let metadata = super::found(self.outcome(key, metadata))?;
        Ok(metadata.is_some_and(|metadata| metadata.is_dir()))
    }

    fn leads_back(&self, folder: &Key) -> Result<bool> {
        let _pass = self.gate.enter();
        let path = self.path(folder);
        let leads_back = || {
            if !fs::symlink_metadata(&path)?.is_symlink() {
                return Ok(false);
            }
            let target = fs::canonicalize(&path)?;
            for above in path.ancestors().skip(1) {
                if fs::canonicalize(above)?.starts_with(&target) {
                    return Ok(true);
                }
                if above == self.root {
                    break;
                }
            }
            Ok(false)
        };
        self.outcome(folder, leads_back())
    }

    fn folds_case(&self) -> bool {
        sys::FOLDS_CASE
    }

    fn kept_name(&self, key: &Key) -> Result<Option<String>> {
        let _pass = self.gate.enter();
        let kept = self.outcome(key, sys::kept_name(&self.path(key)));
        Ok(super::found(kept)?.and_then(|name| name.into_string().ok()))
    }

    fn file_state(&self, key: &Key) -> Result<Option<FileState>> {
        let _pass = self.gate.enter();
        super::found(self.outcome(key, file_state(&self.path(key), &self.ids)))
    }

    fn create(&self, key: &Key) -> Result<Box<dyn Sink>> {
        let _pass = self.gate.enter();
        let path = self.path(key);
        self.ids.try_with(|| {
            let probe = self.root.join("identity");
            [self.temporary(&probe), self.temporary(&probe)]
        });
        let create = || {
            let make = || self.make_folder_of(&path);
            let file = with_folders(make, || File::create_new(&path))?;
            let metadata = file.metadata()?;
            OpenFile::new(file, &metadata, &self.ids)
        };
        Ok(Box::new(self.outcome(key, create())?))
    }

    fn append(&self, key: &Key, offset: u64, expected: FileId) -> Result<Box<dyn Sink>> {
        let _pass = self.gate.enter();
        let append = || {
            let open = || {
                let mut options = OpenOptions::new();
                sys::open_regular(&self.path(key), options.write(true))
            };
            let (file, metadata) = patiently(open)?;
            OpenFile::new(file, &metadata, &self.ids)?.at(offset, expected)
        };
        let file = self.outcome(key, append())?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Key, to: &Key) -> Result<()> {
        let _pass = self.gate.enter();
        let renamed = patiently(|| fs::rename(self.path(from), self.path(to)));
        self.outcome(to, renamed)
    }

    fn lock(&self, key: &Key, lock: Lock) -> Result<Box<dyn Any>> {
        let path = self.path(key);
        let make = || self.make_folder_of(&path);
        let held = lock::hold(|| with_folders(make, || lock::open(&path)), lock);
        Ok(Box::new(self.outcome(key, held)?))
    }

    fn publish(&self, changes: &[Change<'_>]) -> Result<()> {
        let _pass = self.gate.enter();
        let staged: Vec<Staged<'_>> = changes
            .iter()
            .map(|change| self.stage(change))
            .collect::<Result<_>>()?;
        for one in &staged {
            self.outcome(one.key, self.place(one))?;
        }
        self.sync_folders(staged.iter().map(|one| one.key))?;
        staged.iter().for_each(|one| self.note(one.key));
        Ok(())
    }

    fn list(&self, folder: &Key, after: &str, limit: usize) -> Result<Vec<String>> {
        let _pass = self.gate.enter();
        let page = self.listings.page(&self.path(folder), after, limit);
        let page = page.and_then(|names| match names.is_empty() {
            true => self.check_root().map(|()| names),
            false => {
                self.is_there(folder);
                Ok(names)
            }
        });
        page.map_err(|error| Error::new(folder, error))
    }

    fn remove(&self, key: &Key) -> Result<bool> {
        let _pass = self.gate.enter();
        let path = self.path(key);
        let remove = || {
            self.durable.forget(key);
            remove_any(&path)?;
            sys::sync_directory(path.parent().unwrap_or(&self.root))
        };
        let removed = super::found(self.outcome(key, remove()))?.is_some();
        self.listings.forget(&path);
        if let Some((parent, name)) = path.parent().zip(path.file_name().and_then(|n| n.to_str())) {
            self.listings.note(parent, name, false);
        }
        Ok(removed)
    }

    fn check_writable(&self, folders: &[&str]) -> std::result::Result<(), Unwritable> {
        let _pass = self.gate.enter();
        self.check_root()
            .map_err(|error| Unwritable::new(&self.root, &self.root, error))?;
        writable::look(&self.root, folders)?;
        let probe = self.temporary(&self.root.join("writable"));
        let name = probe.file_name().unwrap_or_default().to_string_lossy();
        writable::attempt(&self.root, &name)
    }

    fn remove_leftovers(&self, before: SystemTime, go_on: &dyn Fn() -> bool) -> Leftovers {
        leftovers::remove(&self.root, before, go_on)
    }

    fn discard(&self, key: &Key) {
        let _pass = self.gate.enter();
        if let Err(error) = remove_any(&self.path(key))
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!("cannot remove {key}: {error}; it is left for the purge of uploads");
        }
    }
}
