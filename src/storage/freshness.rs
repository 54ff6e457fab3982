//! What keeps a collection from removing what a client has just relied on.
//!
//! A client that is told that a blob is there will not push it again: the manifest that names it may come hours later. So the
//! collection ([`super::collection`]) removes only what was last written before its cutoff, and whoever is told of a link that
//! has aged has it renewed first: the link and the content it leads to count as just written. A link that is younger is not
//! renewed, so this costs two system calls for each link and quarter of the grace, and nothing otherwise.
//!
//! Why nothing slips through: a link is renewed under the shared lock of its repository and of its content, and removed under
//! the exclusive one, where its age is looked up again. At the time of any answer, link and content are younger than a
//! quarter of the grace, or have just been renewed; the cutoff is that quarter before the grace.

use super::links::FoundLink;
use super::{Error, Result, Storage, layout};
use crate::driver::{Key, Lock};
use crate::spec::Name;
use std::time::{Duration, SystemTime};

/// The age at which a link is renewed, as a part of the grace.
const RENEWED_AFTER: u32 = 4;

/// The age that something must have so that a collection which begins now may remove it.
pub(super) fn removable_age(grace: Duration) -> Duration {
    grace.saturating_add(grace / RENEWED_AFTER)
}

impl Storage {
    /// Renews a link that a client is about to rely on, if it has aged. `false` if it is gone, or what it leads to.
    pub(super) fn renew(&self, name: &Name, key: &Key, found: &FoundLink) -> Result<bool> {
        match self.has_aged(found) {
            true => self.change_shared(name, || self.renew_aged(key, found)),
            false => Ok(true),
        }
    }

    /// The same for a caller that holds the lock of the repository.
    pub(super) fn renew_locked(&self, key: &Key, found: &FoundLink) -> Result<bool> {
        match self.has_aged(found) {
            true => self.renew_aged(key, found),
            false => Ok(true),
        }
    }

    fn has_aged(&self, found: &FoundLink) -> bool {
        let Some(grace) = self.grace() else {
            return false;
        };
        // One that was written in the future is new.
        let age = SystemTime::now().duration_since(found.modified);
        age.is_ok_and(|age| age >= grace / RENEWED_AFTER)
    }

    fn renew_aged(&self, key: &Key, found: &FoundLink) -> Result<bool> {
        let _held = self.lock_content(&found.target, Lock::Shared)?;
        // The content first: a new link to old content would not protect it.
        let content = layout::blob_data(&found.target);
        Ok(self.touch(&content)? && self.touch(key)?)
    }

    /// Makes now the time when an object was last written; `false` if it is gone. Where that is not allowed, nothing can be
    /// removed either.
    pub(super) fn touch(&self, key: &Key) -> Result<bool> {
        match self.driver.touch(key) {
            Err(error) if error.is_read_only() => {
                self.skip(key, &error);
                Ok(true)
            }
            Err(error) if error.is_not_found() => Ok(false),
            touched => touched.map_err(Error::Driver),
        }
    }
}
