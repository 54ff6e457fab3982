//! Every blob: its place, and its bytes against its digest.

use super::finding::{Finding, Problem, Repair};
use super::pool::Hand;
use super::{RepairScope, Stop, Verifier, add, not_a_file};
use crate::driver::{self, EntryKind, Key};
use crate::spec::{Algorithm, Digest, Hasher};
use crate::storage::{Storage, layout};
use std::io::Read;

/// The name of the file in the directory of a blob.
const DATA: &str = "data";

impl Verifier<'_> {
    /// Hands over every blob, each once, in the order of their digests from the first byte on that is to be the first.
    pub(super) fn each_blob(&self, hand: Hand<'_, Digest>) -> Result<(), Stop> {
        let blobs = layout::blobs();
        self.each_entry(&blobs, None, &mut |entry| match (
            &entry.kind,
            entry.name.parse::<Algorithm>(),
        ) {
            (EntryKind::Directory, Ok(algorithm)) => {
                self.each_blob_of(&blobs.child(&entry.name), algorithm, hand)
            }
            _ => {
                self.odd_entry(&blobs, None, &entry);
                Ok(())
            }
        })
    }

    fn each_blob_of(
        &self,
        directory: &Key,
        algorithm: Algorithm,
        hand: Hand<'_, Digest>,
    ) -> Result<(), Stop> {
        // There are no more than 256.
        let mut bytes = Vec::new();
        self.each_entry(directory, None, &mut |entry| {
            match (&entry.kind, first_byte(&entry.name)) {
                (EntryKind::Directory, Some(byte)) => bytes.push(byte),
                _ => self.odd_entry(directory, None, &entry),
            }
            Ok(())
        })?;
        bytes.sort_unstable_by_key(|byte| byte.wrapping_sub(self.options.first_byte));
        for byte in bytes {
            let directory = directory.child(&format!("{byte:02x}"));
            self.each_entry(&directory, None, &mut |entry| {
                let digest = format!("{}:{}", algorithm.name(), entry.name);
                let digest = digest.parse::<Digest>().ok();
                let digest = digest.filter(|_| first_byte_of(&entry.name) == Some(byte));
                match (&entry.kind, digest) {
                    (EntryKind::Directory, Some(digest)) => hand(digest),
                    _ => {
                        self.odd_entry(&directory, None, &entry);
                        Ok(())
                    }
                }
            })?;
        }
        Ok(())
    }

    /// Reads and hashes a blob.
    pub(super) fn verify_blob(&self, digest: &Digest) -> Result<(), Stop> {
        let key = layout::blob_data(digest);
        let directory = key.parent();
        let (mut is_there, mut is_empty) = (false, true);
        self.each_entry(&directory, None, &mut |entry| {
            is_empty = false;
            match (&entry.kind, entry.name.as_str()) {
                (EntryKind::Object, DATA) => is_there = true,
                (kind, DATA) => self.no_file(digest, &key, not_a_file(kind)),
                _ => self.odd_entry(&directory, None, &entry),
            }
            Ok(())
        })?;
        if is_empty && self.options.repair == RepairScope::Everything {
            self.storage.driver.prune(&directory, &layout::blobs());
        }
        if !is_there {
            return Ok(());
        }
        let Some(computed) = self.hash(digest, &key)? else {
            return Ok(());
        };
        add(&self.counts.blobs, 1);
        if computed == *digest {
            return Ok(());
        }
        let mut finding = Finding::new(Problem::CorruptBlob { computed }, &key).of(digest);
        if self.options.repair != RepairScope::Nothing {
            finding.repair = match self.put_aside(digest)? {
                Aside::Moved(to) => Repair::Moved(to),
                Aside::Failed(why) => Repair::Failed(why),
                // Somebody pushed it again meanwhile.
                Aside::Needless => return Ok(()),
            };
        }
        if !matches!(finding.repair, Repair::Moved(_)) {
            self.note_corrupt(digest);
        }
        self.report(&finding);
        Ok(())
    }

    /// Reports that there is something else where the file of a blob belongs.
    fn no_file(&self, digest: &Digest, key: &Key, problem: Problem) {
        let mut finding = Finding::new(problem, key).of(digest);
        finding.repair = self.move_entry(key, |copy| layout::lost_blob(digest, copy));
        self.report(&finding);
    }

    /// The digest of what is stored; `None` if it is gone, or cannot be read, which is reported.
    fn hash(&self, digest: &Digest, key: &Key) -> Result<Option<Digest>, Stop> {
        let opened = self.storage.driver.open(key, 0);
        let Some(object) = self.readable(None, Some(digest), opened)?.flatten() else {
            return Ok(None);
        };
        let mut hasher = Hasher::new(digest.algorithm());
        let length = usize::try_from(object.length()).unwrap_or(usize::MAX);
        let mut buffer = vec![0; length.min(self.options.buffer_bytes)];
        let mut reader = object.reader();
        loop {
            let read = reader.read(&mut buffer);
            let read = read.map_err(|error| driver::Error::new(key, error));
            let Some(count) = self.readable(None, Some(digest), read)? else {
                return Ok(None);
            };
            let bytes = buffer.get(..count).filter(|bytes| !bytes.is_empty());
            let Some(bytes) = bytes else { break };
            hasher.update(bytes);
            add(&self.counts.bytes, count as u64);
            self.pace(count as u64)?;
        }
        Ok(Some(hasher.digest()))
    }
}

/// What became of a blob that was to be put aside.
pub(super) enum Aside {
    /// It is there now.
    Moved(Key),
    /// It was right after all, or is gone.
    Needless,
    /// It could not be moved.
    Failed(String),
}

impl Storage {
    /// How many bytes all blobs have, as far as that can be read: how much a verification has to do. Ends early when
    /// `may_continue` says no.
    pub fn blob_bytes(&self, may_continue: &dyn Fn() -> bool) -> u64 {
        let mut bytes = 0;
        for (algorithm, byte) in Algorithm::ALL
            .into_iter()
            .flat_map(|algorithm| (0..=u8::MAX).map(move |byte| (algorithm, byte)))
        {
            let directory = layout::blobs().child(algorithm.name());
            let directory = directory.child(&format!("{byte:02x}"));
            let Ok(entries) = self.driver.entries(&directory) else {
                continue;
            };
            for entry in entries.map_while(Result::ok) {
                if !may_continue() {
                    return bytes;
                }
                let stat = self.driver.stat(&directory.child(&entry.name).child(DATA));
                bytes += stat.ok().flatten().map_or(0, |stat| stat.length);
            }
        }
        bytes
    }
}

/// The byte that a directory of blobs is named after.
fn first_byte(name: &str) -> Option<u8> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_right = name.len() == 2 && name.bytes().all(is_digit);
    u8::from_str_radix(name, 16).ok().filter(|_| is_right)
}

fn first_byte_of(hex: &str) -> Option<u8> {
    hex.get(..2).and_then(first_byte)
}
