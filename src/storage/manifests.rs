//! Manifests of a repository: content that a `_manifests/revisions` link names.

use super::{Error, Result, Storage, layout};
use crate::driver::{self, Change, Key};
use crate::spec::manifest::Manifest;
use crate::spec::stored::{self, Referrer};
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

/// A stored manifest, as far as it can be listed under its subject.
pub(super) enum Listed {
    /// There are no bytes.
    Missing,
    /// They cannot be read; why.
    Unreadable(String),
    /// What it says of itself.
    Read(Stored, Referrer),
}

/// The tags that a manifest is to have.
#[derive(Clone, Copy, Debug)]
pub struct Tagging<'t> {
    /// The tags.
    pub tags: &'t [Tag],
    /// Whether they may be taken from other manifests; otherwise that is [`Error::TagExists`], whoever sets the tag at the
    /// same time.
    pub may_move: bool,
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
        Tagging { tags, may_move }: Tagging<'_>,
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
            if !may_move {
                self.check_not_moved(name, digest, tags)?;
            }
            self.driver.publish(&changes)?;
            if !moves.is_empty() {
                self.driver.publish(&moves)?;
            }
            Ok(())
        };
        match self.driver.folds_case() || !may_move {
            // Alone: two spellings of one tag must not come at once, nor two manifests for a tag that is never moved.
            true => self.change_alone(name, put),
            false => self.add_to(name, put),
        }
    }

    /// Whether each of the tags is free, or names this manifest already.
    fn check_not_moved(&self, name: &Name, digest: &Digest, tags: &[Tag]) -> Result<()> {
        for tag in tags {
            let current = self.tag(name, tag)?;
            if current.is_some_and(|current| current != *digest) {
                return Err(Error::TagExists(tag.clone()));
            }
        }
        Ok(())
    }

    /// Unlinks a manifest, after every tag that names it. The bytes stay until garbage is collected.
    pub fn delete_manifest(&self, name: &Name, digest: &Digest) -> Result<()> {
        self.change_alone(name, || self.remove_manifest(name, digest))
    }

    fn remove_manifest(&self, name: &Name, digest: &Digest) -> Result<()> {
        if !self.has_manifest(name, digest)? {
            return Err(Error::ManifestUnknown);
        }
        // All is looked up before anything is removed. The tags go first: where it ends in between they are gone,
        // the manifest is not, and deleting it again does the rest.
        let tags = self.tags_of(name, digest)?;
        let subject = self.subject_of(digest)?;
        for tag in &tags {
            self.driver.remove(&layout::tag(name, tag))?;
        }
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
        let media_type = stored::media_type(&bytes);
        match media_type {
            Some(media_type) if digest.algorithm().digest(&bytes) == *digest => Ok(Some(Stored {
                digest: digest.clone(),
                media_type,
                bytes: bytes.into(),
            })),
            _ => Err(Error::Corrupt(digest.clone())),
        }
    }

    /// What a stored manifest refers to. One that cannot be read refers to nothing: it must still be
    /// possible to delete it.
    fn subject_of(&self, digest: &Digest) -> Result<Option<Digest>> {
        Ok(match self.read_referrer(digest)? {
            Listed::Read(_, referrer) => referrer.subject,
            Listed::Unreadable(_) | Listed::Missing => None,
        })
    }

    /// What a stored manifest says of itself as a referrer.
    pub(super) fn read_referrer(&self, digest: &Digest) -> Result<Listed> {
        let stored = match self.read_manifest(digest) {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(Listed::Missing),
            Err(Error::Corrupt(_)) => {
                return Ok(Listed::Unreadable("it is damaged or no JSON".to_owned()));
            }
            Err(Error::Driver(error)) if error.is_of_one_entry() => {
                return Ok(Listed::Unreadable(error.source.to_string()));
            }
            Err(error) => return Err(error),
        };
        Ok(match Referrer::read(&stored.bytes) {
            Some(referrer) => Listed::Read(stored, referrer),
            None => Listed::Unreadable("it is no JSON".to_owned()),
        })
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
