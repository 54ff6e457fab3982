//! Whether a directory and those below it can be written to, checked before a client has sent its bytes.
//!
//! Existing directories are checked one by one: data of another user's registry is often
//! below a writable root. Only [`attempt`] touches anything, and leaves nothing behind.

use super::directories::patiently;
use super::disk;
use crate::sys;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Entries of a directory that are checked.
const ENTRIES_MAX: usize = 1024;

/// What cannot be written to, and why.
#[derive(Debug)]
pub struct Unwritable {
    /// The root of the data.
    pub root: PathBuf,
    /// The directory.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl Unwritable {
    pub(in crate::driver) fn new(root: &Path, path: &Path, source: io::Error) -> Unwritable {
        let whole = |path: &Path| sys::plain(&std::path::absolute(path).unwrap_or(path.to_owned()));
        Unwritable {
            root: whole(root),
            path: whole(path),
            source,
        }
    }
}

impl Unwritable {
    /// The whole file system is mounted read-only, which is assumed to be intended.
    pub fn is_read_only(&self) -> bool {
        self.source.kind() == io::ErrorKind::ReadOnlyFilesystem
    }
}

impl fmt::Display for Unwritable {
    /// Which directory it is, and what to do.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let (path, root, error) = (self.path.display(), self.root.display(), &self.source);
        match (error.kind(), sys::user_and_group()) {
            (PermissionDenied, Some((user, group))) if self.root.exists() => write!(
                out,
                "user {user} cannot write to {path}: {error}; run `chown -R {user}:{group} {root}`, for a container \
                 on the directory or volume of the host that is mounted there, or run as the owner of the data, \
                 which for root is `docker run --user 0`"
            ),
            (PermissionDenied, Some((user, group))) => write!(
                out,
                "user {user} cannot make it in {path}: {error}; run \
                 `mkdir -p {root} && chown {user}:{group} {root}`, or name another directory"
            ),
            (ReadOnlyFilesystem, _) => write!(
                out,
                "cannot write to {path}: {error}; mount it for writing, or set \
                 storage.maintenance.readonly.enabled to true, and nothing will be written"
            ),
            _ => write!(out, "cannot write to {path}: {error}"),
        }
    }
}

impl std::error::Error for Unwritable {}

/// Checks a root and the existing directories below it; touches nothing. If the root does not exist,
/// the nearest existing directory above it must be writable.
pub fn look(root: &Path, directories: &[&str]) -> Result<(), Unwritable> {
    let failed = |source| Unwritable::new(root, root, source);
    let whole = sys::literal(root).and_then(std::path::absolute);
    let whole = whole.map_err(failed)?;
    let nearest = whole.ancestors().find(|path| !is_missing(path));
    writable(root, nearest.unwrap_or(&whole))?;
    for directory in directories {
        let path = whole.join(directory);
        if !is_missing(&path) {
            writable(root, &path)?;
        }
    }
    Ok(())
}

/// Checks the directories in a directory of a root that have one of our names, and those with these names in each of them.
/// Others (`lost+found`, a snapshot) do not matter.
pub fn look_below(
    root: &Path,
    directory: &str,
    is_ours: fn(&str) -> bool,
    names: &[&str],
) -> Result<(), Unwritable> {
    let Ok(entries) = fs::read_dir(root.join(directory)) else {
        return Ok(());
    };
    for entry in entries.take(ENTRIES_MAX).map_while(Result::ok) {
        if !entry.file_name().to_str().is_some_and(is_ours) {
            continue;
        }
        let path = entry.path();
        let inner = names.iter().map(|name| path.join(name));
        for path in std::iter::once(path.clone()).chain(inner) {
            if path.is_dir() {
                writable(root, &path)?;
            }
        }
    }
    Ok(())
}

/// Creates a file in an existing root and removes it again. A full disk is not a failure: space is
/// freed by deleting, for which the registry must run.
pub fn attempt(root: &Path, name: &str) -> Result<(), Unwritable> {
    let path = root.join(name);
    let made = patiently(|| disk::create_new(&path)).map(drop);
    let removed = match &made {
        Ok(()) => patiently(|| disk::remove_file(&path)),
        Err(_) => Ok(()),
    };
    match made.and(removed) {
        Err(source) if !crate::driver::is_full(&source) => Err(Unwritable::new(root, root, source)),
        _ => Ok(()),
    }
}

fn is_missing(path: &Path) -> bool {
    let kind = path.symlink_metadata().err().map(|error| error.kind());
    kind == Some(io::ErrorKind::NotFound)
}

fn writable(root: &Path, path: &Path) -> Result<(), Unwritable> {
    let look = || match fs::metadata(path)?.is_dir() {
        true => sys::may_write(path),
        false => Err(io::ErrorKind::NotADirectory.into()),
    };
    look().map_err(|source| Unwritable::new(root, path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_touched_by_looking_and_nothing_is_left_by_an_attempt() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("a/b");
        look(&root, &["docker", "docker/registry"]).unwrap();
        assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
        attempt(directory.path(), "probe.tmp").unwrap();
        assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
    }

    #[test]
    fn who_meets_a_file_system_that_is_mounted_for_reading_is_told_of_both_ways() {
        let source = io::ErrorKind::ReadOnlyFilesystem.into();
        let found = Unwritable::new(Path::new("/data"), Path::new("/data/docker"), source);
        let told = found.to_string();
        assert!(told.contains("mount it for writing"), "{told}");
        assert!(
            told.contains("storage.maintenance.readonly.enabled"),
            "{told}"
        );
    }

    #[test]
    fn what_cannot_be_written_to_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("data");
        let missing = attempt(&root, "probe.tmp").unwrap_err();
        assert_eq!(missing.path, root);
        fs::create_dir(&root).unwrap();
        fs::write(root.join("docker"), "a file where a directory is needed").unwrap();
        let found = look(&root, &["docker"]).unwrap_err();
        assert_eq!(found.path, root.join("docker"));
        assert_eq!(found.source.kind(), io::ErrorKind::NotADirectory);
        let found = look(&root.join("docker"), &[]).unwrap_err();
        assert_eq!(found.path, root.join("docker"));
        let found = look(&root.join("docker/below"), &[]).unwrap_err();
        assert_eq!(found.source.kind(), io::ErrorKind::NotADirectory);
    }
}
