//! Answers on their way out: the head, and each kind of body by the cheapest way the system has.
//!
//! Head and small bodies leave in one write. Files leave by sendfile, behind a head that was marked
//! `more` so that no small packet goes first. Readers without a length are chunked.

use super::body::is_gone;
use super::response::{Body, Response, Segment, reason};
use super::tls::SEND_BYTES;
use super::wire::{Pace, Wire};
use crate::memory::Buffer;
use crate::sys;
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bodies, and pieces of them, up to this many bytes are copied behind the head: one system call.
pub(super) const SMALL_BYTES: usize = 16 * 1024;
/// The buffer for what has to be copied, where there is memory for it.
const COPY_BYTES: usize = 256 * 1024;
/// The most that one sendfile is asked for, so that a slow reader is looked at now and then.
const SEND_FILE_BYTES: usize = 2 * 1024 * 1024;
/// Hex digits of a chunk's size, and the CRLF.
const CHUNK_HEADER: usize = 10;

/// What the request asks of the form of the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// HTTP/1.0: no chunked coding, the connection's fate is said explicitly.
    pub(super) old: bool,
    /// HEAD: no body bytes.
    pub(super) head_only: bool,
    /// The connection is kept if the answer allows it.
    pub(super) keep: bool,
}

/// What became of an answer.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Bytes of the body that left.
    pub(super) body_bytes: u64,
    /// Whether any byte left.
    pub(super) has_begun: bool,
    /// Whether the next request may follow.
    pub(super) keep: bool,
    /// What went wrong, if it did.
    pub(super) fault: Option<Fault>,
}

impl Outcome {
    /// Whether the client had gone before anything was sent.
    pub(super) fn is_client_gone(&self) -> bool {
        match &self.fault {
            Some(Fault::Client(error)) => !self.has_begun && is_gone(error),
            _ => false,
        }
    }
}

/// Whose fault it was.
#[derive(Debug)]
pub(super) enum Fault {
    /// A file or reader did not give what was promised.
    Source(io::Error),
    /// The client went away or was too slow.
    Client(io::Error),
}

/// The text of the `Date` field, made once a second.
#[derive(Default)]
pub(super) struct Date {
    second: u64,
    text: String,
}

impl Date {
    fn now(&mut self) -> &str {
        let now = SystemTime::now();
        let second = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        if self.second != second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(now);
        }
        &self.text
    }
}

/// How the client will know where the body ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// The status allows no body.
    None,
    Length(u64),
    Chunked,
    /// At the end of the connection (HTTP/1.0).
    Close,
}

/// Sends one answer.
pub(super) fn answer(wire: &mut Wire, date: &mut Date, form: Form, response: Response) -> Outcome {
    let end = end_of(&response, form);
    let keep = form.keep && end != End::Close;
    wire.out.clear();
    write_head(&mut wire.out, date, &response, (end, form, keep));
    let limits = &wire.shared.limits;
    let pace = Pace::rate(limits.answer_rate_min_bytes_per_second, limits.answer_grace);
    let not_body = u64::try_from(wire.out.len()).unwrap_or(0);
    let mut sender = Sender {
        wire,
        pace,
        sent: 0,
        not_body,
    };
    let body = match form.head_only || end == End::None {
        true => Body::Empty,
        false => response.body,
    };
    let fault = sender.send_body(body, end).err();
    Outcome {
        body_bytes: sender.sent.saturating_sub(sender.not_body),
        has_begun: sender.sent > 0,
        keep: keep && fault.is_none(),
        fault,
    }
}

fn end_of(response: &Response, form: Form) -> End {
    let length = |bytes: usize| End::Length(u64::try_from(bytes).unwrap_or(u64::MAX));
    match (response.status(), &response.body) {
        (..200 | 204 | 304, _) => End::None,
        (_, Body::Empty) => End::Length(0),
        (_, Body::Bytes(bytes)) => length(bytes.len()),
        (_, Body::Shared(bytes)) => length(bytes.len()),
        (_, Body::Segments(segments)) => {
            let lengths = segments.iter().map(Segment::length);
            End::Length(lengths.fold(0, u64::saturating_add))
        }
        (_, Body::Stream(_, Some(length))) => End::Length(*length),
        (_, Body::Stream(_, None)) if form.old => End::Close,
        (_, Body::Stream(_, None)) => End::Chunked,
    }
}

fn write_head(
    out: &mut Vec<u8>,
    date: &mut Date,
    response: &Response,
    (end, form, keep): (End, Form, bool),
) {
    let mut line = |parts: &[&str]| {
        parts
            .iter()
            .for_each(|part| out.extend_from_slice(part.as_bytes()));
        out.extend_from_slice(b"\r\n");
    };
    let mut digits = [0; 20];
    let status = response.status();
    let code = decimal(u64::from(status), &mut digits);
    line(&["HTTP/1.1 ", code, " ", reason(status)]);
    line(&["Date: ", date.now()]);
    for (name, value) in &response.fields {
        if !is_engines_own(name) {
            line(&[name, ": ", value]);
        }
    }
    match end {
        End::Length(length) => {
            line(&["Content-Length: ", decimal(length, &mut digits)]);
        }
        End::Chunked => line(&["Transfer-Encoding: chunked"]),
        End::None | End::Close => {}
    }
    if !keep {
        line(&["Connection: close"]);
    } else if form.old {
        line(&["Connection: keep-alive"]);
    }
    line(&[]);
}

