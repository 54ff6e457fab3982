//! Lines that wait to be written: a bounded queue, and a thread that writes it.
//!
//! Nothing else ever waits for a pipe that is not read or a disk that hangs. Lines that do not fit are dropped and
//! counted, and their number is reported as soon as something can be written again.

use crate::sync::{Condvar, Mutex};
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::Duration;

/// How long lines that are not urgent are gathered: waking up a thread for each costs more than the line.
const GATHER: Duration = Duration::from_millis(5);
/// About how many bytes are written at once; as many end the gathering.
const BATCH_BYTES: usize = 64 * 1024;
/// The pause before a retry when an output would block.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
const STACK_BYTES: usize = 256 * 1024;

/// Reports how many lines were lost: to this output, or by [`Queue::note_lost_elsewhere`] to that of another queue.
pub type ReportLost = fn(Lost, &mut dyn Write) -> io::Result<()>;

/// Lines that were lost and not reported.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lost {
    /// Those of the queue itself.
    pub here: u64,
    /// Those of another queue, which are reported with this one's.
    pub elsewhere: u64,
}

impl Lost {
    fn is_none(self) -> bool {
        self == Lost::default()
    }

    fn and(self, other: Lost) -> Lost {
        Lost {
            here: self.here.saturating_add(other.here),
            elsewhere: self.elsewhere.saturating_add(other.elsewhere),
        }
    }
}

/// A queue in front of an output. What it holds when it is dropped is still written; [`Queue::flush`] waits for
/// that.
pub struct Queue {
    shared: Arc<Shared>,
    has_writer: bool,
}

struct Shared {
    state: Mutex<QueueState>,
    /// The writer has something to do.
    filled: Condvar,
    /// Something was written.
    written: Condvar,
    /// Locked by the writer only.
    output: Mutex<Box<dyn Write + Send>>,
    report_lost: ReportLost,
}

struct QueueState {
    bytes_max: usize,
    /// Whole lines.
    waiting: Vec<u8>,
    /// Bytes that the writer took and has not written yet.
    in_hand: usize,
    /// Whether the writer is writing them.
    is_busy: bool,
    lost: Lost,
    /// Whether the last write failed.
    is_failing: bool,
    is_urgent: bool,
    is_closed: bool,
    phase: Phase,
}

/// What the writer is doing.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Waiting for lines.
    Asleep,
    /// Giving lines a moment to accumulate.
    Gathering,
    /// Writing; it will look for lines again by itself.
    Awake,
}

impl Queue {
    /// A queue of at most `bytes_max`. If no thread can be started, [`Queue::push`] writes.
    pub fn new(output: Box<dyn Write + Send>, bytes_max: usize, report_lost: ReportLost) -> Queue {
        let shared = Arc::new(Shared {
            state: Mutex::new(QueueState {
                bytes_max,
                waiting: Vec::new(),
                in_hand: 0,
                is_busy: false,
                lost: Lost::default(),
                is_failing: false,
                is_urgent: false,
                is_closed: false,
                phase: Phase::Awake,
            }),
            filled: Condvar::new(),
            written: Condvar::new(),
            output: Mutex::new(output),
            report_lost,
        });
        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let has_writer = thread.spawn(move || for_thread.write_all()).is_ok();
        Queue { shared, has_writer }
    }

    /// Sets how many bytes it may hold.
    pub fn bound(&self, bytes_max: usize) {
        self.shared.state().bytes_max = bytes_max;
    }

    /// Adds a line, its end included, or counts it as lost. An urgent line is written at once.
    pub fn push(&self, line: &[u8], is_urgent: bool) {
        let mut state = self.shared.state();
        if !state.add(line) {
            state.lost.here = state.lost.here.saturating_add(1);
            return;
        }
        self.wake(state, is_urgent);
    }

    /// Counts lines that another queue has lost. They are reported here as soon as something can be written.
    pub fn note_lost_elsewhere(&self, lines: u64) {
        let mut state = self.shared.state();
        state.lost.elsewhere = state.lost.elsewhere.saturating_add(lines);
        self.wake(state, true);
    }

    fn wake(&self, mut state: MutexGuard<'_, QueueState>, is_urgent: bool) {
        state.is_urgent |= is_urgent;
        let wakes = match state.phase {
            Phase::Asleep => true,
            Phase::Gathering => is_urgent || state.waiting.len() >= BATCH_BYTES,
            Phase::Awake => false,
        };
        if !self.has_writer {
            drop(self.shared.write_once(state));
        } else if wakes {
            state.phase = Phase::Awake;
            drop(state);
            self.shared.filled.notify_one();
        }
    }

