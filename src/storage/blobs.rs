//! Blobs of a repository: content that a `_layers` link names.

use super::links::{FoundLink, Link};
use super::{Error, Result, Storage, layout};
use crate::driver::{Lock, Object};
use crate::spec::{Digest, Name};

impl Storage {
    /// A blob of the repository, open for reading.
    pub fn blob(&self, name: &Name, digest: &Digest) -> Result<Object> {
        let found = self.layer(name, digest)?;
        if !self.renew(name, &layout::layer_link(name, digest), &found)? {
            return Err(Error::BlobUnknown);
        }
        let target = found.target;
        let object = self.driver.open(&layout::blob_data(&target), 0)?;
        object
            .filter(|object| is_possible(&target, object.length()))
            .ok_or(Error::BlobUnknown)
    }

    /// Whether the repository has the blob, with its bytes: a manifest that names it may be stored. The caller holds the lock of
    /// the repository.
    pub(super) fn has_blob_locked(&self, name: &Name, digest: &Digest) -> Result<bool> {
        match self.layer(name, digest) {
            Ok(found) => {
                let key = layout::layer_link(name, digest);
                Ok(self.renew_locked(&key, &found)? && self.has_content(&found.target)?)
            }
            Err(Error::BlobUnknown) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Links a blob that another repository has (`from`), or that any has, into this one. `false`
    /// when there is none: the client uploads it then.
    pub fn mount_blob(&self, name: &Name, digest: &Digest, from: Option<&Name>) -> Result<bool> {
        self.wait_for_quota()?;
        let target = match from {
            Some(from) => match self.layer(from, digest) {
                Ok(found) => found.target,
                Err(Error::BlobUnknown) => return Ok(false),
                Err(error) => return Err(error),
            },
            None => digest.clone(),
        };
        self.change_shared(name, || {
            let _held = self.lock_content(&target, Lock::Shared)?;
            // The new link protects only content that is new as well.
            if !self.has_content(&target)? || !self.touch(&layout::blob_data(&target))? {
                return Ok(false);
            }
            let link = Link::layer(name, digest, &target).write();
            self.driver.write(&[link])?;
            Ok(true)
        })
    }

    /// Unlinks a blob; its bytes stay for the other repositories until garbage is collected.
    pub fn delete_blob(&self, name: &Name, digest: &Digest) -> Result<()> {
        self.change_exclusively(name, || {
            self.layer(name, digest)?;
            self.driver.remove(&[&layout::layer_link(name, digest)])?;
            Ok(())
        })
    }

    /// Whether there are bytes under a digest.
    pub(super) fn has_content(&self, target: &Digest) -> Result<bool> {
        let stat = self.driver.stat(&layout::blob_data(target))?;
        Ok(stat.is_some_and(|stat| is_possible(target, stat.length)))
    }

    /// The digest under which a repository's blob is stored. Distribution stores what was pushed
    /// under SHA-512 by its SHA-256 and links the one to the other.
    fn layer(&self, name: &Name, digest: &Digest) -> Result<FoundLink> {
        let found = self.find_link(&layout::layer_link(name, digest))?;
        found.ok_or(Error::BlobUnknown)
    }
}

/// Whether content of that length can have that digest. A file that lost its bytes in a crash has none: it counts as
/// missing, so that clients push it again.
fn is_possible(digest: &Digest, length: u64) -> bool {
    length > 0 || digest.algorithm().digest(b"") == *digest
}
