//! Responses being sent: the head, and each kind of body by the cheapest way the system has.
//!
//! Head and small bodies leave in one write. Files leave by sendfile, after a head that was marked
//! `more` so that no small packet goes first. Readers without a length are chunked.

use super::super::message::response::{Body, Response, Segment};
use super::super::message::response_head::{
    BodyEnd, DateHeader, ResponseForm, body_end, write_head,
};
use super::patience::MinimumRate;
use super::socket::is_disconnect;
use super::tls::SEND_BYTES;
use super::wire::Wire;
use crate::memory::CopyBuffer;
use crate::sys;
use std::fs::File;
use std::io::{self, Read, Write};

/// Bodies, and pieces of them, up to this many bytes are copied behind the head: one system call.
pub(in crate::http) const SMALL_BYTES: usize = 16 * 1024;
/// The buffer for copies, when there is memory for it.
const COPY_BYTES: usize = 256 * 1024;
/// The most bytes of one sendfile: whole pages, as many as fit one packet inside the kernel (64 KiB less the headers). More than that
/// goes through it in steps of 64 KiB, which do not quite fit, so that a tiny packet follows each large one, and each wakes up the
/// reader: a third of the rate on loopback.
const SEND_FILE_BYTES: usize = 60 * 1024;
/// Hex digits of a chunk's size, and the CRLF.
const CHUNK_HEADER: usize = 10;

/// What became of a response.
#[derive(Debug)]
pub(in crate::http) struct SendOutcome {
    /// Bytes of the body that left.
    pub(in crate::http) body_bytes: u64,
    /// Whether any byte left.
    pub(in crate::http) has_begun: bool,
    /// Whether the next request may follow.
    pub(in crate::http) keep: bool,
    /// What went wrong, if it did.
    pub(in crate::http) fault: Option<Fault>,
}

impl SendOutcome {
    /// Whether the client had gone before anything was sent.
    pub(in crate::http) fn is_client_gone(&self) -> bool {
        match &self.fault {
            Some(Fault::Client(error)) => !self.has_begun && is_disconnect(error),
            _ => false,
        }
    }
}

/// Which side failed. A failing disk must not pass for a client that went away.
#[derive(Debug)]
pub(in crate::http) enum Fault {
    /// A file or reader failed, or ended before its announced length.
    Source(io::Error),
    /// The client went away or was too slow.
    Client(io::Error),
}

/// Sends one response, of which the client must take `rate`.
pub(in crate::http) fn send_response(
    wire: &mut Wire<'_>,
    date: &mut DateHeader,
    (form, rate): (ResponseForm, MinimumRate),
    response: Response,
) -> SendOutcome {
    let end = body_end(&response, form);
    let keep = form.keep && end != BodyEnd::Close;
    wire.out.clear();
    write_head(&mut wire.out, date, &response, (end, form, keep));
    let not_body = u64::try_from(wire.out.len()).unwrap_or(0);
    let mut sender = Sender {
        wire,
        rate,
        sent: 0,
        not_body,
    };
    let body = match form.head_only || end == BodyEnd::None {
        true => Body::Empty,
        false => response.body,
    };
    let fault = sender.send_body(body, end).err();
    SendOutcome {
        body_bytes: sender.sent.saturating_sub(sender.not_body),
        has_begun: sender.sent > 0,
        keep: keep && fault.is_none(),
        fault,
    }
}

/// One response being sent.
struct Sender<'w, 'c> {
    wire: &'w mut Wire<'c>,
    rate: MinimumRate,
    /// Bytes that left.
    sent: u64,
    /// Those of them that are head or chunk headers.
    not_body: u64,
}

impl Sender<'_, '_> {
    fn send_body(&mut self, body: Body, end: BodyEnd) -> Result<(), Fault> {
        match body {
            Body::Empty => {}
            Body::Bytes(bytes) => self.bytes(&bytes, false)?,
            Body::Shared(bytes) => self.bytes(&bytes, false)?,
            Body::Segments(segments) => {
                let mut segments = segments.into_iter().peekable();
                while let Some(segment) = segments.next() {
                    let more = segments.peek().is_some();
                    self.segment(&segment, more)?;
                }
            }
            Body::Stream(mut reader, length) => match (end, length) {
                (BodyEnd::Chunked, _) => self.chunked(&mut *reader)?,
                (_, Some(length)) => self.copy(&mut *reader, length)?,
                (_, None) => self.until_end(&mut *reader)?,
            },
        }
        self.flush(false)
    }

    /// Sends what waits in `out`.
    fn flush(&mut self, more: bool) -> Result<(), Fault> {
        let out = std::mem::take(&mut self.wire.out);
        let result = self.direct(&out, more);
        self.wire.out = out;
        self.wire.out.clear();
        result
    }

    /// A buffer to copy through, as large as there is memory for it and for what TLS makes of it.
    fn buffer(&self, bytes: usize) -> CopyBuffer {
        let besides = match self.wire.is_secure() {
            true => SEND_BYTES,
            false => 0,
        };
        self.wire.memory().buffer(bytes, besides)
    }

    fn direct(&mut self, bytes: &[u8], more: bool) -> Result<(), Fault> {
        let sent = self
            .wire
            .send_all(bytes, more, &mut self.rate, &mut self.sent);
        sent.map_err(Fault::Client)
    }

