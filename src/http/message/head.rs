//! Request heads, parsed: request line and headers, and what is rejected of them (RFC 9110, RFC 9112).
//!
//! `httparse` splits the lines; it is lenient where two programs could read one head in two
//! ways (request smuggling), so `scan` checks the line ends first, and `framing` the headers
//! that say where the body ends.

use super::framing::{Framing, FramingHeaders};
use super::rejection::Rejection;
use std::mem::MaybeUninit;
use std::str::FromStr;
use tiny_http::Method;

/// The most headers a head may have, whatever [`HeadLimits::headers_max`] says.
pub const HEADERS_CEILING: usize = 256;

/// The bounds of a request head.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct HeadLimits {
    /// Bytes of the whole head. More is a 431.
    pub(in crate::http) head_bytes_max: usize,
    /// Headers, at most [`HEADERS_CEILING`]. More is a 431.
    pub(in crate::http) headers_max: usize,
    /// Bytes of the target. More is a 414.
    pub(in crate::http) target_bytes_max: usize,
}

/// A piece of [`Head::text`].
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: usize,
    end: usize,
}

/// A parsed head. One is reused for every request of a connection, so that a request costs no allocation.
#[derive(Debug)]
pub(in crate::http) struct Head {
    pub(in crate::http) method: Method,
    /// 0 or 1.
    minor: u8,
    text: String,
    target: Span,
    headers: Vec<(Span, Span)>,
    pub(in crate::http) framing: Framing,
    /// The client sent `Expect: 100-continue` and has a body to continue with.
    pub(in crate::http) expects_continue: bool,
    /// The client wants the connection kept open.
    pub(in crate::http) keep_alive: bool,
}

impl Head {
    /// An empty one to parse into.
    pub(in crate::http) fn new() -> Head {
        Head {
            method: Method::Get,
            minor: 1,
            text: String::new(),
            target: Span::default(),
            headers: Vec::new(),
            framing: Framing::Length(0),
            expects_continue: false,
            keep_alive: false,
        }
    }

