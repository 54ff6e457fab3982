//! Background jobs: one file each. Every job has a thread of its own, with a low priority where the system has such, and ends at
//! its next step when the server stops.

mod collection;
mod quota;
mod retention;
mod uploads;
mod verification;

use crate::config::Config;
use crate::storage::Storage;
use crate::sync::{Condvar, Mutex};
use crate::sys;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, Scope};
use std::time::Duration;

/// Tells the jobs when the server stops.
#[derive(Default)]
pub struct Stopping {
    is_stopping: Mutex<bool>,
    changed: Condvar,
}

impl Stopping {
    /// Ends all pauses, and every job at its next step.
    pub fn stop(&self) {
        *self.is_stopping.lock() = true;
        self.changed.notify_all();
    }

    /// Whether a job may continue.
    pub fn may_continue(&self) -> bool {
        !*self.is_stopping.lock()
    }

    /// Waits; `false` if the server stops, which ends the wait at once.
    pub fn pause(&self, pause: Duration) -> bool {
        let is_stopping = self.is_stopping.lock();
        let mut runs = |is_stopping: &mut bool| !*is_stopping;
        let (is_stopping, _) = self
            .changed
            .wait_timeout_while(is_stopping, pause, &mut runs);
        !*is_stopping
    }
}

/// Starts the jobs that the configuration asks for.
pub fn start<'s>(
    scope: &'s Scope<'s, '_>,
    (storage, config): (&'s Storage, &'s Config),
    is_writable: bool,
    stopping: &'s Stopping,
) {
    let purging = &config.storage.upload_purging;
    spawn(scope, "the purge of unfinished uploads", move || {
        uploads::run(storage, purging, is_writable, stopping);
    });
    let collection = &config.storage.garbage_collection;
    if collection.enabled && is_writable {
        spawn(scope, "the garbage collection", move || {
            collection::run(storage, &config.storage, stopping);
        });
    }
    let retention = &config.storage.retention;
    if retention.enabled && is_writable {
        spawn(scope, "retention", move || {
            retention::run(storage, retention, stopping);
        });
    }
    if storage.has_quota() && is_writable {
        let interval = config.storage.quota.interval;
        spawn(scope, "the count of what is used of quotas", move || {
            quota::run(storage, interval, stopping);
        });
    }
    let verification = &config.storage.verification;
    if verification.enabled {
        spawn(scope, "the verification of all data", move || {
            verification::run(storage, verification, is_writable, stopping);
        });
    }
}

/// Runs a job on a thread of its own. One that cannot be started, or has a bug, is logged, and the server continues without it.
fn spawn<'s>(scope: &'s Scope<'s, '_>, name: &'static str, job: impl FnOnce() + Send + 's) {
    let run = move || {
        sys::lower_priority();
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            log::error!("{name} has ended because of a bug and starts again with the server");
        }
    };
    if let Err(error) = thread::Builder::new().spawn_scoped(scope, run) {
        log::error!("{name} does not run: cannot start a thread: {error}");
    }
}
