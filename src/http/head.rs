//! Request heads: where one ends, what is in it, and what is refused (RFC 9110, RFC 9112).
//!
//! `httparse` splits the lines; it is lenient in places where two programs could read one head in two
//! ways (request smuggling), so [`Scan`] looks at the line ends first, and `framing` at the fields
//! that say where the body ends.

use super::framing::{Framing, FramingFields};
use super::limits::HEAD_FIELDS_CEILING;
use super::refusal::Refusal;
use super::{HTTPVersion, Limits, Method};
use std::mem::MaybeUninit;
use std::str::FromStr;

/// Method, spaces and version beside the target on a request line.
const REQUEST_LINE_BESIDE_TARGET: usize = 64;

/// How far a head was looked through, so that no byte is looked at twice.
#[derive(Debug, Default)]
pub(super) struct Scan {
    at: usize,
    after_cr: bool,
    in_line: bool,
    first_line_done: bool,
}

/// What [`Scan::more`] found.
#[derive(Debug, PartialEq)]
pub(super) enum Scanned {
    /// The head goes on.
    More,
    /// The head has that many bytes, its empty line included; 2 for an empty line alone.
    End(usize),
    /// It is refused already.
    Refused(Refusal),
}

impl Scan {
    /// Looks at the bytes that came since the last call. Refuses bare CR, bare LF and NUL, and a
    /// target or head beyond its limit before all of it has come.
    pub(super) fn more(&mut self, bytes: &[u8], limits: &Limits) -> Scanned {
        for &byte in bytes.get(self.at..).unwrap_or_default() {
            self.at += 1;
            match (byte, self.after_cr) {
                (b'\n', true) if !self.in_line && self.at > limits.head_bytes_max => break,
                (b'\n', true) if !self.in_line => return Scanned::End(self.at),
                (b'\n', true) => {
                    self.after_cr = false;
                    self.in_line = false;
                    self.first_line_done = true;
                }
                (b'\n', false) => {
                    return refused(
                        "A line of the request's head ends with LF alone; it must end with CRLF.",
                    );
                }
                (_, true) => return refused("There is a CR without LF in the request's head."),
                (b'\r', false) => self.after_cr = true,
                (0, false) => return refused("There is a NUL in the request's head."),
                (_, false) => self.in_line = true,
            }
        }
        let line_max = limits.target_bytes_max + REQUEST_LINE_BESIDE_TARGET;
        if !self.first_line_done && bytes.len() > line_max {
            return Scanned::Refused(TARGET_TOO_LONG);
        }
        if bytes.len() >= limits.head_bytes_max {
            return Scanned::Refused(Refusal::new(431, "The request's head is too large."));
        }
        Scanned::More
    }
}

fn refused(message: &'static str) -> Scanned {
    Scanned::Refused(Refusal::bad(message))
}

const TARGET_TOO_LONG: Refusal = Refusal::new(414, "The request's target is too long.");

/// A piece of [`Head::text`].
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: usize,
    end: usize,
}

/// A parsed head. One is reused for every request of a connection: no allocation a request.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    /// 0 or 1.
    minor: u8,
    text: String,
    target: Span,
    fields: Vec<(Span, Span)>,
    pub(super) framing: Framing,
    /// `Expect: 100-continue` was asked and there is a body to continue with.
    pub(super) expects_continue: bool,
    /// The client wants the connection kept.
    pub(super) keep_alive: bool,
}

impl Head {
    /// An empty one to parse into.
    pub(super) fn new() -> Head {
        Head {
            method: Method::Get,
            minor: 1,
            text: String::new(),
            target: Span::default(),
            fields: Vec::new(),
            framing: Framing::Length(0),
            expects_continue: false,
            keep_alive: false,
        }
    }

