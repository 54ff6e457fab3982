//! Which blobs are counted for which limit, and how many links there are to each. A blob counts once for a limit,
//! however many repositories link it, for as long as one of them does.
//!
//! This is in memory only where there is a quota: for each limit and blob 32 bytes and one in a table that is at
//! least seven sixteenths full, so up to 75 MB for a million blobs, and half as much again for a moment when it grows.

use super::Exceeded;
use crate::spec::Digest;
use std::collections::HashMap;

/// The first half of a SHA-256: as good as all of it where nothing but a count depends on it.
pub type ShortDigest = [u8; 16];

/// The counts of every limit.
pub struct QuotaCounts(Vec<LimitCounts>);

/// What is counted for one limit.
#[derive(Default)]
struct LimitCounts {
    blobs: HashMap<ShortDigest, Counted>,
    /// The bytes of all of them.
    bytes: u64,
}

#[derive(Clone, Copy, Default)]
struct Counted {
    bytes: u64,
    links: u32,
}

impl LimitCounts {
    /// How many bytes more are used with this blob.
    fn cost(&self, blob: &ShortDigest, bytes: u64) -> u64 {
        let counted = self.blobs.get(blob).map_or(0, |counted| counted.bytes);
        bytes.saturating_sub(counted)
    }
}

impl QuotaCounts {
    /// No blobs, for so many limits.
    pub fn new(limits: usize) -> QuotaCounts {
        QuotaCounts((0..limits).map(|_| LimitCounts::default()).collect())
    }

    /// Adds a link to a blob for some limits, which are given with the bytes that they allow: for all of them or, if
    /// it would go over one, for none. A blob that is counted already costs nothing, even where the limit has been
    /// lowered. `is_new` where the link was not there before.
    pub fn add(
        &mut self,
        limits: &[(usize, u64)],
        blob: &ShortDigest,
        (bytes, is_new): (u64, bool),
    ) -> Result<(), Exceeded> {
        self.check(limits, blob, bytes)?;
        self.count(limits, blob, (bytes, is_new));
        Ok(())
    }

    /// Adds a link whatever the limits allow.
    pub fn count(
        &mut self,
        limits: &[(usize, u64)],
        blob: &ShortDigest,
        (bytes, is_new): (u64, bool),
    ) {
        for (limit, _) in limits {
            let Some(counts) = self.0.get_mut(*limit) else {
                continue;
            };
            counts.bytes = counts.bytes.saturating_add(counts.cost(blob, bytes));
            let counted = counts.blobs.entry(*blob).or_default();
            counted.bytes = counted.bytes.max(bytes);
            if is_new || counted.links == 0 {
                counted.links = counted.links.saturating_add(1);
            }
        }
    }

    /// Fails if a blob would go over one of some limits.
    pub fn check(
        &self,
        limits: &[(usize, u64)],
        blob: &ShortDigest,
        bytes: u64,
    ) -> Result<(), Exceeded> {
        for (limit, bytes_max) in limits {
            let Some(counts) = self.0.get(*limit) else {
                continue;
            };
            let cost = counts.cost(blob, bytes);
            if cost > 0 && counts.bytes.saturating_add(cost) > *bytes_max {
                return Err(Exceeded {
                    limit: *limit,
                    used: counts.bytes,
                    cost,
                });
            }
        }
        Ok(())
    }

    /// Removes a link to a blob for some limits. The blob is no longer counted for those where that was the last.
    pub fn remove(&mut self, limits: &[(usize, u64)], blob: &ShortDigest) {
        for (limit, _) in limits {
            let Some(counts) = self.0.get_mut(*limit) else {
                continue;
            };
            let Some(counted) = counts.blobs.get_mut(blob) else {
                continue;
            };
            counted.links = counted.links.saturating_sub(1);
            if counted.links == 0 {
                counts.bytes = counts.bytes.saturating_sub(counted.bytes);
                counts.blobs.remove(blob);
            }
        }
    }

