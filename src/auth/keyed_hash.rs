//! HMAC-SHA-256 (RFC 2104) under a key that lives as long as the process, and a comparison that takes
//! the same time wherever two values differ.

use sha2::{Digest, Sha256};

/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// A keyed hash.
pub type Tag = [u8; 32];

/// A key, laid out as the two states that every computation starts from.
pub struct Key {
    inner: Sha256,
    outer: Sha256,
}

impl Key {
    /// A new key from the system's random numbers. The error is the system's.
    pub fn random() -> Result<Key, String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| format!("the system gives no random numbers: {error}"))?;
        Ok(Key::new(&bytes))
    }

    /// A key of these bytes, at most 64.
    fn new(bytes: &[u8]) -> Key {
        let pad = |with: u8| {
            let mut block = [with; BLOCK_BYTES];
            block.iter_mut().zip(bytes).for_each(|(to, by)| *to ^= by);
            Sha256::new().chain_update(block)
        };
        Key {
            inner: pad(0x36),
            outer: pad(0x5c),
        }
    }

    /// The hash of some parts; where one ends and the next begins counts.
    pub fn tag(&self, parts: &[&[u8]]) -> Tag {
        let add = |hash: Sha256, part: &&[u8]| {
            hash.chain_update((part.len() as u64).to_be_bytes())
                .chain_update(part)
        };
        self.finish(parts.iter().fold(self.inner.clone(), add))
    }

    fn finish(&self, inner: Sha256) -> Tag {
        self.outer
            .clone()
            .chain_update(inner.finalize())
            .finalize()
            .into()
    }
}

/// Whether two hashes are the same.
pub fn is_equal(one: &Tag, other: &Tag) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(difference) == 0
}

/// Whether two texts are the same; their lengths are no secret.
pub fn is_equal_text(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    let difference = pairs.fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac() {
        // RFC 4231, test cases 1 and 2.
        for (key, text, expected) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let key = Key::new(key);
            let tag = key.finish(key.inner.clone().chain_update(text));
            assert_eq!(hex::encode(tag), expected);
        }
    }

    #[test]
    fn neither_parts_nor_keys_run_together() {
        let key = Key::random().unwrap();
        let tag = key.tag(&[b"ab", b"c"]);
        assert!(is_equal(&tag, &key.tag(&[b"ab", b"c"])));
        assert!(!is_equal(&tag, &key.tag(&[b"a", b"bc"])));
        assert!(!is_equal(&tag, &Key::random().unwrap().tag(&[b"ab", b"c"])));
    }
}
