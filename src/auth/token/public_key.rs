//! The numbers of a public key of the kinds that sign tokens, from certificates or not, and their canonical name.

use crate::x509::{PublicKey, PublicKeyInfo};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Bytes of an uncompressed point: one that says so, and two numbers.
const P256_BYTES: usize = 1 + 2 * 32;
const P384_BYTES: usize = 1 + 2 * 48;

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
    /// An uncompressed point, [`P256_BYTES`].
    P256(Vec<u8>),
    /// An uncompressed point, [`P384_BYTES`].
    P384(Vec<u8>),
    /// 32 bytes.
    Ed25519(Vec<u8>),
}

impl Material {
    /// The key in a SubjectPublicKeyInfo; `None` when it is of another kind, or malformed.
    pub fn from_certificate(info: &[u8]) -> Option<Material> {
        Some(match PublicKeyInfo::parse(info)?.public_key()? {
            PublicKey::Rsa { modulus, exponent } => Material::rsa(modulus, exponent),
            PublicKey::P256(point) if point.len() == P256_BYTES => Material::P256(point.to_vec()),
            PublicKey::P384(point) if point.len() == P384_BYTES => Material::P384(point.to_vec()),
            PublicKey::P256(_) | PublicKey::P384(_) => return None,
            PublicKey::Ed25519(key) => Material::Ed25519(key.to_vec()),
        })
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
            // An uncompressed point: a byte that says so, then two numbers of the same length.
            let (_, both) = point.split_at(1);
            let (x, y) = both.split_at(both.len() / 2);
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
