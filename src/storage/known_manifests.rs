//! Manifests whose bytes were checked against their digest. They are not checked again as long as the driver gives the very same bytes:
//! not equal ones, but those in the same place in memory, which nothing changes.

use crate::recent::Recent;
use crate::spec::{Digest, MediaType};
use crate::sync::Mutex;
use std::sync::Arc;

/// Bytes of memory for all manifests that are known.
const BYTES_MAX: usize = 1024 * 1024;

/// What one takes beside its bytes.
const OVERHEAD_BYTES: usize = 300;

/// Bytes, and what they are.
type Known = (Arc<[u8]>, MediaType);

/// The manifests that are known.
pub(super) struct KnownManifests(Mutex<Recent<Digest, Known>>);

impl Default for KnownManifests {
    fn default() -> KnownManifests {
        KnownManifests(Mutex::new(Recent::new(BYTES_MAX)))
    }
}

impl KnownManifests {
    /// The type of a manifest, if these very bytes were found right before.
    pub fn find(&self, digest: &Digest, bytes: &Arc<[u8]>) -> Option<MediaType> {
        let (known, media_type) = self.0.lock().get(digest)?;
        Arc::ptr_eq(&known, bytes).then_some(media_type)
    }

    /// Notes that these bytes are right, and of that type.
    pub fn note(&self, digest: &Digest, bytes: &Arc<[u8]>, media_type: &MediaType) {
        let known = (Arc::clone(bytes), media_type.clone());
        let weight = bytes.len() + OVERHEAD_BYTES;
        self.0.lock().insert(digest.clone(), known, weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Algorithm;

    #[test]
    fn only_the_very_same_bytes_are_known() {
        let known = KnownManifests::default();
        let bytes: Arc<[u8]> = Arc::from(*b"{}");
        let digest = Algorithm::Sha256.digest(&bytes);
        let media_type: MediaType = "application/json".parse().unwrap();
        assert_eq!(known.find(&digest, &bytes), None);
        known.note(&digest, &bytes, &media_type);
        assert_eq!(known.find(&digest, &bytes), Some(media_type));
        let equal: Arc<[u8]> = Arc::from(*b"{}");
        assert_eq!(known.find(&digest, &equal), None);
    }
}
