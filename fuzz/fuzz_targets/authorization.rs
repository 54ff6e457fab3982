//! The `Authorization` header, whatever it contains: no panic, and nobody is authenticated who is not in the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::auth::{Authenticator, Identity, Scheme};
use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

/// One user, whose password nobody knows: the hash is of the right form and of no password.
const USERS: &[u8] = b"anna:$2y$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234\n";

static AUTHENTICATOR: LazyLock<Authenticator> = LazyLock::new(|| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(USERS).expect("a written file");
    let (_, path) = file.keep().expect("a kept file");
    let realm = "fuzz".to_owned();
    Authenticator::open(&Scheme::Htpasswd { realm, path }, None, Duration::from_secs(1)).expect("an authenticator")
});

fuzz_target!(|header: &str| {
    // As it is, and as what follows the name of the scheme, which a fuzzer takes long to find.
    for header in [header, &format!("Basic {header}")] {
        let identity = AUTHENTICATOR.identify(std::iter::once(header), None);
        assert!(
            !matches!(identity, Ok(Identity::User(_) | Identity::Token(_))),
            "{header:?}"
        );
    }
});
