//! What proxies say of the request that they got: `Forwarded` and the `X-Forwarded-*` headers.

use crate::auth::{basic, line};
use crate::util::pace::{breathe, wait_until};
use crate::util::raw::Raw;
use crate::util::registry::{Settings, TestRegistry};
use crate::util::tree::quick_directory;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use tempfile::TempDir;

/// A registry whose `Location` is a whole URL, as a proxy's words make it.
fn start() -> TestRegistry {
    Settings::default()
        .set("HTTP_RELATIVEURLS", "false")
        .start()
}

/// Scheme and host of a `Location`.
fn origin(registry: &TestRegistry, headers: &[(&str, &str)]) -> String {
    let response = registry.call("POST", "/v2/a/blobs/uploads/", headers, Some(b""));
    let response = response.expect(202);
    let location = response.header("Location");
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
    for (headers, expected) in [
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
        assert_eq!(origin(&registry, headers), expected, "{headers:?}");
    }
}

#[test]
fn what_a_peer_says_who_is_no_trusted_proxy_is_passed_over() {
    let registry = Settings::default()
        .set("HTTP_RELATIVEURLS", "false")
        .set("HTTP_TRUSTEDPROXIES", "[192.0.2.0/24]")
        .start();
    let own = format!("http://{}", registry.address);
    for headers in [
        &[("X-Forwarded-Proto", "https")][..],
        &[("X-Forwarded-Host", "evil.example")],
        &[("Forwarded", "proto=https;host=evil.example")],
    ] {
        assert_eq!(origin(&registry, headers), own, "{headers:?}");
    }
}

/// A registry with a user, whose challenges lead to its own tokens.
fn start_with_tickets(more: &[(&str, &str)]) -> (TestRegistry, TempDir) {
    let directory = quick_directory();
    let path = directory.path().join("users");
    std::fs::write(&path, line("anna", "secret")).unwrap();
    let settings = Settings::default()
        .set("AUTH_HTPASSWD_REALM", "realm")
        .set("AUTH_HTPASSWD_PATH", path.to_str().unwrap())
        .set(
            "ACCESS",
            r#"{rules: [{users: [anonymous], repositories: ["open/*"], actions: [pull]}]}"#,
        );
    let set = |settings: Settings, (name, value): &(&str, &str)| settings.set(name, value);
    (more.iter().fold(settings, set).start(), directory)
}

#[test]
fn no_field_of_a_proxy_names_the_host_that_a_password_goes_to() {
    let evil: [&[(&str, &str)]; 4] = [
        &[("X-Forwarded-Host", "evil.example")],
        &[("Forwarded", "host=evil.example;proto=https")],
        &[
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-For", "192.0.2.1"),
        ],
        &[("X-Forwarded-Host", "evil.example"), ("Host", "!")],
    ];
    for (proxies, relative) in [
        ("[]", "true"),
        ("[127.0.0.0/8]", "true"),
        ("[127.0.0.1]", "false"),
    ] {
        let more = [
            ("HTTP_TRUSTEDPROXIES", proxies),
            ("HTTP_RELATIVEURLS", relative),
        ];
        let (registry, _folder) = start_with_tickets(&more);
        for headers in evil {
            for path in ["/v2/", "/v2/a/tags/list", "/v2/no/endpoint"] {
                let mut head = format!("GET {path} HTTP/1.1\r\n");
                if !headers.iter().any(|(name, _)| *name == "Host") {
                    head.push_str(&format!("Host: {}\r\n", registry.address));
                }
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                let response = Raw::connect(registry.address)
                    .send(head + "\r\n")
                    .response();
                assert_eq!(response.status, 401);
                assert_eq!(response.header("Cache-Control"), Some("no-store"));
                let challenge = response.header("WWW-Authenticate").unwrap();
                assert!(
                    !challenge.contains("evil"),
                    "{proxies} {headers:?}: {challenge}"
                );
                if headers.iter().any(|(name, _)| *name == "Host") {
                    let realm = "Bearer realm=\"/v2/_token\"";
                    assert!(challenge.starts_with(realm), "{challenge}");
                    continue;
                }
                let own = format!("://{}/v2/_token", registry.address);
                assert!(challenge.contains(&own), "{challenge}");
                let is_https = challenge.contains("\"https://");
                let says_so = headers.iter().any(|(_, value)| value.contains("https"));
                assert_eq!(
                    is_https,
                    says_so && proxies != "[]",
                    "{proxies} {headers:?}"
                );
            }
        }
    }
}

