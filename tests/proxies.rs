//! What proxies say of the request that they got: `Forwarded` and the `X-Forwarded-*` fields.

use crate::util::registry::{Settings, TestRegistry};

/// A registry whose `Location` is a whole URL, as a proxy's words make it.
fn start() -> TestRegistry {
    Settings::default()
        .set("HTTP_RELATIVEURLS", "false")
        .start()
}

/// Scheme and host of a `Location`.
fn origin(registry: &TestRegistry, fields: &[(&str, &str)]) -> String {
    let answer = registry.call("POST", "/v2/a/blobs/uploads/", fields, Some(b""));
    let answer = answer.expect(202);
    let location = answer.field("Location");
    let (origin, _) = location.split_once("/v2/").unwrap();
    origin.to_owned()
}

#[test]
fn a_location_is_what_the_nearest_proxy_to_the_client_saw() {
    let registry = start();
    let own = format!("http://{}", registry.address);
    let https = own.replace("http:", "https:");
    const X: [(&str, &str); 2] = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "x.example"),
    ];
    for (fields, expected) in [
        (&[][..], &own[..]),
        (&[("X-Forwarded-Proto", "HTTPS")], &https),
        (&[("X-Forwarded-Proto", "https, http")], &https),
        (&[("X-Forwarded-Proto", "gopher")], &own),
        (&X, "https://x.example"),
        (
            &[("Forwarded", "for=192.0.2.60;proto=https;by=203.0.113.43")],
            &https,
        ),
        (
            &[(
                "Forwarded",
                "For=\"[2001:db8::1]\";Proto=HTTPS;Host=f.example",
            )],
            "https://f.example",
        ),
        (
            &[("Forwarded", "proto=https;host=\"f.example:8443\"")],
            "https://f.example:8443",
        ),
        (
            &[(
                "Forwarded",
                "proto=https;host=f.example, proto=http;host=inner",
            )],
            "https://f.example",
        ),
        (
            &[
                ("Forwarded", "proto=https;host=f.example"),
                ("Forwarded", "proto=http;host=inner"),
            ],
            "https://f.example",
        ),
        // Preferred, and where it says nothing the others are looked at.
        (
            &[("Forwarded", "proto=http;host=f.example"), X[0], X[1]],
            "http://f.example",
        ),
        (
            &[("Forwarded", "for=192.0.2.60"), X[0], X[1]],
            "https://x.example",
        ),
        (
            &[("Forwarded", "host=f.example"), X[0]],
            "https://f.example",
        ),
        // Malformed, or of no use in a URL.
        (
            &[("Forwarded", "proto=https;host=f.example;")],
            "https://f.example",
        ),
        (&[("Forwarded", "proto=https host=f.example")], &own),
        (
            &[("Forwarded", "proto=http;proto=http"), X[0], X[1]],
            "https://x.example",
        ),
        (
            &[("Forwarded", "proto=javascript;host=\"f.example/\\\"><\"")],
            &own,
        ),
        (
            &[("Forwarded", "host=\"evil.example/x\""), X[1]],
            "http://x.example",
        ),
    ] {
        assert_eq!(origin(&registry, fields), expected, "{fields:?}");
    }
}

#[test]
fn a_token_is_fetched_where_the_client_reached_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    std::fs::write(&path, crate::auth::line("anna", "secret")).unwrap();
    let registry = Settings::default()
        .set("AUTH_HTPASSWD_REALM", "realm")
        .set("AUTH_HTPASSWD_PATH", path.to_str().unwrap())
        .set(
            "ACCESS",
            r#"{rules: [{users: [anonymous], repositories: ["open/*"], actions: [pull]}]}"#,
        )
        .start();
    let fields = [("Forwarded", "proto=HTTPS;host=r.example")];
    let answer = registry.call("GET", "/v2/", &fields, None).expect(401);
    let challenge = answer.field("WWW-Authenticate");
    let realm = "Bearer realm=\"https://r.example/v2/_token\"";
    assert!(challenge.starts_with(realm), "{challenge}");
}