/// A handler never sets these; if it does, its value must not contradict the engine's.
fn is_engines_own(name: &str) -> bool {
    ["Date", "Connection", "Content-Length", "Transfer-Encoding"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
}

/// A number as text, without an allocation.
fn decimal(number: u64, digits: &mut [u8; 20]) -> &str {
    let mut rest: &mut [u8] = digits;
    let _ = write!(rest, "{number}");
    let free = rest.len();
    let used = digits.len().saturating_sub(free);
    let text = digits.get(..used).unwrap_or_default();
    std::str::from_utf8(text).unwrap_or_default()
}

/// One answer being sent.
struct Sender<'w> {
    wire: &'w mut Wire,
    pace: Pace,
    /// Bytes that left.
    sent: u64,
    /// Those of them that are head or chunk headers.
    not_body: u64,
}

impl Sender<'_> {
    fn send_body(&mut self, body: Body, end: End) -> Result<(), Fault> {
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
                (End::Chunked, _) => self.chunked(&mut *reader)?,
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
    fn buffer(&self, bytes: usize) -> Buffer {
        let beside = match self.wire.is_secure() {
            true => SEND_BYTES,
            false => 0,
        };
        self.wire.shared.memory.buffer(bytes, beside)
    }

    fn direct(&mut self, bytes: &[u8], more: bool) -> Result<(), Fault> {
        let sent = self
            .wire
            .send_all(bytes, more, &mut self.pace, &mut self.sent);
        sent.map_err(Fault::Client)
    }

    /// Small ones wait for company in `out`, others go at once.
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

    /// Read behind the head: cheaper than a sendfile of its own.
    fn small_file(&mut self, file: &File, offset: u64, length: usize) -> Result<(), Fault> {
        let start = self.wire.out.len();
        self.wire.out.resize(start.saturating_add(length), 0);
        let into = self.wire.out.get_mut(start..).unwrap_or_default();
        read_exact_at(file, into, offset).map_err(Fault::Source)
    }

    fn file(&mut self, file: &File, offset: u64, length: u64) -> Result<(), Fault> {
        self.flush(true)?;
        let (mut offset, mut left) = (offset, length);
        while left > 0 {
            let most = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(SEND_FILE_BYTES);
            let sent = self.wire.send_file(file, offset, most, &mut self.pace);
            let sent = match sent.map_err(Fault::Client)? {
                None => {
                    let reader = &mut FileAt { file, offset };
                    return self.copy(reader, left);
                }
                Some(0) => return Err(Fault::Source(too_short())),
                Some(sent) => u64::try_from(sent).unwrap_or(left),
            };
            self.sent = self.sent.saturating_add(sent);
            offset = offset.saturating_add(sent);
            left = left.saturating_sub(sent);
        }
        Ok(())
    }

    /// Exactly `length` bytes of a reader.
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
            let count = read(reader, buffer.get_mut(..most).unwrap_or_default())?;
            if count == 0 {
                return Err(Fault::Source(too_short()));
            }
            left = left.saturating_sub(u64::try_from(count).unwrap_or(left));
            self.bytes(buffer.get(..count).unwrap_or_default(), left > 0)?;
        }
        Ok(())
    }

    /// All of a reader, ended by the end of the connection.
    fn until_end(&mut self, reader: &mut dyn Read) -> Result<(), Fault> {
        self.flush(false)?;
        let mut buffer = self.buffer(COPY_BYTES);
        loop {
            match read(reader, &mut buffer)? {
                0 => return Ok(()),
                count => self.direct(buffer.get(..count).unwrap_or_default(), false)?,
            }
        }
    }

    /// All of a reader in chunks (RFC 9112 7.1): header, data and end of a chunk in one write.
    fn chunked(&mut self, reader: &mut dyn Read) -> Result<(), Fault> {
        let mut buffer = self.buffer(CHUNK_HEADER + COPY_BYTES + 2);
        let data_end = buffer.len().saturating_sub(2);
        self.flush(true)?;
        loop {
            let data = buffer.get_mut(CHUNK_HEADER..data_end).unwrap_or_default();
            let count = read(reader, data)?;
            if count == 0 {
                self.not_body += 5;
                return self.direct(b"0\r\n\r\n", false);
            }
            let mut header = buffer.get_mut(..CHUNK_HEADER).unwrap_or_default();
            let _ = write!(header, "{count:08x}\r\n");
            let end = CHUNK_HEADER + count;
            if let Some(after) = buffer.get_mut(end..end + 2) {
                after.copy_from_slice(b"\r\n");
            }
            self.not_body += 12;
            self.direct(buffer.get(..end + 2).unwrap_or_default(), false)?;
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
    let message = "the body's source ended before the length that was promised";
    io::Error::new(io::ErrorKind::UnexpectedEof, message)
}