    /// Parses the bytes of one whole head.
    pub(super) fn parse(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
        let mut storage = [const { MaybeUninit::uninit() }; HEAD_FIELDS_CEILING];
        let fields_max = limits.head_fields_max.min(HEAD_FIELDS_CEILING);
        let mut parsed = httparse::Request::new(&mut []);
        let room = storage.get_mut(..fields_max).unwrap_or_default();
        match parsed.parse_with_uninit_headers(bytes, room) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(Refusal::bad("The request's head is malformed."));
            }
            Err(error) => return Err(explain(error, bytes)),
        }
        let (Some(method), Some(target), Some(minor)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(Refusal::bad("The request line is malformed."));
        };
        if target.len() > limits.target_bytes_max {
            return Err(TARGET_TOO_LONG);
        }
        self.method = Method::from_str(method)
            .map_err(|()| Refusal::bad("The request's method is not a token."))?;
        self.minor = minor;
        self.text.clear();
        self.text.reserve_exact(bytes.len());
        self.fields.clear();
        let (target, authority) = origin_form(target, &self.method)?;
        self.target = push(&mut self.text, target);
        let mut framing = FramingFields::default();
        for field in parsed.headers.iter() {
            framing.note(field.name, field.value)?;
            let name = push(&mut self.text, field.name);
            let value = match authority {
                Some(authority) if field.name.eq_ignore_ascii_case("Host") => {
                    push(&mut self.text, authority)
                }
                _ => push_value(&mut self.text, field.value),
            };
            self.fields.push((name, value));
        }
        let terms = framing.conclude(minor)?;
        self.framing = terms.framing;
        self.expects_continue = terms.expects_continue;
        self.keep_alive = terms.keep_alive;
        Ok(())
    }

    /// Bytes of memory that its text takes.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.capacity()
    }

    fn piece(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The target in origin form.
    pub(super) fn target(&self) -> &str {
        self.piece(self.target)
    }

    /// Names and values in order.
    pub(super) fn fields(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> + Clone {
        self.fields
            .iter()
            .map(|&(name, value)| (self.piece(name), self.piece(value)))
    }

    /// The first field of that name.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The version of the request line.
    pub(super) fn version(&self) -> &'static HTTPVersion {
        const VERSIONS: [HTTPVersion; 2] = [HTTPVersion(1, 0), HTTPVersion(1, 1)];
        let [old, new] = &VERSIONS;
        if self.minor == 0 { old } else { new }
    }

    /// The same as a word.
    pub(super) fn version_text(&self) -> &'static str {
        if self.minor == 0 {
            "HTTP/1.0"
        } else {
            "HTTP/1.1"
        }
    }

    /// Gives memory back when the connection comes to rest.
    pub(super) fn rest(&mut self) {
        if self.text.capacity() > super::buffer::BUFFER_BYTES {
            let framing = Framing::Length(0);
            *self = Head {
                framing,
                ..Head::new()
            };
        }
    }
}

fn push(text: &mut String, piece: &str) -> Span {
    let start = text.len();
    text.push_str(piece);
    Span {
        start,
        end: text.len(),
    }
}

/// Values are UTF-8 in practice; else each byte is a character (ISO 8859-1, RFC 9110 5.5).
fn push_value(text: &mut String, value: &[u8]) -> Span {
    match std::str::from_utf8(value) {
        Ok(value) => push(text, value),
        Err(_) => {
            let start = text.len();
            text.extend(value.iter().map(|&byte| char::from(byte)));
            Span {
                start,
                end: text.len(),
            }
        }
    }
}

/// Reduces a target to path and query (RFC 9112 3.2). Of the absolute form the authority is given
/// too: it takes the place of the `Host` field. `*`, for OPTIONS alone, stays what it is.
fn origin_form<'t>(
    target: &'t str,
    method: &Method,
) -> Result<(&'t str, Option<&'t str>), Refusal> {
    let graphic = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !target.bytes().all(graphic) {
        let message = "The request's target has a character that must be percent-encoded.";
        return Err(Refusal::bad(message));
    }
    if target.starts_with('/') || (target == "*" && *method == Method::Options) {
        return Ok((target, None));
    }
    let after_scheme = ["http://", "https://"].iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let form = "The request's target must begin with a slash, or be a whole http or https address.";
    let rest = after_scheme.ok_or(Refusal::bad(form))?;
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
        None => (rest, "/"),
    };
    match path.starts_with('/') && !authority.is_empty() {
        true => Ok((path, Some(authority))),
        false => Err(Refusal::bad(form)),
    }
}

