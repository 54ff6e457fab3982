//! Objects: what is read of them, and what is written under a condition.

use super::Key;
use crate::sys;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

/// Which state of an object it is: another write of the same key gives another version. Opaque, only to be compared; a
/// number where that costs no allocation, the text of an `ETag` elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// What a file system knows a file by.
    Numbers([u64; 3]),
    /// What a server calls it.
    Text(Arc<str>),
}

/// When a [`Write`] is made. Where it is not, nothing is changed and [`super::Error::is_changed`] says so.
#[derive(Clone, Copy, Debug)]
pub enum Precondition<'a> {
    /// Always.
    None,
    /// As long as there is no object (`If-None-Match: *`).
    Absent,
    /// As long as it is this version (`If-Match`).
    Unchanged(&'a Version),
}

/// One small object to be written, replacing what is there.
#[derive(Clone, Debug)]
pub struct Write<'a> {
    /// Under which key.
    pub key: Key,
    /// All of its bytes.
    pub content: &'a [u8],
    /// When.
    pub only_if: Precondition<'a>,
}

impl<'a> Write<'a> {
    /// Writes, whatever is there.
    pub fn new(key: Key, content: &'a [u8]) -> Write<'a> {
        Write {
            key,
            content,
            only_if: Precondition::None,
        }
    }

    /// The same under a condition.
    #[must_use]
    pub fn only_if(self, only_if: Precondition<'a>) -> Write<'a> {
        Write { only_if, ..self }
    }
}

/// What is known of an object without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Bytes in it.
    pub length: u64,
    /// When it was last written.
    pub modified: SystemTime,
}

/// An object, open for reading: what it holds stays the same, whatever is written under its key meanwhile.
#[derive(Clone)]
pub enum Object {
    /// A file of the operating system: it can be sent without passing through the program.
    File {
        /// The file. Its cursor is shared with others: read it by offsets only.
        file: Arc<File>,
        /// Bytes in it.
        length: u64,
    },
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// Bytes that another server has.
    Remote(Arc<dyn Remote>),
}

/// An object of another server.
pub trait Remote: Send + Sync {
    /// Bytes in it.
    fn length(&self) -> u64;

    /// Asks for `length` bytes from `offset` on. An object that was replaced meanwhile is an error, never other bytes.
    fn read_range(&self, offset: u64, length: u64) -> io::Result<Box<dyn Read + Send>>;
}

impl Object {
    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        match self {
            Object::File { length, .. } => *length,
            Object::Bytes(bytes) => bytes.len() as u64,
            Object::Remote(remote) => remote.length(),
        }
    }

    /// Reads it from the start to the end.
    pub fn reader(&self) -> ObjectReader {
        self.range(0, self.length())
    }

    /// Reads `length` bytes from `offset` on. Nothing is asked of another server before the first read. An object that
    /// ends early is an error of kind `UnexpectedEof`.
    pub fn range(&self, offset: u64, length: u64) -> ObjectReader {
        ObjectReader {
            object: self.clone(),
            offset,
            left: length,
            response: None,
        }
    }
}

/// A range of an object, being read. Readers of one object do not disturb each other.
pub struct ObjectReader {
    object: Object,
    offset: u64,
    left: u64,
    /// What another server is sending.
    response: Option<Box<dyn Read + Send>>,
}

impl ObjectReader {
    /// Leaves out what lies behind the first `length` bytes.
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