    /// Parses the bytes of one whole head.
    pub(in crate::http) fn parse(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<(), Rejection> {
        let mut storage = [const { MaybeUninit::uninit() }; HEADERS_CEILING];
        let headers_max = limits.headers_max.min(HEADERS_CEILING);
        let mut parsed = httparse::Request::new(&mut []);
        let (room, _) = storage.split_at_mut(headers_max);
        match parsed.parse_with_uninit_headers(bytes, room) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(Rejection::bad_request("The request head is malformed."));
            }
            Err(error) => return Err(explain(error, bytes)),
        }
        let (Some(method), Some(target), Some(minor)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(Rejection::bad_request("The request line is malformed."));
        };
        if target.len() > limits.target_bytes_max {
            return Err(Rejection::TARGET_TOO_LONG);
        }
        self.method = Method::from_str(method)
            .map_err(|()| Rejection::bad_request("The request method is not a valid token."))?;
        self.minor = minor;
        self.text.clear();
        self.text.reserve_exact(bytes.len());
        self.headers.clear();
        let (target, authority) = origin_form(target, &self.method)?;
        self.target = push(&mut self.text, target);
        let mut framing = FramingHeaders::default();
        for header in parsed.headers.iter() {
            framing.note(header.name, header.value)?;
            let name = push(&mut self.text, header.name);
            let value = match authority {
                Some(authority) if header.name.eq_ignore_ascii_case("Host") => {
                    push(&mut self.text, authority)
                }
                _ => push_value(&mut self.text, header.value),
            };
            self.headers.push((name, value));
        }
        let terms = framing.conclude(minor)?;
        self.framing = terms.framing;
        self.expects_continue = terms.expects_continue;
        self.keep_alive = terms.keep_alive;
        Ok(())
    }

    /// Bytes of memory that its text takes.
    pub(in crate::http) fn text_bytes(&self) -> usize {
        self.text.capacity()
    }

    // Spans are made of pieces that were pushed to the text.
    fn piece(&self, span: Span) -> &str {
        &self.text[span.start..span.end]
    }

    /// The target in origin form.
    pub(in crate::http) fn target(&self) -> &str {
        self.piece(self.target)
    }

    /// Names and values in order.
    pub(in crate::http) fn headers(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> + Clone {
        self.headers
            .iter()
            .map(|&(name, value)| (self.piece(name), self.piece(value)))
    }

    /// The first header of that name.
    pub(in crate::http) fn header(&self, name: &str) -> Option<&str> {
        self.headers()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Whether the request line says HTTP/1.0.
    pub(in crate::http) fn is_http_1_0(&self) -> bool {
        self.minor == 0
    }

    /// The version of the request line.
    pub(in crate::http) fn version(&self) -> &'static str {
        if self.minor == 0 {
            "HTTP/1.0"
        } else {
            "HTTP/1.1"
        }
    }

    /// Gives memory back when the connection becomes idle: its text keeps `bytes_max` at most.
    pub(in crate::http) fn shrink(&mut self, bytes_max: usize) {
        if self.text.capacity() > bytes_max {
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

/// Reduces a target to path and query (RFC 9112 3.2). For the absolute form the authority is returned
/// too: it replaces the `Host` header. `*`, allowed for OPTIONS only, is kept.
fn origin_form<'t>(
    target: &'t str,
    method: &Method,
) -> Result<(&'t str, Option<&'t str>), Rejection> {
    let graphic = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !target.bytes().all(graphic) {
        let message = "The request target contains a character that must be percent-encoded.";
        return Err(Rejection::bad_request(message));
    }
    if target.starts_with('/') || (target == "*" && *method == Method::Options) {
        return Ok((target, None));
    }
    let after_scheme = ["http://", "https://"].iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let form = "The request target must start with a slash or be an absolute http or https URL.";
    let rest = after_scheme.ok_or(Rejection::bad_request(form))?;
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
        None => (rest, "/"),
    };
    match path.starts_with('/') && !authority.is_empty() {
        true => Ok((path, Some(authority))),
        false => Err(Rejection::bad_request(form)),
    }
}

fn explain(error: httparse::Error, bytes: &[u8]) -> Rejection {
    match error {
        httparse::Error::TooManyHeaders => Rejection::new(431, "The request has too many headers."),
        httparse::Error::Version if has_http_version(bytes) => Rejection::new(
            505,
            "Unsupported HTTP version; supported: HTTP/1.1 and HTTP/1.0.",
        ),
        httparse::Error::HeaderName => Rejection::bad_request(
            "Malformed header name: only letters, digits and -._~!#$%&'*+^`| are allowed before the colon, \
             no space, and no folded lines.",
        ),
        httparse::Error::HeaderValue => {
            Rejection::bad_request("A header value contains a control character.")
        }
        _ => Rejection::bad_request("Malformed request line; expected METHOD /target HTTP/1.1."),
    }
}

/// Whether the first line ends with an HTTP version that is not supported.
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

    const LIMITS: HeadLimits = HeadLimits {
        head_bytes_max: 4096,
        headers_max: 100,
        target_bytes_max: 1024,
    };

    fn parse(head: &str) -> Result<Head, Rejection> {
        let mut parsed = Head::new();
        parsed.parse(head.as_bytes(), &LIMITS)?;
        Ok(parsed)
    }

    #[test]
    fn one_head_leaves_nothing_to_the_next() {
        let limits = LIMITS;
        let mut head = Head::new();
        let first = "PUT /long?query HTTP/1.1\r\nHost: x\r\nA: b\r\nContent-Length: 5\r\n\r\n";
        head.parse(first.as_bytes(), &limits).unwrap();
        assert_eq!(head.framing, Framing::Length(5));
        head.parse(b"GET /s HTTP/1.0\r\nC: \xe4\r\n\r\n", &limits)
            .unwrap();
        assert_eq!((head.target(), head.version()), ("/s", "HTTP/1.0"));
        assert_eq!(head.headers().collect::<Vec<_>>(), [("C", "\u{e4}")]);
        assert_eq!((head.framing, head.keep_alive), (Framing::Length(0), false));
    }

    #[test]
    fn the_authority_of_an_absolute_target_takes_the_place_of_the_host_alone() {
        let head = parse("GET http://y:1/a?b HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n").unwrap();
        assert_eq!(head.target(), "/a?b");
        let headers = [("Host", "y:1"), ("A", "b")];
        assert_eq!(head.headers().collect::<Vec<_>>(), headers);
    }

    #[test]
    fn the_terms_of_a_head_follow_its_headers() {
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
        for (headers, framing, expects, keep) in table {
            let head = parse(&format!("PUT / HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).unwrap();
            let found = (head.framing, head.expects_continue, head.keep_alive);
            assert_eq!(found, (framing, expects, keep), "{headers:?}");
        }
    }
}
