//! Verification: whether all that is kept is whole (`registry verify`, and slowly in the background of a server).
//!
//! First every blob is read and hashed, on as many threads as there are to be (`blobs`). Then each repository is looked
//! through: links, tags, what its manifests name, its index of referrers (`repositories`, `manifests`, `tags`). Nothing is
//! kept of what is right, so memory does not grow with the data.
//!
//! A server may change the data meanwhile. What is missing or dangling is therefore looked at again before it is reported,
//! from the link on that led to it. What is damaged is repaired as far as that loses nothing (`repair`).

mod blobs;
mod finding;
mod links;
mod manifests;
mod pool;
mod repair;
mod repositories;
mod tags;

pub use finding::{Finding, FindingSeverity, Problem, Repair};

use super::{Error, Result, Storage, layout};
use crate::driver::{
    self, Entry, EntryKind, Key, LINK_TO_NOTHING, Lock, Stat, Write, is_temporary,
};
use crate::spec::{Digest, Name};
use crate::sync::Mutex;
use std::any::Any;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

/// Corrupt blobs that are remembered, to say which manifests name them.
const CORRUPT_MAX: usize = 100_000;

/// What is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepairScope {
    /// Nothing.
    Nothing,
    /// Corrupt blobs are put aside; possible while a server runs.
    Blobs,
    /// Everything that can be.
    Everything,
}

/// What to verify, and how.
pub struct Verification<'v> {
    /// What is repaired.
    pub repair: RepairScope,
    /// Threads that read and hash.
    pub threads: usize,
    /// Bytes that each of them reads in one step.
    pub buffer_bytes: usize,
    /// Where to begin among the blobs, by the first byte of their digests; all are verified, whatever this is.
    pub first_byte: u8,
    /// Is told of bytes when they have been read, on any thread, and may wait; a break ends the verification.
    pub pace: &'v (dyn Fn(u64) -> ControlFlow<()> + Sync),
    /// Is told of everything that is wrong, on any thread.
    pub found: &'v (dyn Fn(&Finding) + Sync),
}

/// What a verification has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerificationReport {
    /// Blobs that were read.
    pub blobs: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Repositories.
    pub repositories: u64,
    /// Links to blobs and manifests in them, with those of tags and referrers.
    pub links: u64,
    /// Manifests in them.
    pub manifests: u64,
    /// Tags in them.
    pub tags: u64,
    /// Unfinished uploads, which are not looked into.
    pub uploads: u64,
    /// Temporary files, of writes that are under way or of a process that was killed.
    pub temporary_files: u64,
    /// Findings of [`FindingSeverity::Error`].
    pub errors: u64,
    /// Findings of [`FindingSeverity::Note`].
    pub notes: u64,
    /// Findings that were repaired.
    pub repaired: u64,
    /// Findings that should have been repaired and could not be.
    pub failed: u64,
    /// It was ended before it had seen everything.
    pub is_cut_short: bool,
}

/// Why a verification ends early.
#[derive(Debug)]
enum Stop {
    /// It was asked to.
    Asked,
    /// Everything fails.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

impl From<driver::Error> for Stop {
    fn from(error: driver::Error) -> Stop {
        Stop::Failed(error.into())
    }
}

/// What was counted, from all threads.
#[derive(Default)]
struct Counts {
    blobs: AtomicU64,
    bytes: AtomicU64,
    repositories: AtomicU64,
    links: AtomicU64,
    manifests: AtomicU64,
    tags: AtomicU64,
    uploads: AtomicU64,
    temporary_files: AtomicU64,
    errors: AtomicU64,
    notes: AtomicU64,
    repaired: AtomicU64,
    failed: AtomicU64,
}

fn add(count: &AtomicU64, number: u64) {
    count.fetch_add(number, Ordering::Relaxed);
}

/// A verification under way.
struct Verifier<'v> {
    storage: &'v Storage,
    options: &'v Verification<'v>,
    counts: Counts,
    /// The corrupt blobs that are still in their place, each with what it was like.
    corrupt: Mutex<HashMap<Digest, Option<Stat>>>,
    /// When a change that might be under way was last waited for.
    waited: Mutex<Option<Instant>>,
}

impl Storage {
    /// What a verification in the background has exclusively; `None` if another process verifies.
    pub fn lock_verification(&self) -> Result<Option<Box<dyn Any + Send>>> {
        let lock = Lock::Exclusive;
        let key = layout::verification_lock();
        Ok(self.driver.try_lock_for_long(&key, lock)?)
    }

    /// When the last verification in the background ended.
    pub fn last_verification(&self) -> Result<Option<SystemTime>> {
        let stat = self.driver.stat(&layout::verified())?;
        Ok(stat.map(|stat| stat.modified))
    }

    /// Notes that a verification in the background has ended.
    pub fn note_verification(&self) -> Result<()> {
        Ok(self.driver.write(&[Write::new(layout::verified(), b"")])?)
    }

