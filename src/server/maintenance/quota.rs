//! What is used of the quotas (`storage.maintenance.quota`), counted when the server starts and anew after every interval.

use super::Stopping;
use crate::storage::{Result, Storage};
use std::time::Duration;

/// The pause after a count that failed, unless the interval is shorter.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);
/// The shortest time from the end of one count to the start of the next.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// Counts at the start, for which pushes wait, and then after every interval.
pub fn run(storage: &Storage, interval: Duration, stopping: &Stopping) {
    loop {
        let pause = match count(storage, stopping) {
            Ok(()) => interval,
            Err(error) => {
                log::warn!("what is used of the quotas cannot be counted: {error}");
                interval.min(PAUSE_AFTER_FAILURE)
            }
        };
        if !stopping.pause(pause.max(PAUSE_MIN)) {
            return;
        }
    }
}

/// Counts once, and reports what is used: for the first time, and whenever it is more than may be.
fn count(storage: &Storage, stopping: &Stopping) -> Result<()> {
    let is_first = storage.quota_use().is_none();
    storage.recount_quota(&|| stopping.may_continue())?;
    for quota in storage.quota_use().unwrap_or_default() {
        if quota.is_exceeded() {
            log::warn!("{quota}: nothing new can be pushed (storage.maintenance.quota)");
        } else if is_first {
            log::info!("{quota} (storage.maintenance.quota)");
        }
    }
    Ok(())
}
