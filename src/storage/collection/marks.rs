//! The digests that something that is kept names: 32 bytes each, so that a million take some 70 MB.

use crate::spec::Digest;
use crate::sync::Mutex;
use std::collections::HashSet;

/// Parts with a lock each, so that threads rarely wait for each other, and a part that grows is copied by itself.
const SHARDS: usize = 16;

/// The first 256 bits of a digest. Of two that share them both are kept.
pub type ShortDigest = [u8; 32];

/// Shortens a digest.
pub fn short(digest: &Digest) -> ShortDigest {
    let mut short = ShortDigest::default();
    let (first, _) = digest.hex().split_at(2 * short.len());
    // It consists of such digits.
    let decoded = hex::decode_to_slice(first, &mut short);
    decoded.unwrap_or_else(|error| unreachable!("a digest is hexadecimal: {error}"));
    short
}

/// A set of digests that many threads add to.
#[derive(Default)]
pub struct Marks([Mutex<HashSet<ShortDigest>>; SHARDS]);

impl Marks {
    /// Adds a digest.
    pub fn add(&self, digest: &Digest) {
        let short = short(digest);
        self.shard(&short).lock().insert(short);
    }

    /// Whether a digest was added.
    pub fn contains(&self, digest: &Digest) -> bool {
        let short = short(digest);
        self.shard(&short).lock().contains(&short)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().len()).sum()
    }

    fn shard(&self, [first, ..]: &ShortDigest) -> &Mutex<HashSet<ShortDigest>> {
        #[expect(
            clippy::indexing_slicing,
            reason = "a remainder is smaller than the divisor"
        )]
        &self.0[usize::from(*first) % SHARDS]
    }
}
