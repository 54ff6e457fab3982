//! Tags of a repository: `_manifests/tags/<tag>/current/link` names a manifest.

use super::{Error, Result, Storage, layout};
use crate::spec::{Digest, Name, Tag};
use std::panic::resume_unwind;
use std::thread;

/// Directory entries that are read in one step.
const STEP: usize = 1000;

/// Fewer tags than this are searched by one thread.
const TAGS_PER_THREAD_MIN: usize = 250;

impl Storage {
    /// What a tag names; `None` when there is no such tag.
    pub fn tag(&self, name: &Name, tag: &Tag) -> Result<Option<Digest>> {
        match self.other_spelling(name, tag)? {
            Some(_) => Ok(None),
            None => self.link(&layout::tag_current(name, tag)),
        }
    }

    /// Fails when a tag would take the place of another that differs from it only by case, where the
    /// disk does not tell the two apart.
    pub(super) fn check_spelling(&self, name: &Name, tags: &[Tag]) -> Result<()> {
        if !self.driver.capabilities().folds_case {
            return Ok(());
        }
        let clash = |tag: &Tag, kept: &str| Error::TagClash {
            tag: tag.clone(),
            kept: kept.to_owned(),
        };
        for (index, tag) in tags.iter().enumerate() {
            let alike =
                |other: &&Tag| *other != tag && other.as_str().eq_ignore_ascii_case(tag.as_str());
            if let Some(other) = tags.iter().take(index).find(alike) {
                return Err(clash(tag, other.as_str()));
            }
            if let Some(kept) = self.other_spelling(name, tag)? {
                return Err(clash(tag, &kept));
            }
        }
        Ok(())
    }

    /// The spelling under which the disk would find a tag, if that is another one than its own.
    fn other_spelling(&self, name: &Name, tag: &Tag) -> Result<Option<String>> {
        if !self.driver.capabilities().folds_case {
            return Ok(None);
        }
        let kept = self.driver.spelling(&layout::tag(name, tag))?;
        let is_other =
            |kept: &String| kept != tag.as_str() && kept.eq_ignore_ascii_case(tag.as_str());
        Ok(kept.filter(is_other))
    }

    /// Up to `limit` tags after `after`, in byte order, and whether there are more.
    ///
    /// A directory without a current link, or with an empty one, is the leftover of a push that was
    /// never acknowledged and is not a tag.
    pub fn tags(&self, name: &Name, after: &str, limit: usize) -> Result<(Vec<Tag>, bool)> {
        let mut tags = Vec::new();
        let directory = layout::tags(name);
        for page in self.pages(directory.clone(), after, limit.saturating_add(1).min(STEP)) {
            let page = page?;
            let found: Vec<Tag> = page.iter().filter_map(|text| text.parse().ok()).collect();
            let names: Vec<&str> = found.iter().map(Tag::as_str).collect();
            let stats = self
                .driver
                .stat_each(&directory, &names, layout::TAG_CURRENT);
            for (tag, stat) in found.into_iter().zip(stats) {
                let has_link = stat.map(|stat| stat.is_some_and(|stat| stat.length > 0));
                let is_there =
                    self.unless_odd(&layout::tag(name, &tag), has_link.map_err(Into::into))?;
                if is_there != Some(true) {
                    continue;
                }
                if tags.len() == limit {
                    return Ok((tags, true));
                }
                tags.push(tag);
            }
        }
        Ok((tags, false))
    }

    /// Whether there is a tag.
    fn has_tag(&self, name: &Name, tag: &Tag) -> Result<bool> {
        self.has_link(&layout::tag_current(name, tag))
    }

    /// Whether there is a tag, or something else in its place: that can be deleted as well.
    fn may_be_tag(&self, name: &Name, tag: &Tag) -> Result<bool> {
        if self.unless_odd(&layout::tag(name, tag), self.has_tag(name, tag))? == Some(false) {
            let current = self.driver.read(&layout::tag_current(name, tag), 0);
            return Ok(current.is_err_and(|error| error.is_no_content()));
        }
        Ok(true)
    }

