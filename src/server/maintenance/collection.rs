//! Garbage collection while the registry serves (`storage.maintenance.garbagecollect`).
//!
//! When the last one ended is written down by the time of the lock's file, so that restarts neither delay the next one nor repeat
//! it, and of several registries on one directory one collects. Data that was never collected is first left alone for the
//! grace, since what another program told its clients before is written down nowhere.

use super::{Stopping, retention};
use crate::config::{GarbageCollection, StorageConfig};
use crate::storage::{Collection, CollectionEvent, MinimumAge, Storage};
use std::time::{Duration, SystemTime};

/// The longest time after a start before a collection that is due begins, and between two looks at whether one is.
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// The shortest.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// Collects after every interval.
pub fn run(storage: &Storage, config: &StorageConfig, stopping: &Stopping) {
    let options = &config.garbage_collection;
    let mut due = match first_due(storage, options) {
        Ok(due) => due,
        Err(error) => return log::warn!("garbage is not collected: {error}"),
    };
    while stopping.pause(options.interval.clamp(PAUSE_MIN, PAUSE_MAX)) {
        let now = SystemTime::now();
        if due > now {
            continue;
        }
        let outcome = next_due(storage, options, now).and_then(|next| match next {
            // Another process has collected meanwhile.
            Some(next) if next > now => Ok(next),
            _ => collect(storage, config, stopping).map(|()| SystemTime::now() + options.interval),
        });
        match outcome {
            Ok(next) => due = next,
            Err(error) => {
                log::warn!("garbage cannot be collected, and will be tried again: {error}")
            }
        }
    }
}

/// When to collect first.
fn first_due(storage: &Storage, options: &GarbageCollection) -> crate::storage::Result<SystemTime> {
    let now = SystemTime::now();
    if let Some(due) = next_due(storage, options, now)? {
        return Ok(due);
    }
    // From now on it is known what clients are told.
    drop(storage.lock_collection()?);
    Ok(now + options.grace.max(options.interval))
}

/// When the next collection is due by the time of the last one; `None` if there was none.
fn next_due(
    storage: &Storage,
    options: &GarbageCollection,
    now: SystemTime,
) -> crate::storage::Result<Option<SystemTime>> {
    let last = storage.last_collection()?;
    // If it is in the future, the clock was set back.
    Ok(last.map(|last| last.min(now) + options.interval))
}

fn collect(
    storage: &Storage,
    config: &StorageConfig,
    stopping: &Stopping,
) -> crate::storage::Result<()> {
    let options = &config.garbage_collection;
    let Some(_held) = storage.lock_collection()? else {
        log::debug!("another process collects garbage");
        return Ok(());
    };
    if config.retention.enabled {
        // What its tags named may be garbage then.
        retention::apply(storage, &config.retention, stopping);
    }
    log::info!("collecting garbage");
    let report = storage.collect(&Collection {
        untagged: options.untagged,
        minimum_age: MinimumAge::Grace(options.grace),
        dry_run: options.dry_run,
        threads: 1,
        may_continue: &|| stopping.may_continue(),
        report: &|event| log_event(storage, event, options.dry_run),
    })?;
    if !report.is_partial {
        storage.note_collection()?;
    }
    log::info!("garbage collection: {}", report.summary(options.dry_run));
    Ok(())
}

fn log_event(storage: &Storage, event: &CollectionEvent<'_>, dry_run: bool) {
    let doing = match dry_run {
        true => "would remove",
        false => "removed",
    };
    match event {
        CollectionEvent::Manifest(name, digest) => {
            log::info!("{doing} the manifest {digest} of {name}, to which no tag leads");
        }
        CollectionEvent::Layer(name, digest) => {
            log::debug!("{doing} the link of {name} to {digest}")
        }
        CollectionEvent::Referrer(name, digest) => {
            log::debug!("{doing} the entry of the referrer {digest} of {name}");
        }
        CollectionEvent::Blob(digest, bytes) => {
            log::debug!("{doing} the blob {digest} with {bytes} bytes");
        }
        CollectionEvent::Unreadable(key, why) => storage.log_kept(key, why),
        CollectionEvent::Stuck(key, why) => storage.log_stuck(key, why),
    }
}
