//! The head of a response as bytes, and how the client will know where the body ends (RFC 9112 6).

use super::response::{Body, Response, Segment, reason};
use crate::time::format_http_date;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the request demands of the form of the response.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct ResponseForm {
    /// HTTP/1.0: no chunked coding, and `Connection` is always sent.
    pub(in crate::http) is_http_1_0: bool,
    /// HEAD: no body bytes.
    pub(in crate::http) head_only: bool,
    /// The connection is kept if the response allows it.
    pub(in crate::http) keep: bool,
}

/// The text of the `Date` header, formatted once a second.
#[derive(Default)]
pub(in crate::http) struct DateHeader {
    second: u64,
    text: String,
}

impl DateHeader {
    fn now(&mut self) -> &str {
        let now = SystemTime::now();
        let second = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        if self.second != second || self.text.is_empty() {
            self.second = second;
            self.text = format_http_date(now);
        }
        &self.text
    }
}

/// How the client will know where the body ends.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::http) enum BodyEnd {
    /// The status allows no body.
    None,
    Length(u64),
    Chunked,
    /// At the end of the connection (HTTP/1.0).
    Close,
}

/// Which end the body of this response has.
pub(in crate::http) fn body_end(response: &Response, form: ResponseForm) -> BodyEnd {
    let length = |bytes: usize| BodyEnd::Length(u64::try_from(bytes).unwrap_or(u64::MAX));
    match (response.status(), &response.body) {
        (..200 | 204 | 304, _) => BodyEnd::None,
        (_, Body::Empty) => BodyEnd::Length(0),
        (_, Body::Bytes(bytes)) => length(bytes.len()),
        (_, Body::Shared(bytes)) => length(bytes.len()),
        (_, Body::Segments(segments)) => {
            let lengths = segments.iter().map(Segment::length);
            BodyEnd::Length(lengths.fold(0, u64::saturating_add))
        }
        (_, Body::Stream(_, Some(length))) => BodyEnd::Length(*length),
        (_, Body::Stream(_, None)) if form.is_http_1_0 => BodyEnd::Close,
        (_, Body::Stream(_, None)) => BodyEnd::Chunked,
    }
}

/// Appends the head to `out`.
pub(in crate::http) fn write_head(
    out: &mut Vec<u8>,
    date: &mut DateHeader,
    response: &Response,
    (end, form, keep): (BodyEnd, ResponseForm, bool),
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
    for (name, value) in &response.headers {
        if !is_engines_own(name) {
            line(&[name, ": ", value]);
        }
    }
    match end {
        BodyEnd::Length(length) => {
            line(&["Content-Length: ", decimal(length, &mut digits)]);
        }
        BodyEnd::Chunked => line(&["Transfer-Encoding: chunked"]),
        BodyEnd::None | BodyEnd::Close => {}
    }
    if !keep {
        line(&["Connection: close"]);
    } else if form.is_http_1_0 {
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
    // Digits are ASCII.
    std::str::from_utf8(digits.split_at(used).0).unwrap_or_default()
}
