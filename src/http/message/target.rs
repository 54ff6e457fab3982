//! Percent-encoding of request targets (RFC 3986 2.1), and of queries as HTML forms encode them.

use std::borrow::Cow;
use std::fmt::Write;

/// A `%` without two hex digits, or bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("malformed percent-encoding; expected % and two hex digits, in UTF-8")
    }
}

impl std::error::Error for Malformed {}

/// Decodes a path or a part of one. `+` stays `+`. Decode after splitting at `/`, otherwise `%2F` becomes a
/// separator.
pub fn decode(text: &str) -> Result<Cow<'_, str>, Malformed> {
    decode_with(text, false)
}

/// The pairs of a query in order, decoded, `+` as a space. A part without `=` is a name with an empty
/// value; empty parts are skipped.
pub fn query_pairs(query: &str) -> impl Iterator<Item = Result<Pair<'_>, Malformed>> {
    let pieces = query.split('&').filter(|piece| !piece.is_empty());
    pieces.map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        Ok((decode_with(name, true)?, decode_with(value, true)?))
    })
}

/// A name and its value.
pub type Pair<'q> = (Cow<'q, str>, Cow<'q, str>);

/// Encodes a value (or name) of a query: everything but letters, digits and `-._~`.
pub fn encode_query(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode_with(text: &str, plus_is_space: bool) -> Result<Cow<'_, str>, Malformed> {
    let plain = |byte: u8| byte != b'%' && !(plus_is_space && byte == b'+');
    if text.bytes().all(plain) {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => 16 * hex_digit(bytes.next())? + hex_digit(bytes.next())?,
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| Malformed)
}

fn hex_digit(byte: Option<u8>) -> Result<u8, Malformed> {
    let digit = byte.and_then(|byte| char::from(byte).to_digit(16));
    digit
        .and_then(|digit| u8::try_from(digit).ok())
        .ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded() {
        assert_eq!(decode("/v2/a+b").unwrap(), "/v2/a+b");
        assert_eq!(decode("%61%2Fb+%c3%A4").unwrap(), "a/b+\u{e4}");
        for wrong in ["%", "%4", "%zz", "a%+1", "%ff", "%\u{e4}"] {
            assert_eq!(decode(wrong), Err(Malformed), "{wrong}");
        }
    }

    #[test]
    fn queries_are_split_and_decoded() {
        let pairs: Result<Vec<_>, _> = query_pairs("n=10&&last=a%26b+c&mount&x==y").collect();
        let pairs = pairs.unwrap();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
        let expected = [("n", "10"), ("last", "a&b c"), ("mount", ""), ("x", "=y")];
        assert_eq!(pairs, expected);
        assert_eq!(query_pairs("").count(), 0);
        let wrong: Vec<_> = query_pairs("a=%&b=1").collect();
        assert_eq!(wrong.first(), Some(&Err(Malformed)));
        assert!(wrong.last().unwrap().is_ok());
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let text = "sha256:a/b c&d=e+f%\u{e4}\n";
        assert_eq!(encode_query("a/b c"), "a%2Fb%20c");
        let query = format!("x={}", encode_query(text));
        let pair = query_pairs(&query).next().unwrap().unwrap();
        assert_eq!(pair.1, text);
    }
}
