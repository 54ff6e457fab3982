//! Files that are written to, and which they are: another process may replace them with its own.

use super::directories::patiently;
use super::disk;
use crate::driver::Changed;
use crate::sys;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// Identifies a file, whatever its name: a file that replaces it has another identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(pub [u64; 3]);

/// The identity and the length of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Which file.
    pub file: FileId,
    /// Bytes in it.
    pub length: u64,
}

/// So many bytes are given to the disk together while more of them arrive, so that the sync at the end has little left to do.
const WRITE_BACK_BYTES: u64 = 4 * 1024 * 1024;

/// A file that is being written, and which one it is.
pub struct OpenFile {
    file: File,
    id: FileId,
    length: u64,
    /// Where the next bytes go.
    position: u64,
    /// How far the disk was asked to write them.
    given: u64,
}

impl OpenFile {
    /// A file that was just opened.
    pub fn new(file: File, metadata: &fs::Metadata, ids: &Ids) -> io::Result<OpenFile> {
        let id = ids.known(FileId(sys::file_id(&file, metadata)?));
        let length = metadata.len();
        Ok(OpenFile {
            file,
            id,
            length,
            position: 0,
            given: 0,
        })
    }

    /// Seeks to `offset` and truncates the file there, if it is the expected one.
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
            disk::truncate(&self.file, offset)?;
        }
        self.file.seek(SeekFrom::Start(offset))?;
        self.position = offset;
        self.given = offset;
        Ok(self)
    }

    /// Which file it is.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Makes now the time when it was last written.
    pub fn touch(&self) -> io::Result<()> {
        self.file.set_modified(SystemTime::now())
    }

    /// Has the disk begin to write what it was not asked to write yet, and does not wait for it.
    pub fn begin_write_back(&mut self) {
        if self.position > self.given {
            sys::begin_write_back(&self.file, self.given..self.position);
            self.given = self.position;
        }
    }

    /// Makes everything written so far survive a power loss.
    pub fn sync(&self) -> io::Result<()> {
        disk::sync_data(&self.file)
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = disk::write(&mut self.file, bytes)?;
        self.position += count as u64;
        if self.position - self.given >= WRITE_BACK_BYTES {
            self.begin_write_back();
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Which file is at a path.
pub fn file_state(path: &Path, ids: &Ids) -> io::Result<FileState> {
    let look = |id, metadata: &fs::Metadata| {
        let file = ids.known(FileId(id));
        let length = metadata.len();
        metadata.is_file().then_some(FileState { file, length })
    };
    let state = patiently(|| sys::look_at(path, look))?;
    state.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Whether the file system identifies files: a renamed file must keep its identity. FAT and some network shares number
/// names instead of files; with those only lengths are compared.
#[derive(Default)]
pub struct Ids {
    are_kept: OnceLock<bool>,
}

impl Ids {
    /// Tries it once, with a file that is made under one name, gets the other, and is removed.
    pub fn try_with(&self, names: impl FnOnce() -> [PathBuf; 2]) {
        if self.are_kept.get().is_some() {
            return;
        }
        let [one, other] = names();
        // Where no file can be made now, nothing is known, and it is tried again.
        let Ok(are_kept) = keeps_id(&one, &other) else {
            return;
        };
        if self.are_kept.set(are_kept).is_ok() && !are_kept {
            log::warn!(
                "the file system of the data does not tell one file from another: no other registry may take pushes in \
                 the same directory at the same time"
            );
        }
    }

    fn known(&self, id: FileId) -> FileId {
        match self.are_kept.get() {
            Some(false) => FileId([0; 3]),
            _ => id,
        }
    }
}

fn keeps_id(one: &Path, other: &Path) -> io::Result<bool> {
    let file = disk::create_new(one)?;
    let before = file.metadata().and_then(|made| sys::file_id(&file, &made));
    drop(file);
    let renamed = disk::rename(one, other);
    let after = sys::look_at(other, |id, _| id);
    for path in [one, other] {
        // One of them is not there.
        let _ = disk::remove_file(path);
    }
    renamed?;
    Ok(before? == after?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_files_are_not_told_apart_they_are_known_by_their_length() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (kept, not_kept) = (Ids::default(), Ids::default());
        kept.try_with(|| [path("1"), path("2")]);
        not_kept.are_kept.set(false).unwrap();
        assert_eq!(kept.are_kept.get(), Some(&true));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        for name in ["a", "b"] {
            fs::write(path(name), "same").unwrap();
        }
        let equal = |ids: &Ids| {
            let [a, b] = ["a", "b"].map(|name| file_state(&path(name), ids).unwrap());
            assert_eq!((a.length, b.length), (4, 4));
            a == b
        };
        assert!(equal(&not_kept) && !equal(&kept));
        let none = Ids::default();
        none.try_with(|| [path("no/1"), path("no/2")]);
        assert_eq!(none.are_kept.get(), None);
    }
}
