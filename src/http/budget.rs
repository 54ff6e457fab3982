//! Memory that connections take beyond their small buffers, counted together: what large heads need.
//!
//! Nothing here is touched while heads fit the buffer that every connection has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that all connections together may take.
pub(super) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    /// A whole one.
    pub(super) fn new(bytes: usize) -> Arc<Budget> {
        Arc::new(Budget {
            left: AtomicUsize::new(bytes),
        })
    }
}

/// What one connection has taken of a budget; given back when it is dropped.
pub(super) struct Share {
    budget: Arc<Budget>,
    taken: usize,
}

impl Share {
    /// Nothing yet.
    pub(super) fn new(budget: &Arc<Budget>) -> Share {
        Share {
            budget: Arc::clone(budget),
            taken: 0,
        }
    }

    /// Takes more, or gives back, until it has this many bytes. `false`: there are not so many left, and
    /// nothing changed.
    pub(super) fn set(&mut self, bytes: usize) -> bool {
        let left = &self.budget.left;
        if bytes > self.taken {
            let more = bytes - self.taken;
            let take = |left: usize| left.checked_sub(more);
            if left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_err()
            {
                return false;
            }
        } else if bytes < self.taken {
            left.fetch_add(self.taken - bytes, Ordering::Relaxed);
        }
        self.taken = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_take_together_no_more_than_there_is() {
        let budget = Budget::new(100);
        let mut one = Share::new(&budget);
        let mut two = Share::new(&budget);
        assert!(one.set(60) && two.set(40));
        assert!(!two.set(41));
        assert!(one.set(59) && two.set(41));
        assert!(!one.set(60), "a refusal changes nothing");
        drop(two);
        assert!(one.set(100));
        assert!(one.set(0));
        assert_eq!(budget.left.load(Ordering::Relaxed), 100);
    }
}
