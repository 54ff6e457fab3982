//! A connection as its own thread sees it: the socket under deadlines, the bytes read too far, and the
//! bytes about to leave.
//!
//! Sockets block for a short tick only (set once, no system call a request); after each tick and each
//! transfer the [`Pace`] decides whether the peer is still worth waiting for.

use super::buffer::{BUFFER_BYTES, Buffer};
use super::connection::Shared;
use super::table::Entry;
use crate::sys;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Waits for a peer: over each period of waiting at least `rate` bytes a second, else `TimedOut`.
///
/// Counted in periods, not from the beginning, so that nobody saves up credit by a fast start. Only
/// time spent waiting for the peer counts, never what the server did in between.
#[derive(Debug)]
pub(super) struct Pace {
    period: Duration,
    bytes_needed: u64,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// At least `rate` bytes a second over each `period` of waiting.
    pub(super) fn rate(rate: u64, period: Duration) -> Pace {
        let needed = u128::from(rate).saturating_mul(period.as_millis()) / 1000;
        Pace {
            period,
            bytes_needed: u64::try_from(needed).unwrap_or(u64::MAX),
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// No more than `duration` of waiting in all, whatever comes.
    pub(super) fn deadline(duration: Duration) -> Pace {
        Pace {
            period: duration,
            bytes_needed: u64::MAX,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    fn note(&mut self, bytes: usize, waited: Duration) -> io::Result<()> {
        self.waited = self.waited.saturating_add(waited);
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.waited < self.period {
            return Ok(());
        }
        if self.bytes < self.bytes_needed {
            let message = "the peer was slower than the limits allow";
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        self.waited = Duration::ZERO;
        self.bytes = 0;
        Ok(())
    }

    /// Repeats `transfer` over ticks until it moves bytes, fails, or the peer is too slow.
    fn wait<T: Copy + Into<Option<usize>>>(
        &mut self,
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
                    self.note(moved.into().unwrap_or(0), waited)?;
                    return Ok(moved);
                }
                Err(error) if sys::is_tick(&error) => self.note(0, waited)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// One connection's socket and buffers.
pub(super) struct Wire {
    pub(super) shared: Arc<Shared>,
    pub(super) entry: Arc<Entry>,
    /// Read and not used yet.
    pub(super) buffer: Buffer,
    /// The head and small body about to leave; reused.
    pub(super) out: Vec<u8>,
}

impl Wire {
    pub(super) fn new(shared: Arc<Shared>, entry: Arc<Entry>) -> Wire {
        Wire {
            shared,
            entry,
            buffer: Buffer::new(),
            out: Vec::with_capacity(512),
        }
    }

    /// Reads some bytes straight into `into`; 0 at the end of the stream.
    pub(super) fn receive(&mut self, into: &mut [u8], pace: &mut Pace) -> io::Result<usize> {
        let tick = self.shared.tick;
        pace.wait(|| self.entry.socket.receive(into, tick))
    }

    /// Reads some bytes into the buffer, which may grow to `bytes_max`; 0 at the end of the stream or
    /// when the buffer is full.
    pub(super) fn fill(&mut self, bytes_max: usize, pace: &mut Pace) -> io::Result<usize> {
        let tick = self.shared.tick;
        let socket = &self.entry.socket;
        let room = self.buffer.room(bytes_max.max(BUFFER_BYTES));
        let count = pace.wait(|| socket.receive(room, tick))?;
        self.buffer.filled(count);
        Ok(count)
    }

    /// Sends all of `bytes`; adds to `sent` what left, also when it fails half-way.
    pub(super) fn send_all(
        &mut self,
        bytes: &[u8],
        more: bool,
        pace: &mut Pace,
        sent: &mut u64,
    ) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = pace.wait(|| self.entry.socket.send(rest, more))?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *sent = sent.saturating_add(u64::try_from(count).unwrap_or(0));
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Sends some bytes of a file inside the kernel; `None` when that has to be done by a buffer, 0 at
    /// the end of the file.
    pub(super) fn send_file(
        &mut self,
        file: &std::fs::File,
        offset: u64,
        length: usize,
        pace: &mut Pace,
    ) -> io::Result<Option<usize>> {
        pace.wait(|| self.entry.socket.send_file(file, offset, length))
    }

    /// Gives memory back when the connection comes to rest.
    pub(super) fn rest(&mut self) {
        self.buffer.rest();
        if self.out.capacity() > BUFFER_BYTES {
            self.out = Vec::with_capacity(512);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_steady_peer_is_waited_for_and_a_slow_one_is_not() {
        let mut pace = Pace::rate(100, SECOND * 2);
        for _ in 0..100 {
            pace.note(150, SECOND).unwrap();
        }
        assert!(pace.note(99, SECOND).is_ok());
        let error = pace.note(99, SECOND).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_fast_start_earns_no_credit() {
        let mut pace = Pace::rate(100, SECOND);
        pace.note(1_000_000, SECOND).unwrap();
        assert!(pace.note(0, SECOND).is_err());
    }

    #[test]
    fn a_deadline_holds_whatever_comes() {
        let mut pace = Pace::deadline(SECOND);
        assert!(pace.note(1_000_000, SECOND / 2).is_ok());
        assert!(pace.note(1_000_000, SECOND / 2).is_err());
    }
}
