//! Retention (`storage.maintenance.retention`): deletes the tags that no rule keeps.

use super::Stopping;
use crate::config::RetentionConfig;
use crate::storage::{Retention, RetentionReport, Storage};
use std::time::Duration;

/// The shortest time from the end of one run to the start of the next.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// Applies the rules at the start, and then after every interval.
pub fn run(storage: &Storage, config: &RetentionConfig, stopping: &Stopping) {
    loop {
        apply(storage, config, stopping);
        if !stopping.pause(config.interval.max(PAUSE_MIN)) {
            return;
        }
    }
}

/// Applies the rules once.
pub fn apply(storage: &Storage, config: &RetentionConfig, stopping: &Stopping) {
    let applied = storage.apply_retention(&Retention {
        rules: &config.rules,
        dry_run: config.dry_run,
        may_continue: &|| stopping.may_continue(),
    });
    match applied {
        Ok(report) => log_summary(report, config.dry_run),
        Err(error) => log::warn!("retention: the repositories cannot be looked at: {error}"),
    }
}

fn log_summary(report: RetentionReport, dry_run: bool) {
    let RetentionReport {
        seen,
        deleted,
        failed,
        immutable: _,
    } = report;
    let done = match dry_run {
        true => "would be deleted",
        false => "were deleted",
    };
    if deleted > 0 {
        log::info!("retention: {deleted} of {seen} tags {done}");
    }
    if failed > 0 {
        log::warn!("retention: {failed} tags or repositories could not be looked at or deleted");
    }
}
