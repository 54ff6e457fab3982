//! An upload that this process writes to: a file of its own, and where that is.

use super::directories::{open_file, patiently};
use super::disk;
use super::hash_states::{self, VouchedState};
use super::open_file::{FileId, FileState, OpenFile, file_state};
use super::root::Root;
use super::staged::{Origin, Staged};
use crate::driver::{
    Changed, Key, Object, ObjectReader, Replay, Result, Upload, UploadNote, Version, Write,
};
use crate::sys;
use crate::time::format_rfc_3339;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Bytes that are copied in one step.
const BUFFER_BYTES: usize = 64 * 1024;

/// The bytes of an upload.
pub fn data(key: &Key) -> Key {
    key.child("data")
}

/// The time of its start.
pub fn started_at(key: &Key) -> Key {
    key.child("startedat")
}

/// The owner of an upload is the process that created its file.
pub fn version(file: Option<FileId>) -> Version {
    match file {
        None => Version::Numbers([0; 3]),
        // The file system does not identify files (`open_file::Ids`).
        Some(FileId([0, 0, 0])) => Version::Numbers([u64::MAX; 3]),
        Some(FileId(numbers)) => Version::Numbers(numbers),
    }
}

/// An upload that this process writes to.
pub struct FileUpload {
    root: Arc<Root>,
    key: Key,
    length: u64,
    /// The file that this process created, if there is one yet.
    own: Option<FileId>,
    /// The path of that file until it replaces another's.
    copy: Option<PathBuf>,
    /// The file while it is written to.
    open: Option<OpenFile>,
    has_started_at: bool,
    /// Its length at the last checkpoint.
    checkpointed: u64,
    /// Its length when a hash state was last stored.
    hashed: u64,
}

/// Copies this many bytes and passes each step to `visit`, which may stop it.
fn copy(
    from: &mut File,
    into: &mut OpenFile,
    length: u64,
    visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = length;
    while left > 0 {
        let most = BUFFER_BYTES.min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = from.read(buffer.split_at_mut(most).0)?;
        let (bytes, _) = buffer.split_at(count);
        if bytes.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        into.write_all(bytes)?;
        left -= bytes.len() as u64;
        if visit(bytes).is_break() {
            return Err(ErrorKind::Interrupted.into());
        }
    }
    Ok(())
}

impl FileUpload {
    /// An upload without a file yet.
    pub fn new(root: &Arc<Root>, key: &Key, has_started_at: bool) -> FileUpload {
        FileUpload {
            root: Arc::clone(root),
            key: key.clone(),
            length: 0,
            own: None,
            copy: None,
            open: None,
            has_started_at,
            checkpointed: 0,
            hashed: 0,
        }
    }

    fn data(&self) -> Key {
        data(&self.key)
    }

    /// Creates a file of our own under a name that no other process knows.
    fn make_copy(&mut self) -> io::Result<&mut OpenFile> {
        let path = self.root.temporary(&self.root.path(&self.data()));
        let file = self.make(&path)?;
        self.copy = Some(path);
        Ok(self.open.insert(file))
    }

    fn make(&mut self, path: &Path) -> io::Result<OpenFile> {
        let root = &self.root;
        root.ids.try_with(|| {
            let probe = root.path.join("identity");
            [root.temporary(&probe), root.temporary(&probe)]
        });
        let file = root.create_new(path)?;
        let metadata = file.metadata()?;
        let file = OpenFile::new(file, &metadata, &root.ids)?;
        self.own = Some(file.id());
        Ok(file)
    }

    /// Copies the first bytes of another process's file and passes those to `replay` that no hash state covers. That process may
    /// still write to its file, and removes the state before it replaces any of those bytes: so the state is looked up
    /// again after they were copied.
    pub fn copy_from(
        &mut self,
        (mut from, metadata): (File, &fs::Metadata),
        length: u64,
        replay: &mut dyn Replay,
    ) -> io::Result<()> {
        let root = Arc::clone(&self.root);
        let key = self.key.clone();
        let id = FileId(sys::file_id(&from, metadata)?);
        let find = || hash_states::find(&root, &key, id, length);
        let state = find().filter(|state| replay.restore(state.length, state.note()));
        let into = {
            let _pass = root.gate.enter();
            self.make_copy()?
        };
        let known = state.as_ref().map_or(0, |state| state.length);
        copy(&mut from, into, known, &mut |_| replay.bytes(b""))?;
        copy(&mut from, into, length - known, &mut |bytes| {
            replay.bytes(bytes)
        })?;
        if state.is_some_and(|state: VouchedState| find() != Some(state)) {
            return Err(Changed::error());
        }
        self.length = length;
        Ok(())
    }

    /// Opens our own file for writing at `offset`, and truncates it there.
    fn reopen(&mut self, id: FileId, offset: u64) -> io::Result<()> {
        let open = || {
            let mut options = OpenOptions::new();
            sys::open_regular(&self.root.path(&self.data()), options.write(true))
        };
        let (file, metadata) = patiently(open)?;
        let file = OpenFile::new(file, &metadata, &self.root.ids)?.at(offset, id)?;
        self.open = Some(file);
        Ok(())
    }

