//! Manifests of a repository: content that a `_manifests/revisions` link names.

use super::{Error, Result, Storage, layout};
use crate::driver::{self, Change, Key};
use crate::spec::manifest::{Manifest, stored_media_type};
use crate::spec::{Algorithm, Digest, MediaType, Name, Reference, Tag};
use std::sync::Arc;

/// A manifest as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its digest, in the algorithm that it was asked for or is tagged with.
    pub digest: Digest,
    /// Its type.
    pub media_type: MediaType,
    /// Its bytes, checked against the digest.
    pub bytes: Arc<[u8]>,
}

impl Storage {
    /// A manifest by tag or digest.
    pub fn manifest(&self, name: &Name, reference: &Reference) -> Result<Stored> {
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => self.tag(name, tag)?.ok_or(Error::ManifestUnknown)?,
        };
        if !self.has_manifest(name, &digest)? {
            return Err(Error::ManifestUnknown);
        }
        self.read_manifest(&digest)?.ok_or(Error::ManifestUnknown)
    }

    /// Whether the repository has a manifest of that digest.
    pub fn has_manifest(&self, name: &Name, digest: &Digest) -> Result<bool> {
        Ok(self.link(&layout::revision_link(name, digest))?.is_some())
    }

    /// Stores a manifest under its digest and every tag. All of it is durable when this returns.
    ///
    /// A tag is moved only after what it names is durable, so that a power loss in between leaves
    /// the tag where it was.
    pub fn put_manifest(
        &self,
        name: &Name,
        digest: &Digest,
        (bytes, manifest): (&[u8], &Manifest),
        tags: &[Tag],
    ) -> Result<()> {
        let link = digest.as_str().as_bytes();
        let subject = manifest.subject.as_ref();
        let referrer = subject.map(|subject| layout::referrer_link(name, &subject.digest, digest));
        let data = Change::Write(layout::blob_data(digest), bytes);
        let links = std::iter::once(layout::revision_link(name, digest))
            .chain(referrer)
            .chain(tags.iter().map(|tag| layout::tag_index(name, tag, digest)))
            .map(|key| Change::Write(key, link));
        let changes: Vec<Change<'_>> = std::iter::once(data).chain(links).collect();
        let current = |tag| Change::Write(layout::tag_current(name, tag), link);
        let moves: Vec<Change<'_>> = tags.iter().map(current).collect();
        let put = || {
            self.check_spelling(name, tags)?;
            self.driver.publish(&changes)?;
            if !moves.is_empty() {
                self.driver.publish(&moves)?;
            }
            Ok(())
        };
        match self.driver.folds_case() {
            // Alone: two spellings of one tag must not come at once.
            true => self.changes.alone(name, put),
            false => self.changes.beside(name, put),
        }
    }

    /// Unlinks a manifest, after every tag that names it. The bytes stay until garbage is collected.
    pub fn delete_manifest(&self, name: &Name, digest: &Digest) -> Result<()> {
        self.changes
            .alone(name, || self.remove_manifest(name, digest))
    }

    fn remove_manifest(&self, name: &Name, digest: &Digest) -> Result<()> {
        if !self.has_manifest(name, digest)? {
            return Err(Error::ManifestUnknown);
        }
        self.untag(name, digest)?;
        let subject = self.subject_of(digest)?;
        self.driver
            .remove(&parent(&layout::revision_link(name, digest)))?;
        if let Some(subject) = subject {
            let link = layout::referrer_link(name, &subject, digest);
            self.driver.remove(&parent(&link))?;
        }
        Ok(())
    }

    /// The bytes of a manifest, wherever they are linked; `None` when there are none.
    pub(super) fn read_manifest(&self, digest: &Digest) -> Result<Option<Stored>> {
        let key = layout::blob_data(digest);
        let read = self.driver.read(&key, self.settings.manifest_bytes_max);
        // A file that lost its bytes in a crash is as good as none: a push heals it.
        let Some(bytes) = driver::found(read)?.filter(|bytes| !bytes.is_empty()) else {
            return Ok(None);
        };
        let media_type = stored_media_type(&bytes);
        match media_type {
            Some(media_type) if digest.algorithm().digest(&bytes) == *digest => Ok(Some(Stored {
                digest: digest.clone(),
                media_type,
                bytes: bytes.into(),
            })),
            _ => Err(Error::Corrupt(digest.clone())),
        }
    }

    /// What a stored manifest refers to. One that is damaged or was never complete refers to
    /// nothing: it must still be possible to delete it.
    pub(super) fn subject_of(&self, digest: &Digest) -> Result<Option<Digest>> {
        let stored = match self.read_manifest(digest) {
            Ok(Some(stored)) => stored,
            Ok(None) | Err(Error::Corrupt(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let parsed = Manifest::parse(&stored.bytes, Some(&stored.media_type)).ok();
        Ok(parsed
            .and_then(|manifest| manifest.subject)
            .map(|subject| subject.digest))
    }

    /// Every digest that the repository has as a manifest after `after`, a page at a time.
    pub(super) fn revisions(
        &self,
        name: &Name,
        algorithm: Algorithm,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>> {
        Ok(self
            .driver
            .list(&layout::revisions(name, algorithm), after, limit)?)
    }
}

/// The folder of a link: it goes with it.
fn parent(link: &Key) -> Key {
    link.parent()
}
