//! A request's body on its way in: by length or chunked, straight into the caller's buffer.
//!
//! `Expect: 100-continue` is answered by the first read, so a body that nobody wants is never asked
//! for. What the handler left unread is drained up to a bound afterwards.

use super::buffer::BUFFER_BYTES;
use super::chunked::Decoder;
use super::framing::Framing;
use super::wire::{Pace, Wire};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How much of a body is left, and how it ends.
enum Left {
    Length(u64),
    Chunked(Decoder),
}

/// The state of one request's body; outlives the handler.
pub(super) struct Incoming {
    left: Left,
    owes_continue: bool,
    pace: Pace,
    /// Set by the first failure: nothing on this connection can be trusted after it.
    failed: Option<(io::ErrorKind, String)>,
}

impl Incoming {
    /// For a body framed like that. `trailer_bytes_max` bounds the trailers of a chunked one.
    pub(super) fn new(
        framing: Framing,
        expects: bool,
        trailer_bytes_max: usize,
        pace: Pace,
    ) -> Self {
        Incoming {
            left: match framing {
                Framing::Length(length) => Left::Length(length),
                Framing::Chunked => Left::Chunked(Decoder::new(trailer_bytes_max)),
            },
            owes_continue: expects,
            pace,
            failed: None,
        }
    }

    /// Whether all of it was read.
    pub(super) fn is_done(&self) -> bool {
        match &self.left {
            Left::Length(left) => *left == 0,
            Left::Chunked(decoder) => decoder.is_done(),
        }
    }

    /// Whether the client went away before the end of it.
    pub(super) fn is_cut(&self) -> bool {
        let gone = |(kind, _): &(io::ErrorKind, String)| *kind == io::ErrorKind::UnexpectedEof;
        self.failed.as_ref().is_some_and(gone)
    }

    /// Whether it is read, or may turn out short enough to be drained.
    pub(super) fn is_drainable(&self, bytes_max: u64) -> bool {
        self.failed.is_none()
            && match &self.left {
                Left::Length(0) => true,
                _ if self.owes_continue => false,
                Left::Length(left) => *left <= bytes_max,
                Left::Chunked(_) => true,
            }
    }

    /// Reads and drops the rest, up to `bytes_max`, for as long as `pace` says; whether it came to the
    /// end.
    pub(super) fn drain(&mut self, wire: &mut Wire, bytes_max: u64, pace: Pace) -> bool {
        if self.is_done() {
            return self.failed.is_none();
        }
        if !self.is_drainable(bytes_max) {
            return false;
        }
        self.pace = pace;
        let mut scratch = [0; 2 * BUFFER_BYTES];
        let mut dropped = 0;
        while dropped <= bytes_max {
            match self.read(wire, &mut scratch) {
                Ok(0) => return true,
                Ok(count) => dropped += u64::try_from(count).unwrap_or(u64::MAX),
                Err(_) => return false,
            }
        }
        false
    }

    fn read(&mut self, wire: &mut Wire, into: &mut [u8]) -> io::Result<usize> {
        if let Some((kind, message)) = &self.failed {
            return Err(io::Error::new(*kind, message.clone()));
        }
        if into.is_empty() || self.is_done() {
            return Ok(0);
        }
        let result = self.read_some(wire, into).map_err(cut);
        if let Err(error) = &result {
            self.failed = Some((error.kind(), error.to_string()));
        }
        result
    }

    fn read_some(&mut self, wire: &mut Wire, into: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.owes_continue) && wire.buffer.is_empty() {
            let mut sent = 0;
            let line = b"HTTP/1.1 100 Continue\r\n\r\n";
            wire.send_all(line, false, &mut self.pace, &mut sent)?;
        }
        let pace = &mut self.pace;
        match &mut self.left {
            Left::Length(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(into.len());
                let into = into.get_mut(..most).unwrap_or_default();
                let count = match Source::ready(wire, into.len(), pace)? {
                    Source::Buffer => wire.buffer.take(into),
                    Source::Socket => some(wire.receive(into, pace)?)?,
                };
                *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                Ok(count)
            }
            Left::Chunked(decoder) => read_chunked(wire, decoder, pace, into),
        }
    }
}

/// Raw bytes go into the caller's buffer and are decoded there; what follows the body goes back.
fn read_chunked(
    wire: &mut Wire,
    decoder: &mut Decoder,
    pace: &mut Pace,
    into: &mut [u8],
) -> io::Result<usize> {
    loop {
        let source = Source::ready(wire, into.len(), pace)?;
        let count = match source {
            Source::Buffer => wire.buffer.copy_to(into),
            Source::Socket => some(wire.receive(into, pace)?)?,
        };
        let raw = into.get_mut(..count).unwrap_or_default();
        let decoded = decoder.decode(raw)?;
        match source {
            Source::Buffer => wire.buffer.consume(decoded.consumed),
            Source::Socket => {
                wire.buffer
                    .push(raw.get(decoded.consumed..).unwrap_or_default());
                wire.count_rest();
            }
        }
        if decoded.produced > 0 || decoder.is_done() {
            return Ok(decoded.produced);
        }
    }
}

/// Where the next bytes come from.
#[derive(Clone, Copy)]
enum Source {
    /// What was read too far, or read in advance because the caller's buffer is small.
    Buffer,
    /// The socket, straight into the caller's buffer.
    Socket,
}

impl Source {
    fn ready(wire: &mut Wire, caller_bytes: usize, pace: &mut Pace) -> io::Result<Source> {
        if wire.buffer.is_empty() {
            if caller_bytes >= BUFFER_BYTES {
                return Ok(Source::Socket);
            }
            some(wire.fill(BUFFER_BYTES, pace)?)?;
        }
        Ok(Source::Buffer)
    }
}

fn some(count: usize) -> io::Result<usize> {
    match count {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

/// An end in the middle, orderly or not, is told from every other error as `UnexpectedEof`.
fn cut(error: io::Error) -> io::Error {
    match is_gone(&error) {
        true => {
            let message = "the client went away in the middle of the body";
            io::Error::new(io::ErrorKind::UnexpectedEof, message)
        }
        false => error,
    }
}

/// Whether the system says that the other end is there no more.
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionReset | UnexpectedEof => true,
        ConnectionAborted => error.raw_os_error().is_some(),
        _ => false,
    }
}

/// The body as the handler reads it.
pub(super) struct BodyReader<'c> {
    pub(super) wire: &'c mut Wire,
    pub(super) incoming: &'c mut Incoming,
}

/// A body, and a way to end the wait for it.
pub(super) trait Stream: Read {
    /// Reading fails as `ConnectionAborted` once `stop` is set, within a second.
    fn stop_when(&mut self, stop: Arc<AtomicBool>);
}

impl Stream for BodyReader<'_> {
    fn stop_when(&mut self, stop: Arc<AtomicBool>) {
        self.incoming.pace.stop_when(stop);
    }
}

impl Read for BodyReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.incoming.read(self.wire, into)
    }
}
