//! A request body being received: by length or chunked, straight into the caller's buffer.
//!
//! `100 Continue` is sent by the first read, so a body that nobody wants is never asked
//! for. What the handler left unread is drained up to a bound afterwards.

use super::super::message::chunked::Decoder;
use super::super::message::framing::Framing;
use super::super::message::request::RequestBody;
use super::buffer::BUFFER_BYTES;
use super::patience::{Deadline, MinimumRate, Patience};
use super::socket::is_disconnect;
use super::wire::Wire;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How much of a body is left, and how it ends.
enum Left {
    Length(u64),
    Chunked(Decoder),
}

/// The state of one request body; outlives the handler.
pub(in crate::http) struct Incoming {
    rest: Rest,
    rate: MinimumRate,
}

/// What has not been read yet.
struct Rest {
    left: Left,
    owes_continue: bool,
    /// Set by the first failure: nothing on this connection can be trusted after it.
    failed: Option<(io::ErrorKind, String)>,
}

impl Incoming {
    /// For a body with that framing, of which `rate` is demanded. `trailer_bytes_max` bounds the trailers of a
    /// chunked one.
    pub(in crate::http) fn new(
        framing: Framing,
        expects_continue: bool,
        trailer_bytes_max: usize,
        rate: MinimumRate,
    ) -> Self {
        let rest = Rest {
            left: match framing {
                Framing::Length(length) => Left::Length(length),
                Framing::Chunked => Left::Chunked(Decoder::new(trailer_bytes_max)),
            },
            owes_continue: expects_continue,
            failed: None,
        };
        Incoming { rest, rate }
    }

    /// Whether the client went away before the end of it.
    pub(in crate::http) fn is_cut(&self) -> bool {
        let gone = |(kind, _): &(io::ErrorKind, String)| *kind == io::ErrorKind::UnexpectedEof;
        self.rest.failed.as_ref().is_some_and(gone)
    }

    /// Whether it was read, or may turn out short enough to be drained.
    pub(in crate::http) fn is_drainable(&self, bytes_max: u64) -> bool {
        self.rest.failed.is_none()
            && match &self.rest.left {
                Left::Length(0) => true,
                _ if self.rest.owes_continue => false,
                Left::Length(left) => *left <= bytes_max,
                Left::Chunked(_) => true,
            }
    }

    /// Reads and drops the rest, up to `bytes_max` bytes within the deadline; whether the end was reached.
    pub(in crate::http) fn drain(
        &mut self,
        wire: &mut Wire<'_>,
        bytes_max: u64,
        mut deadline: Deadline,
    ) -> bool {
        if self.rest.is_done() {
            return self.rest.failed.is_none();
        }
        if !self.is_drainable(bytes_max) {
            return false;
        }
        let mut scratch = [0; 2 * BUFFER_BYTES];
        let mut dropped = 0;
        while dropped <= bytes_max {
            match self.rest.read(wire, &mut scratch, &mut deadline) {
                Ok(0) => return true,
                Ok(count) => dropped += u64::try_from(count).unwrap_or(u64::MAX),
                Err(_) => return false,
            }
        }
        false
    }
}

impl Rest {
    /// Whether all of it was read.
    fn is_done(&self) -> bool {
        match &self.left {
            Left::Length(left) => *left == 0,
            Left::Chunked(decoder) => decoder.is_done(),
        }
    }

    fn read(
        &mut self,
        wire: &mut Wire<'_>,
        into: &mut [u8],
        patience: &mut dyn Patience,
    ) -> io::Result<usize> {
        if let Some((kind, message)) = &self.failed {
            return Err(io::Error::new(*kind, message.clone()));
        }
        if into.is_empty() || self.is_done() {
            return Ok(0);
        }
        let result = self.read_some(wire, into, patience).map_err(disconnected);
        if let Err(error) = &result {
            self.failed = Some((error.kind(), error.to_string()));
        }
        result
    }

    fn read_some(
        &mut self,
        wire: &mut Wire<'_>,
        into: &mut [u8],
        patience: &mut dyn Patience,
    ) -> io::Result<usize> {
        if std::mem::take(&mut self.owes_continue) && wire.buffer.is_empty() {
            let mut sent = 0;
            let line = b"HTTP/1.1 100 Continue\r\n\r\n";
            wire.send_all(line, false, patience, &mut sent)?;
        }
        match &mut self.left {
            Left::Length(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(into.len());
                let (into, _) = into.split_at_mut(most);
                let count = match NextBytes::ready(wire, into.len(), patience)? {
                    NextBytes::Buffered => wire.buffer.take(into),
                    NextBytes::Socket => not_ended(wire.receive(into, patience)?)?,
                };
                *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                Ok(count)
            }
            Left::Chunked(decoder) => read_chunked(wire, decoder, patience, into),
        }
    }
}

/// Raw bytes go into the caller's buffer and are decoded there; what follows the body goes back.
fn read_chunked(
    wire: &mut Wire<'_>,
    decoder: &mut Decoder,
    patience: &mut dyn Patience,
    into: &mut [u8],
) -> io::Result<usize> {
    loop {
        let source = NextBytes::ready(wire, into.len(), patience)?;
        let count = match source {
            NextBytes::Buffered => wire.buffer.copy_to(into),
            NextBytes::Socket => not_ended(wire.receive(into, patience)?)?,
        };
        let (raw, _) = into.split_at_mut(count);
        let decoded = decoder.decode(raw)?;
        match source {
            NextBytes::Buffered => wire.buffer.consume(decoded.consumed),
            NextBytes::Socket => {
                wire.buffer.push(raw.split_at(decoded.consumed).1);
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
enum NextBytes {
    /// What was read too far, or read in advance because the caller's buffer is small.
    Buffered,
    /// The socket, straight into the caller's buffer.
    Socket,
}

impl NextBytes {
    fn ready(
        wire: &mut Wire<'_>,
        caller_bytes: usize,
        patience: &mut dyn Patience,
    ) -> io::Result<NextBytes> {
        if wire.buffer.is_empty() {
            if caller_bytes >= BUFFER_BYTES {
                return Ok(NextBytes::Socket);
            }
            not_ended(wire.fill(BUFFER_BYTES, patience)?)?;
        }
        Ok(NextBytes::Buffered)
    }
}

fn not_ended(count: usize) -> io::Result<usize> {
    match count {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

/// An end in the middle, orderly or not, becomes `UnexpectedEof`, which no other error is.
fn disconnected(error: io::Error) -> io::Error {
    match is_disconnect(&error) {
        true => {
            let message = "the client went away in the middle of the body";
            io::Error::new(io::ErrorKind::UnexpectedEof, message)
        }
        false => error,
    }
}

/// The body as the handler reads it.
pub(in crate::http) struct BodyReader<'r, 'c> {
    pub(in crate::http) wire: &'r mut Wire<'c>,
    pub(in crate::http) incoming: &'r mut Incoming,
}

impl RequestBody for BodyReader<'_, '_> {
    fn stop_when(&mut self, stop: Arc<AtomicBool>) {
        self.incoming.rate.stop_when(stop);
    }
}

impl Read for BodyReader<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Incoming { rest, rate } = self.incoming;
        rest.read(self.wire, into, rate)
    }
}
