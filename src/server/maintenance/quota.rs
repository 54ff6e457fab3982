//! What is used of the quotas (`storage.maintenance.quota`), counted when the server starts and anew after every interval.

use crate::storage::Storage;
use std::time::Duration;

/// The pause after a count that failed.
pub const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Counts once; whether that worked. Pushes wait for the first count. `may_continue` says when to stop.
pub fn count(storage: &Storage, is_first: bool, may_continue: &dyn Fn() -> bool) -> bool {
    match storage.recount_quota(may_continue) {
        Ok(true) => {}
        Ok(false) => return true,
        Err(error) => {
            log::warn!("what is used of the quotas cannot be counted: {error}");
            return false;
        }
    }
    for quota in storage.quota_use().unwrap_or_default() {
        if quota.is_exceeded() {
            log::warn!("{quota}: nothing new can be pushed (storage.maintenance.quota)");
        } else if is_first {
            log::info!("{quota} (storage.maintenance.quota)");
        }
    }
    true
}
