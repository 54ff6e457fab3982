//! Second threads for large bodies: they hash what has arrived while the first thread receives and writes what comes next.
//!
//! Most of the time of a push is spent in its hash, and nothing else waits for it before the end.

use crate::memory::{Budget, CopyBuffer};
use crate::spec::Hasher;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Buffers that wait to be hashed; the threads have one more each.
const WAITING_MAX: usize = 2;

/// Bytes for the stack of a helper: it only hashes, but the report of a panic needs room.
const STACK_BYTES: usize = 256 * 1024;

/// How many bodies may have a second thread at the same time: with one for each processor all would wait for each other.
pub struct Helpers {
    free: AtomicUsize,
}

impl Helpers {
    /// As many as there are processors for two threads.
    pub fn new() -> Helpers {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Helpers {
            free: AtomicUsize::new(processors / 2),
        }
    }

    /// How many more may have one.
    #[cfg(test)]
    pub fn free(&self) -> usize {
        self.free.load(Ordering::Acquire)
    }

    /// A place for a helper; `None` while there are as many as there may be.
    pub fn take(&self) -> Option<Place<'_>> {
        let less = |free: usize| free.checked_sub(1);
        let taken = self
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        taken.is_ok().then_some(Place(self))
    }
}

/// A helper's place; free again when it is dropped.
pub struct Place<'h>(&'h Helpers);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::AcqRel);
    }
}

/// A thread that hashes buffers in the order in which they are passed.
pub struct Helper<'scope> {
    full: SyncSender<(CopyBuffer, usize)>,
    empty: Receiver<CopyBuffer>,
    /// Buffers that it has, or has had and that were not taken back.
    passed: usize,
    thread: ScopedJoinHandle<'scope, Hasher>,
}

impl<'scope> Helper<'scope> {
    /// Starts one that goes on with a hash.
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        hasher: &Hasher,
    ) -> io::Result<Helper<'scope>> {
        let (full, to_hash) = sync_channel(WAITING_MAX);
        let (hashed, empty) = channel();
        let hasher = hasher.clone();
        let thread = Builder::new()
            .name("hash".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, move || hash(hasher, &to_hash, &hashed))?;
        Ok(Helper {
            full,
            empty,
            passed: 0,
            thread,
        })
    }

    /// Passes the first `count` bytes of a buffer on and gives another one, for which it may have to wait.
    pub fn pass(&mut self, full: CopyBuffer, count: usize, memory: &Arc<Budget>) -> CopyBuffer {
        let length = full.len();
        // It ends before its channel only by a panic, which `finish` passes on.
        let _ = self.full.send((full, count));
        self.passed += 1;
        if self.passed > WAITING_MAX + 1
            && let Ok(buffer) = self.empty.recv()
        {
            self.passed -= 1;
            return buffer;
        }
        memory.buffer(length, 0)
    }

    /// Waits until everything is hashed.
    pub fn finish(self) -> Hasher {
        drop(self.full);
        match self.thread.join() {
            Ok(hasher) => hasher,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn hash(
    mut hasher: Hasher,
    full: &Receiver<(CopyBuffer, usize)>,
    empty: &Sender<CopyBuffer>,
) -> Hasher {
    for (buffer, count) in full {
        hasher.update(buffer.split_at(count).0);
        // At the end nobody takes it back.
        let _ = empty.send(buffer);
    }
    hasher
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Algorithm;
    use std::collections::HashSet;

    #[test]
    fn as_many_bodies_have_a_helper_as_there_are_places() {
        let helpers = Helpers {
            free: AtomicUsize::new(1),
        };
        let place = helpers.take();
        assert!(place.is_some() && helpers.take().is_none());
        drop(place);
        assert!(helpers.take().is_some());
    }

    #[test]
    fn what_is_passed_is_hashed_in_order_and_a_few_buffers_go_round() {
        let memory = Budget::new(1 << 20);
        let (mut expected, mut buffers) = (Vec::new(), HashSet::new());
        let start = Algorithm::Sha256.digest(b"");
        let hasher = Hasher::new(Algorithm::Sha256);
        let found = std::thread::scope(|scope| {
            let mut helper = Helper::start(scope, &hasher).unwrap();
            let mut buffer = memory.buffer(1000, 0);
            for number in 0..200_u8 {
                buffers.insert(buffer.as_ptr() as usize);
                let count = 5 * usize::from(number);
                buffer.split_at_mut(count).0.fill(number);
                expected.extend_from_slice(buffer.split_at(count).0);
                buffer = helper.pass(buffer, count, &memory);
                assert_eq!(buffer.len(), 1000);
            }
            helper.finish().digest()
        });
        assert_eq!(found, Algorithm::Sha256.digest(&expected));
        assert_ne!(found, start);
        // One with each thread, and those that wait on either way.
        assert!(buffers.len() <= WAITING_MAX + 2, "{}", buffers.len());
    }
}
