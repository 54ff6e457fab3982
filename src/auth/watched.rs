//! A small file whose changes are noticed: looked at by its stamp (times, length, identity of what the
//! path leads to), read again when that differs. No system's notification service is needed, so it
//! works in every container and on every volume.

use crate::sys;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file that changed this short a time before it was read may change again without its times
/// showing it: file systems count in steps of up to two seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// What tells one state of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    /// Where the path leads, symbolic links followed.
    resolved: PathBuf,
    modified: Option<SystemTime>,
    length: u64,
    identity: (u64, u64),
}

/// A path and what was last read from it.
pub struct Watched {
    path: PathBuf,
    bytes_max: usize,
    seen: Option<Stamp>,
    bytes: Option<Vec<u8>>,
}

impl Watched {
    /// A path that was not looked at yet. Files of more than `bytes_max` bytes are refused.
    pub fn new(path: PathBuf, bytes_max: usize) -> Watched {
        Watched {
            path,
            bytes_max,
            seen: None,
            bytes: None,
        }
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content when it differs from the one before; `None` when nothing has changed.
    pub fn changed(&mut self) -> io::Result<Option<&[u8]>> {
        let stamp = stamp(&self.path)?;
        if self.seen.as_ref() == Some(&stamp) {
            return Ok(None);
        }
        let bytes = self.read()?;
        let is_settled = stamp.modified.is_none_or(|modified| {
            let age = SystemTime::now().duration_since(modified);
            // A time in the future says nothing about the next change.
            age.is_ok_and(|age| age >= SETTLED_AFTER)
        });
        // Else the next look reads once more.
        self.seen = is_settled.then_some(stamp);
        if self.bytes.as_ref() == Some(&bytes) {
            return Ok(None);
        }
        Ok(Some(self.bytes.insert(bytes)))
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let file = File::open(&self.path)?;
        let mut bytes = Vec::new();
        file.take(self.bytes_max as u64 + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() > self.bytes_max {
            let message = format!("it has more than {} bytes", self.bytes_max);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(bytes)
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Stamp {
        // Some volumes of Windows containers cannot tell: the rest of the stamp must do there.
        resolved: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        modified: metadata.modified().ok(),
        length: metadata.len(),
        identity: sys::file_identity(&metadata),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(path: &Path, seconds: u64) {
        let time = SystemTime::now() - Duration::from_secs(seconds);
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(time).unwrap();
    }

    #[test]
    fn a_change_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut file = Watched::new(path.clone(), 10);
        assert!(file.changed().is_err());
        fs::write(&path, "one").unwrap();
        assert_eq!(file.changed().unwrap(), Some(&b"one"[..]));
        assert_eq!(file.changed().unwrap(), None);
        // As short a time later, and as long: the times may be the same.
        fs::write(&path, "two").unwrap();
        assert_eq!(file.changed().unwrap(), Some(&b"two"[..]));
        age(&path, 100);
        assert_eq!(file.changed().unwrap(), None);
        assert!(file.seen.is_some());
        assert_eq!(file.changed().unwrap(), None);
        fs::write(&path, "three").unwrap();
        assert_eq!(file.changed().unwrap(), Some(&b"three"[..]));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_forgets_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, "one").unwrap();
        let mut file = Watched::new(path.clone(), 5);
        file.changed().unwrap().unwrap();
        fs::write(&path, "too long").unwrap();
        assert!(file.changed().is_err());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(file.changed().is_err());
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "one").unwrap();
        assert_eq!(file.changed().unwrap(), None);
        fs::write(&path, "").unwrap();
        assert_eq!(file.changed().unwrap(), Some(&b""[..]));
        assert_eq!(file.changed().unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_swapped_link_is_a_change() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // As Kubernetes swaps a secret: a link to a folder is replaced.
        for (name, text) in [("v1", "one"), ("v2", "two")] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("f"), text).unwrap();
            age(&at(name).join("f"), 1000);
        }
        symlink("v1", at("current")).unwrap();
        let mut file = Watched::new(at("current").join("f"), 10);
        assert_eq!(file.changed().unwrap(), Some(&b"one"[..]));
        assert_eq!(file.changed().unwrap(), None);
        symlink("v2", at("next")).unwrap();
        fs::rename(at("next"), at("current")).unwrap();
        assert_eq!(file.changed().unwrap(), Some(&b"two"[..]));
    }
}
