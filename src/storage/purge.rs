//! Upload sessions that nobody will finish (`storage.maintenance.uploadpurging`).

use super::{Result, Storage, layout};
use crate::driver::{self, Key};
use crate::spec::timestamp::parse_rfc_3339;
use crate::spec::{Name, UploadId};
use std::time::{Duration, SystemTime};

/// Repositories that are looked at in one step.
const STEP: usize = 500;

/// Longest `startedat` that is read.
const STARTED_AT_BYTES_MAX: u64 = 64;

/// What a purge did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Sessions that were looked at.
    pub seen: usize,
    /// Sessions that were removed, or would have been.
    pub purged: usize,
    /// Bytes on the disk of the sessions that stay.
    pub bytes_kept: u64,
}

impl Storage {
    /// Removes every session that was started more than `age` ago. With `dry_run` it only counts.
    pub fn purge_uploads(&self, age: Duration, dry_run: bool) -> Result<PurgeReport> {
        let before = SystemTime::now()
            .checked_sub(age)
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let mut report = PurgeReport::default();
        let mut after = String::new();
        loop {
            let (names, more) = self.folders_with(&[layout::UPLOADS], &after, STEP)?;
            for name in &names {
                self.purge_repository(name, before, dry_run, &mut report)?;
            }
            match names.last() {
                Some(last) if more => after = last.to_string(),
                _ => return Ok(report),
            }
        }
    }

    fn purge_repository(
        &self,
        name: &Name,
        before: SystemTime,
        dry_run: bool,
        report: &mut PurgeReport,
    ) -> Result<()> {
        let mut after = String::new();
        loop {
            let ids = self.driver.list(&layout::uploads(name), &after, STEP)?;
            let Some(last) = ids.last() else {
                return Ok(());
            };
            after = last.clone();
            for id in ids.iter().filter_map(|text| text.parse::<UploadId>().ok()) {
                report.seen += 1;
                let data = self.driver.stat(&layout::upload_data(name, &id))?;
                if self
                    .upload_started(name, &id)?
                    .is_none_or(|started| started >= before)
                {
                    report.bytes_kept += data.map_or(0, |data| data.length);
                    continue;
                }
                report.purged += 1;
                if !dry_run {
                    log::info!("purging the unfinished upload {id} of {name}");
                    self.abandon_upload(name, &id);
                }
            }
        }
    }

    /// When a session was started: what `startedat` says. Where that is missing or broken (a crash;
    /// distribution keeps such sessions for ever), when something was last written to it.
    fn upload_started(&self, name: &Name, id: &UploadId) -> Result<Option<SystemTime>> {
        let started_at = layout::upload_started_at(name, id);
        let text = self
            .driver
            .read(&started_at, STARTED_AT_BYTES_MAX)
            .unwrap_or_default();
        if let Some(time) = std::str::from_utf8(&text).ok().and_then(parse_rfc_3339) {
            return Ok(Some(time));
        }
        let modified =
            |key: &Key| -> driver::Result<_> { Ok(self.driver.stat(key)?.map(|s| s.modified)) };
        Ok(modified(&layout::upload_data(name, id))?.max(modified(&started_at)?))
    }
}
