//! The directories of links, `<algorithm>/<hex>/link`: what is in them, and whether each link holds a digest.

use super::finding::{Finding, Problem};
use super::{Stop, Verifier, add, not_a_file};
use crate::driver::{EntryKind, Key};
use crate::spec::{Algorithm, Digest, Name, Tag};
use crate::storage::layout;
use crate::storage::links::LinkContent;

/// The name of a link.
const LINK: &str = "link";

/// A directory of links, and what is known of it.
#[derive(Clone, Copy)]
pub struct LinkDirectory<'d> {
    /// Its repository.
    pub name: &'d Name,
    /// Where it is.
    pub key: &'d Key,
    /// Directories that may be next to a link.
    pub beside: &'d [&'d str],
}

impl Verifier<'_> {
    /// Visits each directory `<algorithm>/<hex>` in a directory, with the digest that it is named after.
    pub(super) fn each_digest(
        &self,
        directory: LinkDirectory<'_>,
        visit: &mut dyn FnMut(&Digest, &Key) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let LinkDirectory { name, key, .. } = directory;
        self.each_entry(key, Some(name), &mut |entry| {
            let algorithm = entry.name.parse::<Algorithm>();
            let (EntryKind::Directory, Ok(algorithm)) = (&entry.kind, algorithm) else {
                self.odd_entry(key, Some(name), &entry);
                return Ok(());
            };
            let digests = key.child(algorithm.name());
            self.each_entry(&digests, Some(name), &mut |entry| {
                let digest = format!("{}:{}", algorithm.name(), entry.name).parse();
                match (&entry.kind, digest) {
                    (EntryKind::Directory, Ok(digest)) => {
                        visit(&digest, &digests.child(&entry.name))
                    }
                    _ => {
                        self.odd_entry(&digests, Some(name), &entry);
                        Ok(())
                    }
                }
            })
        })
    }

    /// Visits each link of a directory that holds a digest: with the digest that its own directory is named after, its key, and
    /// what it holds. What is wrong with others is reported.
    pub(super) fn each_link(
        &self,
        directory: LinkDirectory<'_>,
        visit: &mut dyn FnMut(&Digest, &Key, Digest) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.each_digest(directory, &mut |digest, inner| {
            let inner = LinkDirectory {
                key: inner,
                ..directory
            };
            match self.link_in(inner, Some(digest), &[])? {
                Some(target) => visit(digest, &inner.key.child(LINK), target),
                None => Ok(()),
            }
        })
    }

    /// The digest in the link of a directory; `None` if there is no link, or something is wrong with it, which is reported.
    pub(super) fn link_in(
        &self,
        LinkDirectory { name, key, beside }: LinkDirectory<'_>,
        digest: Option<&Digest>,
        tags: &[Tag],
    ) -> Result<Option<Digest>, Stop> {
        let mut found = None;
        let (mut is_empty, link) = (true, key.child(LINK));
        self.each_entry(key, Some(name), &mut |entry| {
            is_empty = false;
            match (&entry.kind, entry.name.as_str()) {
                (EntryKind::Object, LINK) => {
                    add(&self.counts.links, 1);
                    found = self.content(name, &link, digest, tags)?;
                }
                (kind, LINK) => {
                    let finding = about(Finding::new(not_a_file(kind), &link), digest);
                    let mut finding = finding.in_repository(Some(name)).tagged(tags);
                    finding.repair = self.move_entry(&link, |copy| layout::lost_entry(&link, copy));
                    self.report(&finding);
                }
                (EntryKind::Directory, other) if beside.contains(&other) => {}
                _ => self.odd_entry(key, Some(name), &entry),
            }
            Ok(())
        })?;
        if is_empty {
            self.prune_empty(name, key);
        }
        Ok(found)
    }

    /// The digest in a link. One that holds none is reported, and removed if that is to be.
    fn content(
        &self,
        name: &Name,
        link: &Key,
        digest: Option<&Digest>,
        tags: &[Tag],
    ) -> Result<Option<Digest>, Stop> {
        let storage = self.storage;
        let read = storage.link_content(link);
        let problem = match self.readable(Some(name), digest, read)?.flatten() {
            None => return Ok(None),
            Some(LinkContent::Digest(target)) => return Ok(Some(target)),
            Some(LinkContent::Empty) => Problem::EmptyLink,
            Some(LinkContent::Broken(text)) => Problem::BrokenLink { text },
        };
        let finding = about(Finding::new(problem, link), digest);
        let mut finding = finding.in_repository(Some(name)).tagged(tags);
        finding.repair = self.remove_link(name, link, || {
            let content = storage.link_content(link)?;
            Ok(!matches!(content, None | Some(LinkContent::Digest(_))))
        });
        self.report(&finding);
        Ok(None)
    }
}

fn about(finding: Finding, digest: Option<&Digest>) -> Finding {
    match digest {
        Some(digest) => finding.of(digest),
        None => finding,
    }
}