    /// Opens our own file, which is created or put in place if necessary, and truncates it to `offset`.
    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        if let Some(copy) = &self.copy {
            // They are of the file that is being replaced.
            hash_states::withdraw(&self.root, &self.key)?;
            let data = self.root.path(&self.data());
            patiently(|| disk::rename(copy, &data))?;
            self.copy = None;
            if offset == self.length && self.open.is_some() {
                return Ok(());
            }
        }
        self.open = None;
        if offset < self.hashed {
            hash_states::withdraw(&self.root, &self.key)?;
            self.hashed = 0;
        }
        match self.own {
            Some(id) => self.reopen(id, offset)?,
            None => {
                let data = self.root.path(&self.data());
                match self.make(&data) {
                    Ok(file) => self.open = Some(file),
                    // Another process has begun to write: its bytes must not get into our file.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        self.make_copy()?;
                        return self.go_to(0);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        self.length = offset;
        Ok(())
    }

    /// Verifies that our file is in place, with all bytes that were written to it.
    fn look(&self) -> io::Result<()> {
        let data = self.root.path(&self.data());
        let found = file_state(&data, &self.root.ids)?;
        let own = self.own.map(|file| FileState {
            file,
            length: self.length,
        });
        match own == Some(found) {
            true => Ok(()),
            false => Err(Changed::error()),
        }
    }

    /// Stores the state of the hash from time to time if the upload comes in chunks. One that comes in one piece is
    /// published next and must not pay for it.
    fn store_state(&mut self, open: &OpenFile, note: UploadNote<'_>) -> io::Result<()> {
        let is_due = self.checkpointed > 0
            && self.length.saturating_sub(self.hashed) >= hash_states::INTERVAL_BYTES
            && hash_states::can_vouch_for(open.id());
        if !is_due {
            return Ok(());
        }
        open.sync()?;
        // Also if it fails: a part of it may be there, and has to go before these bytes are replaced.
        self.hashed = self.length;
        let stored = hash_states::store(&self.root, &self.key, open.id(), (self.length, note));
        if let Err(error) = stored {
            log::debug!(
                "cannot store the hash state of {}, which will be hashed again when it is resumed: {error}",
                self.key
            );
        }
        Ok(())
    }

    fn note_start(&mut self) -> io::Result<()> {
        let path = self.root.path(&started_at(&self.key));
        let mut file = self.root.create_new(&path)?;
        disk::write_all(&mut file, format_rfc_3339(SystemTime::now()).as_bytes())?;
        self.has_started_at = true;
        Ok(())
    }
}

impl io::Write for FileUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.open.is_none() {
            self.go_to(self.length)?;
        }
        let open = self.open.as_mut().ok_or(ErrorKind::NotFound)?;
        let count = open.write(bytes)?;
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload for FileUpload {
    fn length(&self) -> u64 {
        self.length
    }

    fn version(&self) -> Version {
        version(self.own)
    }

    fn rewind(&mut self, length: u64) -> Result<()> {
        let root = Arc::clone(&self.root);
        let _pass = root.gate.enter();
        let outcome = self.go_to(length);
        root.outcome(&self.data(), outcome)
    }

    fn checkpoint(&mut self, note: UploadNote<'_>) -> Result<()> {
        let root = Arc::clone(&self.root);
        let _pass = root.gate.enter();
        let open = self.open.take();
        if self.own.is_some() {
            root.outcome(&self.data(), self.look())?;
        }
        if let Some(open) = open {
            let stored = self.store_state(&open, note);
            root.outcome(&self.data(), stored)?;
        }
        self.checkpointed = self.length;
        if !self.has_started_at {
            let noted = self.note_start();
            root.outcome(&started_at(&self.key), noted)?;
        }
        Ok(())
    }

    fn reader(&mut self) -> Result<ObjectReader> {
        if self.length == 0 {
            return Ok(Object::Bytes(Arc::default()).reader());
        }
        let _pass = self.root.gate.enter();
        let data = self.data();
        let path = self.copy.clone().unwrap_or_else(|| self.root.path(&data));
        let (file, _) = self.root.outcome(&data, open_file(&path))?;
        let object = Object::File {
            file: Arc::new(file),
            length: self.length,
        };
        Ok(object.reader())
    }

    fn publish(&mut self, to: &Key, links: &[Write<'_>]) -> Result<()> {
        let root = Arc::clone(&self.root);
        let _pass = root.gate.enter();
        let data = self.data();
        if self.open.is_none() || self.copy.is_some() {
            let placed = self.go_to(self.length);
            root.outcome(&data, placed)?;
        }
        let open = self.open.take().ok_or(ErrorKind::NotFound.into());
        let open = root.outcome(&data, open)?;
        if self.checkpointed > 0 {
            // It may have got its last bytes long ago, and is new all the same.
            root.outcome(&data, open.touch())?;
        }
        let state = FileState {
            file: open.id(),
            length: self.length,
        };
        let file = root.path(&data);
        let from = root.temporary(&file);
        let moved = Staged::new(to, from, Origin::File { file, state });
        let links = links.iter().map(|link| root.stage(link));
        root.publish(std::iter::once(moved).chain(links).collect(), Some(open))
    }
}

impl Drop for FileUpload {
    /// Removes a copy that never replaced anything.
    fn drop(&mut self) {
        self.open = None;
        if let Some(copy) = self.copy.take() {
            let _ = disk::remove_file(&copy);
        }
    }
}
