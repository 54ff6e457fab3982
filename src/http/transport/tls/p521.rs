//! ECDSA on P-521, which ring does not support: signatures of clients' certificates and handshakes, which are only ever
//! verified. Everything else is done by ring.

use p521::ecdsa::signature::hazmat::PrehashVerifier;
use p521::ecdsa::{Signature, VerifyingKey};
use rustls::SignatureScheme;
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::sync::LazyLock;

/// The algorithms that verify signatures: those of ring, followed by these.
pub(super) static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> = LazyLock::new(|| {
    let ring = ring::default_provider().signature_verification_algorithms;
    let all = ring.all.iter().copied().chain([SHA256, SHA384, SHA512]);
    // TLS 1.2 does not bind the curve to the scheme; TLS 1.3 takes the first of each (RFC 8446 4.2.3).
    let mapping = ring.mapping.iter().map(|(scheme, algorithms)| {
        let more: &[_] = match scheme {
            SignatureScheme::ECDSA_NISTP256_SHA256 => &[SHA256],
            SignatureScheme::ECDSA_NISTP384_SHA384 => &[SHA384],
            _ => &[],
        };
        let algorithms: Vec<_> = algorithms.iter().chain(more).copied().collect();
        (*scheme, &*algorithms.leak())
    });
    let own: (_, &'static [_]) = (SignatureScheme::ECDSA_NISTP521_SHA512, &[SHA512]);
    // Made once for the life of the program, so leaking it costs nothing.
    WebPkiSupportedAlgorithms {
        all: all.collect::<Vec<_>>().leak(),
        mapping: mapping.chain([own]).collect::<Vec<_>>().leak(),
    }
});

const SHA256: &dyn SignatureVerificationAlgorithm = &EcdsaP521 {
    signature: alg_id::ECDSA_SHA256,
    hash: |message| Sha256::digest(message).to_vec(),
};
const SHA384: &dyn SignatureVerificationAlgorithm = &EcdsaP521 {
    signature: alg_id::ECDSA_SHA384,
    hash: |message| Sha384::digest(message).to_vec(),
};
const SHA512: &dyn SignatureVerificationAlgorithm = &EcdsaP521 {
    signature: alg_id::ECDSA_SHA512,
    hash: |message| Sha512::digest(message).to_vec(),
};

#[derive(Debug)]
struct EcdsaP521 {
    signature: AlgorithmIdentifier,
    hash: fn(&[u8]) -> Vec<u8>,
}

impl SignatureVerificationAlgorithm for EcdsaP521 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        let hash = (self.hash)(message);
        key.verify_prehash(&hash, &signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}
