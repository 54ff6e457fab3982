//! Quotas (`storage.maintenance.quota`): how many bytes the repositories of a rule, or all of them, may link.
//!
//! Each limit counts the blobs, manifests among them, that its repositories link, each once. The counts are in memory;
//! a background thread makes them when the server starts, and now and then anew, since other processes may change
//! the same data. They follow every link that is written or removed (`counting`), whoever does it, so
//! nothing is walked at a push. A push counts its blob before it writes, so that two pushes cannot share the same room,
//! and gives it back if it fails.

mod counting;
mod counts;
mod recount;

pub(super) use counting::Counting;

use crate::policy::QuotaRule;
use crate::spec::{Digest, Name};
use crate::sync::{Condvar, Mutex, RwLock};
use counts::{QuotaCounts, ShortDigest, short};
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// The longest that a push waits for the first count after a start.
pub(super) const COUNT_WAIT_MAX: Duration = Duration::from_secs(10);

/// Locks that repositories share. Links are written under one of them shared; what concerns all links of a repository
/// has it exclusively.
const REPOSITORY_LOCKS: usize = 64;

/// Locks that links share: a link is looked at, written and counted under one of them.
const LINK_LOCKS: usize = 256;

/// The quotas of a storage, and what is used of them.
pub(super) struct Quota {
    rules: Vec<QuotaRule>,
    /// The longest that a push waits for the first count.
    count_wait_max: Duration,
    state: Mutex<QuotaState>,
    counted: Condvar,
    repositories: [RwLock<()>; REPOSITORY_LOCKS],
    links: [Mutex<()>; LINK_LOCKS],
}

#[derive(Default)]
struct QuotaState {
    /// `None` before the first count.
    counts: Option<QuotaCounts>,
    /// Those that are being made.
    recount: Option<Recount>,
}

/// Counts that are being made, repository by repository in the order of names.
struct Recount {
    counts: QuotaCounts,
    /// The last repository that was counted.
    cursor: String,
    /// Repositories that have been changed before they were counted. Those that were created after the names
    /// were listed are counted at the end.
    late: HashSet<Name>,
}

impl Recount {
    /// Whether a repository has been counted, so that changes of it count.
    fn has_counted(&self, name: &Name) -> bool {
        *name.as_str() <= *self.cursor && !self.late.contains(name)
    }
}

/// A blob that would go over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Exceeded {
    /// The index of the rule.
    limit: usize,
    /// Bytes that are used.
    used: u64,
    /// Bytes that would be used in addition.
    cost: u64,
}

/// Why something is not pushed.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It would go over a quota.
    Exceeded(QuotaExceeded),
    /// What is used has not been counted yet.
    NotCounted,
}

/// A quota that would be exceeded.
#[derive(Debug)]
pub struct QuotaExceeded {
    /// The repositories of its rule; empty for all of them.
    pub repositories: String,
    /// Bytes that are used.
    pub used: u64,
    /// Bytes that may be used.
    pub bytes_max: u64,
    /// Bytes that would be used in addition.
    pub needed: u64,
}

impl fmt::Display for QuotaExceeded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.repositories.as_str() {
            "" => "this registry",
            repositories => repositories,
        };
        let [used, bytes_max, needed] = [self.used, self.bytes_max, self.needed].map(readable);
        write!(
            out,
            "quota of {whose}: {used} of {bytes_max} are used, and this blob has {needed}"
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Exceeded(exceeded) => exceeded.fmt(out),
            Refusal::NotCounted => out.write_str("the use of quotas has not been counted yet"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What is used of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// The repositories of its rule; empty for all of them.
    pub repositories: String,
    /// Bytes that are used.
    pub used: u64,
    /// Bytes that may be used.
    pub bytes_max: u64,
    /// Blobs that are counted.
    pub blobs: usize,
}

impl QuotaUse {
    /// Whether more is used than may be.
    pub fn is_exceeded(&self) -> bool {
        self.used > self.bytes_max
    }
}

impl fmt::Display for QuotaUse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.repositories.as_str() {
            "" => "this registry",
            repositories => repositories,
        };
        let [used, bytes_max] = [self.used, self.bytes_max].map(readable);
        let blobs = self.blobs;
        write!(
            out,
            "quota of {whose}: {used} of {bytes_max} are used, by {blobs} blobs"
        )
    }
}

impl Quota {
    pub(super) fn new(rules: Vec<QuotaRule>, count_wait_max: Duration) -> Quota {
        Quota {
            rules,
            count_wait_max,
            state: Mutex::default(),
            counted: Condvar::new(),
            repositories: [const { RwLock::new(()) }; REPOSITORY_LOCKS],
            links: [const { Mutex::new(()) }; LINK_LOCKS],
        }
    }

    /// Waits for the first count, but not for long.
    pub(super) fn wait(&self) -> Result<(), Refusal> {
        let state = self.state.lock();
        let is_missing = |state: &mut QuotaState| state.counts.is_none();
        let count_wait_max = self.count_wait_max;
        let waited = self
            .counted
            .wait_timeout_while(state, count_wait_max, is_missing);
        let is_there = waited.1;
        is_there.then_some(()).ok_or(Refusal::NotCounted)
    }

