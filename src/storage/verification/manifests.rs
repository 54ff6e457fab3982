//! Every manifest of a repository: whether it is there, can be read, has all that it names, and is in the index of referrers.

use super::finding::{Finding, Problem};
use super::links::LinkDirectory;
use super::repositories::RepositoryCheck;
use super::{Stop, Verifier, add};
use crate::driver::Key;
use crate::spec::references::{StoredReference, StoredReferences};
use crate::spec::{Digest, Name, stored};
use crate::storage::links::Link;
use crate::storage::manifests::LoadedManifest;
use crate::storage::{Error, Result as StorageResult, layout};
use std::cell::Cell;
use std::collections::HashSet;

/// What distribution 2.0 to 2.2 kept next to the link of a signed manifest.
const SIGNATURES: &[&str] = &["signatures"];

/// How often the bytes of a manifest are read when the memory for them is exhausted; each time it is waited for.
const TRIES: usize = 30;

/// What is wrong with a reference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReferenceFault {
    Missing,
    Corrupt,
}

impl Verifier<'_> {
    pub(super) fn verify_revisions(
        &self,
        repository: &RepositoryCheck<'_>,
        directory: &Key,
    ) -> Result<(), Stop> {
        let name = repository.name;
        let directory = LinkDirectory {
            name,
            key: directory,
            beside: SIGNATURES,
        };
        self.each_link(directory, &mut |digest, link, target| {
            if target != *digest {
                self.wrong_link(name, digest, link, target)?;
            }
            self.verify_manifest(repository, digest, link)
        })
    }

    fn verify_manifest(
        &self,
        repository: &RepositoryCheck<'_>,
        digest: &Digest,
        link: &Key,
    ) -> Result<(), Stop> {
        add(&self.counts.manifests, 1);
        let name = repository.name;
        let finding = |problem| {
            let finding = Finding::new(problem, link).of(digest);
            let tags = self.tags_of(repository, digest);
            finding.in_repository(Some(name)).tagged(tags)
        };
        match self.bytes_of(digest)? {
            ManifestBytes::Read(bytes) => self.verify_content(repository, digest, link, &bytes),
            ManifestBytes::Missing => {
                let is_dangling = || {
                    let is_linked = self.storage.has_manifest(name, digest)?;
                    Ok(is_linked && !self.storage.has_content(digest)?)
                };
                if self.holds(name, digest, is_dangling)? {
                    let mut finding = finding(Problem::DanglingManifest);
                    finding.repair = self.remove_directory(name, &link.parent(), is_dangling);
                    self.report(&finding);
                }
                Ok(())
            }
            ManifestBytes::Corrupt => {
                self.report(&finding(Problem::CorruptManifest));
                Ok(())
            }
            ManifestBytes::Invalid(why) => {
                self.report(&finding(Problem::InvalidManifest { why }));
                Ok(())
            }
            ManifestBytes::Unreadable(why) => {
                self.report(&finding(Problem::Unreadable { why }));
                Ok(())
            }
        }
    }

    /// The bytes of a manifest, which was hashed before.
    fn bytes_of(&self, digest: &Digest) -> Result<ManifestBytes, Stop> {
        let mut tries = 1;
        loop {
            let outcome = self.storage.checked(digest);
            if let Ok(Some((content, ..))) = &outcome {
                self.pace(content.length())?;
            }
            return Ok(match outcome {
                Ok(Some((_, bytes, _))) => ManifestBytes::Read(bytes),
                Ok(None) => ManifestBytes::Missing,
                Err(Error::Corrupt(_)) if self.is_corrupt(digest) => ManifestBytes::Corrupt,
                Err(Error::Corrupt(_)) => ManifestBytes::Invalid("it is not JSON".to_owned()),
                Err(Error::Driver(error)) if error.is_no_content() => {
                    ManifestBytes::Invalid(error.source.to_string())
                }
                Err(Error::Driver(error)) if error.is_of_one_entry() => {
                    ManifestBytes::Unreadable(error.source.to_string())
                }
                Err(Error::Exhausted) if tries < TRIES => {
                    tries += 1;
                    self.pace(0)?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            });
        }
    }

    fn verify_content(
        &self,
        repository: &RepositoryCheck<'_>,
        digest: &Digest,
        link: &Key,
        bytes: &LoadedManifest,
    ) -> Result<(), Stop> {
        let name = repository.name;
        let references = StoredReferences::read(bytes).unwrap_or_default();
        let finding = |problem| {
            let tags = self.tags_of(repository, digest);
            let finding = Finding::new(problem, link);
            finding.in_repository(Some(name)).tagged(tags)
        };
        if !references.unreadable.is_empty() {
            let why = format!("what is in its {}", references.unreadable.join(", "));
            self.report(&finding(Problem::InvalidManifest { why }).of(digest));
        }
        let mut seen = HashSet::new();
        for reference in references.found.iter().filter(|one| seen.insert(*one)) {
            let named = match reference {
                StoredReference::Blob(named) | StoredReference::Child(named) => named,
                StoredReference::ForeignLayer(_) => continue,
            };
            let is_child = matches!(reference, StoredReference::Child(_));
            let fault = Cell::new(None);
            let is_faulty = || {
                fault.set(self.reference_fault((name, digest), named, is_child)?);
                Ok(fault.get().is_some())
            };
            if !self.holds(name, named, is_faulty)? {
                continue;
            }
            let problem = match fault.get() {
                Some(ReferenceFault::Corrupt) => Problem::CorruptReference,
                Some(ReferenceFault::Missing) if is_child => Problem::MissingChild,
                Some(ReferenceFault::Missing) => Problem::MissingBlob,
                None => continue,
            };
            self.report(&finding(problem).of(named).named_by(digest));
        }
        match stored::subject(bytes) {
            Some(subject) => self.verify_indexed(name, digest, &subject),
            None => Ok(()),
        }
    }

    /// What is wrong with something that a manifest names, if the manifest is still there.
    fn reference_fault(
        &self,
        (name, manifest): (&Name, &Digest),
        digest: &Digest,
        is_child: bool,
    ) -> StorageResult<Option<ReferenceFault>> {
        // Build caches are pushed as an index whose entries are layers.
        if is_child && self.storage.has_manifest(name, digest)? {
            return Ok(None);
        }
        let target = self.storage.link(&layout::layer_link(name, digest))?;
        let fault = match target {
            Some(target) if self.is_corrupt(&target) => ReferenceFault::Corrupt,
            Some(target) if self.storage.has_content(&target)? => return Ok(None),
            _ => ReferenceFault::Missing,
        };
        Ok(self.storage.has_manifest(name, manifest)?.then_some(fault))
    }

    /// Whether a manifest is in the index under its subject.
    fn verify_indexed(&self, name: &Name, digest: &Digest, subject: &Digest) -> Result<(), Stop> {
        let key = layout::referrer_link(name, subject, digest);
        let is_missing = || {
            let is_linked = self.storage.has_manifest(name, digest)?;
            Ok(is_linked && !self.storage.has_link(&key)?)
        };
        if self.holds(name, digest, is_missing)? {
            let finding = Finding::new(Problem::UnindexedReferrer, &key).of(digest);
            let mut finding = finding.in_repository(Some(name));
            finding.repair = self.write_link(name, Link::referrer(name, subject, digest));
            self.report(&finding);
        }
        Ok(())
    }

    /// Every entry of the index: its manifest is there, and has this subject.
    pub(super) fn verify_referrers(&self, name: &Name, directory: &Key) -> Result<(), Stop> {
        let subjects = LinkDirectory {
            name,
            key: directory,
            beside: &[],
        };
        self.each_digest(subjects, &mut |subject, directory| {
            let referrers = LinkDirectory {
                key: directory,
                ..subjects
            };
            self.each_link(referrers, &mut |digest, link, target| {
                if target != *digest {
                    self.wrong_link(name, digest, link, target)?;
                }
                self.verify_referrer(name, (subject, digest), link)
            })
        })
    }

    fn verify_referrer(
        &self,
        name: &Name,
        (subject, digest): (&Digest, &Digest),
        link: &Key,
    ) -> Result<(), Stop> {
        let is_dangling = || {
            let has_link = self.storage.has_link(link)?;
            Ok(has_link && !self.storage.has_manifest(name, digest)?)
        };
        let mut problem = None;
        if self.holds(name, digest, is_dangling)? {
            problem = Some(Problem::DanglingReferrer);
        } else if let ManifestBytes::Read(bytes) = self.bytes_of(digest)?
            && stored::subject(&bytes).as_ref() != Some(subject)
        {
            // Its bytes do not change.
            problem = Some(Problem::WrongReferrer);
        }
        if let Some(problem) = problem {
            let is_wrong = problem == Problem::WrongReferrer;
            let mut finding = Finding::new(problem, link).of(digest);
            finding.repair =
                self.remove_directory(name, &link.parent(), || Ok(is_wrong || is_dangling()?));
            self.report(&finding.in_repository(Some(name)));
        }
        Ok(())
    }
}

