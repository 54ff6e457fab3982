//! What is directly in a directory, where that is little. It is kept beside the directory's name, so that a page of the catalog
//! costs one look at each repository.

use crate::driver::FewNames;
use crate::driver::filesystem::settled::is_settled;
use crate::sys::OpenDirectory;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Names that are kept of one directory.
const NAMES_MAX: usize = 8;

/// The directories in a directory.
pub struct Inside {
    /// The directory's time when it had these.
    modified: SystemTime,
    /// Their names.
    names: FewNames,
}

/// The directories in the directory `name` of an open one, whose path is `parent_path`; what was `kept` of it is right as long as the
/// directory's time is the same. `None` where there is no such directory, where it is a link, and where more is in it or something
/// whose kind only another look can tell.
pub fn names(
    (parent, parent_path): (&OpenDirectory, &Path),
    name: &str,
    kept: &mut Option<Arc<Inside>>,
) -> Option<FewNames> {
    let modified = parent.directory_modified(name).ok()?;
    if let Some(inside) = kept
        && inside.modified == modified
    {
        return Some(inside.names.clone());
    }
    let names = read(&parent_path.join(name));
    *kept = match &names {
        Some(names) if is_settled(modified) => Some(Arc::new(Inside {
            modified,
            names: names.clone(),
        })),
        _ => None,
    };
    names
}

fn read(path: &Path) -> Option<FewNames> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).ok()? {
        let entry = entry.ok()?;
        let kind = entry.file_type().ok()?;
        if kind.is_symlink() || names.len() == NAMES_MAX {
            return None;
        }
        if kind.is_dir() {
            names.push(entry.file_name().into_string().ok()?);
        }
    }
    Some(FewNames::new(&names))
}