    /// The bytes of a blob, if it is counted for any of some limits.
    pub fn bytes(&self, limits: &[(usize, u64)], blob: &ShortDigest) -> Option<u64> {
        let mut found = limits
            .iter()
            .filter_map(|(limit, _)| self.0.get(*limit)?.blobs.get(blob));
        found.next().map(|counted| counted.bytes)
    }

    /// For each limit the bytes that are used, and the number of blobs.
    pub fn used(&self) -> Vec<(u64, usize)> {
        let limits = self.0.iter();
        limits
            .map(|counts| (counts.bytes, counts.blobs.len()))
            .collect()
    }
}

/// The key under which a blob is counted.
pub fn short(digest: &Digest) -> ShortDigest {
    let mut short = ShortDigest::default();
    let value = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.wrapping_sub(b'a').wrapping_add(10),
    };
    let pairs = digest.hex().as_bytes().as_chunks::<2>().0;
    for (byte, [high, low]) in short.iter_mut().zip(pairs) {
        *byte = value(*high) << 4 | value(*low);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Algorithm;

    fn blob(number: u8) -> ShortDigest {
        [number; 16]
    }

    #[test]
    fn a_blob_counts_once_for_as_long_as_it_is_linked() {
        let mut counts = QuotaCounts::new(2);
        let (both, one) = ([(0, 100), (1, 50)], [(0, 100)]);
        counts.add(&both, &blob(1), (30, true)).unwrap();
        counts.add(&both, &blob(1), (30, true)).unwrap();
        counts.add(&one, &blob(1), (30, true)).unwrap();
        // The same link again.
        counts.add(&one, &blob(1), (30, false)).unwrap();
        assert_eq!(counts.used(), [(30, 1), (30, 1)]);
        counts.remove(&both, &blob(1));
        assert_eq!(counts.used(), [(30, 1), (30, 1)]);
        counts.remove(&both, &blob(1));
        assert_eq!(counts.used(), [(30, 1), (0, 0)]);
        counts.remove(&one, &blob(1));
        // What is not there cannot be given back a second time.
        counts.remove(&one, &blob(1));
        assert_eq!(counts.used(), [(0, 0), (0, 0)]);
    }

    #[test]
    fn what_goes_over_one_limit_is_counted_for_none() {
        let mut counts = QuotaCounts::new(2);
        let both = [(0, 100), (1, 50)];
        counts.add(&both, &blob(1), (30, true)).unwrap();
        let exceeded = counts.add(&both, &blob(2), (21, true)).unwrap_err();
        let Exceeded { limit, used, cost } = exceeded;
        assert_eq!((limit, used, cost), (1, 30, 21));
        assert_eq!(counts.used(), [(30, 1), (30, 1)]);
        counts.add(&both, &blob(2), (20, true)).unwrap();
        // It is full, or lowered: what is counted costs nothing, and nothing new fits.
        let lowered = [(0, 1), (1, 1)];
        counts.add(&lowered, &blob(2), (20, true)).unwrap();
        counts.add(&lowered, &blob(3), (0, true)).unwrap();
        assert!(counts.add(&both, &blob(4), (1, true)).is_err());
        assert!(
            counts
                .add(&[(0, u64::MAX - 1)], &blob(4), (u64::MAX, true))
                .is_err()
        );
    }

    #[test]
    fn bytes_that_come_back_are_counted_again() {
        let mut counts = QuotaCounts::new(1);
        // A link without its blob, which is pushed again.
        counts.add(&[(0, 100)], &blob(1), (0, true)).unwrap();
        assert!(counts.add(&[(0, 100)], &blob(1), (101, false)).is_err());
        counts.add(&[(0, 100)], &blob(1), (60, false)).unwrap();
        assert_eq!(counts.used(), [(60, 1)]);
        counts.remove(&[(0, 100)], &blob(1));
        assert_eq!(counts.used(), [(0, 0)]);
    }

    #[test]
    fn a_short_digest_is_the_beginning_of_the_whole() {
        let digest = Algorithm::Sha256.digest(b"");
        let short = short(&digest);
        assert_eq!(hex::encode(short), digest.hex()[..32]);
    }
}
