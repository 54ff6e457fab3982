//! Finds the end of a request head in what has arrived so far, and rejects early what can never become one
//! (RFC 9112 2.2, 5.1).
//!
//! `httparse` accepts bare LF and more; two programs that read one head in two ways are how requests are smuggled, so line
//! ends are checked here before a head is parsed.

use super::head::HeadLimits;
use super::rejection::Rejection;

/// What a request line has in addition to its target: method, spaces and version.
const REQUEST_LINE_BESIDES_TARGET_BYTES: usize = 64;

/// How far a head has been scanned, so that no byte is looked at twice.
#[derive(Debug, Default)]
pub(in crate::http) struct Scan {
    at: usize,
    after_cr: bool,
    in_line: bool,
    first_line_done: bool,
}

/// What [`Scan::advance`] found.
#[derive(Debug, PartialEq)]
pub(in crate::http) enum Scanned {
    /// The head is not complete yet.
    Incomplete,
    /// The head has that many bytes, its empty line included; 2 for an empty line alone.
    Complete(usize),
    /// It can be rejected already.
    Rejected(Rejection),
}

impl Scan {
    /// Scans the bytes that arrived since the last call. Rejects bare CR, bare LF and NUL, and a
    /// target or head beyond its limit before all of it has arrived.
    #[expect(
        clippy::indexing_slicing,
        reason = "the bytes of a head are never fewer than in the last call"
    )]
    pub(in crate::http) fn advance(&mut self, bytes: &[u8], limits: &HeadLimits) -> Scanned {
        for &byte in &bytes[self.at..] {
            self.at += 1;
            match (byte, self.after_cr) {
                (b'\n', true) if !self.in_line && self.at > limits.head_bytes_max => break,
                (b'\n', true) if !self.in_line => return Scanned::Complete(self.at),
                (b'\n', true) => {
                    self.after_cr = false;
                    self.in_line = false;
                    self.first_line_done = true;
                }
                (b'\n', false) => {
                    return rejected(
                        "Lines of the request head must end with CRLF, not with LF alone.",
                    );
                }
                (_, true) => return rejected("The request head contains a CR without LF."),
                (b'\r', false) => self.after_cr = true,
                (0, false) => return rejected("The request head contains a NUL byte."),
                (_, false) => self.in_line = true,
            }
        }
        let line_bytes_max = limits.target_bytes_max + REQUEST_LINE_BESIDES_TARGET_BYTES;
        if !self.first_line_done && bytes.len() > line_bytes_max {
            return Scanned::Rejected(Rejection::TARGET_TOO_LONG);
        }
        if bytes.len() >= limits.head_bytes_max {
            return Scanned::Rejected(Rejection::new(431, "The request head is too large."));
        }
        Scanned::Incomplete
    }
}

fn rejected(message: &'static str) -> Scanned {
    Scanned::Rejected(Rejection::bad_request(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits {
        head_bytes_max: 4096,
        headers_max: 100,
        target_bytes_max: 1024,
    };

    fn scan(pieces: &[&[u8]]) -> Scanned {
        let (mut scan, mut bytes) = (Scan::default(), Vec::new());
        for piece in pieces {
            bytes.extend_from_slice(piece);
            match scan.advance(&bytes, &LIMITS) {
                Scanned::Incomplete => {}
                scanned => return scanned,
            }
        }
        Scanned::Incomplete
    }

    #[test]
    fn the_end_is_found_wherever_the_bytes_are_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nrest\r\n\r\n";
        for cut in 0..head.len() {
            assert_eq!(
                scan(&[&head[..cut], &head[cut..]]),
                Scanned::Complete(27),
                "{cut}"
            );
        }
        let bytes: Vec<&[u8]> = head.chunks(1).collect();
        assert_eq!(scan(&bytes), Scanned::Complete(27));
        assert_eq!(scan(&[&head[..26]]), Scanned::Incomplete);
    }

    #[test]
    fn wrong_line_ends_are_rejected_as_soon_as_they_come() {
        for head in ["A\n", "\n", "A\rB", "A\r\r\n", "A\r\n\rB", "A\0"] {
            for cut in 0..head.len() {
                let (first, second) = head.as_bytes().split_at(cut);
                let scanned = scan(&[first, second]);
                let bad = matches!(scanned, Scanned::Rejected(Rejection { status: 400, .. }));
                assert!(bad, "{head:?} cut at {cut}: {scanned:?}");
            }
        }
    }
}
