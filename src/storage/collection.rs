//! Garbage collection: removes what no manifest that is kept leads to.
//!
//! Each repository is visited once: manifests that no tag leads to go if that is wanted (`untagged`), what the others name is
//! marked, and links that none of them names go (`repository`). Then every blob that was not marked goes (`sweep`). Links go
//! before content and manifests before what they name, each durably, so a collection may end at any point: the next one does the rest.
//!
//! Pushes may go on meanwhile. Nothing is removed that was written after the cutoff, which is looked up again under the lock
//! that a writer would share (`changes`), and whatever a client is told of counts as written (`freshness`). So a manifest finds
//! all that it names and keeps it, or is refused.
//!
//! What cannot be read keeps everything that it could lead to: a link or a manifest all of its repository, a directory all blobs.

mod marks;
mod repository;
mod sweep;
mod untagged;
mod visit;
mod walk;

use super::{Result, Storage, layout};
use crate::driver::{self, Key, LeftoverSearch, Lock};
use crate::spec::{Digest, Name};
use crate::storage::freshness::removable_age;
use crate::sync::{Mutex, join_all};
use marks::Marks;
use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

/// By how much the time of a file may be behind the clock: FAT counts in such steps.
const CLOCK_STEP_MAX: Duration = Duration::from_secs(2);

/// No clock is ahead by so much: 1000 years.
const LONG: Duration = Duration::from_secs(1000 * 366 * 24 * 3600);

/// What to collect, and how.
pub struct Collection<'c> {
    /// Manifests that no tag leads to are removed: neither a tag names them, nor an index that is kept, nor are they referrers of a
    /// manifest that is kept.
    pub untagged: bool,
    /// Only what was last written longer ago is removed.
    pub minimum_age: MinimumAge,
    /// Nothing is removed, only reported.
    pub dry_run: bool,
    /// How many repositories and directories of blobs are looked through at once; at least one.
    pub threads: usize,
    /// Asked before each step: the collection ends when it says no, which it then must say for ever.
    pub may_continue: &'c (dyn Fn() -> bool + Sync),
    /// Is given everything as it happens.
    pub report: &'c (dyn Fn(&CollectionEvent<'_>) + Sync),
}

/// How old something must be to be removed.
#[derive(Clone, Copy, Debug)]
pub enum MinimumAge {
    /// So old, where nobody pushes or pulls meanwhile. Zero is any age.
    Exactly(Duration),
    /// What a client was told of within this time stays; for a server that runs with the same
    /// [`super::StorageOptions::collection_grace`].
    Grace(Duration),
}

/// What a collection does.
#[derive(Debug)]
pub enum CollectionEvent<'e> {
    /// No tag leads to a manifest: it is removed, or would be.
    Manifest(&'e Name, &'e Digest),
    /// No manifest names a link to a blob: it is removed, or would be.
    Layer(&'e Name, &'e Digest),
    /// A referrer is gone: its entry in the index of its subject is removed, or would be.
    Referrer(&'e Name, &'e Digest),
    /// Nothing leads to a blob: it is removed, or would be. With its length in bytes.
    Blob(&'e Digest, u64),
    /// Something cannot be read, so that what it may lead to is kept: what it is, and why.
    Unreadable(&'e Key, &'e str),
    /// Something cannot be removed: what it is, and why.
    Stuck(&'e Key, &'e str),
}

/// What came of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectionReport {
    /// Repositories that were looked at.
    pub repositories: usize,
    /// Blobs, manifests among them, that are named by something that is kept.
    pub marked: usize,
    /// Manifests that were removed, or would be.
    pub manifests: usize,
    /// Links to blobs that were removed, or would be.
    pub layers: usize,
    /// Entries of referrers that were removed, or would be.
    pub referrers: usize,
    /// Blobs that were removed, or would be.
    pub blobs: usize,
    /// Bytes in these.
    pub bytes: u64,
    /// Temporary files that were removed; a dry run does not look for them.
    pub temporary_files: usize,
    /// Empty directories that were removed; a dry run does not look for them.
    pub directories: usize,
    /// Things that could not be read.
    pub unreadable: usize,
    /// Things that could not be removed.
    pub stuck: usize,
    /// It was told to end, and has not looked at everything.
    pub is_partial: bool,
}

