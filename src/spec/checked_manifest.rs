//! A pushed manifest after its checks: what the storage accepts.

use super::digest::{Algorithm, Digest};
use super::manifest::{InvalidManifest, Manifest};
use super::media_type::MediaType;

/// A pushed manifest: its bytes, their digest, and what they say.
#[derive(Debug)]
pub struct CheckedManifest<'b> {
    bytes: &'b [u8],
    digest: Digest,
    manifest: Manifest,
}

/// Why a pushed manifest is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum ManifestError {
    /// It does not have the digest that it was pushed under.
    DigestMismatch {
        /// What it has.
        computed: Digest,
    },
    /// It is not a valid manifest.
    Invalid(InvalidManifest),
}

impl<'b> CheckedManifest<'b> {
    /// Checks a manifest: first its digest, which is computed by the algorithm of the expected one (SHA-256 when none is
    /// expected), then the rest as [`Manifest::parse`] does.
    pub fn check(
        bytes: &'b [u8],
        expected: Option<&Digest>,
        content_type: Option<&MediaType>,
    ) -> Result<CheckedManifest<'b>, ManifestError> {
        let algorithm = expected.map_or(Algorithm::Sha256, Digest::algorithm);
        let digest = algorithm.digest(bytes);
        if expected.is_some_and(|expected| *expected != digest) {
            return Err(ManifestError::DigestMismatch { computed: digest });
        }
        let manifest = Manifest::parse(bytes, content_type).map_err(ManifestError::Invalid)?;
        Ok(CheckedManifest {
            bytes,
            digest,
            manifest,
        })
    }

    /// Its bytes, as they came.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Its digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What it says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its digest and what it says, without the bytes.
    pub fn into_parts(self) -> (Digest, Manifest) {
        (self.digest, self.manifest)
    }
}
