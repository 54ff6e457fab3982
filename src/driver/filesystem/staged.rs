//! A change that is ready: one rename away from being made.

use super::folders::patiently;
use super::open_file::{Ids, file_state};
use super::{Changed, FileState, Key};
use std::fs;
use std::io;
use std::path::PathBuf;

/// A change that only has to be renamed to its place.
pub struct Staged<'a> {
    /// Where it belongs.
    pub key: &'a Key,
    /// A name that nobody else knows.
    pub from: PathBuf,
    /// What it is made of.
    pub origin: Origin<'a>,
}

/// What a staged file was before.
pub enum Origin<'a> {
    /// These bytes.
    Content(&'a [u8]),
    /// This file.
    File {
        /// Its path.
        file: PathBuf,
        /// What it must be.
        state: FileState,
    },
}

impl Staged<'_> {
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
}

impl Drop for Staged<'_> {
    /// What did not get to its place: a temporary file is of no use, another gets its name back.
    fn drop(&mut self) {
        let _ = match &self.origin {
            Origin::Content(_) => fs::remove_file(&self.from),
            Origin::File { file, .. } => fs::rename(&self.from, file),
        };
    }
}
