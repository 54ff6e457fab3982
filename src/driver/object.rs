//! Objects: how they are read, and how they are written under a precondition.

use super::Key;
use crate::sys;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

/// The version of an object, which every write changes. Opaque and only to be compared: numbers where that saves an
/// allocation, the text of an `ETag` elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// By which a file system identifies a file.
    Numbers([u64; 3]),
    /// As a server names it.
    Text(Arc<str>),
}

/// When a [`Write`] is performed. If it is not met, nothing is changed and the error says [`super::Error::is_changed`].
#[derive(Clone, Copy, Debug)]
pub enum Precondition<'a> {
    /// Always.
    None,
    /// Only if the object does not exist (`If-None-Match: *`).
    Absent,
    /// Only if the object still has this version (`If-Match`).
    Unchanged(&'a Version),
}

/// A small object to be written, replacing an existing one.
#[derive(Clone, Debug)]
pub struct Write<'a> {
    /// Its key.
    pub key: Key,
    /// Its bytes.
    pub content: &'a [u8],
    /// The precondition.
    pub only_if: Precondition<'a>,
}

impl<'a> Write<'a> {
    /// An unconditional write.
    pub fn new(key: Key, content: &'a [u8]) -> Write<'a> {
        Write {
            key,
            content,
            only_if: Precondition::None,
        }
    }

    /// The same with a precondition.
    #[must_use]
    pub fn only_if(self, only_if: Precondition<'a>) -> Write<'a> {
        Write { only_if, ..self }
    }
}

/// A small object that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallObject {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Its version.
    pub version: Version,
    /// When it was last written.
    pub modified: SystemTime,
}

/// What a driver knows of an object without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Bytes in it.
    pub length: u64,
    /// When it was last written.
    pub modified: SystemTime,
}

/// An open object. Its content does not change, even if its key is written meanwhile.
#[derive(Clone)]
pub enum Object {
    /// A file of the operating system, which can be sent without passing through the program.
    File {
        /// The file. Its cursor is shared, so it is only read at offsets.
        file: Arc<File>,
        /// Bytes in it.
        length: u64,
    },
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// An object on another server.
    Remote(Arc<dyn Remote>),
}

/// An object on another server.
pub trait Remote: Send + Sync {
    /// Bytes in it.
    fn length(&self) -> u64;

    /// Requests `length` bytes, starting at `offset`. An object that was replaced in the meantime is an error.
    fn read_range(&self, offset: u64, length: u64) -> io::Result<Box<dyn Read + Send>>;
}

impl Object {
    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Object::File { length, .. } => *length,
            Object::Bytes(bytes) => bytes.len() as u64,
            Object::Remote(remote) => remote.length(),
        }
    }

    /// Reads all of it.
    pub fn reader(&self) -> ObjectReader {
        self.range(0, self.length())
    }

    /// Reads `length` bytes, starting at `offset`. Another server is only asked at the first read. An object that ends
    /// early is an error of kind `UnexpectedEof`.
    pub fn range(&self, offset: u64, length: u64) -> ObjectReader {
        ObjectReader {
            object: self.clone(),
            offset,
            left: length,
            response: None,
        }
    }
}

/// Reads a range of an object. Readers of the same object are independent of each other.
pub struct ObjectReader {
    object: Object,
    offset: u64,
    left: u64,
    /// The response of another server.
    response: Option<Box<dyn Read + Send>>,
}

impl ObjectReader {
    /// Limits it to the first `length` bytes.
    #[must_use]
    pub fn take_first(self, length: u64) -> ObjectReader {
        let left = self.left.min(length);
        ObjectReader { left, ..self }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let room = room.min(into.len());
        let Some(into) = into.get_mut(..room).filter(|into| !into.is_empty()) else {
            return Ok(0);
        };
        let count = match &self.object {
            Object::File { file, .. } => sys::read_at(file, into, self.offset)?,
            Object::Bytes(bytes) => {
                let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
                bytes.get(offset..).unwrap_or_default().read(into)?
            }
            Object::Remote(remote) => match &mut self.response {
                Some(response) => response.read(into)?,
                None => {
                    let response = remote.read_range(self.offset, self.left)?;
                    self.response.insert(response).read(into)?
                }
            },
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset = self.offset.saturating_add(count as u64);
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}
