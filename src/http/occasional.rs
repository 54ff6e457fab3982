//! What may happen thousands of times an hour and is worth a line in the log: it is told at once, then
//! at most once in a while, with how often it happened.

use crate::sync::Mutex;
use std::time::{Duration, Instant};

/// Counts one kind of event.
pub(super) struct Occasional {
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    untold: u64,
    told: Option<Instant>,
}

impl Occasional {
    /// One that is told at most once in each `pause`.
    pub(super) fn new(pause: Duration) -> Occasional {
        Occasional {
            pause,
            state: Mutex::default(),
        }
    }

    /// It happened. Gives how often and by whom, in words, when it is time to tell.
    pub(super) fn note(&self, now: Instant, peer: impl FnOnce() -> String) -> Option<String> {
        Some(match self.count(now)? {
            1 => format!("from {}", peer()),
            count => format!(
                "{count} times since this was last logged, most recently from {}",
                peer()
            ),
        })
    }

    /// Gives how often it happened since it was last told, this time included, when it is time to tell.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        state.untold = state.untold.saturating_add(1);
        let is_early = |told: Instant| now.saturating_duration_since(told) < self.pause;
        if state.told.is_some_and(is_early) {
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_next_together() {
        let second = Duration::from_secs(1);
        let events = Occasional::new(10 * second);
        let start = Instant::now();
        assert_eq!(events.count(start), Some(1));
        for after in [0, 1, 9] {
            assert_eq!(events.count(start + after * second), None);
        }
        assert_eq!(events.count(start + 10 * second), Some(4));
        assert_eq!(events.count(start + 11 * second), None);
        assert_eq!(events.count(start + 30 * second), Some(2));
        let told = |after| events.note(start + after * second, || "here".to_owned());
        assert_eq!(told(40).as_deref(), Some("from here"));
        assert_eq!(told(41), None);
        let twice = "2 times since this was last logged, most recently from here";
        assert_eq!(told(50).as_deref(), Some(twice));
    }
}
