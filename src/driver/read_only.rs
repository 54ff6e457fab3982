//! A driver that never writes, for `storage.maintenance.readonly`: every change fails as on a file system that is mounted
//! read-only.

use super::{
    Capabilities, Driver, Entries, Error, FewNames, Key, Object, Presign, Replay, Result,
    SmallObject, Stat, Upload, UploadState, Write,
};
use std::io;
use std::ops::ControlFlow;
use std::time::SystemTime;

/// Wraps another driver and only lets reads through.
pub struct ReadOnly<D>(pub D);

fn refused<T>(key: &Key) -> Result<T> {
    Err(Error::new(key, io::ErrorKind::ReadOnlyFilesystem.into()))
}

impl<D: Driver> Driver for ReadOnly<D> {
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Option<SmallObject>> {
        self.0.read(key, bytes_max)
    }

    fn open(&self, key: &Key, small_bytes_max: u64) -> Result<Option<Object>> {
        self.0.open(key, small_bytes_max)
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.0.stat(key)
    }

    fn stat_each(&self, directory: &Key, names: &[&str], rest: &str) -> Vec<Result<Option<Stat>>> {
        self.0.stat_each(directory, names, rest)
    }

    fn directories_in_each(&self, directory: &Key, names: &[&str]) -> Vec<Option<FewNames>> {
        self.0.directories_in_each(directory, names)
    }

    fn write(&self, writes: &[Write<'_>]) -> Result<()> {
        match writes.first() {
            Some(write) => refused(&write.key),
            None => Ok(()),
        }
    }

    fn touch(&self, key: &Key) -> Result<bool> {
        refused(key)
    }

    fn remove(&self, keys: &[&Key]) -> Result<()> {
        keys.first().map_or(Ok(()), |key| refused(key))
    }

    fn remove_below(&self, directories: &[&Key]) -> Result<()> {
        self.remove(directories)
    }

    fn discard(&self, _directory: &Key) {}

    fn list(&self, directory: &Key, after: &str, limit: usize) -> Result<Vec<String>> {
        self.0.list(directory, after, limit)
    }

    fn has_directory(&self, directory: &Key) -> Result<bool> {
        self.0.has_directory(directory)
    }

    fn walk(
        &self,
        directory: &Key,
        visit: &mut dyn FnMut(&Key, &Stat) -> ControlFlow<()>,
    ) -> Result<()> {
        self.0.walk(directory, visit)
    }

    fn entries(&self, directory: &Key) -> Result<Entries<'_>> {
        self.0.entries(directory)
    }

    fn relocate(&self, from: &Key, _to: &Key) -> Result<bool> {
        refused(from)
    }

    fn upload(&self, key: &Key) -> Result<Box<dyn Upload>> {
        refused(key)
    }

    fn resume(
        &self,
        key: &Key,
        _length: u64,
        _replay: &mut dyn Replay,
    ) -> Result<Option<Box<dyn Upload>>> {
        refused(key)
    }

    fn upload_state(&self, key: &Key) -> Result<Option<UploadState>> {
        self.0.upload_state(key)
    }

    fn upload_started(&self, key: &Key) -> Result<Option<SystemTime>> {
        self.0.upload_started(key)
    }

    fn redirect(&self, key: &Key, request: &Presign<'_>) -> Result<Option<String>> {
        self.0.redirect(key, request)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn leads_back(&self, directory: &Key) -> Result<bool> {
        self.0.leads_back(directory)
    }

    fn spelling(&self, key: &Key) -> Result<Option<String>> {
        self.0.spelling(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Memory;

    #[test]
    fn what_is_there_is_read_and_nothing_is_changed() {
        let disk = Memory::default();
        let key = Key::new("a/link");
        disk.write(&[Write::new(key.clone(), b"1")]).unwrap();
        let driver = ReadOnly(disk.clone());
        let write = Write::new(key.clone(), b"2");
        assert!(driver.write(&[write]).is_err_and(|e| e.is_read_only()));
        assert!(driver.upload(&key).is_err_and(|e| e.is_read_only()));
        assert!(driver.remove(&[&key]).is_err_and(|e| e.is_read_only()));
        assert!(
            driver
                .remove_below(&[&key])
                .is_err_and(|e| e.is_read_only())
        );
        assert!(driver.touch(&key).is_err_and(|e| e.is_read_only()));
        driver.discard(&key);
        assert_eq!(*driver.read(&key, 9).unwrap().unwrap().bytes, *b"1");
        assert_eq!(
            (
                disk.steps(),
                driver.list(&key.parent(), "", 9).unwrap().len()
            ),
            (1, 1)
        );
    }
}
