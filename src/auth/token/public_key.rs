//! The numbers of a public key of the kinds that sign tokens, the way into them from the DER of a
//! certificate (RFC 5280, 4.1; RFC 8017, A.1.1; RFC 5480), and their canonical name.

use crate::der::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, Reader};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

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

/// The numbers of a public key.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    /// An uncompressed point.
    P384(Vec<u8>),
    /// 32 bytes.
    Ed25519(Vec<u8>),
}

impl Material {
    /// The key in a SubjectPublicKeyInfo; `None` when it is of another kind, or malformed.
    pub fn from_certificate(info: &[u8]) -> Option<Material> {
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

    /// An RSA key; leading zeros do not count.
    pub fn rsa(n: &[u8], e: &[u8]) -> Material {
        let trimmed = |bytes: &[u8]| bytes.iter().copied().skip_while(|b| *b == 0).collect();
        Material::Rsa {
            n: trimmed(n),
            e: trimmed(e),
        }
    }

    /// The hash of the key's canonical form (RFC 7638), by which distribution 3 knows keys of
    /// certificates.
    pub fn thumbprint(&self) -> String {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = |curve: &str, point: &[u8]| {
            let both = point.get(1..).unwrap_or_default();
            let (x, y) = both.split_at_checked(both.len() / 2).unwrap_or_default();
            let (x, y) = (text(x), text(y));
            format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        };
        let canonical = match self {
            Material::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(e), text(n))
            }
            Material::P256(key) => point("P-256", key),
            Material::P384(key) => point("P-384", key),
            Material::Ed25519(key) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(key))
            }
        };
        text(&Sha256::digest(canonical))
    }
}
