//! The memory that is held for clients, counted together: large heads, manifests, responses, buffers. One
//! budget bounds all of it (`http.limits.memory`).
//!
//! Every share states its purpose, since not all memory is returned equally soon. What a client may keep for as
//! long as it likes never takes the last of it, and the larger a share, the earlier it is denied: a few clients that
//! hold megabytes leave enough for the many that need kilobytes.
//!
//! The small buffers that each connection has anyway are not counted: the number of connections bounds them.

use crate::sync::{Condvar, Mutex};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

/// The default budget.
pub const BYTES_DEFAULT: usize = 96 * 1024 * 1024;

/// How many times a budget must hold the largest manifest: pushing one takes nine times
/// its bytes, and listing one with nothing but annotations among the referrers eighteen.
pub const LARGEST_SHARES: usize = 20;

/// How long a caller that can wait waits for memory.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// A client's share may be this fraction of what is then left: an eighth.
const CLIENT_DIVISOR: usize = 8;

/// The length of a buffer when memory is short: the smallest with which bytes move at a good rate.
const SMALL_BUFFER_BYTES: usize = 16 * 1024;

/// What memory is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Only speed: there is another way without it. Taken from the first half only.
    Speed,
    /// What a client holds for as long as it takes to send or to read: never more than an eighth of
    /// what is then left.
    Client,
    /// Work that soon ends by itself: all that is left.
    Work,
}

/// Bytes that all shares together may take.
#[derive(Debug)]
pub struct Budget {
    bytes: usize,
    state: Mutex<BudgetState>,
    freed: Condvar,
}

#[derive(Debug)]
struct BudgetState {
    left: usize,
    waiting: usize,
}

/// No memory is left, even after some waiting.
#[derive(Debug, PartialEq, Eq)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the memory for clients is exhausted (http.limits.memory)")
    }
}

impl std::error::Error for Exhausted {}

