//! Lines on their way out: a bounded queue, and a thread that writes what is in it.
//!
//! Nobody else ever waits for a pipe that is not read or a disk that hangs. What does not fit is dropped and
//! counted, and how many lines that were is told as soon as something can be written again.

use crate::sync::{Condvar, Mutex};
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::Duration;

/// How long lines that are not urgent are gathered: a thread that is woken up for each costs more than the line.
const GATHER: Duration = Duration::from_millis(5);
/// Bytes that are written at once, about, and that end the gathering.
const BATCH_BYTES: usize = 64 * 1024;
/// The pause before another try where an output says that it would have to wait.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
const STACK_BYTES: usize = 256 * 1024;

/// Tells how many lines were lost: in place, by what it writes, or elsewhere.
pub type TellLost = fn(u64, &mut dyn Write) -> io::Result<()>;

/// A queue in front of an output. When it is dropped, what is in it is still written; [`Queue::flush`] waits for
/// that.
pub struct Queue {
    shared: Arc<Shared>,
    has_writer: bool,
}

struct Shared {
    state: Mutex<QueueState>,
    /// There is something to do for the writer.
    filled: Condvar,
    /// Something was written, for those who wait for that.
    written: Condvar,
    /// Locked by the writer alone.
    output: Mutex<Box<dyn Write + Send>>,
    tell_lost: TellLost,
}

struct QueueState {
    bytes_max: usize,
    /// Whole lines.
    waiting: Vec<u8>,
    /// Bytes that the writer has and that are not written yet.
    in_hand: usize,
    /// Whether the writer is at work on them.
    is_busy: bool,
    /// Lines that were lost and not told of.
    lost: u64,
    /// Whether the output took nothing the last time.
    is_failing: bool,
    is_urgent: bool,
    is_closed: bool,
    phase: Phase,
}

/// What the writer does.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Nothing waits.
    Asleep,
    /// It gives lines a moment to come together.
    Gathering,
    /// It will look for lines by itself.
    Awake,
}

impl Queue {
    /// A queue of at most so many bytes. Where no thread can be started, lines are written by those who have them.
    pub fn new(output: Box<dyn Write + Send>, bytes_max: usize, tell_lost: TellLost) -> Queue {
        let shared = Arc::new(Shared {
            state: Mutex::new(QueueState {
                bytes_max,
                waiting: Vec::new(),
                in_hand: 0,
                is_busy: false,
                lost: 0,
                is_failing: false,
                is_urgent: false,
                is_closed: false,
                phase: Phase::Awake,
            }),
            filled: Condvar::new(),
            written: Condvar::new(),
            output: Mutex::new(output),
            tell_lost,
        });
        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let has_writer = thread.spawn(move || for_thread.write_all()).is_ok();
        Queue { shared, has_writer }
    }

    /// Changes how many bytes there may be.
    pub fn bound(&self, bytes_max: usize) {
        self.shared.state().bytes_max = bytes_max;
    }

    /// Adds a line, its end included, or counts it as lost. An urgent one is written at once.
    pub fn push(&self, line: &[u8], is_urgent: bool) {
        let mut state = self.shared.state();
        if !state.add(line) {
            state.lost = state.lost.saturating_add(1);
            return;
        }
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

    /// Waits until everything is written, so long at most; `false` when it is not.
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
    /// Whether there is something to write. Of lost lines nothing is told where nothing can be written.
    fn has_work(&self) -> bool {
        !self.waiting.is_empty() || (self.lost > 0 && !self.is_failing)
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

    /// The life of the writer.
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

    /// Writes what waits now, and how many lines were lost behind it.
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
        if done.is_ok() && lost > 0 {
            done = (self.tell_lost)(lost, &mut **output);
        }
        if done.is_ok() {
            lost = 0;
        }
        drop(output);
        let failed = rest.iter().filter(|byte| **byte == b'\n').count();
        let mut state = self.state();
        state.in_hand = 0;
        state.is_busy = false;
        state.is_failing = done.is_err();
        state.lost = state
            .lost
            .saturating_add(lost)
            .saturating_add(failed as u64);
        if state.waiting.capacity() == 0 && batch.capacity() <= 2 * BATCH_BYTES {
            state.waiting = batch;
            state.waiting.clear();
        }
        self.written.notify_all();
        state
    }
}

/// The length of some whole lines at the beginning.
fn first_lines(lines: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let some = lines.get(..BATCH_BYTES).unwrap_or(lines);
    let end = some.iter().rposition(is_end);
    let end = end.or_else(|| lines.iter().position(is_end));
    end.map_or(lines.len(), |end| end + 1)
}

/// Writes all bytes, however long that takes.
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
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever shares the pipe may have made it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
