//! The fields of a head that the engine itself obeys: where the body ends, whether the connection is
//! kept, who is asked for (RFC 9112 3.2, 6, 9.3; RFC 9110 10.1.1).
//!
//! Strict where leniency lets two programs disagree about where a request ends.

use super::refusal::Refusal;

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Framing {
    /// That many bytes; 0 when there is no body.
    Length(u64),
    /// The chunked coding.
    Chunked,
}

/// What the fields come to.
#[derive(Debug, PartialEq)]
pub(super) struct Terms {
    pub(super) framing: Framing,
    pub(super) expects_continue: bool,
    pub(super) keep_alive: bool,
}

/// The fields seen so far.
#[derive(Debug, Default)]
pub(super) struct FramingFields {
    length: Option<u64>,
    chunked: bool,
    host: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    expects_else: bool,
}

impl FramingFields {
    /// Looks at one field, its value without surrounding white space.
    pub(super) fn note(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("Content-Length") {
            self.note_length(value)?;
        } else if is("Transfer-Encoding") {
            self.note_coding(value)?;
        } else if is("Host") {
            if std::mem::replace(&mut self.host, true) {
                return Err(Refusal::bad("There is more than one Host field."));
            }
            if !value.iter().all(|&byte| is_host_byte(byte)) {
                return Err(Refusal::bad("The Host field is not a host and port."));
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

    fn note_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some() {
            return Err(Refusal::bad("There is more than one Content-Length field."));
        }
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| digits);
        // Bounded to 63 bits, so that no sum of an offset and a length overflows further in.
        let length = text.and_then(|text| text.parse::<i64>().ok());
        let length = length.and_then(|length| u64::try_from(length).ok());
        let wrong = "The Content-Length field is not one number of bytes, digits only, below 2^63.";
        self.length = Some(length.ok_or(Refusal::bad(wrong))?);
        Ok(())
    }

    fn note_coding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if std::mem::replace(&mut self.chunked, true) {
            return Err(Refusal::bad(
                "There is more than one Transfer-Encoding field.",
            ));
        }
        match value.eq_ignore_ascii_case(b"chunked") {
            true => Ok(()),
            false => Err(Refusal::new(
                501,
                "The only transfer coding understood here is chunked.",
            )),
        }
    }

    /// Judges all fields together, for `HTTP/1.minor`.
    pub(super) fn conclude(self, minor: u8) -> Result<Terms, Refusal> {
        if self.chunked && self.length.is_some() {
            let message = "There are both a Content-Length and a Transfer-Encoding field.";
            return Err(Refusal::bad(message));
        }
        if self.chunked && minor == 0 {
            return Err(Refusal::bad("There is no Transfer-Encoding in HTTP/1.0."));
        }
        if !self.host && minor > 0 {
            return Err(Refusal::bad("There is no Host field."));
        }
        if self.expects_else && minor > 0 {
            return Err(Refusal::new(
                417,
                "The only expectation understood here is 100-continue.",
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