fn explain(error: httparse::Error, bytes: &[u8]) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => {
            Refusal::new(431, "The request's head has too many fields.")
        }
        httparse::Error::Version if has_http_version(bytes) => {
            Refusal::new(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        }
        httparse::Error::HeaderName => Refusal::bad(
            "A field's name is malformed: only letters, digits and -._~!#$%&'*+^`| up to the colon, \
             no space before it, no continued lines.",
        ),
        httparse::Error::HeaderValue => {
            Refusal::bad("A field's value has a control character in it.")
        }
        _ => Refusal::bad("The request line is malformed: it must be METHOD /target HTTP/1.1."),
    }
}

/// Whether the first line ends with the name of a version that is none of ours.
fn has_http_version(bytes: &[u8]) -> bool {
    let line = bytes
        .split(|&byte| byte == b'\r')
        .next()
        .unwrap_or_default();
    let version = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    let digits = version.strip_prefix(b"HTTP/").unwrap_or_default();
    let ours = matches!(digits, b"1.0" | b"1.1");
    let any =
        matches!(digits, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit());
    any && !ours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(pieces: &[&[u8]]) -> Scanned {
        let (mut scan, mut bytes) = (Scan::default(), Vec::new());
        let limits = Limits::default();
        for piece in pieces {
            bytes.extend_from_slice(piece);
            match scan.more(&bytes, &limits) {
                Scanned::More => {}
                scanned => return scanned,
            }
        }
        Scanned::More
    }

    #[test]
    fn the_end_is_found_wherever_the_bytes_are_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nrest\r\n\r\n";
        for cut in 0..head.len() {
            assert_eq!(
                scan(&[&head[..cut], &head[cut..]]),
                Scanned::End(27),
                "{cut}"
            );
        }
        let bytes: Vec<&[u8]> = head.chunks(1).collect();
        assert_eq!(scan(&bytes), Scanned::End(27));
        assert_eq!(scan(&[&head[..26]]), Scanned::More);
    }

    #[test]
    fn wrong_line_ends_are_refused_as_soon_as_they_come() {
        for head in ["A\n", "\n", "A\rB", "A\r\r\n", "A\r\n\rB", "A\0"] {
            for cut in 0..head.len() {
                let (first, second) = head.as_bytes().split_at(cut);
                let scanned = scan(&[first, second]);
                let bad = matches!(scanned, Scanned::Refused(Refusal { status: 400, .. }));
                assert!(bad, "{head:?} cut at {cut}: {scanned:?}");
            }
        }
    }

    fn parse(head: &str) -> Result<Head, Refusal> {
        let mut parsed = Head::new();
        parsed.parse(head.as_bytes(), &Limits::default())?;
        Ok(parsed)
    }

    #[test]
    fn one_head_leaves_nothing_to_the_next() {
        let limits = Limits::default();
        let mut head = Head::new();
        let first = "PUT /long?query HTTP/1.1\r\nHost: x\r\nA: b\r\nContent-Length: 5\r\n\r\n";
        head.parse(first.as_bytes(), &limits).unwrap();
        assert_eq!(head.framing, Framing::Length(5));
        head.parse(b"GET /s HTTP/1.0\r\nC: \xe4\r\n\r\n", &limits)
            .unwrap();
        assert_eq!((head.target(), head.version_text()), ("/s", "HTTP/1.0"));
        assert_eq!(head.fields().collect::<Vec<_>>(), [("C", "\u{e4}")]);
        assert_eq!((head.framing, head.keep_alive), (Framing::Length(0), false));
    }

    #[test]
    fn the_terms_of_a_head_follow_its_fields() {
        let table = [
            ("", Framing::Length(0), false, true),
            ("Connection: close\r\n", Framing::Length(0), false, false),
            (
                "Connection: keep-alive, close\r\n",
                Framing::Length(0),
                false,
                false,
            ),
            (
                "Content-Length: 9223372036854775807\r\n",
                Framing::Length(i64::MAX as u64),
                false,
                true,
            ),
            (
                "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
                Framing::Chunked,
                true,
                true,
            ),
            (
                "Content-Length: 0\r\nExpect: 100-continue\r\n",
                Framing::Length(0),
                false,
                true,
            ),
        ];
        for (fields, framing, expects, keep) in table {
            let head = parse(&format!("PUT / HTTP/1.1\r\nHost: x\r\n{fields}\r\n")).unwrap();
            let found = (head.framing, head.expects_continue, head.keep_alive);
            assert_eq!(found, (framing, expects, keep), "{fields:?}");
        }
    }
}
