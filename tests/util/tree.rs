//! What lies in a data directory, and changes made to it behind the registry's back.

use super::registry::TestRegistry;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Free bytes that a file system in memory must have so that tests may use it.
#[cfg(unix)]
const MEMORY_BYTES_MIN: u64 = 1024 * 1024 * 1024;

/// A new directory in memory where there is room for that, so that nobody waits for a disk; otherwise where temporary files
/// belong. What a disk keeps is the business of `storage/power_cuts.rs` and of the judges.
pub fn quick_directory() -> TempDir {
    #[cfg(unix)]
    if let Ok(room) = rustix::fs::statvfs("/dev/shm")
        && room.f_bavail.saturating_mul(room.f_frsize) >= MEMORY_BYTES_MIN
        && let Ok(directory) = tempfile::tempdir_in("/dev/shm")
    {
        return directory;
    }
    tempfile::tempdir().unwrap()
}

/// Every file below a directory with its bytes, and every directory with none; paths relative to it.
pub type Tree = BTreeMap<String, Option<Vec<u8>>>;

impl TestRegistry {
    /// All that the registry has on disk.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        collect(&self.root, &self.root, &mut tree);
        tree
    }

    /// The names of the files below a path of the storage, for leftovers.
    pub fn files(&self, path: &str) -> Vec<String> {
        let (directory, mut tree) = (self.file(path), Tree::new());
        if directory.is_dir() {
            collect(&directory, &directory, &mut tree);
        }
        let is_file = |(path, bytes): (String, Option<Vec<u8>>)| bytes.is_some().then_some(path);
        tree.into_iter().filter_map(is_file).collect()
    }

    /// Writes a file below the storage's root, with the directories that it needs.
    pub fn plant(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.file(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    /// Writes the link of a tag, without going through the registry: quick for thousands.
    pub fn plant_tag(&self, name: &str, tag: &str, digest: &str) {
        let link = format!("repositories/{name}/_manifests/tags/{tag}/current/link");
        self.plant(&link, digest);
    }

    /// The data file of a blob.
    pub fn blob_file(&self, digest: &str) -> std::path::PathBuf {
        let (algorithm, hex) = digest.split_once(':').unwrap();
        self.file(&format!("blobs/{algorithm}/{}/{hex}/data", &hex[..2]))
    }
}

fn collect(root: &Path, directory: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        if path.is_dir() {
            tree.insert(name, None);
            collect(root, &path, tree);
        } else {
            tree.insert(name, Some(fs::read(&path).unwrap()));
        }
    }
}
