//! How the text files that people write are encoded: UTF-8, before which an editor of Windows puts a byte
//! order mark, or UTF-16, which Notepad calls Unicode and `>` of Windows PowerShell writes.
//!
//! Whoever reads such a file calls one of these two first; line ends are the reader's business.

use std::borrow::Cow;

/// What is said of a file that must be UTF-8, after its name.
pub const UTF_16: &str = "is UTF-16 text, allowed: UTF-8; save it again as UTF-8 (in Notepad by Save \
    as, Encoding; in Windows PowerShell by Out-File -Encoding utf8 in the place of >)";

/// The bytes of a text without the byte order mark of UTF-8. The error is [`UTF_16`]; what is neither
/// of the two is left to the reader.
pub fn utf8(bytes: &[u8]) -> Result<&[u8], &'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(rest),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(UTF_16),
        // Without a mark, the zeros of ASCII letters give it away.
        [0, 1..=0x7f, 0, 1..=0x7f, ..] | [1..=0x7f, 0, 1..=0x7f, 0, ..] => Err(UTF_16),
        bytes => Ok(bytes),
    }
}

/// The bytes of a text in UTF-8, from UTF-8 with or without a byte order mark, or from UTF-16 with one.
/// The error says what is wrong, after the file's name.
pub fn any(bytes: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    let (rest, read): (_, fn([u8; 2]) -> u16) = match bytes {
        [0xff, 0xfe, rest @ ..] => (rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => (rest, u16::from_be_bytes),
        bytes => return utf8(bytes).map(Cow::from),
    };
    let (pairs, odd) = rest.as_chunks::<2>();
    let units = pairs.iter().map(|pair| read(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if odd.is_empty() => Ok(text.into_bytes().into()),
        _ => Err("begins as UTF-16 and is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_is_known_by_its_first_bytes() {
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        for text in ["", "a", "# \u{fc}\r\nb: c\r\n", "{}"] {
            let marked = format!("\u{feff}{text}");
            for bytes in [text.as_bytes(), marked.as_bytes()] {
                assert_eq!(utf8(bytes), Ok(text.as_bytes()));
                assert_eq!(any(bytes).as_deref(), Ok(text.as_bytes()));
            }
            for bytes in [
                utf16(&marked, u16::to_le_bytes),
                utf16(&marked, u16::to_be_bytes),
            ] {
                assert_eq!(utf8(&bytes), Err(UTF_16));
                assert_eq!(any(&bytes).as_deref(), Ok(text.as_bytes()));
                let cut = any(bytes.get(..bytes.len() - 1).unwrap());
                assert_eq!(cut.is_err(), !text.is_empty());
            }
        }
        for bytes in [utf16("ab", u16::to_le_bytes), utf16("ab", u16::to_be_bytes)] {
            assert_eq!(utf8(&bytes), Err(UTF_16));
            assert_eq!(any(&bytes), Err(UTF_16));
        }
        // A private key in DER, and what the reader must say something of.
        for bytes in [
            &b"\x30\x82\x01"[..],
            b"\x30\x81",
            b"\x30\0\x30\x30",
            b"\0",
            b"\xff",
            b"\xe9\n",
        ] {
            assert_eq!(utf8(bytes), Ok(bytes));
        }
        // Half a pair of UTF-16.
        assert!(any(b"\xff\xfe\x00\xd8").is_err());
    }
}