    /// Fails if a blob would not fit, as far as that is known.
    pub(super) fn check(&self, name: &Name, blob: &Digest, bytes: u64) -> Result<(), Refusal> {
        let state = self.state.lock();
        let checked = state.counts.as_ref().map_or(Ok(()), |counts| {
            counts.check(&self.limits(name), &short(blob), bytes)
        });
        checked.map_err(|exceeded| self.refusal(exceeded))
    }

    /// Counts a link that is about to be written; `is_new` where there is none yet.
    fn add(
        &self,
        name: &Name,
        blob: &ShortDigest,
        (bytes, is_new): (u64, bool),
    ) -> Result<(), Refusal> {
        let limits = self.limits(name);
        let mut state = self.state.lock();
        let QuotaState { counts, recount } = &mut *state;
        let counts = counts.as_mut().ok_or(Refusal::NotCounted)?;
        let added = counts.add(&limits, blob, (bytes, is_new));
        added.map_err(|exceeded| self.refusal(exceeded))?;
        match recount {
            Some(recount) if recount.has_counted(name) => {
                recount.counts.count(&limits, blob, (bytes, is_new));
            }
            Some(recount) => {
                recount.late.insert(name.clone());
            }
            None => {}
        }
        Ok(())
    }

    /// Counts a link that was removed, or not written after all.
    fn give_back(&self, name: &Name, blob: &ShortDigest) {
        let limits = self.limits(name);
        let mut state = self.state.lock();
        let QuotaState { counts, recount } = &mut *state;
        if let Some(counts) = counts {
            counts.remove(&limits, blob);
        }
        if let Some(recount) = recount.as_mut().filter(|recount| recount.has_counted(name)) {
            recount.counts.remove(&limits, blob);
        }
    }

    /// What is used of each quota; `None` before the first count.
    pub(super) fn used(&self) -> Option<Vec<QuotaUse>> {
        let used = self.state.lock().counts.as_ref().map(QuotaCounts::used)?;
        let of_rules = self.rules.iter().zip(used);
        let uses = of_rules.map(|(rule, (used, blobs))| QuotaUse {
            repositories: patterns(rule),
            used,
            bytes_max: rule.bytes_max,
            blobs,
        });
        Some(uses.collect())
    }

    /// The indices of the rules for a repository, and how many bytes they allow.
    fn limits(&self, name: &Name) -> Vec<(usize, u64)> {
        let covers = |rule: &QuotaRule| {
            let mut patterns = rule.repositories.iter();
            rule.repositories.is_empty() || patterns.any(|pattern| pattern.matches(name.as_str()))
        };
        let rules = self
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| covers(rule));
        rules.map(|(index, rule)| (index, rule.bytes_max)).collect()
    }

    fn refusal(&self, exceeded: Exceeded) -> Refusal {
        let rule = self.rules.get(exceeded.limit);
        Refusal::Exceeded(QuotaExceeded {
            repositories: rule.map(patterns).unwrap_or_default(),
            used: exceeded.used,
            bytes_max: rule.map_or(0, |rule| rule.bytes_max),
            needed: exceeded.cost,
        })
    }

    /// Keeps the links of some repositories from being removed or counted all at once. In the order of the locks, each
    /// once.
    fn share_repositories<'n>(
        &self,
        names: impl Iterator<Item = &'n Name>,
    ) -> Vec<RwLockReadGuard<'_, ()>> {
        let locks = in_order(names, &self.repositories);
        locks.map(RwLock::read).collect()
    }

    /// Has all links of some repositories, or of all.
    fn own_repositories(&self, names: Option<&[Name]>) -> Vec<RwLockWriteGuard<'_, ()>> {
        match names {
            Some(names) => in_order(names.iter(), &self.repositories)
                .map(RwLock::write)
                .collect(),
            None => self.repositories.iter().map(RwLock::write).collect(),
        }
    }

    /// Has some links. In the order of the locks, each once.
    fn own_links<'k>(
        &self,
        keys: impl Iterator<Item = &'k crate::driver::Key>,
    ) -> Vec<MutexGuard<'_, ()>> {
        in_order(keys, &self.links).map(Mutex::lock).collect()
    }
}

/// The locks that some values share, each once, in their order.
fn in_order<L>(values: impl Iterator<Item = impl Hash>, locks: &[L]) -> impl Iterator<Item = &L> {
    let index = |value| {
        let mut hasher = DefaultHasher::new();
        Hash::hash(&value, &mut hasher);
        usize::try_from(hasher.finish() % locks.len().max(1) as u64).unwrap_or_default()
    };
    let indices: std::collections::BTreeSet<usize> = values.map(index).collect();
    indices.into_iter().filter_map(|index| locks.get(index))
}

fn patterns(rule: &QuotaRule) -> String {
    let texts: Vec<String> = rule.repositories.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// A number of bytes for a person.
fn readable(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, shift)) = units.into_iter().find(|(_, shift)| bytes >> shift > 0) else {
        return format!("{bytes} bytes");
    };
    let tenths = (u128::from(bytes) * 10) >> shift;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {unit}"),
        (whole, tenth) => format!("{whole}.{tenth} {unit}"),
    }
}

#[cfg(test)]
mod tests;
