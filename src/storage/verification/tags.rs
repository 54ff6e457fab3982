//! Every tag of a repository: it names a manifest that the repository has. What it named before may be gone.

use super::finding::{Finding, Problem};
use super::links::LinkDirectory;
use super::{Stop, Verifier, add};
use crate::driver::{EntryKind, Key};
use crate::spec::{Digest, Name, Tag};
use crate::storage::layout;

/// What a tag names.
const CURRENT: &str = "current";
/// All that it named.
const INDEX: &str = "index";

impl Verifier<'_> {
    pub(super) fn verify_tags(&self, name: &Name, directory: &Key) -> Result<(), Stop> {
        self.each_entry(directory, Some(name), &mut |entry| match (
            &entry.kind,
            entry.name.parse::<Tag>(),
        ) {
            (EntryKind::Directory, Ok(tag)) => self.verify_tag(name, &tag),
            _ => {
                self.odd_entry(directory, Some(name), &entry);
                Ok(())
            }
        })
    }

    fn verify_tag(&self, name: &Name, tag: &Tag) -> Result<(), Stop> {
        let directory = layout::tag(name, tag);
        let mut is_empty = true;
        self.each_entry(&directory, Some(name), &mut |entry| {
            is_empty = false;
            let known = [CURRENT, INDEX].contains(&entry.name.as_str());
            if !known || !matches!(entry.kind, EntryKind::Directory) {
                self.odd_entry(&directory, Some(name), &entry);
            }
            Ok(())
        })?;
        if is_empty {
            self.prune_empty(name, &directory);
        }
        let [current, index] = [CURRENT, INDEX].map(|inner| directory.child(inner));
        let of = |key| LinkDirectory {
            name,
            key,
            beside: &[],
        };
        if let Some(digest) = self.link_in(of(&current), None, std::slice::from_ref(tag))? {
            add(&self.counts.tags, 1);
            self.verify_target(name, tag, &digest)?;
        }
        self.each_link(of(&index), &mut |digest, link, target| {
            match target == *digest {
                // The manifest may have been deleted since.
                true => Ok(()),
                false => self.wrong_link(name, digest, link, target),
            }
        })
    }

    fn verify_target(&self, name: &Name, tag: &Tag, digest: &Digest) -> Result<(), Stop> {
        let storage = self.storage;
        let is_dangling = || {
            let is_same = storage.link(&layout::tag_current(name, tag))?.as_ref() == Some(digest);
            Ok(is_same && !storage.has_manifest(name, digest)?)
        };
        if self.holds(name, digest, is_dangling)? {
            let key = layout::tag_current(name, tag);
            let finding = Finding::new(Problem::DanglingTag, &key).of(digest);
            let finding = finding.in_repository(Some(name));
            let mut finding = finding.tagged(std::slice::from_ref(tag));
            finding.repair = self.remove_directory(name, &layout::tag(name, tag), is_dangling);
            self.report(&finding);
        }
        Ok(())
    }
}
