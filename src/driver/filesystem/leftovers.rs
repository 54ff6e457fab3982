//! What killed processes left behind: temporary files `<name>.<unique>.tmp`, next to the file that they were to become, and
//! empty directories.
//!
//! Several processes may share a directory, so only their age decides. If a process still needs the file that is
//! removed, it writes it again; an upload that is being published has such a name for a moment, and if it were removed
//! then, the request would fail without having promised anything. A directory that is needed is made again.

use super::disk;
use super::root::Root;
use crate::driver::LeftoverSearch;
use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::path::Path;

/// Shortest word that makes the name of a temporary file unique.
const UNIQUE_BYTES_MIN: usize = 16;

/// Directories within directories that are looked through; no name of a repository leads deeper.
const DEPTH_MAX: usize = 200;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Files that were removed.
    pub removed: usize,
    /// Files that stay, because they are not old enough or cannot be removed.
    pub left: usize,
    /// Empty directories that were removed.
    pub directories: usize,
}

/// Removes those below the root. Links are not followed. What cannot be read is skipped: nothing is worse than before.
pub fn remove(root: &Root, search: &LeftoverSearch<'_>) -> Leftovers {
    let mut found = Leftovers::default();
    let Ok(entries) = fs::read_dir(&root.path) else {
        return found;
    };
    for entry in entries.map_while(Result::ok) {
        match entry.file_type() {
            // It shows that the data is there.
            Ok(kind) if kind.is_dir() => {
                let _ = look_into((root, &entry.path()), search, &mut found, 0);
            }
            Ok(kind) if kind.is_file() => {
                let _ = look_at_file(&entry, search, &mut found);
            }
            _ => {}
        }
    }
    found
}

/// Looks through a directory; gives whether it is empty then.
fn look_into(
    (root, directory): (&Root, &Path),
    search: &LeftoverSearch<'_>,
    found: &mut Leftovers,
    depth: usize,
) -> bool {
    let entries = match fs::read_dir(directory) {
        Ok(entries) if depth < DEPTH_MAX && (search.may_continue)() => entries,
        _ => return false,
    };
    let mut is_empty = true;
    for entry in readable(entries, &mut is_empty) {
        let is_gone = match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                let path = entry.path();
                let is_old = is_old(&entry, search).unwrap_or(false);
                let is_empty = look_into((root, &path), search, found, depth + 1);
                is_old && is_empty && remove_directory((root, &path), search, found)
            }
            Ok(kind) if kind.is_file() => look_at_file(&entry, search, found),
            _ => false,
        };
        is_empty &= is_gone;
    }
    is_empty
}

/// The entries up to the first that cannot be read: then the directory does not count as empty.
fn readable(entries: ReadDir, is_whole: &mut bool) -> Vec<DirEntry> {
    let mut readable = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => readable.push(entry),
            Err(_) => *is_whole = false,
        }
    }
    readable
}

/// Removes a directory that was found to be empty; gives whether it is gone.
fn remove_directory(
    (root, path): (&Root, &Path),
    search: &LeftoverSearch<'_>,
    found: &mut Leftovers,
) -> bool {
    if !search.empty_directories {
        return false;
    }
    let key = root.key(path);
    if search.kept_directories.contains(&key.as_str()) {
        return false;
    }
    root.durable.forget(&key);
    if disk::remove_directory(path).is_err() {
        return false;
    }
    root.note_removal(&key);
    found.directories += 1;
    true
}

/// Removes a file if it is temporary and old; gives whether it is gone.
fn look_at_file(entry: &DirEntry, search: &LeftoverSearch<'_>, found: &mut Leftovers) -> bool {
    if !has_temporary_name(entry) {
        return false;
    }
    let removed = is_old(entry, search).and_then(|is_old| {
        if is_old {
            disk::remove_file(&entry.path())?;
        }
        Ok(is_old)
    });
    match removed {
        Ok(true) => found.removed += 1,
        Ok(false) | Err(_) => found.left += 1,
    }
    removed.unwrap_or(false)
}

fn is_old(entry: &DirEntry, search: &LeftoverSearch<'_>) -> io::Result<bool> {
    Ok(entry.metadata()?.modified()? < search.before)
}

fn has_temporary_name(entry: &DirEntry) -> bool {
    entry.file_name().to_str().is_some_and(is_temporary)
}

/// Whether a name is that of a temporary file: ours, or one of distribution, which makes it unique by a UUID.
pub fn is_temporary(name: &str) -> bool {
    let words = name
        .strip_suffix(".tmp")
        .and_then(|name| name.rsplit_once('.'));
    words.is_some_and(|(name, unique)| {
        let is_unique = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        !name.is_empty() && unique.len() >= UNIQUE_BYTES_MIN && unique.bytes().all(is_unique)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::{Duration, SystemTime};

    #[test]
    fn directories_that_are_empty_go_with_those_above_and_the_first_stays() {
        let root = tempfile::tempdir().unwrap();
        for directory in ["a/b/c/d", "a/b/e", "a/kept", "a/g", "f"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("a/kept/file"), "x").unwrap();
        let search = |before| {
            let search = LeftoverSearch {
                before,
                empty_directories: true,
                kept_directories: &["a/g"],
                may_continue: &|| true,
            };
            let root = Root::new(root.path().to_owned(), 1).unwrap();
            remove(&root, &search).directories
        };
        let now = SystemTime::now();
        assert_eq!(search(now - Duration::from_secs(60)), 0);
        let later = now + Duration::from_secs(60);
        assert_eq!(search(later), 4);
        assert!(root.path().join("a/kept/file").is_file() && root.path().join("f").is_dir());
        assert!(!root.path().join("a/b").exists() && root.path().join("a/g").is_dir());
    }

    #[test]
    fn old_ones_go_young_ones_stay_and_nothing_else_is_touched() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("repositories/a/_manifests/tags/x/current");
        fs::create_dir_all(&directory).unwrap();
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        let make = |name: &str, age: Duration| {
            let file = File::create(directory.join(name)).unwrap();
            file.set_modified(now - age).unwrap();
        };
        make("link", 9 * hour);
        make("link.0123456789abcdef-1.tmp", 9 * hour);
        make("link.5f2c1c9e-0d1b-4b7e-9f65-0a3c8a3f1b2d.tmp", 9 * hour);
        make("link.0123456789abcdef-2.tmp", hour / 2);
        make("notes.tmp", 9 * hour);
        make("link.of-somebody-else-altogether.tmp", 9 * hour);
        fs::create_dir(directory.join("y.0123456789abcdef-3.tmp")).unwrap();
        let search = |may_continue| {
            let search = LeftoverSearch {
                before: now - hour,
                empty_directories: false,
                kept_directories: &[],
                may_continue,
            };
            remove(&Root::new(root.path().to_owned(), 1).unwrap(), &search)
        };
        assert_eq!(search(&|| false), Leftovers::default());
        let found = search(&|| true);
        assert_eq!((found.removed, found.left), (2, 1));
        let mut left: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                "link",
                "link.0123456789abcdef-2.tmp",
                "link.of-somebody-else-altogether.tmp",
                "notes.tmp",
                "y.0123456789abcdef-3.tmp",
            ]
        );
    }
}
