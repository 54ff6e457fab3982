//! Removes the blobs that nothing leads to.

use super::{CollectionEvent, Collector};
use crate::driver::{EntryKind, Key, Lock};
use crate::spec::{Algorithm, Digest};
use crate::storage::{Result, layout};

/// Blobs that are removed under one lock, during which pushes of some others wait.
const BATCH: usize = 64;

impl Collector<'_> {
    /// Looks through all blobs.
    pub(super) fn sweep(&self) -> Result<()> {
        let directories: Vec<(Algorithm, u8)> = Algorithm::ALL
            .into_iter()
            .flat_map(|algorithm| (0..=u8::MAX).map(move |byte| (algorithm, byte)))
            .collect();
        self.in_parallel(&directories, |(algorithm, byte)| {
            self.sweep_directory(*algorithm, *byte)
        })
    }

    /// Looks through the blobs whose digests begin with one byte.
    fn sweep_directory(&self, algorithm: Algorithm, byte: u8) -> Result<()> {
        let first_two = format!("{byte:02x}");
        let directory = layout::blobs().child(algorithm.name()).child(&first_two);
        let entries = self.storage.driver.entries(&directory);
        let Some(entries) = self.readable(&directory, entries)? else {
            return Ok(());
        };
        let mut batch = Vec::new();
        for entry in entries {
            let Some(entry) = self.readable(&directory, entry)? else {
                return Ok(());
            };
            if !self.may_continue() {
                return Ok(());
            }
            let digest = format!("{}:{}", algorithm.name(), entry.name).parse::<Digest>();
            let (EntryKind::Directory, Ok(digest)) = (entry.kind, digest) else {
                continue;
            };
            if !digest.hex().starts_with(&first_two) || self.marks.contains(&digest) {
                continue;
            }
            batch.push(digest);
            if batch.len() == BATCH {
                self.sweep_batch(&mut batch)?;
            }
        }
        self.sweep_batch(&mut batch)
    }

    /// Removes those blobs of a batch that are old. They have one lock.
    fn sweep_batch(&self, batch: &mut Vec<Digest>) -> Result<()> {
        if !self.may_continue() {
            return Ok(());
        }
        let old = self.old(batch)?;
        if old.is_empty() || self.options.dry_run {
            for (digest, bytes) in &old {
                self.event(&CollectionEvent::Blob(digest, *bytes));
            }
            batch.clear();
            return Ok(());
        }
        let Some((first, _)) = old.first() else {
            return Ok(());
        };
        let held = self.storage.lock_content(first, Lock::Exclusive)?;
        // Some may have been pushed or mounted meanwhile.
        batch.clear();
        batch.extend(old.into_iter().map(|(digest, _)| digest));
        let old = self.old(batch)?;
        let directory = |(digest, _): &(Digest, u64)| layout::blob_data(digest).parent();
        let directories: Vec<Key> = old.iter().map(directory).collect();
        let is_removed = self.remove(&directories)?;
        drop(held);
        for (digest, bytes) in &old {
            let is_gone = is_removed || self.is_gone(digest)?;
            if is_gone {
                self.event(&CollectionEvent::Blob(digest, *bytes));
            }
        }
        batch.clear();
        Ok(())
    }

    /// Those of the blobs that were last written before the cutoff, with their lengths. A directory without a blob counts as one
    /// of no bytes.
    fn old(&self, digests: &[Digest]) -> Result<Vec<(Digest, u64)>> {
        let mut old = Vec::new();
        for digest in digests {
            let key = layout::blob_data(digest);
            let stat = self.storage.driver.stat(&key);
            let Some(stat) = self.readable(&key, stat)? else {
                continue;
            };
            match stat {
                Some(stat) if self.is_young_at(stat.modified) => {}
                Some(stat) => old.push((digest.clone(), stat.length)),
                // What a crash left, or something that is no file, which is not ours to remove.
                None => {}
            }
        }
        Ok(old)
    }

    fn is_gone(&self, digest: &Digest) -> Result<bool> {
        let key = layout::blob_data(digest);
        let stat = self.storage.driver.stat(&key);
        Ok(self.readable(&key, stat)?.flatten().is_none())
    }
}
