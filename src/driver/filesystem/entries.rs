//! One directory, looked through as it is: with what no key leads to and what is no file.

use super::root::Root;
use crate::driver::{Entries, Entry, EntryKind, Error, Key, Result};
use crate::sys;
use std::fs::{self, DirEntry, FileType};
use std::io;

/// The entries of a directory, each read when it is asked for.
pub fn of<'r>(root: &'r Root, directory: &Key) -> Result<Entries<'r>> {
    let path = root.path(directory);
    let Some(entries) = root.found(directory, fs::read_dir(&path))? else {
        return Ok(Box::new(std::iter::empty()));
    };
    let directory = directory.clone();
    Ok(Box::new(entries.map(move |entry| {
        entry
            .map(|entry| read(root, &entry))
            .map_err(|error| Error::new(&directory, error))
    })))
}

fn read(root: &Root, entry: &DirEntry) -> Entry {
    let name = entry.file_name();
    let Some(text) = name.to_str() else {
        return Entry {
            name: name.to_string_lossy().into_owned(),
            kind: EntryKind::Other("something whose name is not UTF-8"),
        };
    };
    let kind = match entry.file_type() {
        Ok(kind) if kind.is_symlink() => behind_link(root, entry),
        Ok(kind) => kind_of(kind),
        Err(error) => EntryKind::Unreadable(error),
    };
    Entry {
        name: text.to_owned(),
        kind,
    }
}

fn kind_of(kind: FileType) -> EntryKind {
    if kind.is_dir() {
        EntryKind::Directory
    } else if kind.is_file() {
        EntryKind::Object
    } else {
        EntryKind::Other(sys::special(kind))
    }
}

/// What a symbolic link leads to.
fn behind_link(root: &Root, entry: &DirEntry) -> EntryKind {
    let path = entry.path();
    match fs::metadata(&path) {
        Ok(target) if target.is_dir() && root.leads_back(&path).unwrap_or(true) => {
            EntryKind::Other("a symbolic link to a directory that it is in")
        }
        Ok(target) => kind_of(target.file_type()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            EntryKind::Other("a symbolic link to nothing")
        }
        Err(error) => EntryKind::Unreadable(error),
    }
}
