//! Keys in memory, for `storage.inmemory` and for tests: it can lose power.
//!
//! Beside what a reader sees it keeps what a disk would still have after a power loss: content that
//! was synced, under names that were published. [`Memory::stop_after`] cuts the power at a given
//! step, so that a test can stop a push everywhere and look at what is left.

use super::{
    Change, Changed, Content, Driver, Error, FileId, FileState, Key, Result, Sink, Source, Stat,
};
use crate::sync::Mutex;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::SystemTime;

/// A driver over two maps. Clones share them.
#[derive(Clone, Default)]
pub struct Memory {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Default)]
struct Disk {
    live: BTreeMap<Key, File>,
    durable: BTreeMap<Key, Arc<[u8]>>,
    /// Durable steps until the power goes; `None`: never.
    steps_left: Option<usize>,
    steps: usize,
    /// The changes of one call reach the disk from the last to the first.
    reordered: bool,
    folds_case: bool,
}

#[derive(Clone)]
struct File {
    id: FileId,
    content: Arc<Mutex<Vec<u8>>>,
    /// How much of the content was synced.
    synced: Arc<AtomicUsize>,
    modified: SystemTime,
}

impl File {
    fn new(content: &[u8]) -> File {
        static FILES: AtomicU64 = AtomicU64::new(0);
        File {
            id: FileId([FILES.fetch_add(1, Ordering::Relaxed), 0, 0]),
            content: Arc::new(Mutex::new(content.to_vec())),
            synced: Arc::default(),
            modified: SystemTime::now(),
        }
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.content.lock()
    }

    fn state(&self) -> FileState {
        FileState {
            file: self.id,
            length: self.bytes().len() as u64,
        }
    }
}

impl Memory {
    /// Cuts the power before the durable step number `steps`: from then on everything fails.
    pub fn stop_after(&self, steps: usize) {
        self.disk.lock().steps_left = Some(steps);
    }

    /// Lets the changes of one call reach the disk from the last to the first: a disk keeps no order
    /// between two syncs.
    pub fn reorder(&self) {
        self.disk.lock().reordered = true;
    }

    /// Says that names which differ only by case are the same, as NTFS does. What is read is still found
    /// by its own spelling only.
    pub fn fold_case(&self) {
        self.disk.lock().folds_case = true;
    }

    fn sink(&self, file: &File) -> Box<dyn Sink> {
        Box::new(Appender {
            disk: Arc::clone(&self.disk),
            file: file.clone(),
        })
    }

    /// How many durable steps were made.
    pub fn steps(&self) -> usize {
        self.disk.lock().steps
    }

    /// The driver as it is found after the power came back: what was not durable is gone.
    pub fn after_power_loss(&self) -> Memory {
        let durable = self.disk.lock().durable.clone();
        let live = durable
            .iter()
            .map(|(key, content)| (key.clone(), File::new(content)))
            .collect();
        let disk = Disk {
            live,
            durable,
            ..Disk::default()
        };
        Memory {
            disk: Arc::new(Mutex::new(disk)),
        }
    }
}

