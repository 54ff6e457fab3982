//! Public keys as certificates hold them: SubjectPublicKeyInfo (RFC 5280 4.1.2.7; RFC 8017 A.1.1; RFC 5480; RFC 8410).

use super::der::{BIT_STRING, DerReader, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, whole_bytes};
use super::oid::{EC, ED25519, P256, P384, RSA};

/// The two parts of a SubjectPublicKeyInfo.
pub struct PublicKeyInfo<'d> {
    /// What kind of key it is: the content of the AlgorithmIdentifier.
    pub algorithm: &'d [u8],
    /// The key.
    pub key: &'d [u8],
}

/// A public key of a kind that is known here.
pub enum PublicKey<'d> {
    /// An RSA key, both numbers big-endian.
    Rsa {
        /// The modulus.
        modulus: &'d [u8],
        /// The exponent.
        exponent: &'d [u8],
    },
    /// A point on P-256.
    P256(&'d [u8]),
    /// A point on P-384.
    P384(&'d [u8]),
    /// 32 bytes.
    Ed25519(&'d [u8]),
}

impl<'d> PublicKeyInfo<'d> {
    /// Reads a SubjectPublicKeyInfo, tag and length included; `None` when it is malformed.
    pub fn parse(der: &'d [u8]) -> Option<PublicKeyInfo<'d>> {
        let mut parts = DerReader::new(der).sequence()?;
        Some(PublicKeyInfo {
            algorithm: parts.element(SEQUENCE)?.content,
            key: whole_bytes(&parts.element(BIT_STRING)?)?,
        })
    }

    /// The key itself; `None` when it is of another kind, or malformed.
    pub fn public_key(&self) -> Option<PublicKey<'d>> {
        let mut algorithm = DerReader::new(self.algorithm);
        match algorithm.element(OBJECT_IDENTIFIER)?.content {
            RSA => {
                let mut numbers = DerReader::new(self.key).sequence()?;
                Some(PublicKey::Rsa {
                    modulus: numbers.element(INTEGER)?.content,
                    exponent: numbers.element(INTEGER)?.content,
                })
            }
            EC => match algorithm.element(OBJECT_IDENTIFIER)?.content {
                P256 => Some(PublicKey::P256(self.key)),
                P384 => Some(PublicKey::P384(self.key)),
                _ => None,
            },
            ED25519 => Some(PublicKey::Ed25519(self.key)),
            _ => None,
        }
    }
}
