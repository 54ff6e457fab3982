//! Every repository: what is in its directory, its links to blobs, and the rest by `manifests` and `tags`.

use super::finding::{Finding, Problem, Repair};
use super::links::LinkDirectory;
use super::pool::Hand;
use super::{RepairScope, Stop, Verifier, add};
use crate::driver::{self, Entry, EntryKind, Key};
use crate::spec::name::is_component;
use crate::spec::{Algorithm, Digest, Name, Tag, UploadId};
use crate::storage::links::Link;
use crate::storage::{Error, layout};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// How deep the walk goes: deeper than a name of 255 characters can.
const DEPTH_MAX: usize = 128;

/// Tags of one repository that are looked through to say which of them name a manifest.
const TAGS_LOOKED_AT_MAX: usize = 200_000;

/// How long a change of a repository takes at most, nearly always.
const CHANGE: Duration = Duration::from_millis(200);
/// How often it is waited for such a change.
const WAITED_EVERY: Duration = Duration::from_secs(1);

/// Names that are listed in one step.
const STEP: usize = 1000;

/// The directories of a repository.
const OWN: [&str; 4] = [
    layout::LAYERS,
    layout::MANIFESTS,
    layout::UPLOADS,
    layout::DELETED,
];

/// A repository while it is verified.
pub struct RepositoryCheck<'r> {
    pub name: &'r Name,
    /// The tags of each manifest, once they are needed.
    tags: OnceCell<HashMap<Digest, Vec<Tag>>>,
}

