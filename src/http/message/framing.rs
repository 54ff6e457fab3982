//! The headers that the engine itself acts on: where the body ends, whether the connection is
//! kept, which host is meant (RFC 9112 3.2, 6, 9.3; RFC 9110 10.1.1).
//!
//! Strict where leniency would let two programs disagree about where a request ends.

use super::rejection::Rejection;

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::http) enum Framing {
    /// That many bytes; 0 when there is no body.
    Length(u64),
    /// The chunked coding.
    Chunked,
}

/// What the headers amount to.
#[derive(Debug, PartialEq)]
pub(in crate::http) struct Terms {
    pub(in crate::http) framing: Framing,
    pub(in crate::http) expects_continue: bool,
    pub(in crate::http) keep_alive: bool,
}

/// The headers seen so far.
#[derive(Debug, Default)]
pub(in crate::http) struct FramingHeaders {
    length: Option<u64>,
    chunked: bool,
    host: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    expects_else: bool,
}

impl FramingHeaders {
    /// Looks at one header, its value without surrounding white space.
    pub(in crate::http) fn note(&mut self, name: &str, value: &[u8]) -> Result<(), Rejection> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("Content-Length") {
            self.note_length(value)?;
        } else if is("Transfer-Encoding") {
            self.note_coding(value)?;
        } else if is("Host") {
            if std::mem::replace(&mut self.host, true) {
                return Err(Rejection::bad_request(
                    "The request has more than one Host header.",
                ));
            }
            if !value.iter().all(|&byte| is_host_byte(byte)) {
                return Err(Rejection::bad_request(
                    "The Host header is not a valid host and port.",
                ));
            }
        } else if is("Connection") {
            for option in value.split(|&byte| byte == b',') {
                let option = option.trim_ascii();
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if is("Expect") {
            let known = value.eq_ignore_ascii_case(b"100-continue");
            self.expects_continue |= known;
            self.expects_else |= !known;
        }
        Ok(())
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), Rejection> {
        if self.length.is_some() {
            return Err(Rejection::bad_request(
                "The request has more than one Content-Length header.",
            ));
        }
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| digits);
        // Bounded to 63 bits, so that no sum of an offset and a length overflows further in.
        let length = text.and_then(|text| text.parse::<i64>().ok());
        let length = length.and_then(|length| u64::try_from(length).ok());
        let wrong = "Content-Length must be one decimal number of bytes below 2^63.";
        self.length = Some(length.ok_or(Rejection::bad_request(wrong))?);
        Ok(())
    }

    fn note_coding(&mut self, value: &[u8]) -> Result<(), Rejection> {
        if std::mem::replace(&mut self.chunked, true) {
            return Err(Rejection::bad_request(
                "The request has more than one Transfer-Encoding header.",
            ));
        }
        match value.eq_ignore_ascii_case(b"chunked") {
            true => Ok(()),
            false => Err(Rejection::new(
                501,
                "Unsupported transfer coding; supported: chunked.",
            )),
        }
    }

    /// Judges all headers together, for `HTTP/1.minor`.
    pub(in crate::http) fn conclude(self, minor: u8) -> Result<Terms, Rejection> {
        if self.chunked && self.length.is_some() {
            let message = "The request has both a Content-Length and a Transfer-Encoding header.";
            return Err(Rejection::bad_request(message));
        }
        if self.chunked && minor == 0 {
            return Err(Rejection::bad_request(
                "Transfer-Encoding is not allowed in HTTP/1.0.",
            ));
        }
        if !self.host && minor > 0 {
            return Err(Rejection::bad_request("The Host header is missing."));
        }
        if self.expects_else && minor > 0 {
            return Err(Rejection::new(
                417,
                "Unsupported expectation; supported: 100-continue.",
            ));
        }
        let framing = match self.chunked {
            true => Framing::Chunked,
            false => Framing::Length(self.length.unwrap_or(0)),
        };
        Ok(Terms {
            framing,
            expects_continue: self.expects_continue && minor > 0 && framing != Framing::Length(0),
            keep_alive: !self.close && (minor > 0 || self.keep_alive),
        })
    }
}

/// Characters of `uri-host [":" port]` (RFC 3986 3.2.2).
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}
