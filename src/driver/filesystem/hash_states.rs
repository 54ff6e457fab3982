//! Hash states of uploads, so that a resumed upload need not be hashed again from the start: `hashstates/<algorithm>/<offset>`,
//! which distribution reads and writes as well.
//!
//! A trusted state decides which digest is computed, so one that does not belong to the bytes on the disk would publish wrong
//! bytes under the right digest. Whoever can write here maliciously can replace blobs as well; what must be detected are the
//! ordinary cases:
//!
//! - A power loss. The state may have survived when the bytes did not. Ours is written after the bytes were synced;
//!   distribution writes its own before it syncs.
//! - A client that sends bytes again, and different ones. What vouches for the state is removed, durably, before the file is
//!   truncated.
//! - Another process that replaced the file.
//! - A state that was only partly written.
//!
//! So a state is trusted only if the file `checkpoint` vouches for it, which says for which file and how many of its bytes the
//! state is, and the digest of the state. Others, which includes all of distribution's, are not used: the bytes are hashed.

use super::directories::open_file;
use super::disk;
use super::open_file::FileId;
use super::root::Root;
use crate::driver::{Key, UploadNote};
use crate::spec::Algorithm;
use std::io::{self, Read};
use std::path::PathBuf;

/// Bytes of an upload between two states, minimum.
#[cfg(not(test))]
pub const INTERVAL_BYTES: u64 = 32 * 1024 * 1024;
#[cfg(test)]
pub const INTERVAL_BYTES: u64 = 4096;

/// Longest voucher and longest state that are read.
const BYTES_MAX: u64 = 1024;

/// A state that can be trusted.
#[derive(PartialEq, Eq)]
pub struct VouchedState {
    /// Bytes that were hashed.
    pub length: u64,
    kind: String,
    content: Vec<u8>,
}

impl VouchedState {
    /// The state as it was given.
    pub fn note(&self) -> UploadNote<'_> {
        UploadNote {
            kind: &self.kind,
            content: &self.content,
        }
    }
}

fn directory(root: &Root, upload: &Key) -> PathBuf {
    root.path(&upload.child("hashstates"))
}

fn voucher(root: &Root, upload: &Key) -> PathBuf {
    root.path(&upload.child("checkpoint"))
}

/// Whether the identity of a file is unique forever: an inode number that is reused comes with another creation time.
pub fn can_vouch_for(FileId([_, _, born]): FileId) -> bool {
    born != 0
}

fn numbers(FileId([device, number, born]): FileId) -> String {
    format!("{device:x} {number:x} {born:x}")
}

/// Stores the state of the first `length` bytes of a file, which were synced.
pub fn store(
    root: &Root,
    upload: &Key,
    file: FileId,
    (length, note): (u64, UploadNote<'_>),
) -> io::Result<()> {
    let path = directory(root, upload)
        .join(note.kind)
        .join(length.to_string());
    replace(root, path, note.content)?;
    let digest = Algorithm::Sha256.digest(note.content);
    let text = format!("{length} {} {} {digest}\n", note.kind, numbers(file));
    replace(root, voucher(root, upload), text.as_bytes())
}

/// Writes a file atomically, but not durably.
fn replace(root: &Root, path: PathBuf, content: &[u8]) -> io::Result<()> {
    let temporary = root.temporary(&path);
    let write = || {
        let mut file = root.create_new(&temporary)?;
        disk::write_all(&mut file, content)?;
        drop(file);
        disk::rename(&temporary, &path)
    };
    write().inspect_err(|_| drop(disk::remove_file(&temporary)))
}

/// The state of the first bytes of a file, at most `length_max`, if there is one that can be trusted.
pub fn find(root: &Root, upload: &Key, file: FileId, length_max: u64) -> Option<VouchedState> {
    let text = String::from_utf8(read(voucher(root, upload))?).ok()?;
    let mut words = text.strip_suffix('\n')?.splitn(3, ' ');
    let (length, kind, rest) = (words.next()?, words.next()?, words.next()?);
    let (numbers_then, digest) = rest.rsplit_once(' ')?;
    let length: u64 = length.parse().ok()?;
    let kind: Algorithm = kind.parse().ok()?;
    if numbers_then != numbers(file) || !can_vouch_for(file) || length > length_max {
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

/// Removes the voucher and all states, including distribution's. Once this returns their removal survives a power loss, and
/// bytes may be replaced.
pub fn withdraw(root: &Root, upload: &Key) -> io::Result<()> {
    let removals = [
        disk::remove_file(&voucher(root, upload)),
        disk::remove_tree(&directory(root, upload)),
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
        true => disk::sync_directory(&root.path(upload)),
        false => Ok(()),
    }
}
