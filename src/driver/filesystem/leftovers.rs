//! Temporary files that a killed process left behind: `<name>.<unique>.tmp`, next to the file that they were to become.
//!
//! Several processes may share a directory, so only their age decides. If a process still needs the one that is
//! removed, it writes it again; an upload that is being published has such a name for a moment, and if it were removed
//! then, the request would fail without having promised anything.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Shortest word that makes the name of a temporary file unique.
const UNIQUE_BYTES_MIN: usize = 16;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Files that were removed.
    pub removed: usize,
    /// Files that stay, because they are not old enough or cannot be removed.
    pub left: usize,
}

/// Removes those below `root` that were last written before `before`, until `may_continue` says no. Links are not
/// followed. What cannot be read is skipped: nothing is worse than before.
pub fn remove(root: &Path, before: SystemTime, may_continue: &dyn Fn() -> bool) -> Leftovers {
    let mut found = Leftovers::default();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop().filter(|_| may_continue()) {
        let Ok(entries) = fs::read_dir(directory) else {
            continue;
        };
        for entry in entries.map_while(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                Ok(kind) if kind.is_file() && has_temporary_name(&entry) => {
                    match remove_old(&entry, before) {
                        Ok(true) => found.removed += 1,
                        Ok(false) | Err(_) => found.left += 1,
                    }
                }
                _ => {}
            }
        }
    }
    found
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

fn remove_old(entry: &DirEntry, before: SystemTime) -> io::Result<bool> {
    let is_old = entry.metadata()?.modified()? < before;
    if is_old {
        fs::remove_file(entry.path())?;
    }
    Ok(is_old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::Duration;

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
        let none = remove(root.path(), now - hour, &|| false);
        assert_eq!(none, Leftovers::default());
        let found = remove(root.path(), now - hour, &|| true);
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
