//! Retention (`storage.maintenance.retention`): tags that no rule keeps are deleted. What they named stays, as after any
//! deletion of a tag, until garbage is collected.
//!
//! A tag is as old as its current link: pushing it again makes it new. Where two were written at the same time, the one
//! that sorts later counts as newer.

use super::catalog::NameRange;
use super::{Result, Storage, layout};
use crate::policy::{Keep, RetentionRule};
use crate::spec::{Name, Tag};
use crate::time::duration;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::{self, Display};
use std::time::{Duration, SystemTime};

/// Repositories, or tags of one, that are looked at in one step.
const STEP: usize = 500;

/// What is to be deleted.
pub struct Retention<'r> {
    /// The rules, of which the first that covers a repository decides.
    pub rules: &'r [RetentionRule],
    /// Tags are only logged.
    pub dry_run: bool,
    /// Called before each tag: no more are deleted once it says no.
    pub may_continue: &'r dyn Fn() -> bool,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionReport {
    /// Tags in the repositories that a rule covers.
    pub seen: usize,
    /// Tags that were deleted, or would have been.
    pub deleted: usize,
    /// Tags that no rule keeps, and that are immutable.
    pub immutable: usize,
    /// Tags, or whole repositories, that could not be looked at or deleted; the log says why.
    pub failed: usize,
}

/// A tag by the time when it was written; the newest is the largest.
type Aged = (SystemTime, Tag);

/// One repository while its tags are looked at.
struct Pass<'p> {
    storage: &'p Storage,
    name: &'p Name,
    keep: &'p Keep,
    retention: &'p Retention<'p>,
    now: SystemTime,
    /// The oldest of those that [`Keep::last`] keeps.
    oldest_kept: Option<Aged>,
}

impl Storage {
    /// Deletes every tag that a rule covers and does not keep. A repository that cannot be read does not stop the
    /// others.
    pub fn apply_retention(&self, retention: &Retention<'_>) -> Result<RetentionReport> {
        let mut report = RetentionReport::default();
        let mut after = String::new();
        loop {
            let range = NameRange {
                prefix: "",
                after: &after,
            };
            let marks = &[layout::MANIFESTS];
            let (names, more) =
                self.directories_with(marks, range, STEP, retention.may_continue)?;
            for name in &names {
                let mut rules = retention.rules.iter();
                if let Some(rule) = rules.find(|rule| rule.covers(name.as_str())) {
                    self.retain(name, &rule.keep, retention, &mut report);
                }
            }
            match names.last() {
                Some(last) if more && (retention.may_continue)() => after = last.to_string(),
                _ => return Ok(report),
            }
        }
    }

    fn retain(
        &self,
        name: &Name,
        keep: &Keep,
        retention: &Retention<'_>,
        report: &mut RetentionReport,
    ) {
        // Rules that keep nothing are refused when they are read; nothing is ever deleted for one.
        if keep.is_empty() {
            return;
        }
        let mut pass = Pass {
            storage: self,
            name,
            keep,
            retention,
            now: SystemTime::now(),
            oldest_kept: None,
        };
        let outcome = pass.find_last().and_then(|()| pass.delete(report));
        if let Err(error) = outcome {
            report.failed += 1;
            log::warn!("retention: the tags of {name} cannot be looked at: {error}");
        }
    }

    /// When a tag was last written; `None` when there is no such tag.
    fn tag_written(&self, name: &Name, tag: &Tag) -> Result<Option<SystemTime>> {
        let stat = self.driver.stat(&layout::tag_current(name, tag))?;
        Ok(stat
            .filter(|stat| stat.length > 0)
            .map(|stat| stat.modified))
    }

    /// Deletes a tag if it still is as old as it was when it was looked at.
    fn delete_aged(&self, name: &Name, (written, tag): &Aged) -> Result<bool> {
        self.change_exclusively(name, || {
            if self.tag_written(name, tag)? != Some(*written) {
                return Ok(false);
            }
            self.driver.remove_below(&[&layout::tag(name, tag)])?;
            Ok(true)
        })
    }
}

