//! Tags that no client moves or deletes (`storage.maintenance.immutable`). A push that creates one, or that names the
//! manifest that it names already, is as any other.

use super::{Error, Result, Storage};
use crate::policy::ImmutableRule;
use crate::spec::{Name, Tag};

/// Tags that are looked at in one step.
const STEP: usize = 1000;

impl Storage {
    /// Whether a tag, once it is there, stays what it is.
    pub(super) fn is_immutable(&self, name: &Name, tag: &Tag) -> bool {
        let covers = |rule: &ImmutableRule| rule.covers(name.as_str(), tag.as_str());
        self.immutable.iter().any(covers)
    }

    /// Fails if a repository has an immutable tag: it is about to be deleted.
    pub(super) fn check_no_immutable_tags(&self, name: &Name) -> Result<()> {
        let mut rules = self.immutable.iter();
        if !rules.any(|rule| rule.covers_repository(name.as_str())) {
            return Ok(());
        }
        let mut after = String::new();
        loop {
            let (tags, more) = self.tags(name, &after, STEP)?;
            self.check_mutable(name, &tags)?;
            match tags.last() {
                Some(last) if more => after = last.to_string(),
                _ => return Ok(()),
            }
        }
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
