//! Bearer tokens, whatever they hold: no panic, and without the key nobody gets in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::auth::{Authenticator, Identity, Scheme, token};
use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

/// A public key whose private half was thrown away (RFC 8037, A.2's shape).
const KEYS: &[u8] = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"fuzz",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

static AUTHENTICATOR: LazyLock<Authenticator> = LazyLock::new(|| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(KEYS).expect("a written file");
    let (_, path) = file.keep().expect("a kept file");
    let options = token::TokenOptions {
        realm: "https://issuer.test/token".into(),
        service: "registry".into(),
        issuer: "issuer".into(),
        root_certificates: None,
        keys: Some(path),
        algorithms: token::ALGORITHMS
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        redirect_path: None,
    };
    Authenticator::open(&Scheme::Token(options), None, Duration::from_secs(1)).expect("an authenticator")
});

fuzz_target!(|token: &str| {
    let header = format!("Bearer {token}");
    let identity = AUTHENTICATOR.identify(std::iter::once(header.as_str()), None);
    assert!(
        !matches!(identity, Ok(Identity::User(_) | Identity::Token(_))),
        "{token:?}"
    );
});
