//! Numbers by chance: other ones in every run, so that runs together try more than one, and the same again for the same seed.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The variable that repeats what a run has tried, which says it when it fails.
const SEED: &str = "REGISTRY_TEST_SEED";

/// The same numbers for the same seed.
pub struct Chance(u64);

impl Chance {
    /// Numbers for this run, of which a test that fails tells the seed.
    pub fn of_this_run() -> Chance {
        let seed = match std::env::var(SEED) {
            Ok(text) => text.parse().unwrap(),
            Err(_) => RandomState::new().build_hasher().finish(),
        };
        eprintln!("what is tried is chosen by {SEED}={seed}");
        Chance::new(seed)
    }

    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).max(1))
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
