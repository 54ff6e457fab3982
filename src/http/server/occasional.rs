//! Events that may happen thousands of times an hour and are worth a line in the log: the first is reported at once,
//! further ones at most once in a while, with their number.

use crate::sync::Mutex;
use std::time::{Duration, Instant};

/// Counts one kind of event.
pub(super) struct Occasional {
    pause: Duration,
    state: Mutex<Reported>,
}

#[derive(Default)]
struct Reported {
    /// How often it happened since.
    unreported: u64,
    /// When it was last reported.
    last: Option<Instant>,
}

impl Occasional {
    /// Events that are reported at most once in each `pause`.
    pub(super) fn new(pause: Duration) -> Occasional {
        Occasional {
            pause,
            state: Mutex::default(),
        }
    }

    /// It happened. Returns how often and by which peer, as text, when it is to be reported.
    pub(super) fn count(&self, now: Instant, peer: impl FnOnce() -> String) -> Option<String> {
        Some(match self.add(now)? {
            1 => format!("from {}", peer()),
            count => format!(
                "{count} times since this was last logged, most recently from {}",
                peer()
            ),
        })
    }

    /// Returns how often it happened since it was last reported, this time included, when it is to be reported.
    fn add(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        state.unreported = state.unreported.saturating_add(1);
        let is_early = |last: Instant| now.saturating_duration_since(last) < self.pause;
        if state.last.is_some_and(is_early) {
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.unreported))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_reported_at_once_and_the_next_together() {
        let second = Duration::from_secs(1);
        let events = Occasional::new(10 * second);
        let start = Instant::now();
        assert_eq!(events.add(start), Some(1));
        for after in [0, 1, 9] {
            assert_eq!(events.add(start + after * second), None);
        }
        assert_eq!(events.add(start + 10 * second), Some(4));
        assert_eq!(events.add(start + 11 * second), None);
        assert_eq!(events.add(start + 30 * second), Some(2));
        let said = |after| events.count(start + after * second, || "here".to_owned());
        assert_eq!(said(40).as_deref(), Some("from here"));
        assert_eq!(said(41), None);
        let twice = "2 times since this was last logged, most recently from here";
        assert_eq!(said(50).as_deref(), Some(twice));
    }
}
