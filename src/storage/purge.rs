//! Purging of abandoned upload sessions (`storage.maintenance.uploadpurging`) and of temporary files that killed processes
//! left behind.

use super::catalog::NameRange;
use super::{Result, Storage, layout};
use crate::driver::{LeftoverSearch, Leftovers};
use crate::spec::{Name, UploadId};
use std::time::{Duration, SystemTime};

/// Repositories that are visited in one step.
const STEP: usize = 500;

/// What is looked for: upload sessions, and what a deletion that was interrupted left of a repository.
const MARKS: [&str; 2] = [layout::UPLOADS, layout::DELETED];

/// A temporary file that was last written this long ago is abandoned: it is needed only while it is synced.
pub const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// Options of a purge.
pub struct Purge<'p> {
    /// Sessions that were started longer ago than this are removed.
    pub age: Duration,
    /// Sessions are only counted.
    pub dry_run: bool,
    /// Called before each session: the purge stops when it says no.
    pub may_continue: &'p dyn Fn() -> bool,
}

/// The result of a purge.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Sessions that were found.
    pub seen: usize,
    /// Sessions that were removed, or would have been.
    pub purged: usize,
    /// Sessions that should have been removed but could not be.
    pub stuck: usize,
    /// Bytes in the sessions that remain.
    pub bytes_kept: u64,
}

impl Storage {
    /// Removes every session that is old enough.
    pub fn purge_uploads(&self, purge: &Purge<'_>) -> Result<PurgeReport> {
        let mut report = PurgeReport::default();
        let mut after = String::new();
        loop {
            let range = NameRange {
                prefix: "",
                after: &after,
            };
            let (names, more) = self.directories_with(&MARKS, range, STEP, purge.may_continue)?;
            for name in &names {
                if let Err(error) = self.purge_repository(name, purge, &mut report) {
                    // It hides no other, unless everything fails at the moment.
                    self.driver.list(&layout::repositories(), "", 1)?;
                    self.skip(&layout::uploads(name), &error);
                }
            }
            match names.last() {
                Some(last) if more && (purge.may_continue)() => after = last.to_string(),
                _ => return Ok(report),
            }
        }
    }

    /// Removes temporary files that killed processes left behind.
    pub fn remove_leftovers(&self, may_continue: &dyn Fn() -> bool) -> Leftovers {
        self.driver.remove_leftovers(&LeftoverSearch {
            before: time_before(LEFTOVER_AGE),
            empty_directories: false,
            kept_directories: &layout::DIRECTORIES,
            may_continue,
        })
    }

    fn purge_repository(
        &self,
        name: &Name,
        purge: &Purge<'_>,
        report: &mut PurgeReport,
    ) -> Result<()> {
        if !purge.dry_run {
            self.finish_deletion(name)?;
        }
        let before = time_before(purge.age);
        for ids in self.pages(layout::uploads(name), "", STEP) {
            for id in ids?.iter().filter_map(|text| text.parse::<UploadId>().ok()) {
                if !(purge.may_continue)() {
                    return Ok(());
                }
                report.seen += 1;
                let session = self.purge_session((name, &id), before, purge, report);
                self.unless_odd(&layout::upload(name, &id), session)?;
            }
        }
        Ok(())
    }

    fn purge_session(
        &self,
        (name, id): (&Name, &UploadId),
        before: SystemTime,
        purge: &Purge<'_>,
        report: &mut PurgeReport,
    ) -> Result<()> {
        let key = layout::upload(name, id);
        let state = self.driver.upload_state(&key).ok().flatten();
        let bytes = state.map_or(0, |state| state.length);
        let started = self.driver.upload_started(&key)?;
        let is_old = started.is_some_and(|started| started < before);
        if !is_old {
            report.bytes_kept += bytes;
            return Ok(());
        }
        if !purge.dry_run {
            log::info!("purging the unfinished upload {id} of {name}");
            self.abandon_upload(name, id);
            if self.driver.has_directory(&key)? {
                report.stuck += 1;
                report.bytes_kept += bytes;
                return Ok(());
            }
        }
        report.purged += 1;
        Ok(())
    }
}

/// The point in time that is `age` in the past.
fn time_before(age: Duration) -> SystemTime {
    let before = SystemTime::now().checked_sub(age);
    before.unwrap_or(SystemTime::UNIX_EPOCH)
}
