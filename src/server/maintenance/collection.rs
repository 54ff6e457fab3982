//! Garbage collection while the registry serves (`storage.maintenance.garbagecollect`).
//!
//! When the last one ended is written down by the time of the lock's file, so that restarts neither delay the next one nor repeat
//! it, and of several registries on one directory one collects. Data is first left alone until all that clients were told before its
//! grace was announced ([`Storage::announce_grace`]) has aged: another program, or a registry that collects nothing, renewed none of it.

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
    let warn = |error: &crate::storage::Error| {
        log::warn!("garbage cannot be collected, and will be tried again: {error}");
    };
    let now = SystemTime::now();
    let first = next_due(storage, options, now).inspect_err(warn);
    let mut due = first.unwrap_or(now);
    while stopping.pause(options.interval.clamp(PAUSE_MIN, PAUSE_MAX)) {
        let now = SystemTime::now();
        if due > now {
            continue;
        }
        let outcome = next_due(storage, options, now).and_then(|next| match next > now {
            // Another process has collected meanwhile, or announced another grace.
            true => Ok(next),
            false => {
                collect(storage, config, stopping).map(|()| SystemTime::now() + options.interval)
            }
        });
        if let Ok(next) = outcome.inspect_err(warn) {
            due = next;
        }
    }
}

/// When the next collection is due by the time of the last one, and by when all registries have known of its grace.
fn next_due(
    storage: &Storage,
    options: &GarbageCollection,
    now: SystemTime,
) -> crate::storage::Result<SystemTime> {
    let since = storage.announce_grace(options.grace)?;
    let last = match storage.last_collection()? {
        // The clock was set back. That of a file server may be ahead.
        Some(last) if last > now + options.interval => {
            storage.note_collection()?;
            now
        }
        last => last.unwrap_or(since),
    };
    let earliest = Storage::first_collection(since, options.grace);
    Ok(earliest.max(last + options.interval))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Filesystem;
    use crate::storage::StorageOptions;
    use std::fs::File;
    use std::path::Path;
    use std::sync::Arc;

    const HOUR: Duration = Duration::from_secs(3600);

    fn date(path: &Path, time: SystemTime) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(time).unwrap();
    }

    #[test]
    fn a_collection_is_due_by_the_last_one_and_by_what_clients_were_told() {
        let directory = tempfile::tempdir().unwrap();
        let driver = Filesystem::new(directory.path(), 4).unwrap();
        let storage = Storage::new(Arc::new(driver), StorageOptions::default());
        let options = |grace| GarbageCollection {
            enabled: true,
            interval: 4 * HOUR,
            grace,
            untagged: false,
            dry_run: false,
        };
        let due = |now, grace| next_due(&storage, &options(grace), now).unwrap();
        let now = SystemTime::now();
        // Nothing is known of what clients were told before.
        assert!(due(now, 8 * HOUR) >= now + 10 * HOUR);
        let (announced, collected) = (
            directory.path().join("locks/grace"),
            directory.path().join("locks/collection"),
        );
        date(&announced, now - 20 * HOUR);
        assert_eq!(due(now, 8 * HOUR), now - 10 * HOUR);
        drop(storage.lock_collection().unwrap());
        date(&collected, now - HOUR);
        assert_eq!(due(now, 8 * HOUR), now + 3 * HOUR);
        // A grace that is shorter now: others still take longer for it.
        assert!(due(now, 6 * HOUR) >= now + 7 * HOUR);
        // The clock was ahead when it was collected.
        date(&announced, now - 20 * HOUR);
        date(&collected, now + 1000 * HOUR);
        let later = now + HOUR;
        assert_eq!(due(later, 8 * HOUR), later + 4 * HOUR);
        assert!(due(later + 5 * HOUR, 8 * HOUR) <= later + 5 * HOUR);
        date(&collected, now + 2 * HOUR);
        assert_eq!(due(now, 8 * HOUR), now + 6 * HOUR);
        assert_eq!(due(later, 8 * HOUR), now + 6 * HOUR);
    }
}
