//! A connection as its own thread sees it: the socket under deadlines, the bytes read too far, and the
//! bytes about to leave.
//!
//! Sockets block for a short tick only (set once, no system call a request); after each tick and each
//! transfer the [`Pace`] decides whether the peer is still worth waiting for.

use super::buffer::{BUFFER_BYTES, Buffer};
use super::shared::Shared;
use super::table::Entry;
use super::tls::{BULK_MEMORY_BYTES, Session};
use crate::memory::{Share, Use};
use crate::sys;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Once it is set nobody is waited for any more.
    stop: Option<Arc<AtomicBool>>,
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
            stop: None,
        }
    }

    /// No more than `duration` of waiting in all, whatever comes.
    pub(super) fn deadline(duration: Duration) -> Pace {
        Pace {
            period: duration,
            bytes_needed: u64::MAX,
            waited: Duration::ZERO,
            bytes: 0,
            stop: None,
        }
    }

    /// Waits only until `stop` is set: it is looked at after every tick.
    pub(super) fn stop_when(&mut self, stop: Arc<AtomicBool>) {
        self.stop = Some(stop);
    }

    fn note(&mut self, bytes: usize, waited: Duration) -> io::Result<()> {
        let is_set = |stop: &Arc<AtomicBool>| stop.load(Ordering::Acquire);
        if self.stop.as_ref().is_some_and(is_set) {
            let message = "the rest of the body is not wanted any more";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, message));
        }
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

/// Bytes that a client may send in a handshake before they are counted: certificates of its own take more.
const HANDSHAKE_BYTES: usize = 16 * 1024;

/// One connection's socket and buffers.
pub(super) struct Wire {
    pub(super) shared: Arc<Shared>,
    pub(super) entry: Arc<Entry>,
    /// Read and not used yet.
    pub(super) buffer: Buffer,
    /// The head and small body about to leave; reused.
    pub(super) out: Vec<u8>,
    /// What `buffer` and the parsed head take beyond the usual.
    share: Share,
    /// Bytes of the next request were dropped, since there was no memory for them.
    pub(super) has_lost: bool,
    /// What the state of TLS takes beyond the usual, while much is received.
    bulk: Option<Share>,
    /// From the end of the handshake on, where TLS is spoken.
    tls: Option<Box<Session>>,
}

/// How a connection begins.
pub(super) enum Secured {
    /// Both sides know each other, or there is no TLS here.
    Done,
    /// The client speaks HTTP without TLS.
    PlainHttp,
}

impl Wire {
    pub(super) fn new(shared: Arc<Shared>, entry: Arc<Entry>) -> Wire {
        let share = Share::new(&shared.memory, Use::Client);
        Wire {
            shared,
            entry,
            share,
            has_lost: false,
            bulk: None,
            buffer: Buffer::new(),
            out: Vec::with_capacity(512),
            tls: None,
        }
    }

