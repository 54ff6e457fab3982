//! Where the lines of both logs go.

use super::file::LogFile;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// A place for lines.
#[derive(Debug, Clone, Default)]
pub enum Sink {
    /// The log on standard error, the access log on standard output.
    #[default]
    Standard,
    /// Both in one file, which is bounded: see [`super::FILE_BYTES_MAX`].
    File(Arc<LogFile>),
}

impl Sink {
    /// A sink for a file that the command line may name. The error says which file cannot be written.
    pub fn of(path: Option<&Path>) -> Result<Sink, String> {
        let Some(path) = path else {
            return Ok(Sink::Standard);
        };
        let wrong = |error| format!("cannot write the log {}: {error}", path.display());
        Ok(Sink::File(Arc::new(LogFile::open(path).map_err(wrong)?)))
    }

    /// Keeps in a file what ends the program: that is told on standard error as well, where perhaps
    /// nobody looks.
    pub fn keep(&self, message: &str) {
        if let Sink::File(_) = self {
            log::error!("{message}");
        }
    }

    /// Writes a line of the access log, its end included.
    pub(super) fn write_access(&self, line: &[u8]) {
        match self {
            // A reader that went away loses lines and nothing else.
            Sink::Standard => {
                let _ = io::stdout().lock().write_all(line);
            }
            Sink::File(file) => file.write(line),
        }
    }
}

/// What env_logger writes into: it hands over one whole line in each call.
pub(super) struct Pipe(pub(super) Arc<LogFile>);

impl Write for Pipe {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
