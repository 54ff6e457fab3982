//! The request line of a head that was rejected, for the access log. Bytes without one, such as a TLS hello or
//! another protocol, are not a request.

use super::excerpt::{EXCERPT_BYTES_MAX, excerpt};

/// The parts of a request line.
#[derive(Debug, PartialEq)]
pub(in crate::http) struct RequestLine {
    pub(in crate::http) method: String,
    pub(in crate::http) target: String,
    pub(in crate::http) version: String,
}

impl RequestLine {
    /// Finds it at the start of what was received. An incomplete line counts only when its target is
    /// longer than the limit, which is why it was not read to its end.
    pub(in crate::http) fn find(received: &[u8], target_bytes_max: usize) -> Option<RequestLine> {
        let end = received.iter().position(|&byte| byte == b'\n');
        let line = received.get(..end.unwrap_or(received.len()))?;
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        let (method, rest) = line.split_once(' ')?;
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if method.is_empty() || !method.bytes().all(is_token) {
            return None;
        }
        let (target, version) = match end {
            Some(_) => rest.rsplit_once(' ')?,
            None if rest.len() > target_bytes_max && rest.starts_with('/') => (rest, "HTTP/1.1"),
            None => return None,
        };
        let is_short = method.len() <= EXCERPT_BYTES_MAX;
        if target.is_empty() || !version.starts_with("HTTP/") || !is_short {
            return None;
        }
        Some(RequestLine {
            method: method.to_owned(),
            target: excerpt(target).into_owned(),
            version: version
                .get(..version.len().min(8))
                .unwrap_or("HTTP/1.1")
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(received: &[u8]) -> Option<String> {
        let line = RequestLine::find(received, 2000)?;
        Some(format!("{} {} {}", line.method, line.target, line.version))
    }

    #[test]
    fn a_request_line_is_found_and_nothing_else_is_taken_for_one() {
        for (received, line) in [
            ("GET / HTTP/1.1\r\n", "GET / HTTP/1.1"),
            ("GET /a b HTTP/1.1\r\nx\0", "GET /a b HTTP/1.1"),
            ("PRI * HTTP/2.0\r\n\r\nSM", "PRI * HTTP/2.0"),
            ("GET /\u{e9} HTTP/1.1\n", "GET /\u{e9} HTTP/1.1"),
        ] {
            assert_eq!(found(received.as_bytes()).as_deref(), Some(line));
        }
        for received in [
            &b""[..],
            b"GET / HTTP/1.1",
            b"GET /\r\n",
            b"GET  HTTP/1.1\r\n",
            b" / HTTP/1.1\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a HTTP/1.1\n",
            b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
            b"\0\0\0\n",
            b"G\xffT / HTTP/1.1\r\n",
        ] {
            assert_eq!(found(received), None, "{received:?}");
        }
    }

    #[test]
    fn a_target_beyond_the_limit_is_shortened() {
        let long = format!("GET /{}", "\u{e9}".repeat(1500));
        let line = found(long.as_bytes()).unwrap();
        assert!(line.ends_with("\u{e9}... HTTP/1.1"), "{line}");
        assert!(line.len() < EXCERPT_BYTES_MAX + 30);
        assert_eq!(found(&long.as_bytes()[..1000]), None);
    }
}
