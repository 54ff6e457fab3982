//! `auth.token`: tokens that another server signs (RFC 7515, RFC 7519), as distribution accepts them
//! (`registry/auth/token`).
//!
//! Written by hand over ring: the crates for it bring in another cryptography library (aws-lc), or an RSA with timing
//! side channels. The usual mistakes cannot be expressed here: a key has its own algorithms, none is
//! "none" and none is symmetric; a key in a header is never trusted.

mod claims;
mod keys;
mod public_key;
#[cfg(test)]
mod tests;

pub use claims::TokenIdentity;
pub use keys::ALGORITHMS;

use super::OpenError;
use crate::{encoding, small_file};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use claims::Claims;
use keys::{Jwk, VerificationKey, libtrust_name};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

/// The largest file of keys or certificates, in bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024;
/// The most certificates in a header.
const CHAIN_MAX: usize = 8;

/// `auth.token`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenOptions {
    /// Where clients fetch tokens.
    pub realm: String,
    /// The name of this registry at the issuer.
    pub service: String,
    /// Who issues tokens.
    pub issuer: String,
    /// Certificates (PEM) whose keys, and whose signatures on others, are trusted.
    pub root_certificates: Option<PathBuf>,
    /// A JWK set whose keys are trusted.
    pub keys: Option<PathBuf>,
    /// The accepted algorithms; some of [`ALGORITHMS`].
    pub algorithms: Vec<String>,
    /// Whether the realm is a path on the host of the request, and which.
    pub redirect_path: Option<String>,
}

/// Verifies tokens.
pub struct TokenVerifier {
    issuer: String,
    service: String,
    algorithms: Vec<String>,
    keys: HashMap<String, VerificationKey>,
    roots: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
}

