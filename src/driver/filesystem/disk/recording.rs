//! What the driver does to the disk, written down in its order while it happens.
//!
//! Tests run at the same time in one process, so a recording follows what happens below one directory, whichever thread does it.

use crate::sync::Mutex;
use crate::sys;
use std::collections::HashMap;
use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One change of the disk. Paths are relative to the directory of the recording; files have the numbers in whose order they were
/// created.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Create {
        path: PathBuf,
        file: usize,
    },
    CreateDirectory(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// A file, or a directory with all below it.
    Remove(PathBuf),
    Write {
        file: usize,
        offset: u64,
        bytes: Arc<[u8]>,
    },
    Truncate {
        file: usize,
        length: u64,
    },
    Sync {
        file: usize,
    },
    SyncDirectory(PathBuf),
    /// Of all names up to the last change of that directory.
    SyncNames(PathBuf),
}

impl Operation {
    /// Whether it takes away from what a power cut may do.
    pub(crate) fn is_sync(&self) -> bool {
        use Operation::{Sync, SyncDirectory, SyncNames};
        matches!(self, Sync { .. } | SyncDirectory(_) | SyncNames(_))
    }
}

/// The recordings that are being made.
static RECORDINGS: Mutex<Vec<Arc<Tape>>> = Mutex::new(Vec::new());

struct Tape {
    base: PathBuf,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    operations: Vec<Operation>,
    numbers: HashMap<[u64; 3], usize>,
    ids: Vec<[u64; 3]>,
}

/// A recording of what happens below a directory; it ends when it is dropped.
pub(crate) struct Recording(Arc<Tape>);

impl Recording {
    /// Begins a recording below an empty directory.
    pub(crate) fn begin(base: &Path) -> Recording {
        let base = sys::literal(base).unwrap();
        let content = Mutex::default();
        let tape = Arc::new(Tape { base, content });
        RECORDINGS.lock().push(Arc::clone(&tape));
        Recording(tape)
    }

    /// How many operations there were so far.
    pub(crate) fn length(&self) -> usize {
        self.0.content.lock().operations.len()
    }

    /// All of them, and the identity that each file has by its number.
    pub(crate) fn content(&self) -> (Vec<Operation>, Vec<[u64; 3]>) {
        let content = self.0.content.lock();
        (content.operations.clone(), content.ids.clone())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDINGS.lock().retain(|tape| !Arc::ptr_eq(tape, &self.0));
    }
}

fn of_path(path: &Path, operation: impl Fn(PathBuf, &mut Content) -> Operation) {
    for tape in RECORDINGS.lock().iter() {
        if let Ok(below) = path.strip_prefix(&tape.base) {
            let mut content = tape.content.lock();
            let operation = operation(below.to_owned(), &mut content);
            content.operations.push(operation);
        }
    }
}

fn of_file(file: &File, operation: impl Fn(usize) -> Operation) {
    let recordings = RECORDINGS.lock();
    if recordings.is_empty() {
        return;
    }
    let id = id(file);
    for tape in recordings.iter() {
        let mut content = tape.content.lock();
        if let Some(file) = content.numbers.get(&id).copied() {
            content.operations.push(operation(file));
        }
    }
}

fn id(file: &File) -> [u64; 3] {
    sys::file_id(file, &file.metadata().unwrap()).unwrap()
}

pub(super) fn created(path: &Path, file: &File) {
    of_path(path, |path, content| {
        let (id, number) = (id(file), content.ids.len());
        content.numbers.insert(id, number);
        content.ids.push(id);
        Operation::Create { path, file: number }
    });
}

pub(super) fn created_directory(path: &Path) {
    of_path(path, |path, _| Operation::CreateDirectory(path));
}

/// The directories that have to be created for this one, the highest first.
pub(super) fn missing(path: &Path) -> Vec<PathBuf> {
    let missing = path.ancestors().take_while(|above| !above.exists());
    let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    missing.reverse();
    missing
}

pub(super) fn renamed(from: &Path, to: &Path) {
    for tape in RECORDINGS.lock().iter() {
        let below = |path: &Path| path.strip_prefix(&tape.base).ok().map(Path::to_owned);
        if let Some((from, to)) = below(from).zip(below(to)) {
            let operation = Operation::Rename { from, to };
            tape.content.lock().operations.push(operation);
        }
    }
}

pub(super) fn removed(path: &Path) {
    of_path(path, |path, _| Operation::Remove(path));
}

/// Bytes that now end at the cursor.
pub(super) fn wrote(file: &File, bytes: &[u8]) {
    of_file(file, |number| {
        let mut file = file;
        Operation::Write {
            file: number,
            offset: file.stream_position().unwrap() - bytes.len() as u64,
            bytes: bytes.into(),
        }
    });
}

pub(super) fn truncated(file: &File, length: u64) {
    of_file(file, |file| Operation::Truncate { file, length });
}

pub(super) fn synced(file: &File) {
    of_file(file, |file| Operation::Sync { file });
}

pub(super) fn synced_directory(path: &Path) {
    of_path(path, |path, _| Operation::SyncDirectory(path));
}

pub(super) fn synced_names(path: &Path) {
    of_path(path, |path, _| Operation::SyncNames(path));
}
