//! The state of a running digest as bytes, in the format of Go (`MarshalBinary` of `crypto/sha256` and `crypto/sha512`), which
//! distribution keeps next to an upload.
//!
//! `"sha"` and a byte for the kind, the words of the state, the block that is not full yet and zeros, and how many bytes
//! there were in all; numbers are big-endian.

use super::{Algorithm, Hasher};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Sha256, Sha512};
use std::ops::Deref;

/// Bytes of the longest state.
const BYTES_MAX: usize = 204;

/// What a state starts with.
const MAGIC_BYTES: usize = 4;

/// What it ends with.
const COUNT_BYTES: usize = 8;

/// How a kind of state is laid out. The words come first in both formats; ours counts whole blocks behind them, little-endian
/// like the words, and then says how full the last block is.
struct Layout {
    magic: &'static [u8; MAGIC_BYTES],
    word_bytes: usize,
    words_bytes: usize,
    block_bytes: usize,
    /// Bytes of the number of blocks in our format.
    blocks_bytes: usize,
}

const SHA_256: Layout = Layout {
    magic: b"sha\x03",
    word_bytes: 4,
    words_bytes: 32,
    block_bytes: 64,
    blocks_bytes: 8,
};

const SHA_512: Layout = Layout {
    magic: b"sha\x07",
    word_bytes: 8,
    words_bytes: 64,
    block_bytes: 128,
    blocks_bytes: 16,
};

/// A state as bytes.
pub struct HashState {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl Deref for HashState {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

impl Hasher {
    /// The state of everything taken in so far.
    pub fn state(&self) -> HashState {
        match self {
            Hasher::Sha256(hash) => SHA_256.export(&hash.serialize()),
            Hasher::Sha512(hash) => SHA_512.export(&hash.serialize()),
        }
    }

    /// A hasher that continues from a state, and how many bytes it has hashed; `None` for what is not a state of that algorithm.
    pub fn from_state(algorithm: Algorithm, state: &[u8]) -> Option<(Hasher, u64)> {
        Some(match algorithm {
            Algorithm::Sha256 => {
                let mut own = SerializedState::<Sha256>::default();
                let count = SHA_256.import(state, &mut own)?;
                (Hasher::Sha256(Sha256::deserialize(&own).ok()?), count)
            }
            Algorithm::Sha512 => {
                let mut own = SerializedState::<Sha512>::default();
                let count = SHA_512.import(state, &mut own)?;
                (Hasher::Sha512(Sha512::deserialize(&own).ok()?), count)
            }
        })
    }
}

impl Layout {
    fn bytes(&self) -> usize {
        MAGIC_BYTES + self.words_bytes + self.block_bytes + COUNT_BYTES
    }

    /// Go's format of our own. The lengths are those of the two layouts, so nothing is left out.
    #[expect(
        clippy::indexing_slicing,
        reason = "both layouts are shorter than the arrays"
    )]
    fn export(&self, own: &[u8]) -> HashState {
        let mut state = HashState {
            bytes: [0; BYTES_MAX],
            length: self.bytes(),
        };
        let (words, rest) = own.split_at(self.words_bytes);
        let (blocks, rest) = rest.split_at(self.blocks_bytes);
        let (used, block) = (usize::from(rest[0]), &rest[1..]);
        state.bytes[..MAGIC_BYTES].copy_from_slice(self.magic);
        let target = &mut state.bytes[MAGIC_BYTES..self.bytes()];
        let (target_words, target) = target.split_at_mut(self.words_bytes);
        target_words.copy_from_slice(words);
        target_words
            .chunks_exact_mut(self.word_bytes)
            .for_each(<[u8]>::reverse);
        target[..used].copy_from_slice(&block[..used]);
        let mut low = [0; COUNT_BYTES];
        low.copy_from_slice(&blocks[..COUNT_BYTES]);
        let blocks = u64::from_le_bytes(low);
        let count = blocks
            .wrapping_mul(self.block_bytes as u64)
            .wrapping_add(used as u64);
        target[self.block_bytes..].copy_from_slice(&count.to_be_bytes());
        state
    }

