//! Manifests of a repository: content that a `_manifests/revisions` link names.

use super::links::Link;
use super::{Error, Result, Storage, layout};
use crate::driver::{self, Key, Lock, Object, Precondition, Write};
use crate::memory::{Budget, Share};
use crate::spec::CheckedManifest;
use crate::spec::stored::{self, Referrer};
use crate::spec::validation::Validation;
use crate::spec::{Digest, MediaType, Name, Reference, Tag};
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::sync::Arc;

/// Manifests up to this many bytes are read once and sent from memory; larger ones are read to be checked, then
/// sent from their file, so that a slow client costs no memory.
const SMALL_BYTES: u64 = 64 * 1024;

/// Memory that finding the type of a manifest may take, as a multiple of its bytes: as they are, and with what is
/// not UTF-8 or half a surrogate pair replaced.
const TYPE_TIMES: usize = 4;

/// Bytes of memory that an annotation takes in addition to its text while a referrer is read.
const ANNOTATION_BYTES: usize = 136;

/// Bytes that are read without being counted: a small amount, for a short time.
const UNCOUNTED_BYTES: usize = 256 * 1024;

/// A manifest as it is stored.
pub struct StoredManifest {
    /// Its digest, of the algorithm that it was requested by or is tagged with.
    pub digest: Digest,
    /// Its type.
    pub media_type: MediaType,
    /// Its bytes, checked against the digest.
    pub content: Object,
}

/// The bytes of a manifest in memory, counted in the budget.
pub struct LoadedManifest {
    bytes: Bytes,
    share: Option<Share>,
}

impl LoadedManifest {
    /// Counts the memory for all annotations, of which there are no more than colons.
    fn count_annotations(&mut self, memory: &Arc<Budget>) -> Result<()> {
        let colons = self.iter().filter(|byte| **byte == b':').count();
        let most = self.len() * TYPE_TIMES + colons * ANNOTATION_BYTES;
        match &mut self.share {
            Some(share) => share.wait_for(most)?,
            None if most > UNCOUNTED_BYTES => self.share = Some(memory.work(most)?),
            None => {}
        }
        Ok(())
    }
}

enum Bytes {
    Shared(Arc<[u8]>),
    Own(Vec<u8>),
}

impl Deref for LoadedManifest {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Shared(bytes) => bytes,
            Bytes::Own(bytes) => bytes,
        }
    }
}

/// A stored manifest, as far as it can be listed under its subject.
pub(super) enum ManifestAsReferrer {
    /// There are no bytes.
    Missing,
    /// They cannot be read; why.
    Unreadable(String),
    /// What it says of itself.
    Read(ReadManifest),
}

/// A stored manifest that was read.
pub(super) struct ReadManifest {
    /// Its type.
    pub media_type: MediaType,
    /// How many bytes it has.
    pub length: u64,
    /// What it says of itself.
    pub referrer: Referrer,
    _share: LoadedManifest,
}

/// The tags for a manifest.
#[derive(Clone, Copy, Debug)]
pub struct Tagging<'t> {
    /// The tags.
    pub tags: &'t [Tag],
    /// Whether they may be moved from other manifests; otherwise that is [`Error::TagExists`], even if the tag is set
    /// elsewhere at the same time.
    pub may_move: bool,
}

