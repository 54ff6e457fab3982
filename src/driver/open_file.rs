//! Files that are written to, and which they are: another process may put its own in their place.

use super::folders::patiently;
use super::{Changed, FileId, FileState, Sink};
use crate::sys;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// A file that is being written, and which one it is.
pub struct OpenFile {
    file: File,
    id: FileId,
    length: u64,
}

impl OpenFile {
    /// A file that was just opened.
    pub fn new(file: File, metadata: &fs::Metadata) -> io::Result<OpenFile> {
        let id = file_id(&file, metadata)?;
        let length = metadata.len();
        Ok(OpenFile { file, id, length })
    }

    /// Goes to `offset` and cuts off what lies behind, if it is the file that is expected.
    pub fn at(mut self, offset: u64, expected: FileId) -> io::Result<OpenFile> {
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

fn file_id(file: &File, metadata: &fs::Metadata) -> io::Result<FileId> {
    sys::file_id(file, metadata).map(FileId)
}

/// Which file is at a path.
pub fn file_state(path: &Path) -> io::Result<FileState> {
    let look = |id, metadata: &fs::Metadata| {
        let file = FileId(id);
        let length = metadata.len();
        metadata.is_file().then_some(FileState { file, length })
    };
    let state = patiently(|| sys::look_at(path, look))?;
    state.ok_or_else(|| io::ErrorKind::NotFound.into())
}