    /// Converts Go's format to ours; returns the number of bytes that were hashed.
    fn import(&self, state: &[u8], own: &mut [u8]) -> Option<u64> {
        let rest = state.strip_prefix(self.magic)?;
        if state.len() != self.bytes() {
            return None;
        }
        let (words, rest) = rest.split_at_checked(self.words_bytes)?;
        let (block, count) = rest.split_at_checked(self.block_bytes)?;
        let count = u64::from_be_bytes(count.try_into().ok()?);
        let used = usize::try_from(count % self.block_bytes as u64).ok()?;
        let blocks = count / self.block_bytes as u64;
        let (own_words, own) = own.split_at_mut_checked(self.words_bytes)?;
        own_words.copy_from_slice(words);
        own_words
            .chunks_exact_mut(self.word_bytes)
            .for_each(<[u8]>::reverse);
        let (own_blocks, own) = own.split_at_mut_checked(self.blocks_bytes)?;
        let (low, _) = own_blocks.split_at_mut_checked(COUNT_BYTES)?;
        low.copy_from_slice(&blocks.to_le_bytes());
        let (own_used, own_block) = own.split_first_mut()?;
        *own_used = u8::try_from(used).ok()?;
        own_block
            .get_mut(..used)?
            .copy_from_slice(block.get(..used)?);
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states of Go 1.26 after this many of the bytes 0, 1, 2, ...; zeros of the block are written as `_`.
    const FROM_GO: [(Algorithm, usize, &str); 8] = [
        (
            Algorithm::Sha256,
            0,
            "736861036a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19_0000000000000000",
        ),
        (
            Algorithm::Sha256,
            3,
            "736861036a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19000102_0000000000000003",
        ),
        (
            Algorithm::Sha256,
            64,
            "73686103fc99a2df88f42a7a7bb9d18033cdc6a20256755f9d5b9a5044a9cc315abe84a7_0000000000000040",
        ),
        (
            Algorithm::Sha256,
            200,
            "736861032bed68b99987cae48183b2b049d393d0050868e4e8ba3730e9112b08765929b7c0c1c2c3c4c5c6c7_00000000000000c8",
        ),
        (
            Algorithm::Sha512,
            0,
            "736861076a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1510e527fade682d19b05688c2b3e6c1f\
             1f83d9abfb41bd6b5be0cd19137e2179_0000000000000000",
        ),
        (
            Algorithm::Sha512,
            3,
            "736861076a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1510e527fade682d19b05688c2b3e6c1f\
             1f83d9abfb41bd6b5be0cd19137e2179000102_0000000000000003",
        ),
        (
            Algorithm::Sha512,
            64,
            "736861076a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1510e527fade682d19b05688c2b3e6c1f\
             1f83d9abfb41bd6b5be0cd19137e2179000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324\
             25262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f_0000000000000040",
        ),
        (
            Algorithm::Sha512,
            200,
            "736861078e03953cd57cd6879321270afa70c5827bb5b69be59a8f0130147e94f2aedf7bdc01c56c92343ca8bd837bb7f0208f5a\
             23e155694516b6f147099d491a30b151808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4\
             a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7_00000000000000c8",
        ),
    ];

    fn from_go(text: &str, algorithm: Algorithm) -> Vec<u8> {
        let bytes = match algorithm {
            Algorithm::Sha256 => SHA_256.bytes(),
            Algorithm::Sha512 => SHA_512.bytes(),
        };
        let zeros = "0".repeat(2 * bytes + 1 - text.len());
        hex::decode(text.replace('_', &zeros)).unwrap()
    }

    #[test]
    fn states_are_those_of_go_and_go_on_where_they_were() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (algorithm, count, text) in FROM_GO {
            let expected = from_go(text, algorithm);
            let mut hasher = Hasher::new(algorithm);
            hasher.update(&bytes[..count]);
            assert_eq!(hex::encode(&*hasher.state()), hex::encode(&expected));
            let (mut restored, restored_count) = Hasher::from_state(algorithm, &expected).unwrap();
            assert_eq!(restored_count, count as u64);
            restored.update(&bytes[count..]);
            assert_eq!(restored.digest(), algorithm.digest(&bytes));
        }
    }

    #[test]
    fn every_length_of_a_block_is_restored() {
        let bytes: Vec<u8> = (0..300_u32).map(|number| number as u8).collect();
        for (algorithm, count) in Algorithm::ALL
            .into_iter()
            .flat_map(|algorithm| (0..300).map(move |count| (algorithm, count)))
        {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(&bytes[..count]);
            let (mut restored, _) = Hasher::from_state(algorithm, &hasher.state()).unwrap();
            restored.update(&bytes[count..]);
            assert_eq!(restored.digest(), algorithm.digest(&bytes), "{count}");
        }
    }

    #[test]
    fn what_is_no_state_is_not_taken() {
        let state = Hasher::new(Algorithm::Sha256).state().to_vec();
        assert!(Hasher::from_state(Algorithm::Sha512, &state).is_none());
        for length in 0..state.len() {
            assert!(Hasher::from_state(Algorithm::Sha256, &state[..length]).is_none());
        }
        let long = [&state[..], b"x"].concat();
        assert!(Hasher::from_state(Algorithm::Sha256, &long).is_none());
    }
}