impl Storage {
    /// A manifest by tag or digest.
    pub fn manifest(&self, name: &Name, reference: &Reference) -> Result<StoredManifest> {
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => self.tag(name, tag)?.ok_or(Error::ManifestUnknown)?,
        };
        let link = layout::revision_link(name, &digest);
        let found = self.find_link(&link)?.ok_or(Error::ManifestUnknown)?;
        if !self.renew(name, &link, &found)? {
            return Err(Error::ManifestUnknown);
        }
        self.read_manifest(&digest)?.ok_or(Error::ManifestUnknown)
    }

    /// Whether the repository has a manifest of that digest.
    pub fn has_manifest(&self, name: &Name, digest: &Digest) -> Result<bool> {
        Ok(self.link(&layout::revision_link(name, digest))?.is_some())
    }

    /// The same for a manifest that another will name. The caller holds the lock of the repository.
    pub(super) fn has_manifest_locked(&self, name: &Name, digest: &Digest) -> Result<bool> {
        let link = layout::revision_link(name, digest);
        match self.find_link(&link)? {
            Some(found) => self.renew_locked(&link, &found),
            None => Ok(false),
        }
    }

    /// Stores a manifest under its digest and every tag, if what it names is there. All of it is durable when this
    /// returns. What is checked holds until then: nothing is deleted from the repository meanwhile.
    ///
    /// A tag is moved only after what it names is durable, so that a power loss in between leaves
    /// the tag where it was.
    pub fn put_manifest(
        &self,
        name: &Name,
        checked: &CheckedManifest<'_>,
        Tagging { tags, may_move }: Tagging<'_>,
        validation: &Validation,
    ) -> Result<()> {
        self.wait_for_quota()?;
        let (digest, manifest) = (checked.digest(), checked.manifest());
        let subject = manifest.subject.as_ref();
        let data = Write::new(layout::blob_data(digest), checked.bytes());
        let links = std::iter::once(Link::revision(name, digest))
            .chain(subject.map(|subject| Link::referrer(name, &subject.digest, digest)))
            .chain(tags.iter().map(|tag| Link::history(name, tag, digest)))
            .map(Link::write);
        let changes: Vec<Write<'_>> = std::iter::once(data).chain(links).collect();
        let current = tags.iter().map(|tag| Link::current(name, tag, digest));
        let moves: Vec<Write<'_>> = current.map(Link::write).collect();
        let is_fixed = |tag: &Tag| !may_move || self.is_immutable(name, tag);
        let fixed: Vec<&Tag> = tags.iter().filter(|tag| is_fixed(tag)).collect();
        let put = || {
            self.check_references(name, manifest, validation)?;
            self.check_spelling(name, tags)?;
            self.check_not_moved(name, digest, &fixed)?;
            let held = self.lock_content(digest, Lock::Shared)?;
            self.driver.write(&changes)?;
            drop(held);
            if fixed.is_empty() || self.driver.capabilities().has_locks {
                return match moves.is_empty() {
                    true => Ok(()),
                    false => Ok(self.driver.write(&moves)?),
                };
            }
            self.create_tags(name, digest, &fixed)?;
            let others = tags.iter().filter(|tag| !is_fixed(tag));
            let others = others.map(|tag| Link::current(name, tag, digest).write());
            Ok(self.driver.write(&others.collect::<Vec<_>>())?)
        };
        match self.driver.capabilities().folds_case || !fixed.is_empty() {
            // Exclusively: two spellings of one tag must not come at once, nor two manifests for an immutable tag.
            true => self.change_exclusively(name, put),
            false => self.change_shared(name, put),
        }
    }

    /// Whether each of the tags is free, or names this manifest already.
    fn check_not_moved(&self, name: &Name, digest: &Digest, tags: &[&Tag]) -> Result<()> {
        for tag in tags {
            let current = self.tag(name, tag)?;
            if current.is_some_and(|current| current != *digest) {
                return Err(Error::TagExists((*tag).clone()));
            }
        }
        Ok(())
    }

    /// Makes each of the tags name a manifest, where no lock keeps other processes from making it name another.
    fn create_tags(&self, name: &Name, digest: &Digest, tags: &[&Tag]) -> Result<()> {
        for tag in tags {
            let link = Link::current(name, tag, digest).write();
            match self.driver.write(&[link.only_if(Precondition::Absent)]) {
                Err(error) if error.is_changed() => match self.tag(name, tag)? {
                    Some(current) if current == *digest => {}
                    _ => return Err(Error::TagExists((*tag).clone())),
                },
                written => written?,
            }
        }
        Ok(())
    }

    /// Unlinks a manifest, after every tag that names it. The bytes stay until garbage is collected.
    pub fn delete_manifest(&self, name: &Name, digest: &Digest) -> Result<()> {
        self.change_exclusively(name, || self.remove_manifest(name, digest))
    }

    fn remove_manifest(&self, name: &Name, digest: &Digest) -> Result<()> {
        if !self.has_manifest(name, digest)? {
            return Err(Error::ManifestUnknown);
        }
        // All is looked up before anything is removed. The tags go first: where it ends in between they are gone,
        // the manifest is not, and deleting it again does the rest.
        let tags = self.tags_of(name, digest)?;
        // Otherwise an immutable tag could be pushed again, for another manifest.
        self.check_mutable(name, &tags)?;
        let subject = self.subject_of(digest)?;
        let tags: Vec<Key> = tags.iter().map(|tag| layout::tag(name, tag)).collect();
        self.driver.remove_below(&tags.iter().collect::<Vec<_>>())?;
        let revision = layout::revision_link(name, digest).parent();
        self.driver.remove_below(&[&revision])?;
        if let Some(subject) = subject {
            let link = layout::referrer_link(name, &subject, digest);
            self.driver.remove_below(&[&link.parent()])?;
        }
        Ok(())
    }

    /// A manifest, wherever it is linked; `None` when there are no bytes.
    fn read_manifest(&self, digest: &Digest) -> Result<Option<StoredManifest>> {
        let Some(content) = self.open_manifest(digest)? else {
            return Ok(None);
        };
        let known = match &content {
            Object::Bytes(bytes) => self.known_manifests.find(digest, bytes),
            Object::File { .. } | Object::Remote(_) => None,
        };
        let media_type = match known {
            Some(media_type) => media_type,
            None => {
                let (_, media_type) = self.check(digest, &content)?;
                if let Object::Bytes(bytes) = &content {
                    self.known_manifests.note(digest, bytes, &media_type);
                }
                media_type
            }
        };
        Ok(Some(StoredManifest {
            digest: digest.clone(),
            media_type,
            content,
        }))
    }

    /// The bytes of a manifest that was found, to look into them.
    pub fn bytes(&self, stored: &StoredManifest) -> Result<LoadedManifest> {
        let key = layout::blob_data(&stored.digest);
        self.load_whole(&key, &stored.content)
    }

    /// A manifest, checked against its digest, and its type; `None` when there are no bytes.
    pub(super) fn checked(
        &self,
        digest: &Digest,
    ) -> Result<Option<(Object, LoadedManifest, MediaType)>> {
        let Some(content) = self.open_manifest(digest)? else {
            return Ok(None);
        };
        let (bytes, media_type) = self.check(digest, &content)?;
        Ok(Some((content, bytes, media_type)))
    }

    /// The bytes of a manifest; `None` when there are none.
    fn open_manifest(&self, digest: &Digest) -> Result<Option<Object>> {
        let key = layout::blob_data(digest);
        // A file that lost its bytes in a crash is as good as none: a push heals it.
        let content = self.driver.open(&key, SMALL_BYTES)?;
        Ok(content.filter(|content| content.length() > 0))
    }

    /// Checks a manifest against its digest, and finds its type.
    fn check(&self, digest: &Digest, content: &Object) -> Result<(LoadedManifest, MediaType)> {
        let key = layout::blob_data(digest);
        let (length, most) = (content.length(), self.options.manifest_bytes_max);
        if length > most {
            let text = format!("{length} bytes, where {most} are the most expected");
            let error = io::Error::new(ErrorKind::InvalidData, text);
            return Err(driver::Error::new(&key, error).into());
        }
        let bytes = self.load_whole(&key, content)?;
        let is_right = digest.algorithm().digest(&bytes) == *digest;
        let media_type = is_right.then(|| stored::media_type(&bytes)).flatten();
        let media_type = media_type.ok_or_else(|| Error::Corrupt(digest.clone()))?;
        Ok((bytes, media_type))
    }

    /// Reads content whole; what it takes in memory is counted for as long as it is there.
    fn load_whole(&self, key: &Key, content: &Object) -> Result<LoadedManifest> {
        let length = usize::try_from(content.length()).unwrap_or(usize::MAX);
        let most = length.saturating_mul(TYPE_TIMES);
        let share = match most > UNCOUNTED_BYTES {
            true => Some(self.memory.work(most)?),
            false => None,
        };
        let bytes = match content {
            Object::Bytes(bytes) => Bytes::Shared(Arc::clone(bytes)),
            Object::File { .. } | Object::Remote(_) => {
                let mut bytes = vec![0; length];
                let read = io::Read::read_exact(&mut content.reader(), &mut bytes);
                read.map_err(|error| driver::Error::new(key, error))?;
                Bytes::Own(bytes)
            }
        };
        Ok(LoadedManifest { bytes, share })
    }

    /// What a stored manifest refers to. One that cannot be read refers to nothing: it must still be
    /// possible to delete it.
    fn subject_of(&self, digest: &Digest) -> Result<Option<Digest>> {
        Ok(match self.read_referrer(digest)? {
            ManifestAsReferrer::Read(read) => read.referrer.subject,
            ManifestAsReferrer::Unreadable(_) | ManifestAsReferrer::Missing => None,
        })
    }

    /// What a stored manifest says of itself as a referrer.
    pub(super) fn read_referrer(&self, digest: &Digest) -> Result<ManifestAsReferrer> {
        let (content, mut bytes, media_type) = match self.checked(digest) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(ManifestAsReferrer::Missing),
            Err(Error::Corrupt(_)) => {
                return Ok(ManifestAsReferrer::Unreadable(
                    "it is damaged or not JSON".to_owned(),
                ));
            }
            Err(Error::Driver(error)) if error.is_of_one_entry() => {
                return Ok(ManifestAsReferrer::Unreadable(error.source.to_string()));
            }
            Err(error) => return Err(error),
        };
        bytes.count_annotations(&self.memory)?;
        Ok(match Referrer::read(&bytes) {
            Some(referrer) => ManifestAsReferrer::Read(ReadManifest {
                media_type,
                length: content.length(),
                referrer,
                _share: bytes,
            }),
            None => ManifestAsReferrer::Unreadable("it is not JSON".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Tagging, tests};
    use super::*;
    use crate::driver::Memory;
    use crate::spec::Algorithm;

    /// Stores an index of so many bytes, and reads it with that much memory for all requests.
    fn read_within(memory_bytes: usize, length: usize) -> Result<StoredManifest> {
        let name: Name = "a".parse().unwrap();
        let text = r#"{"schemaVersion":2,"manifests":[]}"#;
        let content = format!("{text}{}", " ".repeat(length - text.len()));
        let manifest = CheckedManifest::check(content.as_bytes(), None, None).unwrap();
        let storage = Storage::new(Arc::new(Memory::default()), tests::roomy_options());
        let tagging = Tagging {
            tags: &[],
            may_move: true,
        };
        let validation = Validation::disabled();
        storage.put_manifest(&name, &manifest, tagging, &validation)?;
        let storage = storage.within(&Budget::new(memory_bytes));
        let digest = Algorithm::Sha256.digest(content.as_bytes());
        storage.manifest(&name, &Reference::Digest(digest))
    }

    #[test]
    fn a_large_manifest_is_read_where_there_is_memory_for_it_and_a_small_one_always() {
        let large = 500_000;
        assert!(read_within(TYPE_TIMES * large, large).is_ok());
        let refused = read_within(TYPE_TIMES * large - 1, large);
        assert!(matches!(refused, Err(Error::Exhausted)));
        assert!(read_within(0, 1000).is_ok());
    }
}
