//! Names of keys: unknown, without effect here, not supported, and nearly those that close the registry.

use super::*;

#[test]
fn unknown_keys_are_reported_with_the_nearest_known_one() {
    let text = format!(
        "{BASE}log:\n  levle: debug\nhttp:\n  maxtags: 5\n  Addr: :80\nbanana: 1\nREGISTRY_LOG_LEVEL: debug\n"
    );
    assert_eq!(
        notices(&text, &[]),
        [
            "config.yml:6:3: log.levle: unknown key; it is ignored; did you mean log.level?",
            "config.yml:8:3: http.maxtags: unknown key; it is ignored; did you mean tags.maxtags?",
            "config.yml:9:3: http.Addr: unknown key; it is ignored; did you mean http.addr?",
            "config.yml:10:1: banana: unknown key; it is ignored",
            "config.yml:11:1: REGISTRY_LOG_LEVEL: unknown key; it is ignored; did you mean log.level?",
        ]
    );
}

#[test]
fn keys_without_effect_are_notes_and_unsupported_ones_warnings() {
    let text = format!(
        "{BASE}  cache:\n    blobdescriptor: inmemory\n  redirect:\n    disable: true\nhttp:\n  secret: hunter2\n  http2:\n    disabled: true\n  debug:\n    addr: :5001\n  h2c:\n    enabled: false\nnotifications:\n  endpoints:\n    - name: a\n      urll: b\nproxy:\n  remoteurl: ''\n  ttl: 0\nauth: {{}}\n"
    );
    let (_, found) = load(&text, &[("REGISTRY_REDIS_ADDRS", "[a]")]).unwrap();
    let found: Vec<_> = found.iter().map(|n| (n.severity, n.key.as_str())).collect();
    use Severity::{Note, Warning};
    assert_eq!(
        found,
        [
            (Note, "storage.cache"),
            (Note, "storage.redirect"),
            (Note, "http.secret"),
            (Note, "http.http2"),
            (Warning, "http.debug"),
            (Warning, "notifications"),
            (Warning, "notifications.endpoints.0.urll"),
            (Warning, "redis"),
        ]
    );
    assert!(
        notices(&text, &[])
            .iter()
            .all(|notice| !notice.contains("hunter2"))
    );
}

#[test]
fn what_would_be_unsafe_without_its_support_stops_the_start() {
    for (section, key) in [
        (
            "auth:\n  token: {realm: r, service: s, jwks: j}\n",
            "auth.token.issuer",
        ),
        (
            "auth:\n  token: {realm: r, service: s, issuer: i}\n",
            "auth.token.rootcertbundle",
        ),
        (
            "auth:\n  token: {service: s, issuer: i, jwks: j}\n",
            "auth.token.realm",
        ),
        (
            "auth:\n  token: {realm: r, service: s, issuer: i, jwks: j, signingalgorithms: [HS256]}\n",
            "auth.token.signingalgorithms.0",
        ),
        (
            "auth:\n  token: {service: s, issuer: i, jwks: j, autoredirect: true, autoredirectpath: x}\n",
            "auth.token.autoredirectpath",
        ),
        ("auth:\n  ldap: {}\n", "auth.ldap"),
        ("auth: htpaswd\n", "auth.htpaswd"),
        ("auth: [htpasswd]\n", "auth"),
        (
            "auth:\n  htpasswd:\n    realm: r\n    pth: p\n    path: p\n",
            "auth.htpasswd.pth",
        ),
        ("auth:\n  htpasswd:\n    realm: r\n", "auth.htpasswd.path"),
        ("auth:\n  htpasswd:\n    path: p\n", "auth.htpasswd.realm"),
        ("auth:\n  htpasswd: p\n", "auth.htpasswd"),
        (
            "auth:\n  silly: {realm: r, service: s}\n  htpasswd: {realm: r, path: p}\n",
            "auth",
        ),
        (
            "http:\n  tls:\n    letsencrypt:\n      email: a\n",
            "http.tls.letsencrypt",
        ),
        ("proxy:\n  remoteurl: https://a\n", "proxy.remoteurl"),
    ] {
        let found = errors(&format!("{BASE}{section}"), &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!(" {key}: ")), "{found:?}");
    }
    for (name, value) in [
        ("REGISTRY_AUTH", "ldap"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "r"),
        ("REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_0", "a"),
        ("REGISTRY_PROXY_REMOTEURL", "https://a"),
        ("REGISTRY_STORAGE", "s3"),
    ] {
        let found = errors(BASE, &[(name, value)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("{name}: ")), "{found:?}");
    }
}

#[test]
fn a_slip_in_a_name_that_closes_the_registry_stops_the_start() {
    let found = errors(
        &format!("{BASE}Auth: htpasswd\nhttp:\n  tsl:\n    key: /k\n"),
        &[],
    );
    assert_eq!(
        found,
        [
            "config.yml:5:1: Auth: unknown key; did you mean auth?",
            "config.yml:7:3: http.tsl: unknown key; did you mean http.tls?",
        ]
    );
    for (name, known) in [
        ("REGISTRY_AUHT", "REGISTRY_AUTH"),
        (
            "REGISTRY_HTTP_TSL_CERTIFICATE",
            "REGISTRY_HTTP_TLS_CERTIFICATE",
        ),
        ("REGISTRY_PROXY_REMOTE_URL", "REGISTRY_PROXY_REMOTEURL"),
    ] {
        let expected = format!("{name}: unknown variable; did you mean {known}?");
        assert_eq!(errors(BASE, &[(name, "x")]), [expected]);
    }
    // `no` is the name of a file here.
    assert_eq!(errors(BASE, &[("REGISTRY_HTTP_TLS_KEY", "no")]).len(), 1);
}

#[test]
fn a_key_that_is_unknown_below_a_setting_of_the_storage_is_ignored() {
    let text = format!(
        "{BASE}  delete:\n    enable: true\n  maintenance:\n    uploadpurging:\n      agee: 1h\n"
    );
    let found = notices(&text, &[]);
    let at = |line: usize| format!("config.yml:{line}:");
    assert_eq!(found.len(), 2, "{found:#?}");
    for (notice, line, key, meant) in [
        (
            &found[0],
            6,
            "storage.delete.enable",
            "storage.delete.enabled",
        ),
        (
            &found[1],
            9,
            "storage.maintenance.uploadpurging.agee",
            "storage.maintenance.uploadpurging.age",
        ),
    ] {
        assert!(notice.starts_with(&at(line)), "{notice}");
        let said = format!(" {key}: unknown key; it is ignored; did you mean {meant}?");
        assert!(notice.ends_with(&said), "{notice}");
    }
}