/// The header of a token (RFC 7515, 4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    x5c: Option<Vec<String>>,
    jwk: Option<serde::de::IgnoredAny>,
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl TokenVerifier {
    /// Reads keys and certificates.
    pub fn open(options: &TokenOptions) -> Result<TokenVerifier, OpenError> {
        let mut verifier = TokenVerifier {
            issuer: options.issuer.clone(),
            service: options.service.clone(),
            algorithms: options.algorithms.clone(),
            keys: HashMap::new(),
            roots: Vec::new(),
            anchors: Vec::new(),
        };
        if let Some(path) = &options.root_certificates {
            let used = read(path).and_then(|bytes| verifier.add_certificates(&bytes));
            used.map_err(|why| unusable(path, "auth.token.rootcertbundle", why))?;
        }
        if let Some(path) = &options.keys {
            let used = read(path).and_then(|bytes| verifier.add_keys(&bytes));
            used.map_err(|why| unusable(path, "auth.token.jwks", why))?;
        }
        Ok(verifier)
    }

    fn add_certificates(&mut self, bytes: &[u8]) -> Result<(), String> {
        for certificate in CertificateDer::pem_slice_iter(bytes) {
            let certificate =
                certificate.map_err(|error| format!("not a PEM file of certificates: {error}"))?;
            let malformed = |error: webpki::Error| format!("a certificate is malformed: {error}");
            let anchor = webpki::anchor_from_trusted_cert(&certificate).map_err(malformed)?;
            self.anchors.push(anchor.to_owned());
            let info = EndEntityCert::try_from(&certificate).map_err(malformed)?;
            let info = info.subject_public_key_info();
            match VerificationKey::from_certificate(&info) {
                Some(key) => {
                    self.keys.insert(key.thumbprint(), key.clone());
                    self.keys.insert(libtrust_name(&info), key);
                }
                None => log::warn!(
                    "auth.token.rootcertbundle: the key of a certificate cannot verify tokens: it is \
                     neither RSA, P-256, P-384 nor Ed25519"
                ),
            }
            self.roots.push(certificate);
        }
        match self.roots.is_empty() {
            true => Err("it has no certificate".to_owned()),
            false => Ok(()),
        }
    }

    fn add_keys(&mut self, bytes: &[u8]) -> Result<(), String> {
        let set: KeySet = serde_json::from_slice(bytes)
            .map_err(|error| format!("not a JWK set ({{\"keys\": [...]}}): {error}"))?;
        let mut count = 0;
        for (value, number) in set.keys.into_iter().zip(1..) {
            let read = serde_json::from_value::<Jwk>(value).map_err(|error| error.to_string());
            match read.and_then(|jwk| Ok((VerificationKey::from_jwk(&jwk)?, jwk.kid))) {
                Ok((key, kid)) => {
                    self.keys
                        .insert(kid.unwrap_or_else(|| key.thumbprint()), key);
                    count += 1;
                }
                Err(why) => log::warn!("auth.token.jwks: key {number} is not used: {why}"),
            }
        }
        match count {
            0 => Err("it has no key that can verify tokens".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whose token it is. The error says what is wrong with it, and quotes nothing of it.
    pub fn verify(&self, token: &str) -> Result<TokenIdentity, &'static str> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.verify_at(token, now.unwrap_or_default())
    }

    fn verify_at(&self, token: &str, now: Duration) -> Result<TokenIdentity, &'static str> {
        let payload = self.payload(token, now)?;
        let claims: Claims = serde_json::from_slice(&payload)
            .map_err(|_| "its claims are malformed, or iss, aud or exp is missing")?;
        claims.accept(&self.issuer, &self.service, now.as_secs_f64())
    }

    /// The payload, after the signature was verified.
    fn payload(&self, token: &str, now: Duration) -> Result<Vec<u8>, &'static str> {
        let malformed = "it is not a signed token";
        let (message, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = message.split_once('.').ok_or(malformed)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed);
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| "its header is malformed")?;
        let (signature, payload) = (decode(signature)?, decode(payload)?);
        if !self.algorithms.contains(&header.alg) {
            return Err("its algorithm is not allowed (auth.token.signingalgorithms)");
        }
        if header.jwk.is_some() {
            return Err("it brings its own key");
        }
        if header.crit.is_some() {
            return Err("it has critical extensions");
        }
        let chained;
        let key = match (&header.x5c, &header.kid) {
            (Some(chain), _) => {
                chained = self.key_from_chain(chain, now)?;
                &chained
            }
            (None, Some(kid)) => self.keys.get(kid).ok_or("its key is unknown")?,
            (None, None) => return Err("it names no key"),
        };
        match key.verify(&header.alg, message.as_bytes(), &signature) {
            true => Ok(payload),
            false => Err("its signature is wrong"),
        }
    }

    /// The key of a certificate that one of the roots vouches for, or that is one of them.
    fn key_from_chain(
        &self,
        chain: &[String],
        now: Duration,
    ) -> Result<VerificationKey, &'static str> {
        let malformed = "its certificates are malformed";
        if chain.len() > CHAIN_MAX {
            return Err("it has too many certificates");
        }
        let decode = |text: &String| STANDARD.decode(text).map(CertificateDer::from);
        let chain: Result<Vec<_>, _> = chain.iter().map(decode).collect();
        let chain = chain.map_err(|_| malformed)?;
        let (leaf, others) = chain.split_first().ok_or(malformed)?;
        let certificate = EndEntityCert::try_from(leaf).map_err(|_| malformed)?;
        if !self.roots.contains(leaf) {
            let verified = certificate.verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &self.anchors,
                others,
                UnixTime::since_unix_epoch(now),
                AnyUsage,
                None,
                None,
            );
            verified.map_err(|_| "its certificates do not lead to a trusted one")?;
        }
        let info = certificate.subject_public_key_info();
        VerificationKey::from_certificate(&info).ok_or("unsupported type of key in its certificate")
    }
}

/// What a certificate says it may be used for does not matter, as in distribution.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = small_file::read(path, FILE_BYTES_MAX).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => error.to_string(),
        _ => format!("it cannot be read: {error}"),
    })?;
    let text = encoding::utf8(&bytes).map_err(|why| format!("it {why}"))?;
    Ok(text.to_vec())
}

fn unusable(path: &Path, key: &'static str, reason: String) -> OpenError {
    OpenError::File {
        path: path.to_owned(),
        key,
        reason,
    }
}
