//! All files below a directory.

use super::root::Root;
use crate::driver::{Key, Result, Stat};
use std::collections::VecDeque;
use std::fs::{self, DirEntry, FileType};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Visits every regular file. Links to directories are not followed, since they may form loops. What is removed during the
/// walk is skipped.
pub fn walk(
    root: &Root,
    directory: &Key,
    visit: &mut dyn FnMut(&Key, &Stat) -> ControlFlow<()>,
) -> Result<()> {
    let mut directories = VecDeque::from([root.path(directory)]);
    while let Some(path) = directories.pop_front() {
        let key = root.key(&path);
        let Some(entries) = root.found(&key, read_directory(root, &path))? else {
            continue;
        };
        for (entry, kind) in entries {
            if kind.is_dir() {
                directories.push_front(entry.path());
                continue;
            }
            // No key has a name that is not UTF-8: such an entry is not ours.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let key = key.child(&name);
            let Some(stat) = root.found(&key, stat(&entry))?.flatten() else {
                continue;
            };
            if visit(&key, &stat).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn read_directory(root: &Root, path: &PathBuf) -> io::Result<Vec<(DirEntry, FileType)>> {
    let _pass = root.gate.enter();
    let typed = |entry: io::Result<DirEntry>| {
        let entry = entry?;
        let kind = entry.file_type()?;
        Ok((entry, kind))
    };
    fs::read_dir(path)?.map(typed).collect()
}

fn stat(entry: &DirEntry) -> io::Result<Option<Stat>> {
    let metadata = fs::metadata(entry.path())?;
    let modified = metadata.modified()?;
    Ok(metadata.is_file().then_some(Stat {
        length: metadata.len(),
        modified,
    }))
}
