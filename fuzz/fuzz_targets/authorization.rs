//! The `Authorization` field, whatever it holds: no panic, and nobody gets in who is not in the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::auth::{Identity, Guard, Scheme};
use std::io::Write;
use std::sync::LazyLock;

/// One user, whose password nobody knows: the hash is of the right form and of no password.
const USERS: &[u8] = b"anna:$2y$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234\n";

static GUARD: LazyLock<Guard> = LazyLock::new(|| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(USERS).expect("a written file");
    let (_, path) = file.keep().expect("a kept file");
    let realm = "fuzz".to_owned();
    Authenticator::open(&Scheme::Htpasswd { realm, path }, None).expect("a guard")
});

fuzz_target!(|field: &str| {
    // As it is, and as what follows the name of the scheme, which a fuzzer takes long to find.
    for field in [field, &format!("Basic {field}")] {
        let caller = GUARD.caller(std::iter::once(field), None);
        assert!(
            !matches!(caller, Ok(Identity::User(_) | Identity::Token(_))),
            "{field:?}"
        );
    }
});
