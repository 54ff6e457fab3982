//! The public key of a certificate out of its DER (RFC 5280, 4.1; RFC 8017, A.1.1; RFC 5480), as far
//! as it takes to tell the kinds apart that are used here.

use super::keys::Material;
use crate::der::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, Reader};

/// rsaEncryption, 1.2.840.113549.1.1.1.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-ecPublicKey, 1.2.840.10045.2.1.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// prime256v1, 1.2.840.10045.3.1.7.
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// secp384r1, 1.3.132.0.34.
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// id-Ed25519, 1.3.101.112.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The key in a SubjectPublicKeyInfo; `None` when it is of another kind, or malformed.
pub fn parse(info: &[u8]) -> Option<Material> {
    let mut info = Reader::new(info).sequence()?;
    let mut algorithm = info.sequence()?;
    // The first byte counts unused bits: a key has none.
    let key = info.element(BIT_STRING)?.content.strip_prefix(&[0])?;
    match algorithm.element(OBJECT_IDENTIFIER)?.content {
        RSA => {
            let mut numbers = Reader::new(key).sequence()?;
            let n = numbers.element(INTEGER)?.content;
            let e = numbers.element(INTEGER)?.content;
            Some(Material::rsa(n, e))
        }
        EC => match algorithm.element(OBJECT_IDENTIFIER)?.content {
            P256 => Some(Material::P256(key.to_vec())),
            P384 => Some(Material::P384(key.to_vec())),
            _ => None,
        },
        ED25519 => Some(Material::Ed25519(key.to_vec())),
        _ => None,
    }
}
