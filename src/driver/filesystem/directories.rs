//! Files and directories that others change at the same time: other requests, which
//! remove a directory while something is created in it, and on Windows other programs, which have a file
//! open for a moment.

use super::disk;
use crate::sys;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How long to wait for a file that is in use. A virus scanner has a new file open for some
/// milliseconds; what holds it for seconds will hold it for minutes.
const IN_USE_PAUSES: [Duration; 8] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(500),
];

/// Tries that follow at once when another request removed a directory meanwhile, or created something in one that is to be removed.
/// Those after them wait as for a file in use: the other request may do the same many times, and Windows keeps a removed directory,
/// in which nothing can be created, as long as somebody has it open.
const TRIES_AT_ONCE: usize = 4;

/// Counts the tries of something that other requests undo.
#[derive(Default)]
pub struct Retries(usize);

impl Retries {
    /// Waits where that helps; `false` if it was tried often enough, for about a second.
    pub fn may_continue(&mut self) -> bool {
        let pause = self.0.checked_sub(TRIES_AT_ONCE);
        self.0 += 1;
        match pause.map(|number| IN_USE_PAUSES.get(number)) {
            None => true,
            Some(Some(pause)) => {
                thread::sleep(*pause);
                true
            }
            Some(None) => false,
        }
    }
}

/// Retries as long as the file is in use, for a second in total.
pub fn patiently<T>(act: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let mut pauses = IN_USE_PAUSES.iter();
    loop {
        match act() {
            Err(error) if sys::is_in_use(&error) => match pauses.next() {
                Some(pause) => thread::sleep(*pause),
                None => return Err(error),
            },
            other => return other,
        }
    }
}

/// Opens a file for reading: only a regular one, without blocking.
pub fn open_file(path: &Path) -> io::Result<(File, Metadata)> {
    patiently(|| sys::open_regular(path, File::options().read(true)))
}

/// Removes a file or a whole directory, even while another request creates something in it.
pub fn remove_any(path: &Path) -> io::Result<()> {
    let is_directory = fs::symlink_metadata(path)?.is_dir();
    let mut retries = Retries::default();
    loop {
        let removed = patiently(|| match is_directory {
            true => disk::remove_tree(path),
            false => disk::remove_file(path),
        });
        match removed {
            Err(error)
                if error.kind() == io::ErrorKind::DirectoryNotEmpty && retries.may_continue() => {}
            other => return other,
        }
    }
}

/// Creates the root if it does not exist. A new directory survives a power loss only after the one that it is in was synced; and
/// one in which there is nothing yet may be new, made by a process that was killed before it could do that.
pub fn make_root(root: &Path) -> io::Result<()> {
    let is_used = fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        return Ok(());
    }
    let is_missing = |directory: &&Path| !directory.as_os_str().is_empty() && !directory.exists();
    let made = root.ancestors().take_while(is_missing).count();
    disk::create_directories(root)?;
    let parents = root.ancestors().skip(1);
    for (number, parent) in parents.enumerate() {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        match disk::sync_directory(parent) {
            // It was there before, and may be none of ours.
            Err(_) if number >= made => {}
            other => other?,
        }
    }
    Ok(())
}

/// Does what needs a directory; creates it only if it turns out to be missing, and again if another request
/// removes it meanwhile.
pub fn with_directories<T>(
    make: impl Fn() -> io::Result<()>,
    act: impl Fn() -> io::Result<T>,
) -> io::Result<T> {
    let mut retries = Retries::default();
    loop {
        match patiently(&act) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && retries.may_continue() => {
                make()?;
            }
            other => return other,
        }
    }
}

/// Creates directories, each in the one before it. Another request may remove one meanwhile:
/// the caller tries again.
pub fn make_directories<'p>(directories: impl Iterator<Item = &'p Path>) -> io::Result<()> {
    for directory in directories {
        match patiently(|| disk::create_directory(directory)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Another request created it. Windows says this also of a directory that is being removed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !directory.is_file() => {}
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_place_of_a_directory_is_an_error_and_a_directory_is_none() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("place");
        let below = place.join("below");
        fs::write(&place, "a file").unwrap();
        let made = make_directories([place.as_path(), below.as_path()].into_iter());
        assert_eq!(made.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&place).unwrap(), b"a file");
        // Another request may make it in the same moment.
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        make_directories([place.as_path(), below.as_path()].into_iter()).unwrap();
        assert!(below.is_dir());
    }

    #[test]
    fn a_root_that_a_killed_process_made_is_synced_by_the_next_until_there_is_something_in_it() {
        use disk::recording::{Operation, Recording};
        let base = tempfile::tempdir().unwrap();
        let root = sys::literal(&base.path().join("a/b/root")).unwrap();
        let synced = || {
            let recording = Recording::begin(base.path());
            make_root(&root).unwrap();
            let (operations, _) = recording.content();
            let directories = operations
                .into_iter()
                .filter_map(|operation| match operation {
                    Operation::SyncDirectory(directory) => Some(directory),
                    _ => None,
                });
            directories.collect::<Vec<_>>()
        };
        let above = ["a/b", "a", ""].map(std::path::PathBuf::from);
        // The first process made this much.
        fs::create_dir_all(root.parent().unwrap()).unwrap();
        assert_eq!(synced(), above);
        assert_eq!(synced(), above);
        fs::create_dir(root.join("docker")).unwrap();
        assert_eq!(synced(), [""; 0].map(std::path::PathBuf::from));
    }
}
