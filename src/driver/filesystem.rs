//! Keys as files below a root folder.
//!
//! Publishing is: temporary file beside its target, sync, rename, sync of the folder and of the
//! folders above it that have not been synced since this process started.
//!
//! Other processes may serve the same folder. A file that is to be moved is first given a name that nobody else knows, and
//! is looked at under that: what is published is the file that was meant, as long as it was.

use super::folders::{
    TRIES, make_folder_of, make_root, open_file, patiently, remove_any, with_folders,
};
use super::gate::Gate;
use super::listing::Listings;
use super::writable::{self, Unwritable};
use super::{
    Change, Changed, Content, Driver, Error, FileId, FileState, Key, Lock, Result, Sink, Source,
    Stat, lock,
};
use crate::sys;
use std::any::Any;
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
        let key = change.target();
        let staged = match change {
            Change::Write(_, content) => {
                Staged::write(self.temporary(&self.path(key)), key, content)
            }
            Change::Move { from, state, .. } => {
                let file = self.path(from);
                let (from, state) = (self.temporary(&file), *state);
                let origin = Origin::File { file, state };
                Ok(Staged { key, from, origin })
            }
        };
        staged.map_err(|error| Error::new(key, error))
    }

    /// Renames a staged change to its place. Another request may remove the folder at any moment, with
    /// the staged file in it: then both are made again.
    fn place(&self, staged: &Staged<'_>) -> io::Result<()> {
        staged.take()?;
        let to = self.path(staged.key);
        let mut tries = 0;
        loop {
            match patiently(|| fs::rename(&staged.from, &to)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                    tries += 1;
                    make_folder_of(&to)?;
                    if let Origin::Content(content) = staged.origin
                        && !staged.from.exists()
                    {
                        write_synced(&staged.from, content)?;
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
    /// A name that nobody else knows.
    from: PathBuf,
    origin: Origin<'a>,
}

/// What a staged file was before.
enum Origin<'a> {
    /// These bytes.
    Content(&'a [u8]),
    /// This file.
    File { file: PathBuf, state: FileState },
}

impl<'a> Staged<'a> {
    /// Writes and syncs a temporary file.
    fn write(from: PathBuf, key: &'a Key, content: &'a [u8]) -> io::Result<Staged<'a>> {
        let origin = Origin::Content(content);
        let staged = Staged { key, from, origin };
        write_synced(&staged.from, content)?;
        Ok(staged)
    }

    /// Takes a file out of the hands of other processes, and looks whether it is the one that was meant.
    fn take(&self) -> io::Result<()> {
        let Origin::File { file, state } = &self.origin else {
            return Ok(());
        };
        patiently(|| fs::rename(file, &self.from))?;
        match file_state(&self.from)? == *state {
            true => Ok(()),
            false => Err(Changed::error()),
        }
    }
}

impl Drop for Staged<'_> {
    /// What did not get to its place: a temporary file is of no use, another gets its name back.
    fn drop(&mut self) {
        let _ = match &self.origin {
            Origin::Content(_) => fs::remove_file(&self.from),
            Origin::File { file, .. } => fs::rename(&self.from, file),
        };
    }
}

/// Writes a new file and syncs it.
fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = with_folders(path, || File::create_new(path))?;
    file.write_all(content)?;
    file.sync_all()
}

fn file_id(file: &File, metadata: &fs::Metadata) -> io::Result<FileId> {
    sys::file_id(file, metadata).map(FileId)
}

fn file_state(path: &Path) -> io::Result<FileState> {
    let look = |id, metadata: &fs::Metadata| {
        let file = FileId(id);
        let length = metadata.len();
        metadata.is_file().then_some(FileState { file, length })
    };
    let state = patiently(|| sys::look_at(path, look))?;
    state.ok_or_else(|| io::ErrorKind::NotFound.into())
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

    fn file_state(&self, key: &Key) -> Result<Option<FileState>> {
        let _pass = self.gate.enter();
        let state = file_state(&self.path(key));
        super::found(state.map_err(|error| Error::new(key, error)))
    }

    fn create(&self, key: &Key) -> Result<Box<dyn Sink>> {
        let _pass = self.gate.enter();
        let path = self.path(key);
        let create = || OpenFile::new(with_folders(&path, || File::create_new(&path))?);
        let file = create().map_err(|error| Error::new(key, error))?;
        Ok(Box::new(file))
    }

    fn append(&self, key: &Key, offset: u64, expected: FileId) -> Result<Box<dyn Sink>> {
        let _pass = self.gate.enter();
        let append = || {
            let file = patiently(|| OpenOptions::new().write(true).open(self.path(key)))?;
            OpenFile::new(file)?.at(offset, expected)
        };
        let file = append().map_err(|error| Error::new(key, error))?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Key, to: &Key) -> Result<()> {
        let _pass = self.gate.enter();
        let renamed = patiently(|| fs::rename(self.path(from), self.path(to)));
        renamed.map_err(|error| Error::new(to, error))
    }

    fn lock(&self, key: &Key, lock: Lock) -> Result<Box<dyn Any>> {
        let path = self.path(key);
        let held = lock::hold(|| with_folders(&path, || lock::open(&path)), lock);
        let held = held.map_err(|error| Error::new(key, error))?;
        Ok(Box::new(held))
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

/// A file that is being written, and which one it is.
struct OpenFile {
    file: File,
    id: FileId,
    length: u64,
}

impl OpenFile {
    fn new(file: File) -> io::Result<OpenFile> {
        let metadata = file.metadata()?;
        let id = file_id(&file, &metadata)?;
        let length = metadata.len();
        Ok(OpenFile { file, id, length })
    }

    /// Goes to `offset` and cuts off what lies behind, if it is the file that is expected.
    fn at(mut self, offset: u64, expected: FileId) -> io::Result<OpenFile> {
        if self.id != expected {
            return Err(Changed::error());
        }
        let length = self.length;
        if length < offset {
            let text = format!("only {length} bytes are left of {offset}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if length > offset {
            self.file.set_len(offset)?;
        }
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(self)
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for OpenFile {
    fn file(&self) -> FileId {
        self.id
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}