    /// Removes a tag with its history; what it named stays.
    pub fn delete_tag(&self, name: &Name, tag: &Tag) -> Result<()> {
        self.change_exclusively(name, || {
            if self.other_spelling(name, tag)?.is_some() || !self.may_be_tag(name, tag)? {
                return Err(Error::ManifestUnknown);
            }
            self.check_mutable(name, [tag])?;
            self.driver.remove_below(&[&layout::tag(name, tag)])?;
            Ok(())
        })
    }

    /// Every tag that names a manifest. Which these are is written nowhere: all tags of the repository are looked
    /// through, as distribution does.
    pub fn tags_of(&self, name: &Name, digest: &Digest) -> Result<Vec<Tag>> {
        let mut found = Vec::new();
        for page in self.pages(layout::tags(name), "", STEP) {
            let names = page?;
            let threads = self.options.tag_lookup_threads.max(1);
            let share = names.len().div_ceil(threads).max(TAGS_PER_THREAD_MIN);
            thread::scope(|scope| {
                let mut workers = Vec::new();
                for names in names.chunks(share) {
                    let look = move || self.tags_of_among(name, digest, names);
                    match thread::Builder::new().spawn_scoped(scope, look) {
                        Ok(worker) => workers.push(worker),
                        // There are too many threads already.
                        Err(_) => found.extend(look()?),
                    }
                }
                for worker in workers {
                    let tags = worker.join();
                    found.extend(tags.unwrap_or_else(|panic| resume_unwind(panic))?);
                }
                Ok::<(), Error>(())
            })?;
        }
        Ok(found)
    }

    fn tags_of_among(&self, name: &Name, digest: &Digest, names: &[String]) -> Result<Vec<Tag>> {
        let mut found = Vec::new();
        for tag in names.iter().filter_map(|text| text.parse::<Tag>().ok()) {
            let named = self.unless_odd(&layout::tag(name, &tag), self.tag(name, &tag))?;
            if named.flatten().as_ref() == Some(digest) {
                found.push(tag);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Memory;
    use crate::spec::CheckedManifest;
    use crate::spec::validation::Validation;
    use crate::storage::Tagging;
    use crate::storage::tests::options;
    use std::sync::Arc;

    #[test]
    fn where_case_is_folded_a_tag_has_one_spelling_and_the_others_are_refused() {
        let disk = Memory::default();
        let storage = Storage::new(Arc::new(disk.clone()), options());
        let name: Name = "a".parse().unwrap();
        let tag = |text: &str| text.parse::<Tag>().unwrap();
        let content = br#"{"schemaVersion":2,"manifests":[]}"#;
        let manifest = CheckedManifest::check(content, None, None).unwrap();
        let put = |tags: &[Tag]| {
            let tagging = Tagging {
                tags,
                may_move: true,
            };
            storage.put_manifest(&name, &manifest, tagging, &Validation::default())
        };
        let refused = |tags: &[Tag], expected: &str| match put(tags) {
            Err(Error::TagClash { kept, .. }) => assert_eq!(kept, expected),
            other => panic!("{other:?}"),
        };
        put(&[tag("v1"), tag("V1")]).unwrap();
        storage.delete_tag(&name, &tag("V1")).unwrap();
        disk.fold_case();
        put(&[tag("v1"), tag("v2")]).unwrap();
        refused(&[tag("V1")], "v1");
        refused(&[tag("x"), tag("X")], "x");
        assert_eq!(
            storage.tags(&name, "", 9).unwrap().0,
            [tag("v1"), tag("v2")]
        );
        assert_eq!(storage.tag(&name, &tag("V1")).unwrap(), None);
        let deleted = storage.delete_tag(&name, &tag("V2"));
        assert!(matches!(deleted, Err(Error::ManifestUnknown)));
        storage.delete_tag(&name, &tag("v1")).unwrap();
        put(&[tag("V1")]).unwrap();
    }
}
