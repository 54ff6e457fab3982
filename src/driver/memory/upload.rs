//! Uploads in memory, which behave as those of the file system do: a file grows, and is replaced by a copy when another takes
//! it over.

use super::disk::{Change, Disk, File};
use crate::driver::{
    Changed, Error, Key, Object, ObjectReader, Replay, Result, Upload, UploadNote, Version, Write,
};
use crate::sync::Mutex;
use crate::time::format_rfc_3339;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// The version of an upload without bytes.
pub(super) const NO_DATA: Version = Version::Numbers([0; 3]);

pub(super) fn data(key: &Key) -> Key {
    key.child("data")
}

pub(super) fn started_at(key: &Key) -> Key {
    key.child("startedat")
}

/// An upload that a storage writes to.
pub(super) struct MemoryUpload {
    disk: Arc<Mutex<Disk>>,
    key: Key,
    /// The file that was made for it.
    own: Option<File>,
    /// The file is at its place.
    is_placed: bool,
    has_started_at: bool,
}

impl MemoryUpload {
    pub(super) fn new(disk: &Arc<Mutex<Disk>>, key: &Key, has_started_at: bool) -> MemoryUpload {
        MemoryUpload {
            disk: Arc::clone(disk),
            key: key.clone(),
            own: None,
            is_placed: false,
            has_started_at,
        }
    }

    /// Makes a file of our own of the first bytes; `false` when there are none.
    pub(super) fn copy(&mut self, length: u64, replay: &mut dyn Replay) -> Result<bool> {
        if length == 0 {
            return Ok(true);
        }
        let data = data(&self.key);
        let content = match self.disk.lock().live.get(&data) {
            Some(file) => file.bytes().clone(),
            None => return Ok(false),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = content
            .get(..length)
            .ok_or_else(|| Error::new(&data, ErrorKind::UnexpectedEof.into()))?;
        if replay.bytes(bytes).is_break() {
            return Err(Error::new(&data, ErrorKind::Interrupted.into()));
        }
        self.own = Some(File::new(bytes));
        Ok(true)
    }

    /// Our own file, at its place.
    fn file(&mut self) -> io::Result<File> {
        let mut disk = self.disk.lock();
        let file = self.own.get_or_insert_with(|| File::new(b""));
        let data = data(&self.key);
        match disk.live.get(&data) {
            Some(found) if self.is_placed && found.id != file.id => return Err(Changed::error()),
            None if self.is_placed => return Err(ErrorKind::NotFound.into()),
            _ if !self.is_placed => drop(disk.live.insert(data, file.clone())),
            _ => {}
        }
        self.is_placed = true;
        Ok(file.clone())
    }
}

impl io::Write for MemoryUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A file that was opened is written to, whatever became of its name.
        let file = match &self.own {
            Some(file) if self.is_placed => file.clone(),
            _ => self.file()?,
        };
        file.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload for MemoryUpload {
    fn length(&self) -> u64 {
        self.own.as_ref().map_or(0, |file| file.stat().length)
    }

    fn version(&self) -> Version {
        self.own.as_ref().map_or(NO_DATA, File::version)
    }

    fn rewind(&mut self, length: u64) -> Result<()> {
        let failed = |error| Error::new(&data(&self.key), error);
        let length = usize::try_from(length).map_err(|_| failed(ErrorKind::InvalidData.into()))?;
        let outcome = self.file();
        let file = outcome.map_err(|error| Error::new(&data(&self.key), error))?;
        let mut bytes = file.bytes();
        if bytes.len() < length {
            return Err(Error::new(&data(&self.key), ErrorKind::InvalidData.into()));
        }
        bytes.truncate(length);
        Ok(())
    }

    fn checkpoint(&mut self, _note: UploadNote<'_>) -> Result<()> {
        let data = data(&self.key);
        let mut disk = self.disk.lock();
        if let Some(own) = &self.own
            && disk.live(&data)?.id != own.id
        {
            return Err(Error::new(&data, Changed::error()));
        }
        if !self.has_started_at {
            let text = format_rfc_3339(SystemTime::now());
            let file = File::new(text.as_bytes());
            disk.live.insert(started_at(&self.key), file);
            self.has_started_at = true;
        }
        Ok(())
    }

    fn reader(&mut self) -> Result<ObjectReader> {
        let bytes = self.own.as_ref().map(|file| file.bytes().clone());
        Ok(Object::Bytes(bytes.unwrap_or_default().into()).reader())
    }

    fn publish(&mut self, to: &Key, links: &[Write<'_>]) -> Result<()> {
        let data = data(&self.key);
        let file = self.file().map_err(|error| Error::new(&data, error))?;
        let mut disk = self.disk.lock();
        disk.step().map_err(|error| Error::new(&data, error))?;
        let length = file.bytes().len();
        file.synced.store(length, Ordering::Relaxed);
        let moved = Change::Move {
            from: &data,
            file: file.id,
            length: length as u64,
            to,
        };
        let links = links.iter().map(Change::Write);
        disk.publish(&std::iter::once(moved).chain(links).collect::<Vec<_>>())
    }
}
