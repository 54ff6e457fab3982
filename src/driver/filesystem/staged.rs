//! A change that is ready: one rename away from being made.

use super::directories::{open_file, patiently};
use super::open_file::{FileState, Ids, file_state};
use crate::driver::{Changed, Key, Precondition, Version, Write};
use std::cell::Cell;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A change that only has to be renamed to its place.
pub struct Staged<'a> {
    /// Where it belongs.
    pub key: &'a Key,
    /// A name that nobody else knows.
    pub from: PathBuf,
    /// What it is made of.
    pub origin: Origin<'a>,
    /// It got to its place.
    pub is_placed: Cell<bool>,
}

/// What a staged file was before.
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

    /// Takes a file out of the hands of other processes, and looks whether it is the one that was meant.
    pub fn take(&self, ids: &Ids) -> io::Result<()> {
        let Origin::File { file, state } = &self.origin else {
            return Ok(());
        };
        patiently(|| fs::rename(file, &self.from))?;
        match file_state(&self.from, ids)? == *state {
            true => Ok(()),
            false => Err(Changed::error()),
        }
    }

    /// Whether what is at the target is what the condition wants.
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

/// The version of a small file. Its number alone may come back with the next file, and where files have no numbers, the time of
/// its making is too coarse.
pub fn version(metadata: &Metadata, content: &[u8]) -> Version {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    let (number, _) = crate::sys::file_identity(metadata);
    Version::Numbers([number, metadata.len(), hasher.finish()])
}

impl Drop for Staged<'_> {
    /// What did not get to its place: a temporary file is of no use, another gets its name back.
    fn drop(&mut self) {
        if self.is_placed.get() {
            return;
        }
        let _ = match &self.origin {
            Origin::Content(_) => fs::remove_file(&self.from),
            Origin::File { file, .. } => fs::rename(&self.from, file),
        };
    }
}
