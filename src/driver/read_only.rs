//! A driver that reads and never writes, for `storage.maintenance.readonly`: whatever would change something
//! fails as on a disk that is mounted read-only, whoever asks for it.

use super::{Change, Content, Driver, Error, FileId, FileState, Key, Result, Sink, Stat};
use std::io;

/// Another driver, of which only the reading half can be reached.
pub struct ReadOnly<D>(pub D);

fn refused<T>(key: &Key) -> Result<T> {
    Err(Error::new(key, io::ErrorKind::ReadOnlyFilesystem.into()))
}

impl<D: Driver> Driver for ReadOnly<D> {
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Vec<u8>> {
        self.0.read(key, bytes_max)
    }

    fn open(&self, key: &Key) -> Result<Content> {
        self.0.open(key)
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.0.stat(key)
    }

    fn has_folder(&self, key: &Key) -> Result<bool> {
        self.0.has_folder(key)
    }

    fn leads_back(&self, folder: &Key) -> Result<bool> {
        self.0.leads_back(folder)
    }

    fn folds_case(&self) -> bool {
        self.0.folds_case()
    }

    fn kept_name(&self, key: &Key) -> Result<Option<String>> {
        self.0.kept_name(key)
    }

    fn list(&self, folder: &Key, after: &str, limit: usize) -> Result<Vec<String>> {
        self.0.list(folder, after, limit)
    }

    fn file_state(&self, key: &Key) -> Result<Option<FileState>> {
        self.0.file_state(key)
    }

    fn create(&self, key: &Key) -> Result<Box<dyn Sink>> {
        refused(key)
    }

    fn rename(&self, _from: &Key, to: &Key) -> Result<()> {
        refused(to)
    }

    fn append(&self, key: &Key, _offset: u64, _file: FileId) -> Result<Box<dyn Sink>> {
        refused(key)
    }

    fn publish(&self, changes: &[Change<'_>]) -> Result<()> {
        match changes.first() {
            Some(change) => refused(change.target()),
            None => Ok(()),
        }
    }

    fn remove(&self, key: &Key) -> Result<bool> {
        refused(key)
    }

    fn discard(&self, _key: &Key) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Memory;

    #[test]
    fn what_is_there_is_read_and_nothing_is_changed() {
        let disk = Memory::default();
        let key = Key::new("a/link");
        disk.publish(&[Change::Write(key.clone(), b"1")]).unwrap();
        let driver = ReadOnly(disk.clone());
        let write = Change::Write(key.clone(), b"2");
        assert!(driver.publish(&[write]).is_err_and(|e| e.is_read_only()));
        assert!(driver.create(&key).is_err_and(|e| e.is_read_only()));
        assert!(driver.remove(&key).is_err_and(|e| e.is_read_only()));
        driver.discard(&key);
        assert_eq!(driver.read(&key, 9).unwrap(), b"1");
        assert_eq!(
            (
                disk.steps(),
                driver.list(&key.parent(), "", 9).unwrap().len()
            ),
            (1, 1)
        );
    }
}
