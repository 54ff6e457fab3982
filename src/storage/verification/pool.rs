//! Work for several threads: one hands it over, the others do it, and all of them stop at the first that has to.

use super::Stop;
use crate::sync::{Mutex, join_all};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

/// Pieces of work that may wait for each thread.
const WAITING_MAX: usize = 64;

/// What hands over a piece of work.
pub type Hand<'h, T> = &'h dyn Fn(T) -> Result<(), Stop>;

/// The first reason to stop.
#[derive(Default)]
struct Stopped {
    is_set: AtomicBool,
    why: Mutex<Option<Stop>>,
}

impl Stopped {
    fn note(&self, outcome: Result<(), Stop>) {
        if let Err(stop) = outcome {
            self.why.lock().get_or_insert(stop);
            self.is_set.store(true, Ordering::Release);
        }
    }

    fn check(&self) -> Result<(), Stop> {
        match self.is_set.load(Ordering::Acquire) {
            true => Err(Stop::Asked),
            false => Ok(()),
        }
    }
}

/// Does what `produce` hands over, on `count` threads, or on this one if there is to be one only or no other can be started.
/// Returns when all of it is done, or the first error of either.
pub fn share<T: Send>(
    count: usize,
    produce: impl FnOnce(Hand<'_, T>) -> Result<(), Stop>,
    work: impl Fn(T) -> Result<(), Stop> + Sync,
) -> Result<(), Stop> {
    let (sender, receiver) = sync_channel(WAITING_MAX * count.max(1));
    let (receiver, stopped) = (Mutex::new(receiver), Stopped::default());
    thread::scope(|scope| {
        let do_work = || {
            loop {
                // The lock is held while waiting: who gets it next, gets the next piece.
                let next = receiver.lock().recv();
                let Ok(piece) = next else { return };
                // After a stop the rest is taken and dropped, so that nobody waits for room.
                if stopped.check().is_ok() {
                    stopped.note(work(piece));
                }
            }
        };
        let mut workers = Vec::new();
        if count > 1 {
            let spawn = |_| thread::Builder::new().spawn_scoped(scope, do_work).ok();
            workers.extend((0..count).filter_map(spawn));
        }
        let hand_over = |piece: T| {
            stopped.check()?;
            match workers.is_empty() {
                true => work(piece),
                // It fails only if all threads have ended, which they do not before this.
                false => sender.send(piece).map_err(|_| Stop::Asked),
            }
        };
        stopped.note(produce(&hand_over));
        drop(sender);
        join_all(workers);
    });
    let why = stopped.why.lock().take();
    why.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn everything_is_done_once_by_any_number_of_threads() {
        for count in [0, 1, 4] {
            let sum = AtomicUsize::new(0);
            let produce = |hand: Hand<'_, usize>| (0..10_000).try_for_each(hand);
            let add = |number: usize| {
                sum.fetch_add(number, Ordering::Relaxed);
                Ok(())
            };
            share(count, produce, add).unwrap();
            assert_eq!(sum.into_inner(), 10_000 * 9999 / 2);
        }
    }

    #[test]
    fn one_that_stops_stops_all_and_nobody_hangs() {
        for count in [1, 4] {
            let done = AtomicUsize::new(0);
            let produce = |hand: Hand<'_, usize>| (0..1_000_000).try_for_each(hand);
            let work = |number: usize| {
                done.fetch_add(1, Ordering::Relaxed);
                if number == 100 {
                    Err(Stop::Asked)
                } else {
                    Ok(())
                }
            };
            assert!(share(count, produce, work).is_err());
            assert!(done.into_inner() < 10_000);
        }
    }
}
