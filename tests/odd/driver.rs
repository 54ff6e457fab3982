//! A driver of which single operations fail as a test says, and which notes what was looked at.

use registry::driver::{
    self, Change, Content, Driver, Error, FileId, FileState, Key, Memory, Sink, Stat,
};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

/// Says why an operation on a key fails, if it does.
type Fault = Box<dyn Fn(&str, &Key) -> Option<ErrorKind> + Send + Sync>;

/// A disk in memory with faults. Clones share them.
#[derive(Clone, Default)]
pub struct Faulty {
    pub disk: Memory,
    fault: Arc<Mutex<Option<Fault>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Faulty {
    /// From now on `fault` decides; it is given the name of the operation.
    pub fn fail(&self, fault: impl Fn(&str, &Key) -> Option<ErrorKind> + Send + Sync + 'static) {
        *self.fault.lock().unwrap() = Some(Box::new(fault));
    }

    pub fn heal(&self) {
        *self.fault.lock().unwrap() = None;
    }

    /// The keys that were looked at since this was last asked.
    pub fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn check(&self, operation: &str, key: &Key) -> driver::Result<()> {
        self.seen.lock().unwrap().push(key.to_string());
        let fault = self.fault.lock().unwrap();
        match fault.as_ref().and_then(|fault| fault(operation, key)) {
            Some(kind) => Err(Error::new(key, io::Error::from(kind))),
            None => Ok(()),
        }
    }
}

impl Driver for Faulty {
    fn read(&self, key: &Key, bytes_max: u64) -> driver::Result<Vec<u8>> {
        self.check("read", key)?;
        self.disk.read(key, bytes_max)
    }
    fn open(&self, key: &Key) -> driver::Result<Content> {
        self.check("open", key)?;
        self.disk.open(key)
    }
    fn stat(&self, key: &Key) -> driver::Result<Option<Stat>> {
        self.check("stat", key)?;
        self.disk.stat(key)
    }
    fn has_folder(&self, key: &Key) -> driver::Result<bool> {
        self.check("has_folder", key)?;
        self.disk.has_folder(key)
    }
    fn file_state(&self, key: &Key) -> driver::Result<Option<FileState>> {
        self.check("file_state", key)?;
        self.disk.file_state(key)
    }
    fn create(&self, key: &Key) -> driver::Result<Box<dyn Sink>> {
        self.check("create", key)?;
        self.disk.create(key)
    }
    fn append(&self, key: &Key, offset: u64, file: FileId) -> driver::Result<Box<dyn Sink>> {
        self.check("append", key)?;
        self.disk.append(key, offset, file)
    }
    fn rename(&self, from: &Key, to: &Key) -> driver::Result<()> {
        self.check("rename", to)?;
        self.disk.rename(from, to)
    }
    fn publish(&self, changes: &[Change<'_>]) -> driver::Result<()> {
        self.disk.publish(changes)
    }
    fn list(&self, folder: &Key, after: &str, limit: usize) -> driver::Result<Vec<String>> {
        self.check("list", folder)?;
        self.disk.list(folder, after, limit)
    }
    fn remove(&self, key: &Key) -> driver::Result<bool> {
        self.check("remove", key)?;
        self.disk.remove(key)
    }
    fn discard(&self, key: &Key) {
        if self.check("discard", key).is_ok() {
            self.disk.discard(key);
        }
    }
}