    /// Shakes hands, where TLS is spoken. `InvalidData`: the client was told by an alert why not.
    pub(super) fn secure(&mut self, pace: &mut Pace) -> io::Result<Secured> {
        let Some(tls) = &self.shared.tls else {
            return Ok(Secured::Done);
        };
        let (socket, tick) = (&self.entry.socket, self.shared.tick);
        let gone = || io::Error::new(io::ErrorKind::UnexpectedEof, "the client went away");
        // Nobody who only connects costs the state of a handshake.
        let room = self.buffer.room(BUFFER_BYTES);
        let count = pace.wait(|| socket.receive(room, tick))?;
        self.buffer.filled(count);
        match self.buffer.bytes().first() {
            None => return Err(gone()),
            Some(letter) if letter.is_ascii_alphabetic() => return Ok(Secured::PlainHttp),
            Some(_) => {}
        }
        let first = std::mem::replace(&mut self.buffer, Buffer::new());
        let mut session = Box::new(Session::new(tls.config(), first)?);
        let mut received = count;
        loop {
            let processed = session.process();
            while session.wants_flush() {
                pace.wait(|| session.flush(socket, false))?;
            }
            processed?;
            if !session.is_handshaking() {
                break;
            }
            let count = pace.wait(|| session.fill(socket, tick))?;
            if count == 0 {
                return Err(gone());
            }
            // Messages in parts wait for their end: what came is held, as far as it is more than usual.
            received += count;
            if received > HANDSHAKE_BYTES && !self.share.set(received) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        self.share.set(0);
        self.tls = Some(session);
        Ok(Secured::Done)
    }

    /// Whether TLS is spoken.
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads some bytes straight into `into`; 0 at the end of the stream.
    pub(super) fn receive(&mut self, into: &mut [u8], pace: &mut Pace) -> io::Result<usize> {
        let tick = self.shared.tick;
        let socket = &self.entry.socket;
        match &mut self.tls {
            None => pace.wait(|| socket.receive(into, tick)),
            Some(session) => {
                let most =
                    match into.len() > BUFFER_BYTES && !has_bulk(&mut self.bulk, &self.shared) {
                        true => BUFFER_BYTES,
                        false => into.len(),
                    };
                let into = into.get_mut(..most).unwrap_or_default();
                pace.wait(|| session.receive(socket, into, tick))
            }
        }
    }

    /// Counts what was read behind a body: it stays while the answer is taken. What there is no memory for is
    /// dropped, and the next request with it.
    pub(super) fn count_rest(&mut self) {
        if !self.share.grow(self.buffer.grown()) {
            self.buffer = Buffer::new();
            self.has_lost = true;
        }
    }

    /// Whether there is memory for the buffer as it is and a parsed head of that many bytes. Costs nothing
    /// where both are as small as usual.
    pub(super) fn has_memory(&mut self, head_bytes: usize) -> bool {
        let head = head_bytes.saturating_sub(BUFFER_BYTES);
        self.share.set(self.buffer.grown().saturating_add(head))
    }

    /// Reads some bytes into the buffer, which may grow to `bytes_max`; 0 at the end of the stream or
    /// when the buffer is full. `OutOfMemory`: all heads together are too large for it to grow.
    pub(super) fn fill(&mut self, bytes_max: usize, pace: &mut Pace) -> io::Result<usize> {
        let tick = self.shared.tick;
        let socket = &self.entry.socket;
        let bytes_max = bytes_max.max(BUFFER_BYTES);
        let grown = self.buffer.grown_for_room(bytes_max);
        if grown > self.buffer.grown() && !self.share.set(grown) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let room = self.buffer.room(bytes_max);
        let count = match &mut self.tls {
            None => pace.wait(|| socket.receive(room, tick))?,
            Some(session) => {
                // So little at once that the records take no more memory than at rest.
                let some = room.len().min(BUFFER_BYTES);
                let room = room.get_mut(..some).unwrap_or_default();
                pace.wait(|| session.receive(socket, room, tick))?
            }
        };
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
        let socket = &self.entry.socket;
        while !rest.is_empty() {
            let count = match &mut self.tls {
                None => pace.wait(|| socket.send(rest, more))?,
                Some(session) => {
                    let count = session.encrypt(rest)?;
                    while session.wants_flush() {
                        pace.wait(|| session.flush(socket, more || count < rest.len()))?;
                    }
                    count
                }
            };
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *sent = sent.saturating_add(u64::try_from(count).unwrap_or(0));
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Sends some bytes of a file inside the kernel; `None` when that has to be done by a buffer, as
    /// under TLS; 0 at the end of the file.
    pub(super) fn send_file(
        &mut self,
        file: &std::fs::File,
        offset: u64,
        length: usize,
        pace: &mut Pace,
    ) -> io::Result<Option<usize>> {
        if self.tls.is_some() {
            return Ok(None);
        }
        pace.wait(|| self.entry.socket.send_file(file, offset, length))
    }

    /// Over TLS, says that this is the end and nobody cut it; does not wait.
    pub(super) fn say_end(&mut self) {
        if let Some(session) = &mut self.tls {
            session.close(&self.entry.socket);
        }
    }

    /// Ends the sending side. What is received from now on is only counted, and not decrypted.
    pub(super) fn end_sending(&mut self) {
        self.say_end();
        self.tls = None;
        self.entry.socket.shutdown(Shutdown::Write);
    }

    /// Gives memory back when the connection comes to rest.
    pub(super) fn rest(&mut self) {
        self.buffer.rest();
        self.bulk = None;
        self.has_memory(0);
        if let Some(session) = &mut self.tls {
            session.rest();
        }
        if self.out.capacity() > BUFFER_BYTES {
            self.out = Vec::with_capacity(512);
        }
    }
}

/// Whether there is memory for the large buffers of TLS, which are given back when the connection rests.
fn has_bulk(bulk: &mut Option<Share>, shared: &Shared) -> bool {
    bulk.get_or_insert_with(|| Share::new(&shared.memory, Use::Speed))
        .set(BULK_MEMORY_BYTES)
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