impl Budget {
    /// A budget of which nothing is taken.
    pub fn new(bytes: usize) -> Arc<Budget> {
        Arc::new(Budget {
            bytes,
            state: Mutex::new(BudgetState {
                left: bytes,
                waiting: 0,
            }),
            freed: Condvar::new(),
        })
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// That many bytes for work, waiting a little for others to return theirs.
    pub fn work(self: &Arc<Budget>, bytes: usize) -> Result<Share, Exhausted> {
        let mut share = Share::new(self, Use::Work);
        share.wait_for(bytes)?;
        Ok(share)
    }

    /// A buffer to copy through: of that length, or a small one when there is no memory for it and
    /// the `extra` bytes that its content takes elsewhere.
    pub fn buffer(self: &Arc<Budget>, bytes: usize, extra: usize) -> CopyBuffer {
        let mut share = Share::new(self, Use::Speed);
        let is_small = bytes <= SMALL_BUFFER_BYTES;
        let length = match is_small || share.set(bytes.saturating_add(extra)) {
            true => bytes,
            false => SMALL_BUFFER_BYTES,
        };
        CopyBuffer {
            bytes: vec![0; length],
            _share: share,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BudgetState> {
        self.state.lock()
    }

    /// What is left after a share for that purpose grows by `more` to `bytes`; `None`: it may not.
    fn left_after(&self, left: usize, purpose: Use, bytes: usize, more: usize) -> Option<usize> {
        let after = left.checked_sub(more)?;
        let may = match purpose {
            Use::Speed => after >= self.bytes / 2,
            Use::Client => after / CLIENT_DIVISOR >= bytes,
            Use::Work => true,
        };
        may.then_some(after)
    }
}

/// A part of a budget; returned when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    purpose: Use,
    taken: usize,
}

impl Share {
    /// Nothing yet.
    pub fn new(budget: &Arc<Budget>, purpose: Use) -> Share {
        Share {
            budget: Arc::clone(budget),
            purpose,
            taken: 0,
        }
    }

    /// How many bytes it has.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.taken
    }

    /// Takes or returns bytes until it has this many. `false`: too few are left, and
    /// nothing has changed.
    pub fn set(&mut self, bytes: usize) -> bool {
        if bytes == self.taken {
            return true;
        }
        let mut state = self.budget.lock();
        if bytes > self.taken {
            let more = bytes - self.taken;
            match self
                .budget
                .left_after(state.left, self.purpose, bytes, more)
            {
                Some(left) => state.left = left,
                None => return false,
            }
        } else {
            state.left = state.left.saturating_add(self.taken - bytes);
            if state.waiting > 0 {
                self.budget.freed.notify_all();
            }
        }
        self.taken = bytes;
        true
    }

    /// Takes more until it has at least this many bytes; otherwise as [`Share::set`].
    pub fn grow(&mut self, bytes: usize) -> bool {
        self.set(bytes.max(self.taken))
    }

    /// Like [`Share::set`], but waits a little for others to return theirs.
    pub fn wait_for(&mut self, bytes: usize) -> Result<(), Exhausted> {
        if self.set(bytes) {
            return Ok(());
        }
        let (budget, purpose, taken) = (Arc::clone(&self.budget), self.purpose, self.taken);
        let left_after =
            |state: &BudgetState| budget.left_after(state.left, purpose, bytes, bytes - taken);
        let mut state = budget.lock();
        state.waiting += 1;
        let (mut state, _) = budget
            .freed
            .wait_timeout_while(state, WAIT_TIMEOUT, |state| left_after(state).is_none());
        state.waiting -= 1;
        state.left = left_after(&state).ok_or(Exhausted)?;
        self.taken = bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Bytes of a [`Budget::buffer`].
pub struct CopyBuffer {
    bytes: Vec<u8>,
    _share: Share,
}

impl Deref for CopyBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for CopyBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(budget: &Budget) -> usize {
        budget.lock().left
    }

    #[test]
    fn all_shares_together_never_exceed_the_budget() {
        let budget = Budget::new(100);
        let mut one = Share::new(&budget, Use::Work);
        let mut two = Share::new(&budget, Use::Work);
        assert!(one.set(60) && two.set(40));
        assert!(!two.set(41));
        assert!(one.set(59) && two.set(41));
        assert!(!one.set(60), "a denial changes nothing");
        drop(two);
        assert!(one.set(100));
        assert!(one.set(0));
        assert_eq!(left(&budget), 100);
    }

    #[test]
    fn the_more_a_client_holds_the_earlier_it_is_denied() {
        let budget = Budget::new(900);
        let mut large: Vec<Share> = Vec::new();
        loop {
            let mut share = Share::new(&budget, Use::Client);
            if !share.set(100) {
                break;
            }
            large.push(share);
        }
        assert_eq!(large.len(), 1);
        let mut small: Vec<Share> = Vec::new();
        loop {
            let mut share = Share::new(&budget, Use::Client);
            if !share.set(10) {
                break;
            }
            small.push(share);
        }
        assert_eq!(small.len(), 72, "until 80 are left");
        let mut work = Share::new(&budget, Use::Work);
        assert!(work.set(80) && !work.set(81));
        drop((large, small));
        assert!(work.set(900));
    }

    #[test]
    fn a_buffer_is_small_when_half_of_the_memory_is_taken() {
        let budget = Budget::new(1 << 20);
        let first = budget.buffer(1 << 18, 1 << 18);
        assert_eq!(first.len(), 1 << 18);
        let second = budget.buffer(1 << 18, 0);
        assert_eq!(second.len(), SMALL_BUFFER_BYTES);
        assert_eq!(budget.buffer(100, 0).len(), 100);
        drop((first, second));
        assert_eq!(left(&budget), 1 << 20);
    }

    #[test]
    fn a_waiting_share_gets_what_another_returns() {
        let budget = Budget::new(100);
        let first = budget.work(60).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.work(50).map(|share| share.taken));
            while budget.lock().waiting == 0 && !waiting.is_finished() {
                std::thread::yield_now();
            }
            drop(first);
            assert_eq!(waiting.join().unwrap(), Ok(50));
        });
        assert_eq!(left(&budget), 100);
    }

    #[test]
    fn a_share_that_waits_in_vain_has_taken_nothing() {
        let budget = Budget::new(100);
        let _first = budget.work(60).unwrap();
        assert!(matches!(budget.work(50), Err(Exhausted)));
        assert_eq!(left(&budget), 40);
        assert_eq!(budget.lock().waiting, 0);
    }
}