impl Disk {
    /// Takes one durable step, or fails because the power is gone.
    fn step(&mut self) -> io::Result<()> {
        match &mut self.steps_left {
            Some(0) => return Err(io::Error::other("the power is gone")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.steps += 1;
        Ok(())
    }

    fn file(&self, key: &Key) -> Result<&File> {
        self.live
            .get(key)
            .ok_or_else(|| Error::new(key, io::ErrorKind::NotFound.into()))
    }

    /// All keys that are `key` or below it.
    fn below(&self, key: &Key) -> Vec<Key> {
        let is_below = |found: &&Key| *found == key || found.as_str().starts_with(&folder(key));
        self.live.keys().filter(is_below).cloned().collect()
    }

    fn publish(&mut self, change: &Change<'_>) -> Result<()> {
        let key = change.target();
        self.step().map_err(|error| Error::new(key, error))?;
        let file = match change {
            Change::Write(_, content) => {
                let file = File::new(content);
                file.synced.store(content.len(), Ordering::Relaxed);
                file
            }
            Change::Move { from, state, .. } => {
                let file = self.file(from)?.clone();
                if file.state() != *state {
                    return Err(Error::new(from, Changed::error()));
                }
                self.live.remove(from);
                self.durable.remove(from);
                file
            }
        };
        // A name may outlive its content: what was not synced reads as nothing after a power loss.
        let synced = file.synced.load(Ordering::Relaxed);
        let durable = file.bytes().get(..synced).unwrap_or_default().into();
        self.durable.insert(key.clone(), durable);
        self.live.insert(key.clone(), file);
        Ok(())
    }
}

impl Driver for Memory {
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Vec<u8>> {
        let content = self.disk.lock().file(key)?.bytes().clone();
        if content.len() as u64 > bytes_max {
            return Err(Error::new(key, io::ErrorKind::InvalidData.into()));
        }
        Ok(content)
    }

    fn open(&self, key: &Key) -> Result<Content> {
        let disk = self.disk.lock();
        let file = disk.file(key)?.bytes();
        let published = disk.durable.get(key);
        // What was published is shared with all who read it.
        let bytes = match published.filter(|published| published.len() == file.len()) {
            Some(published) => Arc::clone(published),
            None => file.as_slice().into(),
        };
        Ok(Content {
            length: bytes.len() as u64,
            source: Source::Bytes(bytes),
        })
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        let disk = self.disk.lock();
        let stat = |file: &File| Stat {
            length: file.bytes().len() as u64,
            modified: file.modified,
        };
        Ok(disk.live.get(key).map(stat))
    }

    fn has_folder(&self, key: &Key) -> Result<bool> {
        let disk = self.disk.lock();
        let from = Key::new(folder(key));
        let next = disk.live.range(from.clone()..).next();
        Ok(next.is_some_and(|(found, _)| found.as_str().starts_with(from.as_str())))
    }

    fn folds_case(&self) -> bool {
        self.disk.lock().folds_case
    }

    fn kept_name(&self, key: &Key) -> Result<Option<String>> {
        let names = self.list(&key.parent(), "", usize::MAX)?;
        let alike = |name: &String| {
            key.parent()
                .child(name)
                .as_str()
                .eq_ignore_ascii_case(key.as_str())
        };
        Ok(names.into_iter().find(alike))
    }

    fn file_state(&self, key: &Key) -> Result<Option<FileState>> {
        Ok(self.disk.lock().live.get(key).map(File::state))
    }

    fn create(&self, key: &Key) -> Result<Box<dyn Sink>> {
        let mut disk = self.disk.lock();
        if disk.live.contains_key(key) {
            return Err(Error::new(key, io::ErrorKind::AlreadyExists.into()));
        }
        let file = File::new(b"");
        disk.live.insert(key.clone(), file.clone());
        Ok(self.sink(&file))
    }

    fn append(&self, key: &Key, offset: u64, expected: FileId) -> Result<Box<dyn Sink>> {
        let disk = self.disk.lock();
        let file = disk.file(key)?;
        if file.id != expected {
            return Err(Error::new(key, Changed::error()));
        }
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if file.bytes().len() < offset {
            return Err(Error::new(key, io::ErrorKind::InvalidData.into()));
        }
        file.bytes().truncate(offset);
        Ok(self.sink(file))
    }

    fn rename(&self, from: &Key, to: &Key) -> Result<()> {
        let mut disk = self.disk.lock();
        let file = disk.file(from)?.clone();
        disk.live.remove(from);
        disk.live.insert(to.clone(), file);
        Ok(())
    }

    fn publish(&self, changes: &[Change<'_>]) -> Result<()> {
        let mut disk = self.disk.lock();
        if disk.reordered {
            changes
                .iter()
                .rev()
                .try_for_each(|change| disk.publish(change))
        } else {
            changes.iter().try_for_each(|change| disk.publish(change))
        }
    }

    fn list(&self, folder_key: &Key, after: &str, limit: usize) -> Result<Vec<String>> {
        let disk = self.disk.lock();
        let prefix = folder(folder_key);
        let from = (Bound::Excluded(Key::new(prefix.clone())), Bound::Unbounded);
        let mut names: Vec<String> = Vec::new();
        for (key, _) in disk.live.range(from) {
            let Some(rest) = key.as_str().strip_prefix(&prefix) else {
                break;
            };
            let name = rest.split('/').next().unwrap_or_default();
            if name > after && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        // "a-b" sorts before "a/b": names are in order only once they are cut.
        names.sort();
        names.truncate(limit);
        Ok(names)
    }

    fn remove(&self, key: &Key) -> Result<bool> {
        let mut disk = self.disk.lock();
        disk.step().map_err(|error| Error::new(key, error))?;
        let below = disk.below(key);
        for key in &below {
            disk.live.remove(key);
            disk.durable.remove(key);
        }
        Ok(!below.is_empty())
    }

    fn discard(&self, key: &Key) {
        let mut disk = self.disk.lock();
        for key in disk.below(key) {
            disk.live.remove(&key);
        }
    }
}

/// An open file of a [`Memory`].
struct Appender {
    disk: Arc<Mutex<Disk>>,
    file: File,
}

impl Write for Appender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Appender {
    fn file(&self) -> FileId {
        self.file.id
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.lock().step()?;
        let length = self.file.bytes().len();
        self.file.synced.store(length, Ordering::Relaxed);
        Ok(())
    }
}

fn folder(key: &Key) -> String {
    if key.as_str().is_empty() {
        String::new()
    } else {
        format!("{key}/")
    }
}
