//! The public key of a certificate out of its DER (RFC 5280, 4.1; RFC 8017, A.1.1; RFC 5480), as far
//! as it takes to tell the kinds apart that are used here.

use super::keys::Material;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT: u8 = 0x06;

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
pub fn public_key(info: &[u8]) -> Option<Material> {
    let (info, _) = element(info, SEQUENCE)?;
    let (algorithm, info) = element(info, SEQUENCE)?;
    let (bits, _) = element(info, BIT_STRING)?;
    // The first byte counts unused bits: a key has none.
    let key = bits.strip_prefix(&[0])?;
    let (kind, parameters) = element(algorithm, OBJECT)?;
    let curve = || element(parameters, OBJECT).map(|(curve, _)| curve);
    match kind {
        RSA => {
            let (numbers, _) = element(key, SEQUENCE)?;
            let (n, numbers) = element(numbers, INTEGER)?;
            let (e, _) = element(numbers, INTEGER)?;
            Some(Material::rsa(n, e))
        }
        EC => match curve()? {
            P256 => Some(Material::P256(key.to_vec())),
            P384 => Some(Material::P384(key.to_vec())),
            _ => None,
        },
        ED25519 => Some(Material::Ed25519(key.to_vec())),
        _ => None,
    }
}

/// The content of the first element, which must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[tag])?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let add = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
            (length.iter().fold(0, add), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
