//! HMAC-SHA-256 (RFC 2104) under a key that lives as long as the process: what was issued or remembered before is
//! recognized, and nothing can be made up.

use super::OpenError;
use ring::hmac;
use ring::rand::SystemRandom;

/// Bytes of a code.
pub const CODE_BYTES: usize = 32;

/// A message authentication code.
pub type MacCode = [u8; CODE_BYTES];

/// The key of the codes.
pub struct MacKey(hmac::Key);

impl MacKey {
    /// A new key from the system's random numbers.
    pub fn random() -> Result<MacKey, OpenError> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map(MacKey)
            .map_err(|_| OpenError::NoRandomNumbers)
    }

    /// The code of some parts; where one ends and the next begins counts.
    pub fn sign(&self, parts: &[&[u8]]) -> MacCode {
        let mut code = [0; CODE_BYTES];
        let signed = hmac::sign(&self.0, &joined(parts));
        // Both are the length of a SHA-256 hash.
        code.copy_from_slice(signed.as_ref());
        code
    }

    /// Whether a code is that of these parts; takes the same time wherever it differs.
    pub fn verify(&self, parts: &[&[u8]], code: &[u8]) -> bool {
        hmac::verify(&self.0, &joined(parts), code).is_ok()
    }
}

/// The parts, each after its length.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    for part in parts {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_parts_nor_keys_run_together() {
        let key = MacKey::random().unwrap();
        let code = key.sign(&[b"ab", b"c"]);
        assert!(key.verify(&[b"ab", b"c"], &code));
        assert!(!key.verify(&[b"a", b"bc"], &code));
        assert!(!key.verify(&[b"ab", b"c"], &code[1..]));
        assert!(!MacKey::random().unwrap().verify(&[b"ab", b"c"], &code));
    }
}
