//! One repository: what its manifests name is marked, and links that none of them names are removed.

use super::marks::{DigestKey, digest_key};
use super::visit::Visit;
use super::{CollectionEvent, Collector};
use crate::spec::references::{StoredReference, StoredReferences};
use crate::spec::{Algorithm, Digest, Name};
use crate::storage::links::LinkContent;
use crate::storage::{Error, Result, layout};
use std::collections::HashSet;

/// Links that are removed under one lock, during which pushes to the repository wait.
const BATCH: usize = 256;

impl Collector<'_> {
    /// Looks at one repository.
    pub(super) fn visit(&self, name: &Name) -> Result<()> {
        let mut visit = Visit {
            name,
            is_kept_whole: false,
            named: HashSet::new(),
        };
        let mut revisions = self.revisions(&mut visit)?;
        if self.options.untagged {
            self.remove_untagged(&mut visit, &mut revisions)?;
        }
        let kept: HashSet<DigestKey> = revisions
            .iter()
            .map(|kept| digest_key(&kept.digest))
            .collect();
        for revision in &revisions {
            if !self.may_continue() {
                return Ok(());
            }
            self.mark_manifest(&mut visit, &revision.digest, &kept)?;
        }
        self.look_at_layers(&mut visit)?;
        self.look_at_referrers(&visit, &kept)?;
        self.finish_deletion(name)
    }

    /// Marks a manifest of the repository, with all that it names, and what manifests name that it names and that are not in the
    /// repository by themselves.
    fn mark_manifest(
        &self,
        visit: &mut Visit<'_>,
        manifest: &Digest,
        revisions: &HashSet<DigestKey>,
    ) -> Result<()> {
        self.mark(visit, manifest);
        let Some(references) = self.references(visit, manifest)? else {
            return Ok(());
        };
        let mut waiting = references.found;
        while let Some(reference) = waiting.pop() {
            let digest = match &reference {
                StoredReference::Blob(digest)
                | StoredReference::ForeignLayer(digest)
                | StoredReference::Child(digest) => digest,
            };
            if !self.mark(visit, digest) {
                continue;
            }
            let is_unlisted = !revisions.contains(&digest_key(digest));
            if matches!(reference, StoredReference::Child(_)) && is_unlisted {
                // A manifest that nobody can ask for by itself, or the layer of a build cache.
                let child = self.stored_child(digest, visit)?;
                let child = child.and_then(|bytes| StoredReferences::read(&bytes));
                waiting.extend(child.into_iter().flat_map(|child| child.found));
            }
        }
        Ok(())
    }

    /// Marks a digest that a manifest of the repository names. `false` if that was known.
    fn mark(&self, visit: &mut Visit<'_>, digest: &Digest) -> bool {
        self.marks.add(digest);
        visit.named.insert(digest_key(digest))
    }

    /// What a manifest of the repository names; `None` if that cannot be told, which keeps the repository whole.
    fn references(
        &self,
        visit: &mut Visit<'_>,
        manifest: &Digest,
    ) -> Result<Option<StoredReferences>> {
        let key = layout::blob_data(manifest);
        let why = match self.stored(manifest)? {
            None => "the manifest is missing or cannot be read as a whole",
            Some(bytes) if manifest.algorithm().digest(&bytes) != *manifest => {
                "the manifest is corrupt"
            }
            Some(bytes) => match StoredReferences::read(&bytes) {
                Some(references) if references.unreadable.is_empty() => {
                    return Ok(Some(references));
                }
                _ => "it is not a manifest that can be read as a whole",
            },
        };
        self.unreadable(&key, why);
        visit.is_kept_whole = true;
        Ok(None)
    }

    /// Removes the links to blobs that no manifest names, and marks those that stay.
    fn look_at_layers(&self, visit: &mut Visit<'_>) -> Result<()> {
        let mut unnamed = Vec::new();
        for algorithm in Algorithm::ALL {
            let directory = layout::layers(visit.name, algorithm);
            self.each_digest(&directory, algorithm, visit, &mut |visit, digest| {
                let is_named = visit.named.contains(&digest_key(&digest));
                match (is_named, algorithm) {
                    // It is linked to itself.
                    (true, Algorithm::Sha256) => {}
                    (true, _) => self.mark_target(visit, &digest)?,
                    (false, _) => unnamed.push(digest),
                }
                Ok(())
            })?;
        }
        let mut old = Vec::new();
        for digest in unnamed {
            if !self.may_continue() {
                return Ok(());
            }
            let key = layout::layer_link(visit.name, &digest);
            match self.readable(&key, self.is_young(&key))?.flatten() {
                Some(false) if !visit.is_kept_whole => old.push(digest),
                Some(_) => self.mark_target(visit, &digest)?,
                // No link, or something that is none.
                None => self.marks.add(&digest),
            }
        }
        // What could not be read came after some of them.
        if visit.is_kept_whole {
            return old
                .iter()
                .try_for_each(|digest| self.mark_target(visit, digest));
        }
        old.chunks(BATCH)
            .try_for_each(|batch| self.remove_layers(visit, batch))
    }

    /// Marks what a link of the repository leads to.
    fn mark_target(&self, visit: &mut Visit<'_>, digest: &Digest) -> Result<()> {
        self.marks.add(digest);
        let key = layout::layer_link(visit.name, digest);
        match self.link(&key, visit)? {
            Some((LinkContent::Digest(target), _)) => self.marks.add(&target),
            Some((content, _)) => self.broken(&key, &content, visit),
            None => {}
        }
        Ok(())
    }

    fn remove_layers(&self, visit: &mut Visit<'_>, batch: &[Digest]) -> Result<()> {
        if self.options.dry_run {
            for digest in batch {
                self.event(&CollectionEvent::Layer(visit.name, digest));
            }
            return Ok(());
        }
        if !self.may_continue() {
            return Ok(());
        }
        self.storage.change_exclusively(visit.name, || {
            let (mut removed, mut directories) = (Vec::new(), Vec::new());
            for digest in batch {
                let key = layout::layer_link(visit.name, digest);
                match self.readable(&key, self.is_young(&key))?.flatten() {
                    Some(false) => {
                        removed.push(digest);
                        directories.push(key.parent());
                    }
                    // A client was told of it meanwhile.
                    Some(true) => self.mark_target(visit, digest)?,
                    // It is gone, or it cannot be read now and stays.
                    None => self.marks.add(digest),
                }
            }
            if self.remove(&directories)? {
                for digest in removed {
                    self.event(&CollectionEvent::Layer(visit.name, digest));
                }
            }
            Ok(())
        })
    }

    /// Removes the entries of referrers that are gone.
    fn look_at_referrers(&self, visit: &Visit<'_>, kept: &HashSet<DigestKey>) -> Result<()> {
        let mut gone = Vec::new();
        let mut referrers = Visit {
            name: visit.name,
            is_kept_whole: visit.is_kept_whole,
            named: HashSet::new(),
        };
        for algorithm in Algorithm::ALL {
            let subjects = layout::subjects(visit.name, algorithm);
            self.each_digest(
                &subjects,
                algorithm,
                &mut referrers,
                &mut |referrers, subject| {
                    for algorithm in Algorithm::ALL {
                        let directory = layout::referrers(visit.name, &subject, algorithm);
                        let subject = &subject;
                        self.each_digest(&directory, algorithm, referrers, &mut |_, referrer| {
                            if !kept.contains(&digest_key(&referrer)) {
                                gone.push((subject.clone(), referrer));
                            }
                            Ok(())
                        })?;
                    }
                    Ok(())
                },
            )?;
        }
        if referrers.is_kept_whole {
            return Ok(());
        }
        gone.chunks(BATCH)
            .try_for_each(|batch| self.remove_referrers(visit.name, batch))
    }

    fn remove_referrers(&self, name: &Name, batch: &[(Digest, Digest)]) -> Result<()> {
        let remove = || {
            let (mut removed, mut directories) = (Vec::new(), Vec::new());
            for (subject, referrer) in batch {
                let key = layout::referrer_link(name, subject, referrer);
                let is_young = self.readable(&key, self.is_young(&key))?.flatten();
                // It may have been pushed meanwhile.
                let revision = layout::revision_link(name, referrer);
                let stat = self.storage.driver.stat(&revision);
                let is_back = self.readable(&revision, stat)?.flatten().is_some();
                if is_young == Some(false) && (!is_back || self.options.dry_run) {
                    removed.push(referrer);
                    directories.push(key.parent());
                }
            }
            if self.options.dry_run || self.remove(&directories)? {
                for referrer in removed {
                    self.event(&CollectionEvent::Referrer(name, referrer));
                }
            }
            Ok(())
        };
        match self.options.dry_run {
            true => remove(),
            false => self.storage.change_exclusively(name, remove),
        }
    }

    /// Removes what the deletion of the repository left when it was interrupted.
    fn finish_deletion(&self, name: &Name) -> Result<()> {
        if self.options.dry_run {
            return Ok(());
        }
        match self.storage.finish_deletion(name) {
            Err(Error::Driver(error)) if error.is_of_one_entry() => {
                let why = error.source.to_string();
                self.event(&CollectionEvent::Stuck(&error.key, &why));
                Ok(())
            }
            finished => finished,
        }
    }
}
