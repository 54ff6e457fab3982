//! Keys as files below a root folder.
//!
//! Publishing is: temporary file beside its target, sync, rename, sync of the folder and of the
//! folders above it that have not been synced since this process started.

use super::folders::{
    TRIES, make_folder_of, make_root, open_file, patiently, remove_any, with_folders,
};
use super::gate::Gate;
use super::listing::Listings;
use super::writable::{self, Unwritable};
use super::{Change, Content, Driver, Error, Key, Result, Sink, Source, Stat};
use crate::sys;
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Folders remembered as durable; beyond it all are forgotten, at the price of a few more syncs.
const DURABLE_FOLDERS_MAX: usize = 8192;

/// A driver over a folder of the operating system.
pub struct Filesystem {
    root: PathBuf,
    gate: Gate,
    listings: Listings,
    /// Folders whose entry in their parent is known to survive a power loss.
    durable: Mutex<HashSet<Key>>,
    temporaries: AtomicU64,
    process: u64,
}

impl Filesystem {
    /// A driver over `root`, which is made when it is missing; `threads_max` operations at once.
    pub fn new(root: impl Into<PathBuf>, threads_max: usize) -> io::Result<Filesystem> {
        let root = sys::literal(&root.into())?;
        make_root(&root)?;
        let mut process = [0; 8];
        getrandom::fill(&mut process).map_err(io::Error::other)?;
        Ok(Filesystem {
            root,
            gate: Gate::new(threads_max),
            listings: Listings::default(),
            durable: Mutex::default(),
            temporaries: AtomicU64::new(0),
            process: u64::from_le_bytes(process),
        })
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
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
        let (key, from, content) = match change {
            Change::Write(key, content) => (key, self.temporary(&self.path(key)), Some(*content)),
            Change::Move(from, key) => (key, self.path(from), None),
        };
        let staged = Staged { key, from, content };
        staged.write().map_err(|error| Error::new(key, error))?;
        Ok(staged)
    }

    /// Renames a staged change to its place. Another request may remove the folder at any moment, with
    /// the staged file in it: then both are made again.
    fn place(&self, staged: &Staged<'_>) -> io::Result<()> {
        let to = self.path(staged.key);
        let mut tries = 0;
        loop {
            match patiently(|| fs::rename(&staged.from, &to)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                    tries += 1;
                    make_folder_of(&to)?;
                    if staged.content.is_some() && !staged.from.exists() {
                        staged.write()?;
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
        let mut folders = BTreeSet::new();
        let mut reached = Vec::new();
        for target in targets {
            let mut folder = target.parent();
            folders.insert(folder.clone());
            while !folder.as_str().is_empty() && !self.is_durable(&folder) {
                let parent = folder.parent();
                folders.insert(parent.clone());
                reached.push(std::mem::replace(&mut folder, parent));
            }
        }
        for folder in &folders {
            match sys::sync_directory(&self.path(folder)) {
                // Removed meanwhile by another request, which is as durable as it makes it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(|error| Error::new(folder, error))?,
            }
        }
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.len() > DURABLE_FOLDERS_MAX {
            durable.clear();
        }
        durable.extend(reached);
        Ok(())
    }

    fn is_durable(&self, folder: &Key) -> bool {
        self.durable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(folder)
    }

    /// Forgets that a folder and what is below it is durable: it is about to go.
    fn forget(&self, key: &Key) {
        let is_below = |folder: &Key| {
            let rest = folder.as_str().strip_prefix(key.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        durable.retain(|folder| !is_below(folder));
    }
}

/// A change that only has to be renamed to its place.
struct Staged<'a> {
    key: &'a Key,
    from: PathBuf,
    /// What the file holds, if it is a temporary one of ours.
    content: Option<&'a [u8]>,
}

impl Staged<'_> {
    /// Writes and syncs the temporary file, if it is one.
    fn write(&self) -> io::Result<()> {
        let Some(content) = self.content else {
            return Ok(());
        };
        let mut file = with_folders(&self.from, || File::create_new(&self.from))?;
        file.write_all(content)?;
        file.sync_all()
    }
}

impl Drop for Staged<'_> {
    /// A temporary file that did not get to its place is of no use.
    fn drop(&mut self) {
        if self.content.is_some() {
            let _ = fs::remove_file(&self.from);
        }
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
        read().map_err(|error| Error::new(key, error))
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
        open().map_err(|error| Error::new(key, error))
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
        super::found(stat().map_err(|error| Error::new(key, error)))
    }

    fn has_folder(&self, key: &Key) -> Result<bool> {
        let _pass = self.gate.enter();
        let metadata = patiently(|| fs::metadata(self.path(key)));
        let metadata = metadata.map_err(|error| Error::new(key, error));
        Ok(super::found(metadata)?.is_some_and(|metadata| metadata.is_dir()))
    }

    fn folds_case(&self) -> bool {
        sys::FOLDS_CASE
    }

    fn kept_name(&self, key: &Key) -> Result<Option<String>> {
        let _pass = self.gate.enter();
        let kept = sys::kept_name(&self.path(key)).map_err(|error| Error::new(key, error));
        Ok(super::found(kept)?.and_then(|name| name.into_string().ok()))
    }

    fn append(&self, key: &Key, offset: u64) -> Result<Box<dyn Sink>> {
        let _pass = self.gate.enter();
        let path = self.path(key);
        let append = || {
            let mut options = OpenOptions::new();
            options.write(true).create(offset == 0).truncate(false);
            let mut file = with_folders(&path, || options.open(&path))?;
            let length = file.metadata()?.len();
            if length < offset {
                let text = format!("only {length} bytes are left of {offset}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            if length > offset {
                file.set_len(offset)?;
            }
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        };
        let file = append().map_err(|error| Error::new(key, error))?;
        Ok(Box::new(file))
    }

    fn publish(&self, changes: &[Change<'_>]) -> Result<()> {
        let _pass = self.gate.enter();
        let staged: Vec<Staged<'_>> = changes
            .iter()
            .map(|change| self.stage(change))
            .collect::<Result<_>>()?;
        for one in &staged {
            self.place(one)
                .map_err(|error| Error::new(one.key, error))?;
        }
        self.sync_folders(staged.iter().map(|one| one.key))?;
        staged.iter().for_each(|one| self.note(one.key));
        Ok(())
    }

    fn list(&self, folder: &Key, after: &str, limit: usize) -> Result<Vec<String>> {
        let _pass = self.gate.enter();
        let page = self.listings.page(&self.path(folder), after, limit);
        page.map_err(|error| Error::new(folder, error))
    }

    fn remove(&self, key: &Key) -> Result<bool> {
        let _pass = self.gate.enter();
        let path = self.path(key);
        let remove = || {
            self.forget(key);
            remove_any(&path)?;
            sys::sync_directory(path.parent().unwrap_or(&self.root))
        };
        let removed = super::found(remove().map_err(|error| Error::new(key, error)))?.is_some();
        self.listings.forget(&path);
        if let Some((parent, name)) = path.parent().zip(path.file_name().and_then(|n| n.to_str())) {
            self.listings.note(parent, name, false);
        }
        Ok(removed)
    }

    fn check_writable(&self, folders: &[&str]) -> std::result::Result<(), Unwritable> {
        let _pass = self.gate.enter();
        writable::look(&self.root, folders)?;
        let probe = self.temporary(&self.root.join("writable"));
        let name = probe.file_name().unwrap_or_default().to_string_lossy();
        writable::attempt(&self.root, &name)
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

impl Sink for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
