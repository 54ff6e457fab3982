//! What is read of a repository while it is looked at. Something that cannot be read is reported, and keeps all of it.

use super::Collector;
use super::marks::DigestKey;
use crate::driver::{EntryKind, Key, LINK_TO_NOTHING};
use crate::spec::{Algorithm, Digest, Name};
use crate::storage::links::LinkContent;
use crate::storage::{Result, layout};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// What is known of a repository while it is looked at.
pub(super) struct Visit<'v> {
    pub name: &'v Name,
    /// Something in it could not be read: all of it is kept.
    pub is_kept_whole: bool,
    /// What its manifests name.
    pub named: HashSet<DigestKey>,
}

/// A manifest of a repository.
#[derive(Clone)]
pub(super) struct Revision {
    pub digest: Digest,
    /// It was pushed, or a client was told of it, so late that it stays.
    pub is_young: bool,
}

/// The manifests of a repository.
pub(super) type Revisions = Vec<Revision>;

/// Why it cannot be told what an entry is, or what is in it; `None` if it can be.
pub(super) fn unseen(kind: &EntryKind) -> Option<String> {
    match kind {
        EntryKind::Unreadable(error) => Some(error.to_string()),
        EntryKind::LinkToNothing => Some(LINK_TO_NOTHING.to_owned()),
        EntryKind::Directory | EntryKind::Object | EntryKind::Other(_) => None,
    }
}

impl Collector<'_> {
    /// The manifests of a repository.
    pub(super) fn revisions(&self, visit: &mut Visit<'_>) -> Result<Revisions> {
        let mut revisions = Vec::new();
        for algorithm in Algorithm::ALL {
            let directory = layout::revisions(visit.name, algorithm);
            self.each_digest(&directory, algorithm, visit, &mut |visit, digest| {
                let key = layout::revision_link(visit.name, &digest);
                let mut is_young = true;
                match self.link(&key, visit)? {
                    Some((LinkContent::Digest(target), modified)) if target == digest => {
                        is_young = self.is_young_at(modified);
                    }
                    Some((content, _)) => self.broken(&key, &content, visit),
                    // What a crash left.
                    None if !visit.is_kept_whole => return Ok(()),
                    None => {}
                }
                revisions.push(Revision { digest, is_young });
                Ok(())
            })?;
        }
        Ok(revisions)
    }

    /// A link; `None` if there is none, or if it cannot be read, which keeps the repository whole.
    pub(super) fn link(
        &self,
        key: &Key,
        visit: &mut Visit<'_>,
    ) -> Result<Option<(LinkContent, SystemTime)>> {
        let read = self.readable(key, self.storage.dated_link(key))?;
        visit.is_kept_whole |= read.is_none();
        Ok(read.flatten())
    }

    /// Reports a link with something wrong in it, which keeps the repository whole.
    pub(super) fn broken(&self, key: &Key, content: &LinkContent, visit: &mut Visit<'_>) {
        let why = match content {
            LinkContent::Digest(target) => format!("the link holds {target}"),
            LinkContent::Empty => "the link is empty".to_owned(),
            LinkContent::Broken(text) => format!("the link holds no digest: {text:?}"),
        };
        self.unreadable(key, &why);
        visit.is_kept_whole = true;
    }

    /// Does something for each directory that is named after a digest. One that cannot be looked through keeps the repository whole,
    /// and all blobs, since any of them may belong to it.
    pub(super) fn each_digest<'v>(
        &self,
        directory: &Key,
        algorithm: Algorithm,
        visit: &mut Visit<'v>,
        act: &mut dyn FnMut(&mut Visit<'v>, Digest) -> Result<()>,
    ) -> Result<()> {
        let entries = self.storage.driver.entries(directory);
        let Some(entries) = self.readable(directory, entries)? else {
            self.hides_links(visit);
            return Ok(());
        };
        for entry in entries {
            let Some(entry) = self.readable(directory, entry)? else {
                self.hides_links(visit);
                return Ok(());
            };
            // Nothing is removed from now on.
            if !self.may_continue() {
                return Ok(());
            }
            let Ok(digest) = format!("{}:{}", algorithm.name(), entry.name).parse() else {
                continue;
            };
            if let EntryKind::Directory = entry.kind {
                act(visit, digest)?;
            } else if let Some(why) = unseen(&entry.kind) {
                self.unreadable(&directory.child(&entry.name), &why);
                self.hides_links(visit);
            }
        }
        Ok(())
    }

    /// Some links of a repository cannot be seen.
    fn hides_links(&self, visit: &mut Visit<'_>) {
        visit.is_kept_whole = true;
        self.hides_repositories.store(true, Ordering::Relaxed);
    }

    /// The bytes of a manifest that only another names; `None` if there are none. If they cannot be read, that keeps the
    /// repository whole.
    pub(super) fn stored_child(
        &self,
        digest: &Digest,
        visit: &mut Visit<'_>,
    ) -> Result<Option<Arc<[u8]>>> {
        let key = layout::blob_data(digest);
        match self.storage.driver.stat(&key) {
            Ok(None) => return Ok(None),
            // The layer of a build cache, and no manifest.
            Ok(Some(stat)) if stat.length > self.storage.options.manifest_bytes_max => {
                return Ok(None);
            }
            Ok(Some(_)) | Err(_) => {}
        }
        let read = self.stored(digest)?;
        if read.is_none() {
            self.unreadable(&key, "it cannot be read, and may be a manifest");
            self.hides_links(visit);
        }
        Ok(read)
    }

    /// The bytes of a stored manifest; `None` if there are none, or more than a manifest may have, or if they cannot be read.
    pub(super) fn stored(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>> {
        let key = layout::blob_data(digest);
        let most = self.storage.options.manifest_bytes_max;
        match self.storage.driver.read(&key, most) {
            Ok(found) => Ok(found.map(|found| found.bytes)),
            Err(error) if error.is_of_one_entry() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