impl CollectionReport {
    /// What came of it in one line.
    pub fn summary(&self, dry_run: bool) -> String {
        let CollectionReport {
            repositories,
            marked,
            manifests,
            layers,
            referrers,
            blobs,
            bytes,
            temporary_files,
            directories,
            unreadable,
            stuck,
            is_partial,
        } = self;
        let done = match dry_run {
            true => "would be removed",
            false => "removed",
        };
        let mut text = format!(
            "{marked} blobs marked in {repositories} repositories; {done}: {blobs} blobs with {bytes} bytes, \
             {manifests} manifests, {layers} layer links, {referrers} referrers"
        );
        if !dry_run {
            text +=
                &format!(", {temporary_files} temporary files, {directories} empty directories");
        }
        if *unreadable > 0 {
            text += &format!(
                "; {unreadable} things could not be read, and what they may lead to is kept"
            );
        }
        if *stuck > 0 {
            text += &format!("; {stuck} things could not be removed");
        }
        if *is_partial {
            text += "; stopped before the end";
        }
        text
    }
}

/// The counts of a collection that is running.
#[derive(Default)]
struct Counts {
    manifests: AtomicUsize,
    layers: AtomicUsize,
    referrers: AtomicUsize,
    blobs: AtomicUsize,
    bytes: AtomicU64,
    unreadable: AtomicUsize,
    stuck: AtomicUsize,
}

/// A collection that is running.
struct Collector<'c> {
    storage: &'c Storage,
    options: &'c Collection<'c>,
    /// What was written at this time or later stays; `None` if it does not matter when.
    cutoff: Option<SystemTime>,
    marks: Marks,
    counts: Counts,
    /// Some repositories, or links of them, could not be found: any blob may belong to them.
    hides_repositories: AtomicBool,
}

impl Storage {
    /// What a collection has exclusively; `None` if another process collects.
    pub fn lock_collection(&self) -> Result<Option<Box<dyn Any + Send>>> {
        let lock = Lock::Exclusive;
        Ok(self.driver.try_lock(&layout::collection_lock(), lock)?)
    }

    /// When the last collection ended; `None` if there was none.
    pub fn last_collection(&self) -> Result<Option<SystemTime>> {
        let stat = self.driver.stat(&layout::collection_lock())?;
        Ok(stat.map(|stat| stat.modified))
    }

    /// Notes that a collection has ended.
    pub fn note_collection(&self) -> Result<()> {
        self.driver.touch(&layout::collection_lock())?;
        Ok(())
    }

    /// Logs what cannot be read, once.
    pub fn log_kept(&self, key: &Key, why: &str) {
        let why = format!("{why}; garbage collection keeps what it may lead to");
        self.skip(key, &why);
    }

    /// Logs what cannot be removed, once.
    pub fn log_stuck(&self, key: &Key, why: &str) {
        let why = format!("garbage collection cannot remove it: {why}");
        self.skip(key, &why);
    }

    /// Collects garbage. The caller holds [`Storage::lock_collection`], unless it is a dry run.
    pub fn collect(&self, options: &Collection<'_>) -> Result<CollectionReport> {
        let age = match options.minimum_age {
            // Also what was written in the future, by another clock, which would stay until then.
            MinimumAge::Exactly(Duration::ZERO) => None,
            MinimumAge::Exactly(age) => Some(age),
            MinimumAge::Grace(grace) => Some(removable_age(grace).saturating_add(CLOCK_STEP_MAX)),
        };
        let before = |age| SystemTime::now().checked_sub(age);
        let collector = Collector {
            storage: self,
            options,
            cutoff: age.map(|age| before(age).unwrap_or(SystemTime::UNIX_EPOCH)),
            marks: Marks::default(),
            counts: Counts::default(),
            hides_repositories: AtomicBool::new(false),
        };
        collector.run()
    }
}

