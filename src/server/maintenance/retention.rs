//! Retention in the background (`storage.maintenance.retention`).

use crate::config::RetentionConfig;
use crate::storage::{Retention, RetentionReport, Storage};

/// Deletes the tags that no rule keeps. `may_continue` says when to stop.
pub fn apply(storage: &Storage, config: &RetentionConfig, may_continue: &dyn Fn() -> bool) {
    let retention = Retention {
        rules: &config.rules,
        dry_run: config.dry_run,
        may_continue,
    };
    match storage.apply_retention(&retention) {
        Ok(report) => log_report(report, config.dry_run),
        Err(error) => log::warn!("retention: the repositories cannot be looked at: {error}"),
    }
}

fn log_report(report: RetentionReport, dry_run: bool) {
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
