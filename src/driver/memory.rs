//! Objects in memory, for `storage.inmemory` and for tests: it can lose power.
//!
//! Besides what a reader sees it keeps what a disk would still have after a power loss: content that
//! was synced, under names that were published. [`Memory::stop_after`] cuts the power at a given
//! step, so that a test can stop a push everywhere and look at what is left.

mod disk;
mod upload;

use super::upload::{STARTED_AT_BYTES_MAX, parse_started_at};
use super::{
    Capabilities, Driver, Error, Key, Object, Replay, Result, SmallObject, Stat, Upload,
    UploadState, Write,
};
use crate::sync::Mutex;
use disk::{Change, Disk, File};
use std::collections::BTreeSet;
use std::io;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::SystemTime;
use upload::MemoryUpload;

/// A driver over two maps. Clones share them.
#[derive(Clone, Default)]
pub struct Memory {
    disk: Arc<Mutex<Disk>>,
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

impl Driver for Memory {
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Option<SmallObject>> {
        let disk = self.disk.lock();
        let Some(file) = disk.live.get(key) else {
            return Ok(None);
        };
        let bytes = file.bytes().clone();
        if bytes.len() as u64 > bytes_max {
            return Err(Error::new(key, io::ErrorKind::InvalidData.into()));
        }
        Ok(Some(SmallObject {
            bytes: bytes.into(),
            version: file.version(),
            modified: file.stat().modified,
        }))
    }

    fn open(&self, key: &Key, _small_bytes_max: u64) -> Result<Option<Object>> {
        let disk = self.disk.lock();
        let Some(file) = disk.live.get(key) else {
            return Ok(None);
        };
        let file = file.bytes();
        let published = disk.durable.get(key);
        // What was published is shared with all who read it.
        let bytes = match published.filter(|published| published.len() == file.len()) {
            Some(published) => Arc::clone(published),
            None => file.as_slice().into(),
        };
        Ok(Some(Object::Bytes(bytes)))
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        Ok(self.disk.lock().live.get(key).map(File::stat))
    }

    fn write(&self, writes: &[Write<'_>]) -> Result<()> {
        let changes: Vec<Change<'_>> = writes.iter().map(Change::Write).collect();
        self.disk.lock().publish(&changes)
    }

    fn touch(&self, key: &Key) -> Result<bool> {
        let mut disk = self.disk.lock();
        let file = disk.live.get_mut(key);
        Ok(file.map(File::touch).is_some())
    }

    fn remove(&self, keys: &[&Key]) -> Result<()> {
        let mut disk = self.disk.lock();
        for key in keys {
            disk.step().map_err(|error| Error::new(key, error))?;
            disk.live.remove(key);
            disk.durable.remove(key);
        }
        Ok(())
    }

    fn remove_below(&self, directories: &[&Key]) -> Result<()> {
        let mut disk = self.disk.lock();
        for directory in directories {
            disk.step().map_err(|error| Error::new(directory, error))?;
            for key in disk.within(directory) {
                disk.live.remove(&key);
                disk.durable.remove(&key);
            }
        }
        Ok(())
    }

    fn discard(&self, key: &Key) {
        let mut disk = self.disk.lock();
        for key in disk.within(key) {
            disk.live.remove(&key);
        }
    }

    fn list(&self, directory: &Key, after: &str, limit: usize) -> Result<Vec<String>> {
        let disk = self.disk.lock();
        let prefix = prefix(directory);
        let from = (Bound::Excluded(Key::new(prefix.clone())), Bound::Unbounded);
        // "a-b" sorts before "a/b": names are in order only once they are cut.
        let mut names = BTreeSet::new();
        for (key, _) in disk.live.range(from) {
            let Some(rest) = key.as_str().strip_prefix(&prefix) else {
                break;
            };
            let name = rest.split('/').next().unwrap_or_default();
            if name > after && !names.contains(name) {
                names.insert(name.to_owned());
            }
        }
        Ok(names.into_iter().take(limit).collect())
    }

    fn has_directory(&self, key: &Key) -> Result<bool> {
        let disk = self.disk.lock();
        let from = Key::new(prefix(key));
        let next = disk.live.range(from.clone()..).next();
        Ok(next.is_some_and(|(found, _)| found.as_str().starts_with(from.as_str())))
    }

    fn walk(
        &self,
        directory: &Key,
        visit: &mut dyn FnMut(&Key, &Stat) -> ControlFlow<()>,
    ) -> Result<()> {
        let below: Vec<Key> = self.disk.lock().within(directory);
        for key in below.iter().filter(|key| *key != directory) {
            if let Some(stat) = self.stat(key)?
                && visit(key, &stat).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn relocate(&self, from: &Key, to: &Key) -> Result<bool> {
        let mut disk = self.disk.lock();
        if !disk.within(to).is_empty() {
            return Err(Error::new(to, io::ErrorKind::AlreadyExists.into()));
        }
        let keys = disk.within(from);
        disk.step().map_err(|error| Error::new(from, error))?;
        for key in &keys {
            let below = key.as_str().strip_prefix(from.as_str()).unwrap_or_default();
            let target = Key::new(format!("{to}{below}"));
            if let Some(file) = disk.live.remove(key) {
                disk.live.insert(target.clone(), file);
            }
            if let Some(content) = disk.durable.remove(key) {
                disk.durable.insert(target, content);
            }
        }
        Ok(!keys.is_empty())
    }

    fn upload(&self, key: &Key) -> Result<Box<dyn Upload>> {
        Ok(Box::new(MemoryUpload::new(&self.disk, key, false)))
    }

    fn resume(
        &self,
        key: &Key,
        length: u64,
        replay: &mut dyn Replay,
    ) -> Result<Option<Box<dyn Upload>>> {
        let mut upload = MemoryUpload::new(&self.disk, key, true);
        match upload.copy(length, replay)? {
            true => Ok(Some(Box::new(upload))),
            false => Ok(None),
        }
    }

    fn upload_state(&self, key: &Key) -> Result<Option<UploadState>> {
        let disk = self.disk.lock();
        if let Some(data) = disk.live.get(&upload::data(key)) {
            return Ok(Some(UploadState {
                length: data.stat().length,
                version: data.version(),
            }));
        }
        let is_started = disk.live.contains_key(&upload::started_at(key));
        Ok(is_started.then_some(UploadState {
            length: 0,
            version: upload::NO_DATA,
        }))
    }

    fn upload_started(&self, key: &Key) -> Result<Option<SystemTime>> {
        let started_at = self.read(&upload::started_at(key), STARTED_AT_BYTES_MAX)?;
        if let Some(time) = started_at.and_then(|found| parse_started_at(&found.bytes)) {
            return Ok(Some(time));
        }
        Ok(self.stat(&upload::data(key))?.map(|stat| stat.modified))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            folds_case: self.disk.lock().folds_case,
            // Nobody else has the same data.
            has_locks: true,
            keeps_empty_directories: false,
        }
    }

    fn spelling(&self, key: &Key) -> Result<Option<String>> {
        let names = self.list(&key.parent(), "", usize::MAX)?;
        let is_alike = |name: &String| {
            key.parent()
                .child(name)
                .as_str()
                .eq_ignore_ascii_case(key.as_str())
        };
        Ok(names.into_iter().find(is_alike))
    }
}

/// What the keys in a directory start with.
fn prefix(key: &Key) -> String {
    if key.as_str().is_empty() {
        String::new()
    } else {
        format!("{key}/")
    }
}