impl Collector<'_> {
    fn run(&self) -> Result<CollectionReport> {
        let names = self.repositories()?;
        self.in_parallel(&names, |name| self.visit(name))?;
        // Anything may be named by what was not looked at.
        if self.may_continue() && !self.hides_repositories.load(Ordering::Relaxed) {
            self.sweep()?;
        }
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let counts = &self.counts;
        let mut report = CollectionReport {
            repositories: names.len(),
            marked: self.marks.len(),
            manifests: count(&counts.manifests),
            layers: count(&counts.layers),
            referrers: count(&counts.referrers),
            blobs: count(&counts.blobs),
            bytes: counts.bytes.load(Ordering::Relaxed),
            unreadable: count(&counts.unreadable),
            stuck: count(&counts.stuck),
            ..CollectionReport::default()
        };
        // Finding them takes as long as all the rest.
        if self.may_continue() && !self.options.dry_run {
            let leftovers = self.storage.driver.remove_leftovers(&LeftoverSearch {
                before: self.leftovers_cutoff(),
                empty_directories: true,
                kept_directories: &[layout::REPOSITORIES],
                may_continue: &|| self.may_continue(),
            });
            report.temporary_files = leftovers.removed;
            report.directories = leftovers.directories;
        }
        report.is_partial = !self.may_continue();
        Ok(report)
    }

    /// Where nobody pushes meanwhile, directories that have just become empty go as well.
    fn leftovers_cutoff(&self) -> SystemTime {
        let cutoff = match (self.options.minimum_age, self.cutoff) {
            (_, None) => SystemTime::now().checked_add(LONG),
            (MinimumAge::Exactly(age), _) => SystemTime::now().checked_sub(age),
            (MinimumAge::Grace(_), cutoff) => cutoff,
        };
        cutoff.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Whether something that was last written at this time stays, whatever leads to it.
    fn is_young_at(&self, modified: SystemTime) -> bool {
        self.cutoff.is_some_and(|cutoff| modified >= cutoff)
    }

    fn may_continue(&self) -> bool {
        (self.options.may_continue)()
    }

    /// Does something for each item, on as many threads as there may be, until one fails or the collection is to end.
    fn in_parallel<T: Sync>(
        &self,
        items: &[T],
        act: impl Fn(&T) -> Result<()> + Sync,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        let work = || {
            while self.may_continue() && failure.lock().is_none() {
                let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return;
                };
                if let Err(error) = act(item) {
                    failure.lock().get_or_insert(error);
                }
            }
        };
        thread::scope(|scope| {
            // This thread does it where there are too many threads already.
            let spawn = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
            let count = self.options.threads.min(items.len());
            let workers: Vec<_> = (1..count).filter_map(spawn).collect();
            work();
            join_all(workers);
        });
        let failed = failure.lock().take();
        failed.map_or(Ok(()), Err)
    }

    fn event(&self, event: &CollectionEvent<'_>) {
        let counts = &self.counts;
        let count = match event {
            CollectionEvent::Manifest(..) => &counts.manifests,
            CollectionEvent::Layer(..) => &counts.layers,
            CollectionEvent::Referrer(..) => &counts.referrers,
            CollectionEvent::Blob(_, bytes) => {
                counts.bytes.fetch_add(*bytes, Ordering::Relaxed);
                &counts.blobs
            }
            CollectionEvent::Unreadable(..) => &counts.unreadable,
            CollectionEvent::Stuck(..) => &counts.stuck,
        };
        count.fetch_add(1, Ordering::Relaxed);
        (self.options.report)(event);
    }

    /// The outcome for something; `None`, which is reported, if it alone cannot be read. Any other error ends the collection.
    fn readable<T>(&self, key: &Key, outcome: driver::Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_of_one_entry() => {
                self.unreadable(key, &error.source.to_string());
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn unreadable(&self, key: &Key, why: &str) {
        self.event(&CollectionEvent::Unreadable(key, why));
    }

    /// Whether something was last written so late that it stays; `None` if there is nothing.
    fn is_young(&self, key: &Key) -> driver::Result<Option<bool>> {
        let stat = self.storage.driver.stat(key)?;
        Ok(stat.map(|stat| self.is_young_at(stat.modified)))
    }

    /// Removes directories with all that is below them. `false`, which is reported, if one of them could not be removed.
    fn remove(&self, directories: &[Key]) -> Result<bool> {
        let keys: Vec<&Key> = directories.iter().collect();
        match self.storage.driver.remove_below(&keys) {
            Ok(()) => Ok(true),
            Err(error) if error.is_of_one_entry() => {
                let why = error.source.to_string();
                self.event(&CollectionEvent::Stuck(&error.key, &why));
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}
