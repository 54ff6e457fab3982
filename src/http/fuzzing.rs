//! What `cargo fuzz` needs of the engine's inside (`fuzz/`); no other program has it.

use super::message::chunked::Decoder;
use super::message::head::{Head, HeadLimits};

const LIMITS: HeadLimits = HeadLimits {
    head_bytes_max: 256 * 1024,
    headers_max: 100,
    target_bytes_max: 64 * 1024,
};

/// Parses a head. It is the same after another one, and nothing that is taken could end a line or a header.
pub fn head(bytes: &[u8]) {
    let mut first = Head::new();
    let outcome = first.parse(bytes, &LIMITS);
    let mut again = Head::new();
    let other = b"PUT /x?y HTTP/1.1\r\nHost: x\r\nA: b\r\nContent-Length: 5\r\n\r\n";
    assert!(again.parse(other, &LIMITS).is_ok());
    assert_eq!(again.parse(bytes, &LIMITS).is_ok(), outcome.is_ok());
    if outcome.is_err() {
        return;
    }
    assert_eq!(format!("{first:?}"), format!("{again:?}"));
    assert!(first.target().starts_with('/') || first.target() == "*");
    assert!(!first.target().contains([' ', '\r', '\n']));
    for (name, value) in first.headers() {
        assert!(!name.is_empty() && !name.contains([':', ' ', '\r', '\n']));
        assert!(!value.contains(['\r', '\n', '\0']));
    }
}

/// Decodes a chunked body as a whole and in pieces of a length: the outcome is the same.
pub fn chunked(bytes: &[u8], piece: usize) {
    let decode = |piece: usize| {
        let mut decoder = Decoder::new(1024);
        let (mut data, mut used) = (Vec::<u8>::new(), 0);
        for raw in bytes.chunks(piece.max(1)) {
            let mut raw = raw.to_vec();
            let Ok(decoded) = decoder.decode(&mut raw) else {
                return None;
            };
            assert!(decoded.consumed <= raw.len() && decoded.produced <= decoded.consumed);
            used += decoded.consumed;
            data.extend(raw.iter().take(decoded.produced));
            if decoder.is_done() {
                break;
            }
            assert_eq!(decoded.consumed, raw.len());
        }
        Some((data, used, decoder.is_done()))
    };
    assert_eq!(decode(bytes.len()), decode(piece));
}
