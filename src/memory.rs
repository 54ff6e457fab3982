//! The memory that is held for clients, counted together: large heads, manifests, answers, buffers. One
//! budget bounds all of it (`http.limits.memory`), whoever asks for it.
//!
//! Who takes some says what for, since not all of it comes back equally soon. What a client may keep for as
//! long as it likes never takes the last of it, and the more somebody has the earlier there is none left for
//! him: a few clients that hold megabytes leave enough for the many that need kilobytes.
//!
//! The small buffers that each connection has anyway are not counted: the number of connections bounds them.

use crate::sync::{Condvar, Mutex};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

/// The budget by default.
pub const BYTES_DEFAULT: usize = 96 * 1024 * 1024;

/// How often a budget must hold the largest thing that is taken of it: a manifest that is pushed takes nine times
/// its bytes, and one with nothing but annotations eighteen while it is listed among the referrers.
pub const LARGEST_SHARES: usize = 20;

/// How long somebody who can wait does so for memory.
const PATIENCE: Duration = Duration::from_secs(2);

/// Of what is left, a client's share may be one part of so many.
const CLIENT_PART: usize = 8;

/// The length of a buffer for which there was no memory: the least with which bytes move at a good rate.
const SMALL_BUFFER_BYTES: usize = 16 * 1024;

/// What memory is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Speed alone: there is another way without it. Taken from the first half only.
    Speed,
    /// What a client may hold for as long as it takes it to send or to read: never more than an eighth of
    /// what is then left.
    Client,
    /// What this program does by itself and soon ends: all that is left.
    Work,
}

/// Bytes that all together may take.
#[derive(Debug)]
pub struct Budget {
    bytes: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug)]
struct State {
    left: usize,
    waiting: usize,
}

/// There is no memory left for this, also after some waiting.
#[derive(Debug, PartialEq, Eq)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("all memory for clients is taken (http.limits.memory)")
    }
}

impl std::error::Error for Exhausted {}

impl Budget {
    /// A whole one.
    pub fn new(bytes: usize) -> Arc<Budget> {
        Arc::new(Budget {
            bytes,
            state: Mutex::new(State {
                left: bytes,
                waiting: 0,
            }),
            freed: Condvar::new(),
        })
    }

    /// How much there is in all.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// That many bytes for work, waiting a little for others to give theirs back.
    pub fn work(self: &Arc<Budget>, bytes: usize) -> Result<Share, Exhausted> {
        let mut share = Share::new(self, Use::Work);
        share.wait_for(bytes)?;
        Ok(share)
    }

    /// A buffer through which bytes pass: of that length, or a small one where there is no memory for it and
    /// for what its content takes `beside` it.
    pub fn buffer(self: &Arc<Budget>, bytes: usize, beside: usize) -> CopyBuffer {
        let mut share = Share::new(self, Use::Speed);
        let is_small = bytes <= SMALL_BUFFER_BYTES;
        let length = match is_small || share.set(bytes.saturating_add(beside)) {
            true => bytes,
            false => SMALL_BUFFER_BYTES,
        };
        CopyBuffer {
            bytes: vec![0; length],
            _share: share,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// What is left after a share of some use grew by `more` to `bytes`; `None`: it may not.
    fn left_after(&self, left: usize, purpose: Use, bytes: usize, more: usize) -> Option<usize> {
        let after = left.checked_sub(more)?;
        let may = match purpose {
            Use::Speed => after >= self.bytes / 2,
            Use::Client => after / CLIENT_PART >= bytes,
            Use::Work => true,
        };
        may.then_some(after)
    }
}

/// What one has taken of a budget; given back when it is dropped.
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

    /// Takes more, or gives back, until it has this many bytes. `false`: there are not so many left, and
    /// nothing changed.
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

    /// As [`Share::set`], but waits a little for others to give theirs back.
    pub fn wait_for(&mut self, bytes: usize) -> Result<(), Exhausted> {
        if self.set(bytes) {
            return Ok(());
        }
        let (budget, purpose, taken) = (Arc::clone(&self.budget), self.purpose, self.taken);
        let left_after =
            |state: &State| budget.left_after(state.left, purpose, bytes, bytes - taken);
        let mut state = budget.lock();
        state.waiting += 1;
        let (mut state, _) = budget
            .freed
            .wait_timeout_while(state, PATIENCE, |state| left_after(state).is_none());
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
    fn shares_take_together_no_more_than_there_is() {
        let budget = Budget::new(100);
        let mut one = Share::new(&budget, Use::Work);
        let mut two = Share::new(&budget, Use::Work);
        assert!(one.set(60) && two.set(40));
        assert!(!two.set(41));
        assert!(one.set(59) && two.set(41));
        assert!(!one.set(60), "a refusal changes nothing");
        drop(two);
        assert!(one.set(100));
        assert!(one.set(0));
        assert_eq!(left(&budget), 100);
    }

    #[test]
    fn the_more_a_client_holds_the_earlier_there_is_none_left_for_it() {
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
    fn a_buffer_is_small_where_half_of_the_memory_is_taken() {
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
    fn who_waits_gets_what_another_gives_back() {
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
    fn who_waits_in_vain_has_taken_nothing() {
        let budget = Budget::new(100);
        let _first = budget.work(60).unwrap();
        assert!(matches!(budget.work(50), Err(Exhausted)));
        assert_eq!(left(&budget), 40);
        assert_eq!(budget.lock().waiting, 0);
    }
}
