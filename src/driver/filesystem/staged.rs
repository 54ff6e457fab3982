//! A change that is prepared: a rename away from being in effect.

use super::directories::{open_file, patiently};
use super::disk;
use super::open_file::{FileState, Ids, file_state};
use crate::driver::{Changed, Key, Precondition, Version, Write};
use std::cell::Cell;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A change whose file only has to be renamed.
pub struct Staged<'a> {
    /// Where it belongs.
    pub key: &'a Key,
    /// A name that nobody else knows.
    pub from: PathBuf,
    /// What it is made of.
    pub origin: Origin<'a>,
    /// The rename has been done.
    pub is_placed: Cell<bool>,
}

/// Where a staged file comes from.
pub enum Origin<'a> {
    /// These bytes.
    Content(&'a Write<'a>),
    /// This file.
    File {
        /// Its path.
        file: PathBuf,
        /// What it must be.
        state: FileState,
    },
}

impl<'a> Staged<'a> {
    /// A change that was not made yet.
    pub fn new(key: &'a Key, from: PathBuf, origin: Origin<'a>) -> Staged<'a> {
        Staged {
            key,
            from,
            origin,
            is_placed: Cell::new(false),
        }
    }

    /// Bytes of the content that is written for it.
    pub fn length(&self) -> u64 {
        match &self.origin {
            Origin::Content(write) => write.content.len() as u64,
            Origin::File { state, .. } => state.length,
        }
    }

    /// Gives a file a name that no other process knows, and verifies that it is the expected one.
    pub fn take(&self, ids: &Ids) -> io::Result<()> {
        let Origin::File { file, state } = &self.origin else {
            return Ok(());
        };
        patiently(|| disk::rename(file, &self.from))?;
        match file_state(&self.from, ids)? == *state {
            true => Ok(()),
            false => Err(Changed::error()),
        }
    }

    /// Verifies the precondition.
    pub fn check(&self, target: &Path, condition: Precondition<'_>) -> io::Result<()> {
        let is_met = match condition {
            Precondition::None => true,
            Precondition::Absent => !target.try_exists()?,
            Precondition::Unchanged(expected) => match open_file(target) {
                Ok((mut file, metadata)) => {
                    let mut content = Vec::new();
                    file.read_to_end(&mut content)?;
                    version(&metadata, &content) == *expected
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            },
        };
        match is_met {
            true => Ok(()),
            false => Err(Changed::error()),
        }
    }
}

/// The version of a small file. An inode number alone may be reused, and creation times are too coarse.
pub fn version(metadata: &Metadata, content: &[u8]) -> Version {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    let (number, _) = crate::sys::file_identity(metadata);
    Version::Numbers([number, metadata.len(), hasher.finish()])
}

impl Drop for Staged<'_> {
    /// Undoes what was not completed: a temporary file is removed, an upload gets its name back.
    fn drop(&mut self) {
        if self.is_placed.get() {
            return;
        }
        let _ = match &self.origin {
            Origin::Content(_) => disk::remove_file(&self.from),
            Origin::File { file, .. } => disk::rename(&self.from, file),
        };
    }
}
