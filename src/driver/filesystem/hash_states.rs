//! Hash states of uploads, so that resuming one need not hash everything again: `hashstates/<algorithm>/<offset>`, which
//! distribution reads and writes as well.
//!
//! A state that is believed decides which digest bytes get, so one that does not belong to the bytes on the disk would
//! publish wrong bytes under a right digest. Whoever can write here can replace blobs, too; what has to be told apart are the
//! ordinary cases:
//!
//! - The power went. The state may have survived and the bytes not. Ours is written only after the bytes were synced;
//!   distribution writes its own before it syncs.
//! - The client sent bytes again, others than before. What vouches for the state is removed, and that is made durable, before
//!   the file is cut.
//! - Another process replaced the file.
//! - The state was only written in part.
//!
//! So a state is believed when a voucher names it: which file it is of, how many of its bytes, and the digest of the state.
//! States without one, all of distribution's, are left to distribution; their bytes are hashed.

use super::directories::open_file;
use super::open_file::FileId;
use super::root::Root;
use crate::driver::{Key, Note};
use crate::spec::Algorithm;
use crate::sys;
use std::fs;
use std::io::{self, Read, Write as _};
use std::path::PathBuf;

/// Bytes of an upload between two states, at least.
#[cfg(not(test))]
pub const INTERVAL_BYTES: u64 = 32 * 1024 * 1024;
#[cfg(test)]
pub const INTERVAL_BYTES: u64 = 4096;

/// Longest voucher and longest state that are read.
const BYTES_MAX: u64 = 1024;

/// A state that a voucher names.
#[derive(PartialEq, Eq)]
pub struct VouchedState {
    /// Bytes that were hashed.
    pub length: u64,
    kind: String,
    content: Vec<u8>,
}

impl VouchedState {
    /// The state as it was given.
    pub fn note(&self) -> Note<'_> {
        Note {
            kind: &self.kind,
            content: &self.content,
        }
    }
}

fn directory(root: &Root, upload: &Key) -> PathBuf {
    root.path(&upload.child("hashstates"))
}

fn voucher(root: &Root, upload: &Key) -> PathBuf {
    root.path(&upload.child("vouched"))
}

/// Which file it is, if files are told apart for good: a number that is used again comes with another time of birth.
fn numbers(FileId(numbers): FileId) -> Option<String> {
    let [device, number, born] = numbers;
    (born != 0).then(|| format!("{device:x} {number:x} {born:x}"))
}

/// Stores the state of the first `length` bytes of a file, which were synced.
pub fn store(
    root: &Root,
    upload: &Key,
    file: FileId,
    (length, note): (u64, Note<'_>),
) -> io::Result<()> {
    let Some(numbers) = numbers(file) else {
        return Ok(());
    };
    let path = directory(root, upload)
        .join(note.kind)
        .join(length.to_string());
    replace(root, path, note.content)?;
    let digest = Algorithm::Sha256.digest(note.content);
    let text = format!("{length} {} {numbers} {digest}\n", note.kind);
    replace(root, voucher(root, upload), text.as_bytes())
}

/// Writes a file in one step, but not durably.
fn replace(root: &Root, path: PathBuf, content: &[u8]) -> io::Result<()> {
    let temporary = root.temporary(&path);
    let write = || {
        root.create_new(&temporary)?.write_all(content)?;
        fs::rename(&temporary, &path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// The state of the first bytes of a file, at most `length_max`, if there is one that can be believed.
pub fn find(root: &Root, upload: &Key, file: FileId, length_max: u64) -> Option<VouchedState> {
    let text = String::from_utf8(read(voucher(root, upload))?).ok()?;
    let mut words = text.strip_suffix('\n')?.splitn(3, ' ');
    let (length, kind, rest) = (words.next()?, words.next()?, words.next()?);
    let (numbers_then, digest) = rest.rsplit_once(' ')?;
    let length: u64 = length.parse().ok()?;
    let kind: Algorithm = kind.parse().ok()?;
    if numbers_then != numbers(file)? || length > length_max {
        return None;
    }
    let path = directory(root, upload)
        .join(kind.name())
        .join(length.to_string());
    let content = read(path)?;
    let is_whole = Algorithm::Sha256.digest(&content).as_str() == digest;
    is_whole.then(|| VouchedState {
        length,
        kind: kind.name().to_owned(),
        content,
    })
}

fn read(path: PathBuf) -> Option<Vec<u8>> {
    let (file, _) = open_file(&path).ok()?;
    let mut content = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut content).ok()?;
    Some(content)
}

/// Withdraws the voucher and all states, those of distribution as well. Once this returns that survives a power loss, and
/// bytes may be replaced.
pub fn withdraw(root: &Root, upload: &Key) -> io::Result<()> {
    let removals = [
        fs::remove_file(voucher(root, upload)),
        fs::remove_dir_all(directory(root, upload)),
    ];
    let mut is_changed = false;
    for removed in removals {
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => {
                removed?;
                is_changed = true;
            }
        }
    }
    match is_changed {
        true => sys::sync_directory(&root.path(upload)),
        false => Ok(()),
    }
}
