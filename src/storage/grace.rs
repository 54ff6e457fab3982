//! The grace that collections keep to, known to every registry that serves the data.
//!
//! Of several registries on one directory some may collect garbage and others not, or each with another grace. Whatever a client is told by
//! any of them must be renewed ([`super::freshness`]) in time for the one that collects soonest. So a registry announces its
//! grace in an object before it collects, every registry looks at that object before it answers, and the first collection with a shorter
//! grace begins when what was told before has aged.

use super::freshness::removable_age;
use super::{Result, Storage, layout};
use crate::driver::{Precondition, Write};
use crate::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// How long the announced grace is taken as known. The shortest grace has 0.25 s and more to spare.
const KNOWN_FOR: Duration = Duration::from_millis(250);
/// The longest announcement that is read, a number of seconds.
const BYTES_MAX: u64 = 32;

/// What was announced when it was last looked up.
#[derive(Default)]
pub struct KnownGrace(Mutex<Option<(Instant, Option<Duration>)>>);

impl Storage {
    /// How long what a client is told of is kept at least; `None` if nothing is ever collected.
    pub(super) fn grace(&self) -> Option<Duration> {
        let mut known = self.known_grace.0.lock();
        let announced = match *known {
            Some((at, announced)) if at.elapsed() < KNOWN_FOR => announced,
            _ => {
                let now = Instant::now();
                let announced = self.announced_grace();
                *known = Some((now, announced));
                announced
            }
        };
        let own = self.options.collection_grace;
        own.map_or(announced, |own| {
            Some(announced.map_or(own, |announced| own.min(announced)))
        })
    }

    fn announced_grace(&self) -> Option<Duration> {
        let key = layout::collection_grace();
        match self.driver.read(&key, BYTES_MAX) {
            Ok(found) => found.map(|found| parse(&found.bytes)),
            Err(error) => {
                self.skip(&key, &error);
                // It may be any.
                Some(Duration::ZERO)
            }
        }
    }

    /// Announces the grace of collections that are going to be, unless the same or a shorter one is announced. Returns since when
    /// it has been, which is to be asked again before each collection.
    pub fn announce_grace(&self, grace: Duration) -> Result<SystemTime> {
        let (key, now) = (layout::collection_grace(), SystemTime::now());
        let found = self.driver.read(&key, BYTES_MAX)?;
        let only_if = match &found {
            None => Precondition::Absent,
            // One that is still far in the future was written before the clock was set back. The clock of a file server may be ahead.
            Some(found)
                if parse(&found.bytes) <= grace && found.modified <= now + removable_age(grace) =>
            {
                return Ok(found.modified);
            }
            Some(found) => Precondition::Unchanged(&found.version),
        };
        // Whole seconds, rounded down, so that nothing is renewed too late.
        let seconds = grace.as_secs().to_string();
        let write = Write::new(key, seconds.as_bytes()).only_if(only_if);
        match self.driver.write(&[write]) {
            // Another registry announces one at this moment. If it is longer, the next call replaces it.
            Err(error) if error.is_changed() => Ok(now),
            written => Ok(written.map(|()| now)?),
        }
    }

    /// When a collection may begin at the earliest, with a grace that has been announced since then: what clients were told before is
    /// that old by then.
    pub fn first_collection(since: SystemTime, grace: Duration) -> SystemTime {
        since + removable_age(grace)
    }

    /// Forgets an announced grace that this registry does not need. The caller knows that no other registry serves the data.
    pub(super) fn forget_shorter_grace(&self) -> Result<()> {
        let own = self.options.collection_grace;
        match self.announced_grace() {
            Some(announced) if own.is_none_or(|own| announced.as_secs() < own.as_secs()) => {
                Ok(self.driver.remove(&[&layout::collection_grace()])?)
            }
            _ => Ok(()),
        }
    }
}

