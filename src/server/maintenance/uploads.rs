//! The purge: removes unfinished uploads and the temporary files of killed processes.

use super::Stopping;
use crate::config::{UploadPurging, format_duration};
use crate::storage::{self, Purge, PurgeReport, Storage};
use std::time::{Duration, Instant};

/// Reports at the start which unfinished uploads there are and purges them, with the temporary files of a process that
/// was killed; then purges after every interval.
pub fn run(storage: &Storage, purging: &UploadPurging, is_writable: bool, stopping: &Stopping) {
    let interval = purging.interval.max(Duration::from_secs(1));
    let may_continue = || stopping.may_continue();
    let purge = Purge {
        age: purging.age,
        dry_run: purging.dry_run || !purging.enabled,
        may_continue: &may_continue,
    };
    // With purging disabled nothing is ever old enough.
    let purge = match purging.enabled {
        true => purge,
        false => Purge {
            age: Duration::MAX,
            ..purge
        },
    };
    let mut is_first = true;
    // They are left by a process that was killed, so before a start; those that are too young then are removed later.
    let mut leftovers_due = (is_writable && !purging.dry_run).then(Instant::now);
    loop {
        match storage.purge_uploads(&purge) {
            Ok(report) if may_continue() => report_purge(&report, purging, is_first),
            Ok(_) => return,
            Err(error) => log::warn!("unfinished uploads cannot be purged: {error}"),
        }
        is_first = false;
        if leftovers_due.is_some_and(|due| due <= Instant::now()) {
            let leftovers = storage.remove_leftovers(&may_continue);
            leftovers_due = (leftovers.left > 0).then(|| Instant::now() + storage::LEFTOVER_AGE);
            if leftovers.removed > 0 {
                let count = leftovers.removed;
                log::info!("temporary files of a killed process: removed {count}");
            }
        }
        let pause = match (purging.enabled, leftovers_due) {
            (true, _) => interval,
            (false, Some(_)) => storage::LEFTOVER_AGE,
            (false, None) => return,
        };
        if !stopping.pause(pause) {
            return;
        }
    }
}

fn report_purge(report: &PurgeReport, purging: &UploadPurging, is_first: bool) {
    let PurgeReport {
        seen,
        purged,
        stuck,
        bytes_kept,
    } = report;
    if *purged > 0 && purging.enabled {
        let done = match purging.dry_run {
            true => "would be purged",
            false => "were purged",
        };
        log::info!("{purged} of {seen} unfinished uploads {done}");
    }
    if *stuck > 0 {
        log::warn!("{stuck} of {seen} unfinished uploads are old and cannot be removed");
    }
    let kept = seen.saturating_sub(*purged);
    if is_first && kept > 0 {
        let age = format_duration(purging.age);
        let end = match purging.enabled {
            true => format!("each is removed once it is {age} old"),
            false => "none is removed, because purging is disabled".to_owned(),
        };
        log::info!(
            "unfinished uploads: {kept}, {bytes_kept} bytes; {end} (storage.maintenance.uploadpurging)"
        );
    }
}
