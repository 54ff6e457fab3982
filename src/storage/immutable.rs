//! Tags that no client moves or deletes (`storage.maintenance.immutable`). A push that creates one, or that names the
//! manifest that it names already, is as any other.

use super::{Error, Result, Storage};
use crate::spec::{Name, Tag};

impl Storage {
    /// Whether a tag, once it is there, stays what it is.
    pub(super) fn is_immutable(&self, name: &Name, tag: &Tag) -> bool {
        let covers = |rule: &crate::policy::ImmutableRule| rule.covers(name.as_str(), tag.as_str());
        self.immutable.iter().any(covers)
    }

    /// Fails if one of the tags is immutable: they are about to be deleted.
    pub(super) fn check_mutable<'t>(
        &self,
        name: &Name,
        tags: impl IntoIterator<Item = &'t Tag>,
    ) -> Result<()> {
        let immutable = tags.into_iter().find(|tag| self.is_immutable(name, tag));
        immutable.map_or(Ok(()), |tag| Err(Error::TagImmutable(tag.clone())))
    }
}