/// Reads whole seconds. What is not a number may have been any.
fn parse(bytes: &[u8]) -> Duration {
    let text = str::from_utf8(bytes).unwrap_or_default();
    Duration::from_secs(text.trim().parse().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Filesystem;
    use crate::storage::StorageOptions;
    use crate::storage::tests::options;
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use std::thread;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A registry on a directory.
    fn open(root: &Path, collection_grace: Option<Duration>) -> Storage {
        let driver = Filesystem::new(root, 4).unwrap();
        let options = StorageOptions {
            collection_grace,
            ..options()
        };
        Storage::new(Arc::new(driver), options)
    }

    fn announced(root: &Path) -> Option<String> {
        fs::read_to_string(root.join("locks/grace")).ok()
    }

    #[test]
    fn the_shortest_grace_is_announced_and_since_when() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let storage = open(root, None);
        storage.announce_grace(2 * HOUR).unwrap();
        assert_eq!(announced(root).as_deref(), Some("7200"));
        let past = SystemTime::now() - 5 * HOUR;
        let date = |time| {
            let file = fs::File::options()
                .write(true)
                .open(root.join("locks/grace"));
            file.unwrap().set_modified(time).unwrap();
        };
        date(past);
        assert_eq!(storage.announce_grace(2 * HOUR).unwrap(), past);
        assert_eq!(storage.announce_grace(3 * HOUR).unwrap(), past);
        assert_eq!(announced(root).as_deref(), Some("7200"));
        // A shorter one begins anew.
        let since = storage.announce_grace(HOUR).unwrap();
        assert!(since > past + 4 * HOUR);
        assert_eq!(announced(root).as_deref(), Some("3600"));
        // So does one that was announced by a clock that was far ahead, but not by that of a file server.
        date(SystemTime::now() + 5 * HOUR);
        assert!(storage.announce_grace(HOUR).unwrap() <= SystemTime::now());
        assert!(storage.announce_grace(HOUR).unwrap() <= SystemTime::now());
        let ahead = SystemTime::now() + HOUR;
        date(ahead);
        assert_eq!(storage.announce_grace(HOUR).unwrap(), ahead);
        // What was told before has aged then, however young it was taken for.
        assert_eq!(Storage::first_collection(past, 4 * HOUR), past + 5 * HOUR);
    }

    #[test]
    fn every_registry_comes_to_know_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let (idle, slow, fast) = (
            open(root, None),
            open(root, Some(2 * HOUR)),
            open(root, Some(HOUR / 2)),
        );
        assert_eq!(idle.grace(), None);
        assert_eq!(slow.grace(), Some(2 * HOUR));
        idle.announce_grace(HOUR).unwrap();
        let started = Instant::now();
        while idle.grace().is_none() || slow.grace() != Some(HOUR) {
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "it is not known"
            );
            thread::yield_now();
        }
        assert_eq!(idle.grace(), Some(HOUR));
        assert_eq!(fast.grace(), Some(HOUR / 2));
    }

    #[test]
    fn what_cannot_be_read_may_be_any() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("locks")).unwrap();
        for text in ["", "soon", "-1", "9999999999999999999999999999999999"] {
            fs::write(root.join("locks/grace"), text).unwrap();
            assert_eq!(
                open(root, Some(HOUR)).grace(),
                Some(Duration::ZERO),
                "{text}"
            );
        }
        fs::remove_file(root.join("locks/grace")).unwrap();
        fs::create_dir(root.join("locks/grace")).unwrap();
        assert_eq!(open(root, None).grace(), Some(Duration::ZERO));
        assert!(open(root, None).announce_grace(HOUR).is_err());
    }

    #[test]
    fn a_registry_that_serves_alone_forgets_a_grace_shorter_than_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let keeps = [
            (Some(HOUR), true),
            (Some(HOUR / 2), true),
            (Some(2 * HOUR), false),
            (None, false),
        ];
        for (own, kept) in keeps {
            open(root, None).announce_grace(HOUR).unwrap();
            let other = open(root, Some(HOUR));
            let held = other.lock_for_serving().unwrap();
            drop(open(root, own).lock_for_serving().unwrap());
            assert_eq!(
                announced(root).as_deref(),
                Some("3600"),
                "{own:?} beside another"
            );
            drop(held);
            drop(open(root, own).lock_for_serving().unwrap());
            assert_eq!(announced(root).is_some(), kept, "{own:?} alone");
        }
    }
}
