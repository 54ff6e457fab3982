//! Keys that sign tokens: from a JWK set (RFC 7517) or from certificates, and the names that tokens call
//! them by. The key decides which algorithms there are for it; a header only chooses among these.

use super::public_key::Material;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The supported algorithms (RFC 7518, 3.1; RFC 8037). Those with HMAC are left out on purpose.
pub const ALGORITHMS: [&str; 9] = [
    "EdDSA", "ES256", "ES384", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
];

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct VerificationKey {
    material: Material,
    /// The one algorithm that a JWK says it is for.
    algorithm: Option<String>,
}

/// A JWK, as far as it matters.
#[derive(Deserialize)]
pub struct Jwk {
    /// Its name.
    pub kid: Option<String>,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    used_for: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl VerificationKey {
    /// The key of a certificate's SubjectPublicKeyInfo.
    pub fn from_certificate(info: &[u8]) -> Option<VerificationKey> {
        let material = Material::from_certificate(info)?;
        Some(VerificationKey {
            material,
            algorithm: None,
        })
    }

    /// The key of a JWK. The error says why it cannot verify tokens.
    pub fn from_jwk(jwk: &Jwk) -> Result<VerificationKey, String> {
        if jwk.used_for.as_deref().is_some_and(|used| used != "sig") {
            return Err("it is not for signatures".to_owned());
        }
        let number = |text: &Option<String>, name: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text.as_deref().unwrap_or_default());
            bytes
                .ok()
                .filter(|bytes| !bytes.is_empty())
                .ok_or(format!("its {name} is missing or malformed"))
        };
        let point = |bytes: usize| {
            let (x, y) = (number(&jwk.x, "x")?, number(&jwk.y, "y")?);
            match (x.len(), y.len()) == (bytes, bytes) {
                true => Ok([&[4][..], &x, &y].concat()),
                false => Err(format!("its x and y have not {bytes} bytes each")),
            }
        };
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::rsa(&number(&jwk.n, "n")?, &number(&jwk.e, "e")?),
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(number(&jwk.x, "x")?),
            _ => return Err("it is neither RSA, P-256, P-384 nor Ed25519".to_owned()),
        };
        let algorithm = jwk.alg.clone();
        let key = VerificationKey {
            material,
            algorithm,
        };
        match key.algorithm.as_deref() {
            Some(alg) if !ALGORITHMS.contains(&alg) => Err(format!("unknown alg {alg:?}")),
            _ => Ok(key),
        }
    }

    /// See [`Material::thumbprint`].
    pub fn thumbprint(&self) -> String {
        self.material.thumbprint()
    }

    /// Whether a signature is this key's, by an algorithm that this key may be used with.
    pub fn verify(&self, algorithm: &str, message: &[u8], sealed: &[u8]) -> bool {
        if self
            .algorithm
            .as_deref()
            .is_some_and(|own| own != algorithm)
        {
            return false;
        }
        let unparsed = |kind: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(kind, key)
                .verify(message, sealed)
                .is_ok()
        };
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, algorithm) => rsa(algorithm).is_some_and(|kind| {
                RsaPublicKeyComponents { n, e }
                    .verify(kind, message, sealed)
                    .is_ok()
            }),
            (Material::P256(key), "ES256") => unparsed(&signature::ECDSA_P256_SHA256_FIXED, key),
            (Material::P384(key), "ES384") => unparsed(&signature::ECDSA_P384_SHA384_FIXED, key),
            (Material::Ed25519(key), "EdDSA") => unparsed(&signature::ED25519, key),
            _ => false,
        }
    }
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
        "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// libtrust's name of a key, by which distribution 2 and its token servers know it: 240 bits of the
/// hash of its SubjectPublicKeyInfo in base 32, in groups of four.
pub fn libtrust_name(info: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = Sha256::digest(info);
    let mut name = String::new();
    for (group, bytes) in hash.chunks_exact(5).take(6).enumerate() {
        let bits = bytes
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        for index in 0..8_usize {
            if index % 4 == 0 && group + index > 0 {
                name.push(':');
            }
            let five = usize::try_from(bits >> (35 - 5 * index) & 31).unwrap_or(0);
            name.extend(ALPHABET.get(five).copied().map(char::from));
        }
    }
    name
}
