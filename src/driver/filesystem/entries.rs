//! One directory, looked through as it is: with what no key leads to and what is no file.

use super::root::Root;
use crate::driver::{Entries, Entry, EntryKind, Error, Key, LINK_TO_NOTHING, Result};
use crate::sys;
use std::fs::{self, DirEntry, FileType};
use std::io;
use std::path::Path;

/// The entries of a directory, each read when it is asked for. A symbolic link to nothing is an error: what is behind it is not
/// known.
pub fn of<'r>(root: &'r Root, directory: &Key) -> Result<Entries<'r>> {
    let path = root.path(directory);
    let Some(entries) = root.found(directory, fs::read_dir(&path))? else {
        return match is_behind_link(root, &path) {
            true => Err(Error::new(directory, io::Error::other(LINK_TO_NOTHING))),
            false => Ok(Box::new(std::iter::empty())),
        };
    };
    let directory = directory.clone();
    Ok(Box::new(entries.map(move |entry| {
        entry
            .map(|entry| read(root, &entry))
            .map_err(|error| Error::new(&directory, error))
    })))
}

/// Whether something that does not exist, or the nearest above it that does, is a symbolic link.
fn is_behind_link(root: &Root, path: &Path) -> bool {
    let below_root = path.ancestors().take_while(|path| *path != root.path);
    let mut found = below_root.filter_map(|path| path.symlink_metadata().ok());
    found.next().is_some_and(|nearest| nearest.is_symlink())
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
        Err(error) if error.kind() == io::ErrorKind::NotFound => EntryKind::LinkToNothing,
        Err(error) => EntryKind::Unreadable(error),
    }
}
