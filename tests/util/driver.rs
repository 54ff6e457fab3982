//! A driver over memory that is watched: a test is asked before every operation, and can count it or let it fail.

use registry::driver::{
    self, Capabilities, Driver, Error, Key, Memory, Object, ObjectReader, Replay, SmallObject,
    Stat, Upload, UploadNote, UploadState, Version, Write,
};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;

/// Bytes that the beginning of an upload takes.
const BEGIN_BYTES: usize = 20;

/// What a test does before an operation.
pub trait Watch: Send + Sync + 'static {
    /// Before an operation on a key, which writes so many bytes; what it fails with here, it fails with there.
    fn before(&self, operation: &'static str, key: &Key, bytes: usize) -> io::Result<()>;

    /// After a change was made; what it fails with here, it fails with there, although it was done.
    fn after(&self, _operation: &'static str, _key: &Key) -> io::Result<()> {
        Ok(())
    }
}

/// A disk in memory that is watched.
#[derive(Clone)]
pub struct Watched {
    pub disk: Memory,
    watch: Arc<dyn Watch>,
}

impl Watched {
    pub fn new(watch: Arc<dyn Watch>) -> Watched {
        Watched {
            disk: Memory::default(),
            watch,
        }
    }

    fn before(&self, operation: &'static str, key: &Key, bytes: usize) -> driver::Result<()> {
        let outcome = self.watch.before(operation, key, bytes);
        outcome.map_err(|error| Error::new(key, error))
    }

    fn after(&self, operation: &'static str, key: &Key) -> driver::Result<()> {
        let outcome = self.watch.after(operation, key);
        outcome.map_err(|error| Error::new(key, error))
    }

    fn watched(&self, key: &Key, upload: Box<dyn Upload>, is_begun: bool) -> Box<dyn Upload> {
        Box::new(WatchedUpload {
            upload,
            driver: self.clone(),
            key: key.clone(),
            is_begun,
        })
    }
}

impl Driver for Watched {
    fn read(&self, key: &Key, bytes_max: u64) -> driver::Result<Option<SmallObject>> {
        self.before("read", key, 0)?;
        self.disk.read(key, bytes_max)
    }
    fn open(&self, key: &Key, small_bytes_max: u64) -> driver::Result<Option<Object>> {
        self.before("open", key, 0)?;
        self.disk.open(key, small_bytes_max)
    }
    fn stat(&self, key: &Key) -> driver::Result<Option<Stat>> {
        self.before("stat", key, 0)?;
        self.disk.stat(key)
    }
    fn write(&self, writes: &[Write<'_>]) -> driver::Result<()> {
        // Those before the one that fails are performed.
        for write in writes {
            self.before("write", &write.key, write.content.len())?;
            self.disk.write(std::slice::from_ref(write))?;
            self.after("write", &write.key)?;
        }
        Ok(())
    }
    fn touch(&self, key: &Key) -> driver::Result<bool> {
        self.before("touch", key, 0)?;
        self.disk.touch(key)
    }
    fn remove(&self, keys: &[&Key]) -> driver::Result<()> {
        // If one cannot be removed, the others are.
        let outcomes = keys.iter().map(|key| {
            self.before("remove", key, 0)?;
            self.disk.remove(&[key])?;
            self.after("remove", key)
        });
        outcomes.fold(Ok(()), Result::and)
    }
    fn remove_below(&self, directories: &[&Key]) -> driver::Result<()> {
        let outcomes = directories.iter().map(|directory| {
            self.before("remove", directory, 0)?;
            self.disk.remove_below(&[directory])?;
            self.after("remove", directory)
        });
        outcomes.fold(Ok(()), Result::and)
    }
    fn discard(&self, directory: &Key) {
        if self.before("discard", directory, 0).is_ok() {
            self.disk.discard(directory);
        }
    }
    fn list(&self, directory: &Key, after: &str, limit: usize) -> driver::Result<Vec<String>> {
        self.before("list", directory, 0)?;
        self.disk.list(directory, after, limit)
    }
    fn has_directory(&self, directory: &Key) -> driver::Result<bool> {
        self.before("has_directory", directory, 0)?;
        self.disk.has_directory(directory)
    }
    fn walk(
        &self,
        directory: &Key,
        visit: &mut dyn FnMut(&Key, &Stat) -> ControlFlow<()>,
    ) -> driver::Result<()> {
        self.before("walk", directory, 0)?;
        self.disk.walk(directory, visit)
    }
    fn upload(&self, key: &Key) -> driver::Result<Box<dyn Upload>> {
        self.before("upload", key, 0)?;
        Ok(self.watched(key, self.disk.upload(key)?, false))
    }
    fn resume(
        &self,
        key: &Key,
        length: u64,
        replay: &mut dyn Replay,
    ) -> driver::Result<Option<Box<dyn Upload>>> {
        self.before("resume", key, 0)?;
        let resumed = self.disk.resume(key, length, replay)?;
        Ok(resumed.map(|upload| self.watched(key, upload, true)))
    }
    fn upload_state(&self, key: &Key) -> driver::Result<Option<UploadState>> {
        self.before("upload_state", key, 0)?;
        self.disk.upload_state(key)
    }
    fn upload_started(&self, key: &Key) -> driver::Result<Option<SystemTime>> {
        self.before("upload_started", key, 0)?;
        self.disk.upload_started(key)
    }
    fn capabilities(&self) -> Capabilities {
        self.disk.capabilities()
    }
}

struct WatchedUpload {
    upload: Box<dyn Upload>,
    driver: Watched,
    key: Key,
    is_begun: bool,
}

impl io::Write for WatchedUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // As a disk does: some of it still fits.
        let half = bytes.len().div_ceil(2);
        self.driver.watch.before("append", &self.key, half)?;
        self.upload.write(&bytes[..half])
    }
    fn flush(&mut self) -> io::Result<()> {
        self.upload.flush()
    }
}

impl Upload for WatchedUpload {
    fn length(&self) -> u64 {
        self.upload.length()
    }
    fn version(&self) -> Version {
        self.upload.version()
    }
    fn rewind(&mut self, length: u64) -> driver::Result<()> {
        self.driver.before("rewind", &self.key, 0)?;
        self.upload.rewind(length)
    }
    fn checkpoint(&mut self, note: UploadNote<'_>) -> driver::Result<()> {
        if !self.is_begun {
            self.driver.before("begin", &self.key, BEGIN_BYTES)?;
            self.is_begun = true;
        }
        self.driver.before("checkpoint", &self.key, 0)?;
        self.upload.checkpoint(note)?;
        self.driver.after("checkpoint", &self.key)
    }
    fn reader(&mut self) -> driver::Result<ObjectReader> {
        self.driver.before("reader", &self.key, 0)?;
        self.upload.reader()
    }
    fn publish(&mut self, to: &Key, links: &[Write<'_>]) -> driver::Result<()> {
        for link in links {
            self.driver.before("write", &link.key, link.content.len())?;
        }
        self.driver.before("publish", to, 0)?;
        self.upload.publish(to, links)?;
        self.driver.after("publish", to)
    }
}
