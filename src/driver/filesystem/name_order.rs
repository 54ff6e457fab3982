//! Whether one sync makes what was changed in many directories durable: where the file system keeps all names in one order
//! ([`sys::keeps_names_in_order`]), that of the directory that was changed last does.

use crate::sync::Mutex;
use crate::sys;
use std::fs;
use std::path::{Path, PathBuf};

/// What is known of the file system of the data.
#[derive(Default)]
pub struct NameOrder {
    /// Its number, and whether it keeps names in order.
    known: Mutex<Option<(u64, bool)>>,
    /// Whether it is taken to keep them, whatever it is.
    is_assumed: bool,
}

impl NameOrder {
    /// The order of a disk that a test only pretends to have.
    #[cfg(test)]
    pub fn assumed() -> NameOrder {
        NameOrder {
            is_assumed: true,
            ..NameOrder::default()
        }
    }

    /// Whether the sync of `last`, a directory that was changed after all of the others, makes their changes durable as well. `false` also
    /// where that cannot be told.
    pub fn covers(&self, last: &Path, mut others: impl Iterator<Item = PathBuf>) -> bool {
        let Some(first) = device(last) else {
            return false;
        };
        // Another disk may be mounted on one of them.
        self.is_kept(first, last) && others.all(|other| device(&other) == Some(first))
    }

    fn is_kept(&self, device: u64, directory: &Path) -> bool {
        if self.is_assumed {
            return true;
        }
        let mut known = self.known.lock();
        if let Some((known, is_kept)) = *known
            && known == device
        {
            return is_kept;
        }
        let is_kept = sys::keeps_names_in_order(directory);
        if is_kept && known.is_none() {
            log::info!(
                "one sync makes new names in several directories durable: the file system of the data keeps them in order"
            );
        }
        *known = Some((device, is_kept));
        is_kept
    }
}

fn device(directory: &Path) -> Option<u64> {
    let found = fs::metadata(directory).ok()?;
    Some(sys::device(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_trusted_for_directories_that_are_there() {
        let root = tempfile::tempdir().unwrap();
        let [last, other] = ["last", "other"].map(|name| root.path().join(name));
        fs::create_dir(&last).unwrap();
        let covers =
            |order: &NameOrder| order.covers(&last, [last.clone(), other.clone()].into_iter());
        assert!(!covers(&NameOrder::assumed()));
        fs::create_dir(&other).unwrap();
        assert!(covers(&NameOrder::assumed()));
        assert!(!NameOrder::assumed().covers(&root.path().join("missing"), std::iter::empty()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_is_not_trusted_beyond_one_disk_or_where_there_is_no_journal() {
        let root = tempfile::tempdir().unwrap();
        let elsewhere = [root.path().to_owned(), PathBuf::from("/proc")];
        assert!(!NameOrder::assumed().covers(root.path(), elsewhere.into_iter()));
        // Memory, and files that are none.
        for path in ["/dev/shm", "/proc"].map(Path::new) {
            assert!(
                !NameOrder::default().covers(path, std::iter::empty()),
                "{path:?}"
            );
        }
    }
}