    /// Waits until everything is written, at most for `patience`; `false` when it is not.
    pub fn flush(&self, patience: Duration) -> bool {
        let mut state = self.shared.state();
        state.is_urgent = true;
        state.phase = Phase::Awake;
        self.shared.filled.notify_one();
        let has_more = |state: &mut QueueState| state.is_busy || state.has_work();
        let written = &self.shared.written;
        written.wait_timeout_while(state, patience, has_more).1
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Queue")
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.is_closed = true;
        state.phase = Phase::Awake;
        drop(state);
        self.shared.filled.notify_one();
    }
}

impl QueueState {
    /// Whether there is something to write. Lost lines are not reported while writing fails.
    fn has_work(&self) -> bool {
        !self.waiting.is_empty() || (!self.lost.is_none() && !self.is_failing)
    }

    /// `false`: there is no room.
    fn add(&mut self, line: &[u8]) -> bool {
        let held = self.waiting.len().saturating_add(self.in_hand);
        let left = self.bytes_max.saturating_sub(held);
        if line.len() > left {
            return false;
        }
        if self.waiting.capacity() - self.waiting.len() < line.len() {
            let more = self.waiting.capacity().min(left).max(line.len());
            self.waiting.reserve_exact(more);
        }
        self.waiting.extend_from_slice(line);
        true
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock()
    }

    /// The loop of the writer.
    fn write_all(&self) {
        let mut state = self.state();
        loop {
            while !state.has_work() {
                if state.is_closed {
                    return;
                }
                state.phase = Phase::Asleep;
                state = self.filled.wait(state);
            }
            if !state.is_urgent && !state.is_closed && state.waiting.len() < BATCH_BYTES {
                state.phase = Phase::Gathering;
                let gathers = |state: &mut QueueState| state.phase == Phase::Gathering;
                (state, _) = self.filled.wait_timeout_while(state, GATHER, gathers);
            }
            state.phase = Phase::Awake;
            state = self.write_once(state);
        }
    }

    /// Writes what waits now, followed by how many lines were lost.
    fn write_once<'s>(
        &'s self,
        mut state: MutexGuard<'s, QueueState>,
    ) -> MutexGuard<'s, QueueState> {
        let batch = std::mem::take(&mut state.waiting);
        let mut lost = std::mem::take(&mut state.lost);
        state.in_hand = batch.len();
        state.is_busy = true;
        state.is_urgent = false;
        drop(state);
        let mut output = self.output.lock();
        let mut rest = batch.as_slice();
        let mut done = Ok(());
        while !rest.is_empty() && done.is_ok() {
            let (lines, others) = rest.split_at(first_lines(rest));
            done = write(&mut **output, lines);
            if done.is_ok() {
                rest = others;
                self.state().in_hand = rest.len();
            }
        }
        if done.is_ok() && !lost.is_none() {
            done = (self.report_lost)(lost, &mut **output);
        }
        if done.is_ok() {
            lost = Lost::default();
        }
        drop(output);
        let failed = rest.iter().filter(|byte| **byte == b'\n').count();
        let mut state = self.state();
        state.in_hand = 0;
        state.is_busy = false;
        state.is_failing = done.is_err();
        lost.here = lost.here.saturating_add(failed as u64);
        state.lost = state.lost.and(lost);
        if state.waiting.capacity() == 0 && batch.capacity() <= 2 * BATCH_BYTES {
            state.waiting = batch;
            state.waiting.clear();
        }
        self.written.notify_all();
        state
    }
}

/// The length of some whole lines at the start.
fn first_lines(lines: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let some = lines.get(..BATCH_BYTES).unwrap_or(lines);
    let end = some.iter().rposition(is_end);
    let end = end.or_else(|| lines.iter().position(is_end));
    end.map_or(lines.len(), |end| end + 1)
}

/// Writes all bytes, however long it takes.
fn write(output: &mut dyn Write, mut bytes: &[u8]) -> io::Result<()> {
    let mut is_flushed = false;
    while !is_flushed {
        let done = match bytes.is_empty() {
            true => output.flush().map(|()| {
                is_flushed = true;
                0
            }),
            false => output.write(bytes).and_then(|written| match written {
                0 => Err(ErrorKind::WriteZero.into()),
                written => Ok(written),
            }),
        };
        match done {
            Ok(written) => (_, bytes) = bytes.split_at(written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another process that shares the pipe may have made it non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
