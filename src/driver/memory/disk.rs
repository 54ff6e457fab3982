//! What is in memory, and what of it a power loss would leave.

use crate::driver::{Changed, Error, Key, Precondition, Result, Stat, Version, Write};
use crate::sync::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::SystemTime;

/// All files, and how the power goes.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) live: BTreeMap<Key, File>,
    pub(super) durable: BTreeMap<Key, Arc<[u8]>>,
    /// Durable steps until the power goes; `None`: never.
    pub(super) steps_left: Option<usize>,
    pub(super) steps: usize,
    /// The changes of one call reach the disk from the last to the first.
    pub(super) reordered: bool,
    pub(super) folds_case: bool,
}

/// A file, which keeps its content when it gets another name.
#[derive(Clone)]
pub(super) struct File {
    pub(super) id: u64,
    content: Arc<Mutex<Vec<u8>>>,
    /// How much of the content was synced.
    pub(super) synced: Arc<AtomicUsize>,
    modified: SystemTime,
}

impl File {
    pub(super) fn new(content: &[u8]) -> File {
        static FILES: AtomicU64 = AtomicU64::new(0);
        File {
            id: FILES.fetch_add(1, Ordering::Relaxed) + 1,
            content: Arc::new(Mutex::new(content.to_vec())),
            synced: Arc::default(),
            modified: SystemTime::now(),
        }
    }

    pub(super) fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.content.lock()
    }

    pub(super) fn version(&self) -> Version {
        Version::Numbers([self.id, 0, 0])
    }

    /// Makes now the time of its last write.
    pub(super) fn touch(&mut self) {
        self.modified = SystemTime::now();
    }

    pub(super) fn stat(&self) -> Stat {
        Stat {
            length: self.bytes().len() as u64,
            modified: self.modified,
        }
    }
}

/// One step towards the disk.
pub(super) enum Change<'a> {
    Write(&'a Write<'a>),
    /// Gives a file that was synced another name, if it is this one and has this length.
    Move {
        from: &'a Key,
        file: u64,
        length: u64,
        to: &'a Key,
    },
}

impl Disk {
    /// Takes one durable step, or fails because the power is gone.
    pub(super) fn step(&mut self) -> io::Result<()> {
        match &mut self.steps_left {
            Some(0) => return Err(io::Error::other("the power is gone")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.steps += 1;
        Ok(())
    }

    pub(super) fn live(&self, key: &Key) -> Result<&File> {
        self.live
            .get(key)
            .ok_or_else(|| Error::new(key, io::ErrorKind::NotFound.into()))
    }

    /// All keys that are `key` or below it.
    pub(super) fn within(&self, key: &Key) -> Vec<Key> {
        let within = self.live.keys().filter(|found| found.is_within(key));
        within.cloned().collect()
    }

    /// Makes changes, each in one step, in an order that a disk may choose.
    pub(super) fn publish(&mut self, changes: &[Change<'_>]) -> Result<()> {
        let mut order: Vec<&Change<'_>> = changes.iter().collect();
        if self.reordered {
            order.reverse();
        }
        order.into_iter().try_for_each(|change| self.make(change))
    }

    fn make(&mut self, change: &Change<'_>) -> Result<()> {
        let key = match change {
            Change::Write(write) => &write.key,
            Change::Move { to, .. } => to,
        };
        self.step().map_err(|error| Error::new(key, error))?;
        let file = match change {
            Change::Write(write) => {
                self.check(write)?;
                let file = File::new(write.content);
                file.synced.store(write.content.len(), Ordering::Relaxed);
                file
            }
            Change::Move {
                from, file, length, ..
            } => {
                let found = self.live(from)?.clone();
                if (found.id, found.stat().length) != (*file, *length) {
                    return Err(Error::new(from, Changed::error()));
                }
                self.live.remove(from);
                self.durable.remove(from);
                found
            }
        };
        // A name may outlive its content: what was not synced reads as nothing after a power loss.
        let synced = file.synced.load(Ordering::Relaxed);
        let durable = file.bytes().get(..synced).unwrap_or_default().into();
        self.durable.insert(key.clone(), durable);
        self.live.insert(key.clone(), file);
        Ok(())
    }

    /// Whether the condition of a write is met.
    fn check(&self, write: &Write<'_>) -> Result<()> {
        let found = self.live.get(&write.key).map(File::version);
        let is_met = match write.only_if {
            Precondition::None => true,
            Precondition::Absent => found.is_none(),
            Precondition::Unchanged(version) => found.as_ref() == Some(version),
        };
        match is_met {
            true => Ok(()),
            false => Err(Error::new(&write.key, Changed::error())),
        }
    }
}
