//! Where the lines of both logs go.

use super::file::LogFile;
use super::queue::Queue;
use crate::config::LOG_QUEUE_BYTES;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// How long the end of the program waits until everything is written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static STANDARD_ERROR: LazyLock<Queue> =
    LazyLock::new(|| Queue::new(Box::new(io::stderr()), LOG_QUEUE_BYTES, super::report_lost));
static STANDARD_OUTPUT: LazyLock<Queue> = LazyLock::new(|| {
    // Programs read standard output, so lost lines are reported in the log, which may have no room for that now.
    Queue::new(Box::new(io::stdout()), LOG_QUEUE_BYTES, |lost, _| {
        STANDARD_ERROR.note_lost_elsewhere(lost.here);
        Ok(())
    })
});

/// An output for lines. Writing to it never waits: a thread does the work.
#[derive(Debug, Clone, Default)]
pub enum Sink {
    /// The log on standard error, the access log on standard output.
    #[default]
    Standard,
    /// Both in one file of bounded size: see [`super::FILE_BYTES_MAX`].
    File(Arc<Queue>),
}

impl Sink {
    /// A sink for the file that the command line may name. The error names the file that cannot be written.
    pub fn open(path: Option<&Path>) -> Result<Sink, String> {
        let Some(path) = path else {
            return Ok(Sink::Standard);
        };
        let wrong = |error| format!("cannot write the log {}: {error}", path.display());
        let file = LogFile::open(path).map_err(wrong)?;
        let queue = Queue::new(Box::new(file), LOG_QUEUE_BYTES, super::report_lost);
        Ok(Sink::File(Arc::new(queue)))
    }

    /// Writes the reason why the program ends to the file, if there is one: it is written to standard error as well,
    /// where perhaps nobody looks.
    pub fn keep(&self, message: &str) {
        if let Sink::File(_) = self {
            log::error!("{message}");
        }
    }

    /// Sets how many bytes of lines may wait for each output.
    pub(super) fn bound(&self, bytes: usize) {
        match self {
            Sink::Standard => {
                STANDARD_ERROR.bound(bytes);
                STANDARD_OUTPUT.bound(bytes);
            }
            Sink::File(queue) => queue.bound(bytes),
        }
    }

    /// Adds a line of the log, its end included.
    pub(super) fn write(&self, line: &[u8]) {
        match self {
            Sink::Standard => STANDARD_ERROR.push(line, true),
            Sink::File(queue) => queue.push(line, true),
        }
    }

    /// Adds a line of the access log, its end included.
    pub(super) fn write_access(&self, line: &[u8]) {
        match self {
            Sink::Standard => STANDARD_OUTPUT.push(line, false),
            Sink::File(queue) => queue.push(line, false),
        }
    }

    /// Waits a moment until all that was logged is written.
    pub fn flush(&self) {
        let end = Instant::now() + FLUSH_TIMEOUT;
        let queues = match self {
            // Lost lines of the access log may be reported in the log.
            Sink::Standard => [Some(&*STANDARD_OUTPUT), Some(&*STANDARD_ERROR)],
            Sink::File(queue) => [Some(&**queue), None],
        };
        for queue in queues.into_iter().flatten() {
            queue.flush(end.saturating_duration_since(Instant::now()));
        }
    }

    /// A value that flushes it when dropped, even by a panic.
    #[must_use]
    pub fn flushed_at_end(&self) -> Flush {
        Flush(self.clone())
    }
}

/// The target of the logger, which writes whole lines.
pub(super) struct Pipe(pub Sink);

impl Write for Pipe {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// See [`Sink::flushed_at_end`].
pub struct Flush(Sink);

impl Drop for Flush {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Writes to standard error why the program ends, after what was logged there. If nobody reads it, the end does not wait
/// for that.
pub fn complain(text: &str) {
    STANDARD_ERROR.push(text.as_bytes(), true);
    STANDARD_ERROR.flush(FLUSH_TIMEOUT);
}