    /// Small ones are collected in `out`, others are sent at once.
    fn bytes(&mut self, bytes: &[u8], more: bool) -> Result<(), Fault> {
        if self.fits(bytes.len()) {
            self.wire.out.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush(true)?;
        self.direct(bytes, more)
    }

    fn fits(&self, bytes: usize) -> bool {
        self.wire.out.len().saturating_add(bytes) <= SMALL_BYTES
    }

    fn segment(&mut self, segment: &Segment, more: bool) -> Result<(), Fault> {
        match segment {
            Segment::Bytes(bytes) => self.bytes(bytes, more),
            Segment::Shared { .. } => self.bytes(segment.shared(), more),
            Segment::File {
                file,
                offset,
                length,
            } => match usize::try_from(*length) {
                Ok(small) if self.fits(small) => self.small_file(file, *offset, small),
                _ => self.file(file, *offset, *length),
            },
        }
    }

    /// Read to after the head: cheaper than a sendfile of its own.
    #[expect(
        clippy::indexing_slicing,
        reason = "the buffer was just grown beyond the start"
    )]
    fn small_file(&mut self, file: &File, offset: u64, length: usize) -> Result<(), Fault> {
        let start = self.wire.out.len();
        self.wire.out.resize(start.saturating_add(length), 0);
        let into = &mut self.wire.out[start..];
        read_exact_at(file, into, offset).map_err(Fault::Source)
    }

    fn file(&mut self, file: &File, offset: u64, length: u64) -> Result<(), Fault> {
        self.flush(true)?;
        let (mut offset, mut left) = (offset, length);
        while left > 0 {
            let most = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(SEND_FILE_BYTES);
            let sent = match self.wire.send_file(file, offset, most, &mut self.rate) {
                Ok(Some(0)) => return Err(Fault::Source(too_short())),
                Ok(Some(sent)) => u64::try_from(sent).unwrap_or(left),
                Err(error) if is_disconnect(&error) || error.raw_os_error().is_none() => {
                    return Err(Fault::Client(error));
                }
                // The system cannot, or its error may be the file's as well as the socket's: a copy in two steps
                // shows whose it is.
                Ok(None) | Err(_) => {
                    let reader = &mut FileAt { file, offset };
                    return self.copy(reader, left);
                }
            };
            self.sent = self.sent.saturating_add(sent);
            offset = offset.saturating_add(sent);
            left = left.saturating_sub(sent);
        }
        Ok(())
    }

    /// Exactly `length` bytes of a reader.
    #[expect(
        clippy::indexing_slicing,
        reason = "a reader that claims more bytes than the buffer has is a bug"
    )]
    fn copy(&mut self, reader: &mut dyn Read, length: u64) -> Result<(), Fault> {
        let bytes = usize::try_from(length)
            .unwrap_or(COPY_BYTES)
            .min(COPY_BYTES);
        let mut buffer = self.buffer(bytes);
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let count = read(reader, &mut buffer[..most])?;
            if count == 0 {
                return Err(Fault::Source(too_short()));
            }
            left = left.saturating_sub(u64::try_from(count).unwrap_or(left));
            self.bytes(&buffer[..count], left > 0)?;
        }
        Ok(())
    }

    /// All of a reader, ended by the end of the connection.
    #[expect(
        clippy::indexing_slicing,
        reason = "a reader that claims more bytes than the buffer has is a bug"
    )]
    fn until_end(&mut self, reader: &mut dyn Read) -> Result<(), Fault> {
        self.flush(false)?;
        let mut buffer = self.buffer(COPY_BYTES);
        loop {
            match read(reader, &mut buffer)? {
                0 => return Ok(()),
                count => self.direct(&buffer[..count], false)?,
            }
        }
    }

    /// All of a reader in chunks (RFC 9112 7.1): header, data and end of a chunk in one write.
    #[expect(
        clippy::indexing_slicing,
        reason = "the buffer has room for a header, some data and CRLF"
    )]
    fn chunked(&mut self, reader: &mut dyn Read) -> Result<(), Fault> {
        let mut buffer = self.buffer(CHUNK_HEADER + COPY_BYTES + 2);
        let data_end = buffer.len().saturating_sub(2);
        self.flush(true)?;
        loop {
            let count = read(reader, &mut buffer[CHUNK_HEADER..data_end])?;
            if count == 0 {
                self.not_body += 5;
                return self.direct(b"0\r\n\r\n", false);
            }
            let mut header = &mut buffer[..CHUNK_HEADER];
            let _ = write!(header, "{count:08x}\r\n");
            let end = CHUNK_HEADER + count;
            buffer[end..end + 2].copy_from_slice(b"\r\n");
            self.not_body += 12;
            self.direct(&buffer[..end + 2], false)?;
        }
    }
}

/// Reads once, over interruptions.
fn read(reader: &mut dyn Read, into: &mut [u8]) -> Result<usize, Fault> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(Fault::Source),
        }
    }
}

/// A file from an offset on, as a reader.
struct FileAt<'f> {
    file: &'f File,
    offset: u64,
}

impl Read for FileAt<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = sys::read_at(self.file, into, self.offset)?;
        self.offset = self
            .offset
            .saturating_add(u64::try_from(count).unwrap_or(0));
        Ok(count)
    }
}

fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    FileAt { file, offset }
        .read_exact(into)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => too_short(),
            _ => error,
        })
}

fn too_short() -> io::Error {
    let message = "the body ended before its announced length";
    io::Error::new(io::ErrorKind::UnexpectedEof, message)
}
