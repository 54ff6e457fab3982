//! How many file operations run at once (`storage.filesystem.maxthreads`).

use crate::sync::{Condvar, Mutex};

/// A counting semaphore. While there are places, entering and leaving is no call of the system.
pub struct Gate {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    free: usize,
    waiting: usize,
}

/// A place in the gate, given back when dropped.
pub struct Pass<'a>(&'a Gate);

impl Gate {
    /// A gate for `places` at once; none is taken as one.
    pub fn new(places: usize) -> Gate {
        Gate {
            state: Mutex::new(State {
                free: places.max(1),
                waiting: 0,
            }),
            freed: Condvar::new(),
        }
    }

    /// Waits for a place.
    pub fn enter(&self) -> Pass<'_> {
        let mut state = self.state.lock();
        if state.free == 0 {
            state.waiting += 1;
            state = self.freed.wait_while(state, |state| state.free == 0);
            state.waiting -= 1;
        }
        state.free -= 1;
        Pass(self)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.free += 1;
        let has_waiting = state.waiting > 0;
        drop(state);
        if has_waiting {
            self.0.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[test]
    fn no_more_than_its_places_are_inside_at_once() {
        let (gate, inside, most) = (Gate::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _pass = gate.enter();
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                    }
                });
            }
        });
        assert!((1..=2).contains(&most.load(SeqCst)));
    }
}