#[test]
fn a_token_is_fetched_where_the_client_reached_the_registry() {
    let (registry, _folder) = start_with_tickets(&[]);
    let headers = [("Forwarded", "proto=HTTPS"), ("Host", "r.example")];
    let challenge = |registry: &TestRegistry| {
        let response = registry.call("GET", "/v2/", &headers, None).expect(401);
        response.header("WWW-Authenticate").to_owned()
    };
    let realm = "Bearer realm=\"https://r.example/v2/_token\"";
    assert!(challenge(&registry).starts_with(realm));
    let host = [("HTTP_HOST", "https://fixed.example/base")];
    let (registry, _folder) = start_with_tickets(&host);
    let realm = "Bearer realm=\"https://fixed.example/base/v2/_token\"";
    assert!(challenge(&registry).starts_with(realm));
}

#[test]
fn each_client_behind_a_proxy_has_its_own_uploads() {
    let settings = || Settings::default().set("HTTP_LIMITS_UPLOADSPERADDRESS", "1");
    let statuses = |registry: &TestRegistry| {
        [
            "192.0.2.1",
            "192.0.2.2",
            "198.51.100.9, 192.0.2.1",
            "192.0.2.3",
        ]
        .map(|client| {
            let headers = [("X-Forwarded-For", client)];
            let path = "/v2/a/blobs/uploads/";
            registry.call("POST", path, &headers, Some(b"")).status
        })
    };
    assert_eq!(statuses(&settings().start()), [202, 202, 429, 202]);
    let nobody = settings().set("HTTP_TRUSTEDPROXIES", "[]").start();
    assert_eq!(statuses(&nobody), [202, 429, 429, 429]);
}

#[test]
fn a_flood_of_logins_from_one_address_does_not_keep_users_of_another_out() {
    let directory = quick_directory();
    let path = directory.path().join("users");
    let users: Vec<String> = (0..6).map(|number| format!("user{number}")).collect();
    // Enough for a flood to keep every check busy, and no more work than that takes.
    let hash = bcrypt::hash("secret", 6).unwrap();
    let text: String = users
        .iter()
        .map(|user| format!("{user}:{hash}\n"))
        .collect();
    std::fs::write(&path, text).unwrap();
    let registry = Settings::default()
        .set("AUTH_HTPASSWD_REALM", "realm")
        .set("AUTH_HTPASSWD_PATH", path.to_str().unwrap())
        .start();
    let login = |address: &str, user: &str, password: &str| {
        let credentials = basic(user, password);
        let headers = [
            ("Authorization", &*credentials),
            ("X-Forwarded-For", address),
        ];
        registry.call("GET", "/v2/", &headers, None).status
    };
    let is_over = AtomicBool::new(false);
    let sent_away = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..80 {
            let (login, is_over, sent_away) = (&login, &is_over, &sent_away);
            scope.spawn(move || {
                while !is_over.load(SeqCst) {
                    match login("192.0.2.1", "user0", &format!("guess{number}")) {
                        429 => {
                            sent_away.fetch_add(1, SeqCst);
                            breathe();
                        }
                        status => assert_eq!(status, 401),
                    }
                }
            });
        }
        wait_until("somebody is sent away", || sent_away.load(SeqCst) > 0);
        let statuses: Vec<u16> = users
            .iter()
            .map(|user| login("192.0.2.2", user, "secret"))
            .collect();
        is_over.store(true, SeqCst);
        assert_eq!(statuses, [200; 6]);
    });
}
