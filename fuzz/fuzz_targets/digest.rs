//! Digests and stored states of hashes, whatever they hold: a digest is written as it was read, and a hash that goes on from a
//! state does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::spec::{Algorithm, Digest, Hasher};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(digest) = text.parse::<Digest>()
    {
        assert_eq!(digest.as_str(), text);
        assert_eq!(digest.hex().len(), digest.algorithm().hex_length());
        assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    for algorithm in Algorithm::ALL {
        if let Some((mut hasher, _)) = Hasher::from_state(algorithm, bytes) {
            hasher.update(bytes);
            assert_eq!(hasher.digest().algorithm(), algorithm);
        }
        // What is written can be read, and goes on as if nothing had happened.
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        let state = hasher.state();
        let (mut resumed, length) = Hasher::from_state(algorithm, &state).expect("its own state");
        assert_eq!(length, bytes.len() as u64);
        for hasher in [&mut hasher, &mut resumed] {
            hasher.update(b"more");
        }
        assert_eq!(resumed.digest(), hasher.digest());
    }
});