impl Verifier<'_> {
    /// Hands over every repository.
    pub(super) fn each_repository(&self, hand: Hand<'_, Name>) -> Result<(), Stop> {
        self.each_repository_below(&layout::repositories(), "", 0, hand)
    }

    fn each_repository_below(
        &self,
        directory: &Key,
        prefix: &str,
        depth: usize,
        hand: Hand<'_, Name>,
    ) -> Result<(), Stop> {
        let own: Option<Name> = prefix.parse().ok();
        let (mut below, mut is_repository) = (Vec::new(), false);
        self.each_entry(directory, own.as_ref(), &mut |entry| {
            let is_directory = matches!(entry.kind, EntryKind::Directory);
            if is_directory && is_component(&entry.name) && depth < DEPTH_MAX {
                below.push(entry.name);
            } else if is_directory && own.is_some() && OWN.contains(&entry.name.as_str()) {
                is_repository = true;
            } else {
                self.odd_entry(directory, own.as_ref(), &entry);
            }
            Ok(())
        })?;
        if let Some(name) = own.filter(|_| is_repository) {
            hand(name)?;
        }
        for name in below {
            let whole = match prefix {
                "" => name.clone(),
                prefix => format!("{prefix}/{name}"),
            };
            let inner = directory.child(&name);
            match whole.parse::<Name>() {
                Ok(_) => self.each_repository_below(&inner, &whole, depth + 1, hand)?,
                // Longer than any name may be.
                Err(_) => self.report(&Finding::new(Problem::StrayEntry, &inner)),
            }
        }
        Ok(())
    }

    /// Verifies a repository.
    pub(super) fn verify_repository(&self, name: &Name) -> Result<(), Stop> {
        add(&self.counts.repositories, 1);
        let repository = RepositoryCheck {
            name,
            tags: OnceCell::new(),
        };
        let at = |directory: &str| layout::repository(name).child(directory);
        self.verify_layers(name, &at(layout::LAYERS))?;
        let manifests = at(layout::MANIFESTS);
        self.each_entry(&manifests, Some(name), &mut |entry| {
            let known = [layout::REFERRERS, layout::REVISIONS, layout::TAGS];
            let is_known = known.contains(&entry.name.as_str());
            if !is_known || !matches!(entry.kind, EntryKind::Directory) {
                self.odd_entry(&manifests, Some(name), &entry);
            }
            Ok(())
        })?;
        // In this order: what a repair removes of one is missing in the next.
        self.verify_revisions(&repository, &manifests.child(layout::REVISIONS))?;
        self.verify_tags(name, &manifests.child(layout::TAGS))?;
        self.verify_referrers(name, &manifests.child(layout::REFERRERS))?;
        self.count_uploads(name, &at(layout::UPLOADS))?;
        if self.options.repair == RepairScope::Everything {
            let finished = self.storage.finish_deletion(name);
            if let Err(Error::Driver(error)) = finished {
                self.readable::<()>(Some(name), None, Err(error))?;
            }
        }
        Ok(())
    }

    fn verify_layers(&self, name: &Name, directory: &Key) -> Result<(), Stop> {
        let storage = self.storage;
        let directory = LinkDirectory {
            name,
            key: directory,
            beside: &[],
        };
        self.each_link(directory, &mut |digest, link, target| {
            // Distribution keeps what was pushed under SHA-512 under its SHA-256.
            let is_alias =
                (digest.algorithm(), target.algorithm()) == (Algorithm::Sha512, Algorithm::Sha256);
            if target != *digest && !is_alias {
                return self.wrong_link(name, digest, link, target);
            }
            let is_dangling = || {
                let is_same = storage.link(link)?.as_ref() == Some(&target);
                Ok(is_same && !storage.has_content(&target)?)
            };
            if !self.holds(name, digest, is_dangling)? {
                return Ok(());
            }
            let finding = Finding::new(Problem::DanglingLayer, link).of(digest);
            let mut finding = finding.in_repository(Some(name));
            finding.repair = self.remove_link(name, link, is_dangling);
            self.report(&finding);
            Ok(())
        })
    }

    /// Whether something is wrong, for all that a server may change meanwhile: looked at twice, the second time when a change that
    /// was under way is over. What cannot be read is reported.
    pub(super) fn holds(
        &self,
        name: &Name,
        digest: &Digest,
        is_wrong: impl Fn() -> Result<bool, Error>,
    ) -> Result<bool, Stop> {
        let readable = |answer: Result<bool, Error>| match answer {
            Err(Error::Driver(error)) => self.readable(Some(name), Some(digest), Err(error)),
            answer => Ok(Some(answer?)),
        };
        if readable(is_wrong())? != Some(true) {
            return Ok(false);
        }
        let again = match self.options.repair {
            // Nobody else is at work.
            RepairScope::Everything => return Ok(true),
            RepairScope::Blobs => self.storage.change_shared(name, is_wrong),
            // Without a lock, which may be a file that is not ours to make.
            RepairScope::Nothing => {
                self.wait_for_changes();
                is_wrong()
            }
        };
        Ok(readable(again)? == Some(true))
    }

    /// Waits for a change that may be under way, but not for long where much is wrong.
    fn wait_for_changes(&self) {
        let mut waited = self.waited.lock();
        if waited.is_none_or(|then| then.elapsed() >= WAITED_EVERY) {
            thread::sleep(CHANGE);
            *waited = Some(Instant::now());
        }
    }

    /// Reports a link that holds another digest than its directory says. It is written anew if there is content of the one that
    /// the directory says, otherwise removed.
    pub(super) fn wrong_link(
        &self,
        name: &Name,
        digest: &Digest,
        link: &Key,
        target: Digest,
    ) -> Result<(), Stop> {
        let storage = self.storage;
        let finding = Finding::new(Problem::WrongLink { target }, link).of(digest);
        let mut finding = finding.in_repository(Some(name));
        finding.repair = match storage.has_content(digest) {
            Ok(true) => self.write_link(name, Link::anew(link, digest)),
            Ok(false) => self.remove_link(name, link, || {
                Ok(storage.link(link)?.as_ref() != Some(digest))
            }),
            Err(Error::Driver(error)) if error.is_of_one_entry() => Repair::None,
            Err(error) => return Err(error.into()),
        };
        self.report(&finding);
        Ok(())
    }

    fn count_uploads(&self, name: &Name, directory: &Key) -> Result<(), Stop> {
        self.each_entry(directory, Some(name), &mut |entry| {
            match (&entry.kind, entry.name.parse::<UploadId>()) {
                (EntryKind::Directory, Ok(_)) => add(&self.counts.uploads, 1),
                _ => self.odd_entry(directory, Some(name), &entry),
            }
            Ok(())
        })
    }

    /// The tags that name a manifest.
    pub(super) fn tags_of<'r>(
        &self,
        repository: &'r RepositoryCheck<'_>,
        manifest: &Digest,
    ) -> &'r [Tag] {
        let tags = repository.tags.get_or_init(|| {
            let mut tags: HashMap<Digest, Vec<Tag>> = HashMap::new();
            let pages = self
                .storage
                .pages(layout::tags(repository.name), "", STEP)
                .map_while(Result::ok);
            for text in pages.flatten().take(TAGS_LOOKED_AT_MAX) {
                let Ok(tag) = text.parse::<Tag>() else {
                    continue;
                };
                let named = self.storage.tag(repository.name, &tag);
                if let Ok(Some(digest)) = named {
                    tags.entry(digest).or_default().push(tag);
                }
            }
            tags
        });
        tags.get(manifest).map_or(&[], Vec::as_slice)
    }

    /// Refuses to go on where links would be removed only because all blobs are out of reach: a volume that is not mounted.
    pub(super) fn check_that_links_may_go(&self) -> Result<(), Stop> {
        let has_entry = |key: &Key| -> Result<bool, Stop> {
            let first: Option<driver::Result<Entry>> = self.storage.driver.entries(key)?.next();
            Ok(first.is_some())
        };
        let (blobs, repositories) = (layout::blobs(), layout::repositories());
        if self.options.repair < RepairScope::Everything
            || has_entry(&blobs)?
            || !has_entry(&repositories)?
        {
            return Ok(());
        }
        let why = "there are repositories, but no blobs at all: is a volume not mounted? Nothing was repaired";
        Err(driver::Error::new(&blobs, io::Error::other(why)).into())
    }
}