    /// Verifies everything. An error says that it could not be done, because everything fails at the moment.
    pub fn verify(&self, options: &Verification<'_>) -> Result<VerificationReport> {
        let verifier = Verifier {
            storage: self,
            options,
            counts: Counts::default(),
            corrupt: Mutex::default(),
            waited: Mutex::default(),
        };
        let outcome = verifier.run();
        let mut report = verifier.counts.report();
        match outcome {
            Ok(()) => Ok(report),
            Err(Stop::Asked) => {
                report.is_cut_short = true;
                Ok(report)
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

impl Verifier<'_> {
    fn run(&self) -> std::result::Result<(), Stop> {
        let threads = self.options.threads;
        pool::share(
            threads,
            |hand| self.each_blob(hand),
            |digest| self.verify_blob(&digest),
        )?;
        self.check_that_links_may_go()?;
        pool::share(
            threads,
            |hand| self.each_repository(hand),
            |name| self.verify_repository(&name),
        )
    }

    /// Reports that something is wrong.
    fn report(&self, finding: &Finding) {
        add(
            match finding.problem.severity() {
                FindingSeverity::Error => &self.counts.errors,
                FindingSeverity::Note => &self.counts.notes,
            },
            1,
        );
        match finding.repair {
            Repair::None => {}
            Repair::Failed(_) => add(&self.counts.failed, 1),
            Repair::Removed | Repair::Written | Repair::Moved(_) => add(&self.counts.repaired, 1),
        }
        (self.options.found)(finding);
    }

    /// What a driver returned; `None`, which is reported, if something cannot be read that hides nothing else.
    fn readable<T>(
        &self,
        name: Option<&Name>,
        digest: Option<&Digest>,
        outcome: driver::Result<T>,
    ) -> std::result::Result<Option<T>, Stop> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_of_one_entry() => {
                let why = error.source.to_string();
                let finding = Finding::new(Problem::Unreadable { why }, &error.key);
                let finding = finding.in_repository(name);
                self.report(&match digest {
                    Some(digest) => finding.of(digest),
                    None => finding,
                });
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The entries of a directory, read when they are asked for. What cannot be listed is reported.
    fn each_entry(
        &self,
        directory: &Key,
        name: Option<&Name>,
        visit: &mut dyn FnMut(Entry) -> std::result::Result<(), Stop>,
    ) -> std::result::Result<(), Stop> {
        let entries = self.storage.driver.entries(directory);
        let Some(entries) = self.readable(name, None, entries)? else {
            return Ok(());
        };
        for entry in entries {
            self.pace(0)?;
            match self.readable(name, None, entry)? {
                Some(entry) => visit(entry)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reports an entry that does not belong where it is, or is not what it should be; counts it if it is a temporary file.
    fn odd_entry(&self, directory: &Key, name: Option<&Name>, entry: &Entry) {
        if matches!(entry.kind, EntryKind::Object) && is_temporary(&entry.name) {
            add(&self.counts.temporary_files, 1);
            return;
        }
        let problem = match &entry.kind {
            EntryKind::Directory | EntryKind::Object => Problem::StrayEntry,
            kind => not_a_file(kind),
        };
        let finding = Finding::new(problem, &directory.child(&entry.name));
        self.report(&finding.in_repository(name));
    }

    /// Tells whoever sets the pace of bytes that were read.
    fn pace(&self, bytes: u64) -> std::result::Result<(), Stop> {
        match (self.options.pace)(bytes) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Asked),
        }
    }

    fn note_corrupt(&self, digest: &Digest) {
        let stat = self.stat_of(digest);
        let mut corrupt = self.corrupt.lock();
        if corrupt.len() < CORRUPT_MAX {
            corrupt.insert(digest.clone(), stat);
        }
    }

    /// Whether a blob was found to be corrupt, and has not been replaced since.
    fn is_corrupt(&self, digest: &Digest) -> bool {
        let found = self.corrupt.lock().get(digest).copied();
        found.is_some_and(|then| then == self.stat_of(digest))
    }

    fn stat_of(&self, digest: &Digest) -> Option<Stat> {
        let stat = self.storage.driver.stat(&layout::blob_data(digest));
        stat.ok().flatten()
    }
}

/// What is wrong with something that is not a file but is where one belongs.
fn not_a_file(kind: &EntryKind) -> Problem {
    let what = match kind {
        EntryKind::Directory => "a directory where a file belongs",
        EntryKind::Object => "a file where a directory belongs",
        EntryKind::Other(what) => what,
        EntryKind::LinkToNothing => LINK_TO_NOTHING,
        EntryKind::Unreadable(error) => {
            let why = error.to_string();
            return Problem::Unreadable { why };
        }
    };
    let what = what.to_owned();
    Problem::SpecialFile { what }
}

impl Counts {
    fn report(&self) -> VerificationReport {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        VerificationReport {
            blobs: get(&self.blobs),
            bytes: get(&self.bytes),
            repositories: get(&self.repositories),
            links: get(&self.links),
            manifests: get(&self.manifests),
            tags: get(&self.tags),
            uploads: get(&self.uploads),
            temporary_files: get(&self.temporary_files),
            errors: get(&self.errors),
            notes: get(&self.notes),
            repaired: get(&self.repaired),
            failed: get(&self.failed),
            is_cut_short: false,
        }
    }
}
