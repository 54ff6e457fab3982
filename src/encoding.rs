//! The encodings of text files that people write: UTF-8, which Windows editors start with a byte order mark, or
//! UTF-16, which Notepad calls Unicode and `>` in Windows PowerShell writes.
//!
//! Whatever reads such a file calls one of these two functions first; line endings are its own business.

use std::borrow::Cow;

/// What is wrong with a file that must be UTF-8, after its name.
pub const UTF_16: &str = "is UTF-16 text; allowed: UTF-8. Save it as UTF-8 (in Notepad: Save as, Encoding; in Windows \
    PowerShell: Out-File -Encoding utf8 instead of >)";

/// The bytes of a text without the byte order mark of UTF-8. The error is [`UTF_16`]; anything that is neither is left to the
/// caller.
pub fn utf8(bytes: &[u8]) -> Result<&[u8], &'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(rest),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(UTF_16),
        // Without a mark, the zero bytes next to ASCII letters give it away.
        [0, 1..=0x7f, 0, 1..=0x7f, ..] | [1..=0x7f, 0, 1..=0x7f, 0, ..] => Err(UTF_16),
        bytes => Ok(bytes),
    }
}

/// The bytes of a text as UTF-8, from UTF-8 with or without a byte order mark, or from UTF-16 with one. The error
/// says what is wrong, after the file's name.
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
        _ => Err("starts with a UTF-16 byte order mark but is not valid UTF-16"),
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
        // A private key in DER, and other bytes that the caller must report.
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
        // Half a surrogate pair.
        assert!(any(b"\xff\xfe\x00\xd8").is_err());
    }
}
