//! The digests that something that is kept names: 32 bytes each, so that a million take some 70 MB.

use crate::spec::Digest;
use crate::sync::Mutex;
use std::collections::HashSet;

/// Parts with a lock each, so that threads rarely wait for each other, and a part that grows is copied by itself.
const SHARDS: usize = 16;

/// The first 256 bits of a digest. Of two that share them both are kept.
pub type DigestKey = [u8; 32];

/// Shortens a digest.
pub fn digest_key(digest: &Digest) -> DigestKey {
    let mut key = DigestKey::default();
    let (first, _) = digest.hex().split_at(2 * key.len());
    // It consists of such digits.
    let decoded = hex::decode_to_slice(first, &mut key);
    decoded.unwrap_or_else(|error| unreachable!("a digest is hexadecimal: {error}"));
    key
}

/// A set of digests that many threads add to.
#[derive(Default)]
pub struct Marks([Mutex<HashSet<DigestKey>>; SHARDS]);

impl Marks {
    /// Adds a digest.
    pub fn add(&self, digest: &Digest) {
        let key = digest_key(digest);
        self.shard(&key).lock().insert(key);
    }

    /// Whether a digest was added.
    pub fn contains(&self, digest: &Digest) -> bool {
        let key = digest_key(digest);
        self.shard(&key).lock().contains(&key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().len()).sum()
    }

    fn shard(&self, [first, ..]: &DigestKey) -> &Mutex<HashSet<DigestKey>> {
        #[expect(
            clippy::indexing_slicing,
            reason = "a remainder is smaller than the divisor"
        )]
        &self.0[usize::from(*first) % SHARDS]
    }
}