impl Pass<'_> {
    /// Visits all tags, a page at a time.
    fn each(&self, visit: &mut dyn FnMut(Aged)) -> Result<()> {
        for page in self.storage.pages(layout::tags(self.name), "", STEP) {
            for tag in page?.iter().filter_map(|text| text.parse::<Tag>().ok()) {
                if !(self.retention.may_continue)() {
                    return Ok(());
                }
                let written = self.storage.tag_written(self.name, &tag);
                let key = layout::tag(self.name, &tag);
                if let Some(written) = self.storage.unless_odd(&key, written)?.flatten() {
                    visit((written, tag));
                }
            }
        }
        Ok(())
    }

    /// Finds the oldest of the newest tags that are kept. No more tags than these are in memory.
    fn find_last(&mut self) -> Result<()> {
        let Some(last) = self.keep.last else {
            return Ok(());
        };
        let mut newest: BinaryHeap<Reverse<Aged>> = BinaryHeap::new();
        self.each(&mut |aged| {
            newest.push(Reverse(aged));
            if newest.len() > last {
                newest.pop();
            }
        })?;
        self.oldest_kept = newest.pop().map(|Reverse(aged)| aged);
        Ok(())
    }

    fn delete(&self, report: &mut RetentionReport) -> Result<()> {
        self.each(&mut |aged| {
            report.seen += 1;
            if self.is_kept(&aged) {
                return;
            }
            if self.storage.is_immutable(self.name, &aged.1) {
                report.immutable += 1;
                self.report_immutable(&aged.1);
                return;
            }
            match self.delete_one(&aged) {
                Ok(true) => report.deleted += 1,
                Ok(false) => {}
                Err(error) => {
                    report.failed += 1;
                    let (name, tag) = (self.name, &aged.1);
                    log::warn!("retention: cannot delete {name}:{tag}: {error}");
                }
            }
        })
    }

    fn is_kept(&self, aged: &Aged) -> bool {
        let (written, tag) = aged;
        // One that was written in the future, by another clock, is as young as can be.
        let age = self.now.duration_since(*written).unwrap_or(Duration::ZERO);
        self.keep.younger_than.is_some_and(|limit| age < limit)
            || self
                .oldest_kept
                .as_ref()
                .is_some_and(|oldest| aged >= oldest)
            || self
                .keep
                .tags
                .iter()
                .any(|pattern| pattern.matches(tag.as_str()))
    }

    /// Deletes a tag and says why; `false` if it was written again meanwhile.
    fn delete_one(&self, aged: &Aged) -> Result<bool> {
        let (name, tag, reason) = (self.name, &aged.1, Reason(self.keep));
        if self.retention.dry_run {
            log::info!("retention: would delete {name}:{tag}: {reason}");
            return Ok(true);
        }
        let is_deleted = self.storage.delete_aged(name, aged)?;
        if is_deleted {
            log::info!("retention: deleted {name}:{tag}: {reason}");
        }
        Ok(is_deleted)
    }

    fn report_immutable(&self, tag: &Tag) {
        let name = self.name;
        if self.storage.is_news(&layout::tag(name, tag)) {
            log::info!(
                "retention: {name}:{tag} stays, although no rule keeps it: it is immutable \
                 (storage.maintenance.immutable)"
            );
        }
    }
}

/// Why a tag is not kept.
struct Reason<'k>(&'k Keep);

impl Display for Reason<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Keep {
            last,
            tags,
            younger_than,
        } = self.0;
        let age = younger_than.map(|limit| format!("older than {}", duration::format(limit)));
        let last = last.map(|last| format!("not among the last {last}"));
        let tags = (!tags.is_empty()).then(|| "no pattern keeps it".to_owned());
        let reasons: Vec<String> = [age, last, tags].into_iter().flatten().collect();
        out.write_str(&reasons.join(", "))
    }
}
