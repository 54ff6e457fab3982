//! One operation on every connection for a time, and what came of it.

use crate::operation::{Plan, Ready};
use crate::wire::{Connection, Outcome, Server};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What is to be measured.
pub struct Task {
    /// Where.
    pub server: Server,
    /// Connections that work at once.
    pub connections: u64,
    /// How long.
    pub duration: Duration,
    /// Requests after which it ends sooner.
    pub requests: u64,
    /// What each does.
    pub plan: Plan,
}

/// What was done.
pub struct Measured {
    /// How long each took, the shortest first.
    pub latencies: Vec<Duration>,
    /// Bytes of content that went either way.
    pub bytes: u64,
    /// How long all of it took.
    pub elapsed: Duration,
}

impl Measured {
    /// How often the operation was done in a second.
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// What one connection did.
#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    bytes: u64,
}

/// Prepares what the operation needs, and runs it on every connection.
pub fn measure(task: &Task) -> Outcome<Measured> {
    let ready = task.plan.prepare(&task.server)?;
    let requests = AtomicU64::new(0);
    let tallies = Mutex::new(Vec::new());
    let failure = Mutex::new(None);
    let started = Instant::now();
    thread::scope(|scope| {
        for worker in 0..task.connections {
            let (ready, tallies, failure) = (ready.clone(), &tallies, &failure);
            let requests = &requests;
            scope.spawn(move || match work(task, ready, worker, started, requests) {
                Ok(tally) => tallies
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(tally),
                Err(error) => {
                    failure
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(error);
                }
            });
        }
    });
    let elapsed = started.elapsed();
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let tallies: Vec<Tally> = tallies.into_inner().unwrap_or_else(PoisonError::into_inner);
    let all = tallies.iter().flat_map(|tally| &tally.latencies);
    let mut latencies: Vec<Duration> = all.copied().collect();
    latencies.sort_unstable();
    Ok(Measured {
        latencies,
        bytes: tallies.iter().map(|tally| tally.bytes).sum(),
        elapsed,
    })
}

fn work(
    task: &Task,
    mut ready: Ready,
    worker: u64,
    started: Instant,
    requests: &AtomicU64,
) -> Outcome<Tally> {
    let mut connection = Connection::open(&task.server)?;
    let mut tally = Tally::default();
    let mut round = 0;
    while started.elapsed() < task.duration
        && requests.fetch_add(1, Ordering::Relaxed) < task.requests
    {
        let begun = Instant::now();
        tally.bytes += ready.run(&mut connection, worker, round)?;
        tally.latencies.push(begun.elapsed());
        round += 1;
    }
    Ok(tally)
}
