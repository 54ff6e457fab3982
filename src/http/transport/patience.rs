//! How long a peer is waited for. Only time spent waiting counts, never what the server did in between.

use crate::sys;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What ends the wait for a peer.
pub(in crate::http) trait Patience {
    /// Counts a wait of `waited` that moved `bytes`. `TimedOut` when the peer is no longer waited for.
    fn count(&mut self, bytes: usize, waited: Duration) -> io::Result<()>;
}

/// A bounded time of waiting in all, whatever arrives.
#[derive(Debug)]
pub(in crate::http) struct Deadline {
    left: Duration,
}

impl Deadline {
    /// At most `duration` of waiting.
    pub(in crate::http) fn new(duration: Duration) -> Deadline {
        Deadline { left: duration }
    }
}

impl Patience for Deadline {
    fn count(&mut self, _bytes: usize, waited: Duration) -> io::Result<()> {
        self.left = self.left.saturating_sub(waited);
        match self.left.is_zero() {
            true => Err(too_slow()),
            false => Ok(()),
        }
    }
}

/// A number of bytes a second, over each period of waiting.
///
/// It is measured in periods, not from the start, so that a fast start earns no credit.
#[derive(Debug)]
pub(in crate::http) struct MinimumRate {
    period: Duration,
    bytes_needed: u64,
    waited: Duration,
    bytes: u64,
    /// Once it is set nobody is waited for any more.
    stop: Option<Arc<AtomicBool>>,
}

impl MinimumRate {
    /// At least `bytes_per_second` over each `period` of waiting.
    pub(in crate::http) fn new(bytes_per_second: u64, period: Duration) -> MinimumRate {
        let needed = u128::from(bytes_per_second).saturating_mul(period.as_millis()) / 1000;
        MinimumRate {
            period,
            bytes_needed: u64::try_from(needed).unwrap_or(u64::MAX),
            waited: Duration::ZERO,
            bytes: 0,
            stop: None,
        }
    }

    /// Waits only until `stop` is set, which is checked after every tick: `ConnectionAborted`.
    pub(in crate::http) fn stop_when(&mut self, stop: Arc<AtomicBool>) {
        self.stop = Some(stop);
    }
}

impl Patience for MinimumRate {
    fn count(&mut self, bytes: usize, waited: Duration) -> io::Result<()> {
        let is_set = |stop: &Arc<AtomicBool>| stop.load(Ordering::Acquire);
        if self.stop.as_ref().is_some_and(is_set) {
            let message = "the rest of the body is no longer wanted";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, message));
        }
        self.waited = self.waited.saturating_add(waited);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.waited < self.period {
            return Ok(());
        }
        if self.bytes < self.bytes_needed {
            return Err(too_slow());
        }
        self.waited = Duration::ZERO;
        self.bytes = 0;
        Ok(())
    }
}

fn too_slow() -> io::Error {
    let message = "the peer was slower than the limits allow";
    io::Error::new(io::ErrorKind::TimedOut, message)
}

/// What the ticks of a server are at most.
pub(in crate::http) const TICK_LONGEST: Duration = Duration::from_secs(1);

/// Repeats `transfer`, which blocks for a tick at most, until it moves bytes, fails, or the peer's time is up.
pub(super) fn wait<T: Copy + Into<Option<usize>>>(
    patience: &mut dyn Patience,
    mut transfer: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut since = Instant::now();
    loop {
        let result = transfer();
        let now = Instant::now();
        let waited = now.saturating_duration_since(since);
        since = now;
        match result {
            Ok(moved) => {
                patience.count(moved.into().unwrap_or(0), waited)?;
                return Ok(moved);
            }
            Err(error) if sys::is_tick(&error) => patience.count(0, waited)?,
            // No wait is longer than a tick: whatever goes beyond that, this process was stopped for.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                patience.count(0, waited.min(TICK_LONGEST))?;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_steady_peer_is_waited_for_and_a_slow_one_is_not() {
        let mut rate = MinimumRate::new(100, SECOND * 2);
        for _ in 0..100 {
            rate.count(150, SECOND).unwrap();
        }
        assert!(rate.count(99, SECOND).is_ok());
        let error = rate.count(99, SECOND).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_fast_start_earns_no_credit() {
        let mut rate = MinimumRate::new(100, SECOND);
        rate.count(1_000_000, SECOND).unwrap();
        assert!(rate.count(0, SECOND).is_err());
    }

    #[test]
    fn a_deadline_holds_whatever_arrives() {
        let mut deadline = Deadline::new(SECOND);
        assert!(deadline.count(1_000_000, SECOND / 2).is_ok());
        assert!(deadline.count(1_000_000, SECOND / 2).is_err());
    }

    #[test]
    fn a_peer_has_no_more_time_while_signals_interrupt_the_wait_for_it() {
        let mut deadline = Deadline::new(SECOND / 100);
        let mut interrupted = || -> io::Result<usize> {
            std::thread::sleep(SECOND / 500);
            Err(io::ErrorKind::Interrupted.into())
        };
        let error = wait(&mut deadline, &mut interrupted).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut rate = MinimumRate::new(0, SECOND * 1000);
        rate.stop_when(Arc::new(AtomicBool::new(true)));
        let error = wait(&mut rate, &mut interrupted).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    #[test]
    fn a_zero_deadline_is_over_at_the_first_wait() {
        assert!(
            Deadline::new(Duration::ZERO)
                .count(0, Duration::ZERO)
                .is_err()
        );
    }
}
