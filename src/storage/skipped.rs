//! Entries of the data directory that cannot be read and are skipped: a loop of links, a directory without permission, a named
//! pipe where a file should be. None of them hides another, and each is logged once.

use super::{Error, Finding, FindingSeverity, Repair, Result, Storage};
use crate::driver::Key;
use crate::sync::Mutex;
use std::collections::HashSet;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Entries that are logged in one period; for the others only that there are some.
const ENTRIES_MAX: usize = 1000;

/// After this time an entry that is still there is logged again.
const PERIOD: Duration = Duration::from_secs(24 * 3600);

/// The entries that were logged.
#[derive(Default)]
pub struct Skipped(Mutex<Logged>);

#[derive(Default)]
struct Logged {
    since: Option<Instant>,
    entries: HashSet<Key>,
}

/// Whether an entry is to be logged.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Log,
    LogAsLast,
    Silent,
}

impl Skipped {
    fn note(&self, entry: &Key, now: Instant) -> Verdict {
        let mut logged = self.0.lock();
        let is_over = |since: Instant| now.saturating_duration_since(since) > PERIOD;
        if logged.since.is_none_or(is_over) {
            logged.entries.clear();
            logged.since = Some(now);
        }
        if logged.entries.len() >= ENTRIES_MAX || !logged.entries.insert(entry.clone()) {
            return Verdict::Silent;
        }
        match logged.entries.len() {
            ENTRIES_MAX => Verdict::LogAsLast,
            _ => Verdict::Log,
        }
    }
}

impl Storage {
    /// The outcome for an entry; `None`, which is logged, if only this entry is at fault. Any other error ends the walk: what
    /// cannot be read at the moment may exist.
    pub(super) fn unless_odd<T>(&self, entry: &Key, outcome: Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(Error::Driver(error)) if error.is_of_one_entry() => {
                self.skip(entry, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether something about an entry is to be logged: once a period, and up to a limit.
    pub(super) fn is_news(&self, entry: &Key) -> bool {
        self.skipped.note(entry, Instant::now()) != Verdict::Silent
    }

    /// Logs that an entry is skipped, once.
    pub(super) fn skip(&self, entry: &Key, why: &dyn Display) {
        match self.skipped.note(entry, Instant::now()) {
            Verdict::Silent => {}
            Verdict::Log => log::warn!("{entry} is skipped: {why}"),
            Verdict::LogAsLast => log::warn!(
                "{entry} is skipped: {why}; {ENTRIES_MAX} entries have been reported, and no others will be for a day"
            ),
        }
    }
}

impl Storage {
    /// Logs what a verification found, each thing once a day. What was repaired is always logged: it is wrong anew.
    pub fn log_finding(&self, finding: &Finding) {
        let kind = finding.problem.kind();
        if finding.repair != Repair::None {
            log::error!("{kind}: {finding}");
            return;
        }
        let level = match finding.problem.severity() {
            FindingSeverity::Error => log::Level::Error,
            FindingSeverity::Note => log::Level::Info,
        };
        match self.found.note(&finding.key, Instant::now()) {
            Verdict::Silent => {}
            Verdict::Log => log::log!(level, "{kind}: {finding}"),
            Verdict::LogAsLast => log::log!(
                level,
                "{kind}: {finding}; {ENTRIES_MAX} findings have been reported, and no others will be for a day"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_logged_once_a_period_up_to_a_limit() {
        let (skipped, now) = (Skipped::default(), Instant::now());
        let entry = |number: usize| Key::new(format!("{number}"));
        assert_eq!(skipped.note(&entry(0), now), Verdict::Log);
        assert_eq!(skipped.note(&entry(0), now), Verdict::Silent);
        let rest = (1..ENTRIES_MAX + 5).map(|number| skipped.note(&entry(number), now));
        let rest: Vec<Verdict> = rest.collect();
        let count = |of: Verdict| rest.iter().filter(|verdict| **verdict == of).count();
        assert_eq!(count(Verdict::Log), ENTRIES_MAX - 2);
        assert_eq!((count(Verdict::LogAsLast), count(Verdict::Silent)), (1, 5));
        let later = now + PERIOD + Duration::from_secs(1);
        assert_eq!(skipped.note(&entry(0), later), Verdict::Log);
    }
}
