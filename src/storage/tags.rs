//! Tags of a repository: `_manifests/tags/<tag>/current/link` names a manifest.

use super::{Error, Result, Storage, layout};
use crate::spec::{Digest, Name, Tag};

/// Folder entries that are looked at in one step.
const STEP: usize = 1000;

/// Fewer tags than this are looked through by one thread.
const TAGS_PER_THREAD_MIN: usize = 250;

impl Storage {
    /// What a tag names; `None` when there is no such tag.
    pub fn tag(&self, name: &Name, tag: &Tag) -> Result<Option<Digest>> {
        self.link(&layout::tag_current(name, tag))
    }

    /// Up to `limit` tags after `after`, in byte order, and whether there are more.
    ///
    /// A folder without a current link, or with an empty one, is the leftover of a push that was
    /// never acknowledged and is no tag.
    pub fn tags(&self, name: &Name, after: &str, limit: usize) -> Result<(Vec<Tag>, bool)> {
        let mut tags = Vec::new();
        let mut after = after.to_owned();
        loop {
            let step = (limit - tags.len() + 1).min(STEP);
            let names = self.driver.list(&layout::tags(name), &after, step)?;
            let last = match names.last() {
                Some(last) if names.len() == step => Some(last.clone()),
                _ => None,
            };
            for tag in names.iter().filter_map(|text| text.parse::<Tag>().ok()) {
                if !self.has_tag(name, &tag)? {
                    continue;
                }
                if tags.len() == limit {
                    return Ok((tags, true));
                }
                tags.push(tag);
            }
            match last {
                Some(last) => after = last,
                None => return Ok((tags, false)),
            }
        }
    }

    /// Whether there is a tag. An empty link is what a crash of distribution leaves.
    fn has_tag(&self, name: &Name, tag: &Tag) -> Result<bool> {
        let stat = self.driver.stat(&layout::tag_current(name, tag))?;
        Ok(stat.is_some_and(|stat| stat.length > 0))
    }

    /// Removes a tag with its history; what it named stays.
    pub fn delete_tag(&self, name: &Name, tag: &Tag) -> Result<()> {
        self.changes.removing(name, || {
            if !self.has_tag(name, tag)? {
                return Err(Error::ManifestUnknown);
            }
            self.driver.remove(&layout::tag(name, tag))?;
            Ok(())
        })
    }

    /// Removes every tag that names a manifest. Which these are is written nowhere: all tags of the
    /// repository are looked through, as distribution does.
    pub(super) fn untag(&self, name: &Name, digest: &Digest) -> Result<()> {
        let mut after = String::new();
        loop {
            let names = self.driver.list(&layout::tags(name), &after, STEP)?;
            let Some(last) = names.last() else {
                return Ok(());
            };
            after = last.clone();
            let threads = self.settings.tag_lookup_threads.max(1);
            let share = names.len().div_ceil(threads).max(TAGS_PER_THREAD_MIN);
            std::thread::scope(|scope| {
                let look = |names| scope.spawn(move || self.untag_among(name, digest, names));
                let workers: Vec<_> = names.chunks(share).map(look).collect();
                // A worker cannot panic; if it did, the tags it left would only name nothing.
                workers
                    .into_iter()
                    .try_for_each(|worker| worker.join().unwrap_or(Ok(())))
            })?;
        }
    }

    fn untag_among(&self, name: &Name, digest: &Digest, names: &[String]) -> Result<()> {
        for tag in names.iter().filter_map(|text| text.parse::<Tag>().ok()) {
            if self.tag(name, &tag)?.as_ref() == Some(digest) {
                self.driver.remove(&layout::tag(name, &tag))?;
            }
        }
        Ok(())
    }
}
