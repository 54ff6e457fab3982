//! Manifests that no tag leads to: neither a tag names them, nor an index that is kept, nor are they referrers of a manifest that is kept,
//! at any depth. Young ones are kept as if they were tagged.

use super::marks::{DigestKey, digest_key};
use super::visit::{Revisions, Visit, unseen};
use super::{CollectionEvent, Collector};
use crate::driver::{EntryKind, Key};
use crate::spec::references::{StoredReference, StoredReferences};
use crate::spec::stored::Referrer;
use crate::spec::{Algorithm, Digest, Name, Tag};
use crate::storage::links::LinkContent;
use crate::storage::{Result, layout};
use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

/// Manifests that are removed by one call.
const BATCH: usize = 256;

/// How a manifest is tied to others.
#[derive(Default)]
struct Ties {
    children: Vec<DigestKey>,
    subject: Option<Digest>,
}

/// What was read of manifests, which never changes.
type KnownTies = HashMap<DigestKey, Ties>;

impl Collector<'_> {
    /// Removes the manifests that no tag leads to, from the repository and from the list. In a dry run only from the list.
    pub(super) fn remove_untagged(
        &self,
        visit: &mut Visit<'_>,
        revisions: &mut Revisions,
    ) -> Result<()> {
        let mut known = KnownTies::new();
        let untagged = self.untagged(visit, revisions, &mut known)?;
        if untagged.is_empty() || visit.is_kept_whole || !self.may_continue() {
            return Ok(());
        }
        let untagged = match self.options.dry_run {
            true => untagged,
            false => self.storage.change_exclusively(visit.name, || {
                // Under the lock nobody tags or refers to one of them.
                *revisions = self.revisions(visit)?;
                let untagged = self.untagged(visit, revisions, &mut known)?;
                match visit.is_kept_whole {
                    true => Ok(Vec::new()),
                    false => self.remove_manifests(visit, untagged, &known),
                }
            })?,
        };
        let gone: HashSet<DigestKey> = untagged.iter().map(digest_key).collect();
        revisions.retain(|revision| !gone.contains(&digest_key(&revision.digest)));
        for digest in &untagged {
            self.event(&CollectionEvent::Manifest(visit.name, digest));
        }
        Ok(())
    }

    /// The manifests that no tag leads to.
    fn untagged(
        &self,
        visit: &mut Visit<'_>,
        revisions: &Revisions,
        known: &mut KnownTies,
    ) -> Result<Vec<Digest>> {
        let mut waiting: Vec<DigestKey> = Vec::new();
        self.each_tag(visit, &mut |visit, tag| {
            let key = layout::tag_current(visit.name, &tag);
            match self.link(&key, visit)? {
                Some((LinkContent::Digest(target), _)) => waiting.push(digest_key(&target)),
                // Whatever it named must stay.
                Some((content, _)) => self.broken(&key, &content, visit),
                None => {}
            }
            Ok(())
        })?;
        let mut referrers: HashMap<DigestKey, Vec<DigestKey>> = HashMap::new();
        for revision in revisions {
            let manifest = digest_key(&revision.digest);
            if revision.is_young {
                waiting.push(manifest);
            }
            let ties = match known.entry(manifest) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.ties(visit, &revision.digest)?),
            };
            if let Some(subject) = &ties.subject {
                referrers
                    .entry(digest_key(subject))
                    .or_default()
                    .push(manifest);
            }
        }
        let mut kept = HashSet::new();
        while let Some(manifest) = waiting.pop() {
            if kept.insert(manifest) {
                let children = known.get(&manifest).map(|ties| ties.children.iter());
                waiting.extend(children.into_iter().flatten());
                waiting.extend(referrers.get(&manifest).into_iter().flatten());
            }
        }
        let untagged = revisions.iter().map(|revision| &revision.digest);
        let untagged = untagged.filter(|digest| !kept.contains(&digest_key(digest)));
        Ok(untagged.cloned().collect())
    }

    /// How a manifest is tied to others. One that cannot be read keeps the repository whole.
    fn ties(&self, visit: &mut Visit<'_>, manifest: &Digest) -> Result<Ties> {
        let bytes = self.stored(manifest)?;
        let bytes = bytes.filter(|bytes| manifest.algorithm().digest(bytes) == *manifest);
        let read = bytes.and_then(|bytes| {
            let references = StoredReferences::read(&bytes)?;
            let referrer = Referrer::read(&bytes)?;
            let is_whole =
                references.unreadable.is_empty() && !referrer.unreadable.contains(&"subject");
            is_whole.then_some((references.found, referrer.subject))
        });
        let Some((references, subject)) = read else {
            // It is reported when it is marked.
            visit.is_kept_whole = true;
            return Ok(Ties::default());
        };
        let child = |reference: &StoredReference| match reference {
            StoredReference::Child(digest) => Some(digest_key(digest)),
            StoredReference::Blob(_) | StoredReference::ForeignLayer(_) => None,
        };
        Ok(Ties {
            children: references.iter().filter_map(child).collect(),
            subject,
        })
    }

    /// Removes manifests from a repository that the caller has locked; gives those that are gone. Their entries in the history
    /// of tags and in the index of referrers go as well.
    fn remove_manifests(
        &self,
        visit: &mut Visit<'_>,
        untagged: Vec<Digest>,
        known: &KnownTies,
    ) -> Result<Vec<Digest>> {
        let history = self.history(visit, &untagged)?;
        for batch in history.chunks(BATCH) {
            self.remove(batch)?;
        }
        let mut gone = Vec::new();
        for batch in untagged.chunks(BATCH) {
            let subject = |digest: &Digest| known.get(&digest_key(digest))?.subject.clone();
            let referrers = batch.iter().filter_map(|digest| {
                let link = layout::referrer_link(visit.name, &subject(digest)?, digest);
                Some(link.parent())
            });
            let links = batch
                .iter()
                .map(|digest| layout::revision_link(visit.name, digest).parent());
            let directories: Vec<Key> = links.chain(referrers).collect();
            match self.remove(&directories)? {
                true => gone.extend_from_slice(batch),
                false => {
                    for digest in batch {
                        if self.is_unlinked(visit.name, digest)? {
                            gone.push(digest.clone());
                        }
                    }
                }
            }
        }
        Ok(gone)
    }

    fn is_unlinked(&self, name: &Name, digest: &Digest) -> Result<bool> {
        let key = layout::revision_link(name, digest);
        let stat = self.storage.driver.stat(&key);
        Ok(self
            .readable(&key, stat)?
            .is_some_and(|stat| stat.is_none()))
    }

    /// The entries in the history of all tags that name one of the manifests.
    fn history(&self, visit: &mut Visit<'_>, manifests: &[Digest]) -> Result<Vec<Key>> {
        let manifests: HashSet<DigestKey> = manifests.iter().map(digest_key).collect();
        let mut found = Vec::new();
        self.each_tag(visit, &mut |visit, tag| {
            for algorithm in Algorithm::ALL {
                let directory = layout::tag_history(visit.name, &tag, algorithm);
                self.each_digest(&directory, algorithm, visit, &mut |_, digest| {
                    if manifests.contains(&digest_key(&digest)) {
                        found.push(directory.child(digest.hex()));
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Does something for each directory of a tag.
    fn each_tag<'v>(
        &self,
        visit: &mut Visit<'v>,
        act: &mut dyn FnMut(&mut Visit<'v>, Tag) -> Result<()>,
    ) -> Result<()> {
        let directory = layout::tags(visit.name);
        let entries = self.storage.driver.entries(&directory);
        let Some(entries) = self.readable(&directory, entries)? else {
            visit.is_kept_whole = true;
            return Ok(());
        };
        for entry in entries {
            let Some(entry) = self.readable(&directory, entry)? else {
                visit.is_kept_whole = true;
                return Ok(());
            };
            let Ok(tag) = entry.name.parse() else {
                continue;
            };
            if let EntryKind::Directory = entry.kind {
                act(visit, tag)?;
            } else if let Some(why) = unseen(&entry.kind) {
                self.unreadable(&directory.child(&entry.name), &why);
                visit.is_kept_whole = true;
            }
        }
        Ok(())
    }
}
