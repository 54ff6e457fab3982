//! Blobs of a repository: content that a `_layers` link names.

use super::links::Link;
use super::{Error, Result, Storage, layout};
use crate::driver::Object;
use crate::spec::{Digest, Name};

impl Storage {
    /// A blob of the repository, open for reading.
    pub fn blob(&self, name: &Name, digest: &Digest) -> Result<Object> {
        let target = self.layer(name, digest)?;
        let object = self.driver.open(&layout::blob_data(&target), 0)?;
        object
            .filter(|object| is_possible(&target, object.length()))
            .ok_or(Error::BlobUnknown)
    }

    /// Whether the repository has the blob, with its bytes.
    pub fn has_blob(&self, name: &Name, digest: &Digest) -> Result<bool> {
        match self.layer(name, digest) {
            Ok(target) => self.has_content(&target),
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
                Ok(target) => target,
                Err(Error::BlobUnknown) => return Ok(false),
                Err(error) => return Err(error),
            },
            None => digest.clone(),
        };
        if !self.has_content(&target)? {
            return Ok(false);
        }
        let link = Link::layer(name, digest, &target).write();
        self.driver.write(&[link])?;
        Ok(true)
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
    fn has_content(&self, target: &Digest) -> Result<bool> {
        let stat = self.driver.stat(&layout::blob_data(target))?;
        Ok(stat.is_some_and(|stat| is_possible(target, stat.length)))
    }

    /// The digest under which a repository's blob is stored. Distribution stores what was pushed
    /// under SHA-512 by its SHA-256 and links the one to the other.
    fn layer(&self, name: &Name, digest: &Digest) -> Result<Digest> {
        self.link(&layout::layer_link(name, digest))?
            .ok_or(Error::BlobUnknown)
    }
}

/// Whether content of that length can have that digest. A file that lost its bytes in a crash has none: it counts as
/// missing, so that clients push it again.
fn is_possible(digest: &Digest, length: u64) -> bool {
    length > 0 || digest.algorithm().digest(b"") == *digest
}
