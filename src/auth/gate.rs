//! How many passwords are checked at once, and how many may wait for that: a flood of logins costs
//! some processors and a short line, never the whole server.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A semaphore whose line has an end.
pub struct Gate {
    line: Mutex<Line>,
    freed: Condvar,
    waiting_max: usize,
    patience: Duration,
}

struct Line {
    free: usize,
    waiting: usize,
}

/// A place in the gate, given back when dropped.
pub struct Pass<'a>(&'a Gate);

impl Gate {
    /// A gate for `places` at once and `waiting_max` behind them, none longer than `patience`.
    pub fn new(places: usize, waiting_max: usize, patience: Duration) -> Gate {
        Gate {
            line: Mutex::new(Line {
                free: places.max(1),
                waiting: 0,
            }),
            freed: Condvar::new(),
            waiting_max,
            patience,
        }
    }

    /// Waits for a place; `None` when the line is full or does not move.
    pub fn enter(&self) -> Option<Pass<'_>> {
        let mut line = self.line();
        if line.free == 0 {
            if line.waiting >= self.waiting_max {
                return None;
            }
            line.waiting += 1;
            let none = |line: &mut Line| line.free == 0;
            let waited = self.freed.wait_timeout_while(line, self.patience, none);
            (line, _) = waited.unwrap_or_else(PoisonError::into_inner);
            line.waiting -= 1;
        }
        line.free = line.free.checked_sub(1)?;
        Some(Pass(self))
    }

    /// How many wait.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.line().waiting
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.line().free += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_an_end() {
        let gate = Gate::new(1, 1, Duration::from_secs(60));
        let inside = gate.enter().unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| gate.enter().is_some());
            while gate.waiting() == 0 {
                std::thread::yield_now();
            }
            assert!(gate.enter().is_none());
            drop(inside);
            assert!(waits.join().unwrap());
        });
        assert!(gate.enter().is_some());
    }

    #[test]
    fn nobody_waits_for_ever() {
        let gate = Gate::new(1, 8, Duration::ZERO);
        let _inside = gate.enter().unwrap();
        assert!(gate.enter().is_none());
        assert_eq!(gate.waiting(), 0);
    }
}