/// The bytes of a manifest, or why there are none.
enum ManifestBytes {
    Read(LoadedManifest),
    Missing,
    Corrupt,
    Invalid(String),
    Unreadable(String),
}

#[cfg(test)]
mod tests {
    use super::super::{RepairScope, Verification};
    use crate::driver::Memory;
    use crate::memory::{Budget, WAIT_TIMEOUT};
    use crate::spec::validation::Validation;
    use crate::spec::{CheckedManifest, Name};
    use crate::storage::{Storage, Tagging, tests};
    use crate::sync::Mutex;
    use std::ops::ControlFlow;
    use std::sync::Arc;
    use std::time::Instant;

    #[test]
    fn a_manifest_is_read_when_others_have_given_memory_back() {
        let name: Name = "a".parse().unwrap();
        let text = r#"{"schemaVersion":2,"manifests":[]}"#;
        let content = format!("{text}{}", " ".repeat(100_000));
        let manifest = CheckedManifest::check(content.as_bytes(), None, None).unwrap();
        let memory = Budget::new(500_000);
        let storage = Storage::new(Arc::new(Memory::default()), tests::roomy_options());
        let storage = storage.within(&memory);
        let tagging = Tagging {
            tags: &[],
            may_move: true,
        };
        let validation = Validation::disabled();
        let put = storage.put_manifest(&name, &manifest, tagging, &validation);
        put.unwrap();
        // They do so when the first attempt has waited in vain.
        let (held, started) = (
            Mutex::new(Some(memory.work(250_000).unwrap())),
            Instant::now(),
        );
        let verified = storage.verify(&Verification {
            repair: RepairScope::Nothing,
            threads: 1,
            buffer_bytes: 4096,
            first_byte: 0,
            pace: &|_| {
                if started.elapsed() >= WAIT_TIMEOUT {
                    drop(held.lock().take());
                }
                ControlFlow::Continue(())
            },
            found: &|finding| panic!("{finding}"),
        });
        assert_eq!(verified.unwrap().manifests, 1);
        assert!(held.lock().is_none());
    }
}
