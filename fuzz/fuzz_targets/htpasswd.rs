//! The file of users, whatever it holds: it is read, or refused with words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::auth::htpasswd;

fuzz_target!(|bytes: &[u8]| {
    if let Err(words) = htpasswd::parse(bytes) {
        assert!(!words.is_empty());
    }
});
