//! Small files that were read and have not changed since: links and manifests, which are read over and over.
//!
//! Another program may write them as well, so each is looked at before its bytes are used again: one call of the system in place of
//! four. What is kept is right as long as it is the same file, of the same length and times. One that was changed shortly before it
//! was read is not kept, since it may change again without its times changing (`settled`).

use super::settled::is_settled;
use super::staged::version;
use crate::driver::{Key, Version};
use crate::recent::Recent;
use crate::sync::Mutex;
use crate::sys::{self, Stamp};
use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Bytes of memory for all files that are kept.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// The largest file that is kept.
const FILE_BYTES_MAX: usize = 16 * 1024;

/// What a file takes beside its bytes and its key.
const OVERHEAD_BYTES: usize = 250;

/// A small file.
pub struct SmallFile {
    stamp: Option<Stamp>,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// When it was last written.
    pub modified: SystemTime,
    /// Its version.
    pub version: Version,
}

impl SmallFile {
    /// A file that was just read.
    pub fn new(metadata: &Metadata, bytes: Vec<u8>) -> std::io::Result<SmallFile> {
        Ok(SmallFile {
            stamp: sys::stamp_of(metadata),
            modified: metadata.modified()?,
            version: version(metadata, &bytes),
            bytes: bytes.into(),
        })
    }
}

/// The files that are kept.
pub struct SmallFiles(Mutex<Recent<Key, Arc<SmallFile>>>);

impl Default for SmallFiles {
    fn default() -> SmallFiles {
        SmallFiles(Mutex::new(Recent::new(BYTES_MAX)))
    }
}

impl SmallFiles {
    /// The file at a path, if it is kept and has not changed.
    pub fn find(&self, key: &Key, path: &Path) -> Option<Arc<SmallFile>> {
        let file = self.0.lock().get(key)?;
        let now = sys::stamp(path).ok()?;
        (now.is_some() && now == file.stamp).then_some(file)
    }

    /// Keeps a file that was just read, unless it may change without a trace.
    pub fn keep(&self, key: &Key, file: &Arc<SmallFile>) {
        let changed = file.stamp.and_then(|stamp| stamp.changed());
        let is_kept = file.bytes.len() <= FILE_BYTES_MAX
            && is_settled(file.modified)
            && changed.is_some_and(is_settled);
        if is_kept {
            let weight = file.bytes.len() + key.as_str().len() + OVERHEAD_BYTES;
            self.0.lock().insert(key.clone(), Arc::clone(file), weight);
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::time::{Duration, Instant};

    fn read(path: &Path) -> Arc<SmallFile> {
        let (bytes, metadata) = (fs::read(path).unwrap(), fs::metadata(path).unwrap());
        Arc::new(SmallFile::new(&metadata, bytes).unwrap())
    }

    /// Reads a file again and again until it is old enough to be kept.
    fn keep(files: &SmallFiles, key: &Key, path: &Path) {
        let begun = Instant::now();
        while files.find(key, path).is_none() {
            files.keep(key, &read(path));
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
    }

    #[test]
    fn a_file_is_kept_until_it_changes_in_any_way() {
        let root = tempfile::tempdir().unwrap();
        let [path, other] = ["link", "other"].map(|name| root.path().join(name));
        let (files, key) = (SmallFiles::default(), Key::new("link"));
        let in_place = || fs::write(&path, "two").unwrap();
        let with_its_time = || {
            let before = fs::metadata(&path).unwrap().modified().unwrap();
            fs::write(&path, "six").unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(before).unwrap();
        };
        let by_another = || {
            fs::write(&other, "ten").unwrap();
            fs::rename(&other, &path).unwrap();
        };
        let by_a_directory = || {
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
        };
        fs::write(&path, "one").unwrap();
        keep(&files, &key, &path);
        assert_eq!(*files.find(&key, &path).unwrap().bytes, *b"one");
        for change in [&in_place as &dyn Fn(), &with_its_time, &by_another] {
            change();
            assert!(files.find(&key, &path).is_none());
            keep(&files, &key, &path);
            let kept = files.find(&key, &path).unwrap();
            assert_eq!(*kept.bytes, *fs::read(&path).unwrap());
        }
        by_a_directory();
        assert!(files.find(&key, &path).is_none());
        fs::remove_dir(&path).unwrap();
        assert!(files.find(&key, &path).is_none());
    }

    #[test]
    fn what_was_changed_just_now_and_what_is_large_is_not_kept() {
        let root = tempfile::tempdir().unwrap();
        let (path, key) = (root.path().join("link"), Key::new("link"));
        let files = SmallFiles::default();
        fs::write(&path, "new").unwrap();
        let begun = Instant::now();
        files.keep(&key, &read(&path));
        assert!(files.find(&key, &path).is_none() || begun.elapsed() > Duration::from_millis(20));
        fs::write(&path, vec![0; FILE_BYTES_MAX + 1]).unwrap();
        let begun = Instant::now();
        // Longer than a smaller one waits until it is kept.
        while begun.elapsed() < Duration::from_millis(50) {
            files.keep(&key, &read(&path));
            assert!(files.find(&key, &path).is_none());
        }
    }
}
