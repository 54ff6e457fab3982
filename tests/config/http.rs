//! The section `http`: what is read of addresses, URLs, headers, proxies and limits.

use super::*;

#[test]
fn the_memory_holds_the_largest_head_and_manifest() {
    let limits = |limits: &str| format!("{BASE}http: {{limits: {limits}}}\n");
    let mib = 1024 * 1024;
    for (text, expected) in [
        ("{}", 96 * mib),
        ("{manifestbytes: 4MiB}", 96 * mib),
        ("{manifestbytes: 5MiB}", 100 * mib),
        ("{manifestbytes: 1MiB, memory: 32MiB}", 32 * mib),
        ("{memory: 80MiB}", 80 * mib),
    ] {
        let config = clean(&limits(text), &[]);
        assert_eq!(config.http.limits.memory_bytes_max, expected, "{text}");
    }
    for text in ["{memory: 79MiB}", "{manifestbytes: 8MiB, memory: 159MiB}"] {
        let found = errors(&limits(text), &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("at least 20 times"), "{found:?}");
    }
}

#[test]
fn trusted_proxies_are_addresses_and_networks_and_may_be_none() {
    let proxies = |text: &str, variables: &[(&str, &str)]| {
        let config = clean(&format!("{BASE}http: {text}\n"), variables);
        // What is printed is the same configuration.
        let proxies = clean(&config.render(), &[]).http.limits.trusted_proxies;
        assert_eq!(config.http.limits.trusted_proxies, proxies);
        let shown = proxies.0.iter().map(ToString::to_string);
        shown.collect::<Vec<_>>().join(" ")
    };
    assert!(proxies("{}", &[]).starts_with("127.0.0.0/8 "));
    assert_eq!(proxies("{trustedproxies: []}", &[]), "");
    assert_eq!(
        proxies("{trustedproxies: [192.0.2.1, 'fd00::/8']}", &[]),
        "192.0.2.1/32 fd00::/8"
    );
    let variable = "REGISTRY_HTTP_TRUSTEDPROXIES";
    for (value, expected) in [
        ("[]", ""),
        ("172.18.0.2", "172.18.0.2/32"),
        ("['::1']", "::1/128"),
    ] {
        assert_eq!(proxies("{}", &[(variable, value)]), expected, "{value}");
    }
    for wrong in ["[proxy.example]", "[10.0.0.0/33]", "{a: b}"] {
        let text = format!("{BASE}http: {{trustedproxies: {wrong}}}\n");
        let found = errors(&text, &[]);
        assert!(found[0].contains("http.trustedproxies"), "{found:?}");
    }
    // A slip would leave what is trusted as it is by default.
    let slip = format!("{BASE}http: {{trustedproxy: []}}\n");
    assert_eq!(errors(&slip, &[]).len(), 1);
}

#[test]
fn addresses_have_a_port() {
    let load = |address: &str| load(&format!("{BASE}http: {{addr: '{address}'}}\n"), &[]);
    for address in [
        ":5000",
        "0.0.0.0:5000",
        "[::1]:5000",
        "[::]:0",
        "localhost:65535",
        "127.0.0.1:0",
    ] {
        let config = load(address).unwrap().0;
        assert_eq!(config.http.listen, Listen::Tcp(address.to_owned()));
    }
    for address in [
        "5000",
        "localhost",
        "host:",
        "::1:5000",
        "[::1]",
        "[]:5000",
        "[a]:5000",
        ":65536",
        "a b:1",
        "x/y:1",
        ":+1",
        "http://a:1",
    ] {
        let found = load(address).unwrap_err();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("host:port, :port or"), "{found:?}");
    }
}

#[test]
fn base_urls_have_a_scheme_and_a_host() {
    let load = |url: &str| load(&format!("{BASE}http: {{host: '{url}'}}\n"), &[]);
    for url in [
        "http://a",
        "https://a.b:5000",
        "https://a/base",
        "http://[::1]:5000",
    ] {
        let config = load(url).unwrap().0;
        assert_eq!(config.http.location, LocationStyle::Host(url.to_owned()));
    }
    for url in [
        "ftp://a",
        "http://",
        "http:///x",
        "http://:5000",
        "http://u:p@a",
        "http://a?x",
        "http://a b",
    ] {
        let found = load(url).unwrap_err();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("http:// or https:// with"), "{found:?}");
    }
}

#[test]
fn names_of_headers_and_fields_may_have_dots() {
    let text = format!(
        "{BASE}log: {{fields: {{a.b: c}}}}\nhttp:\n  headers:\n    X.Y: [a, b]\n    X-Z: c\n"
    );
    let config = clean(&text, &[]);
    let expected = [("X.Y", "a"), ("X.Y", "b"), ("X-Z", "c")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(config.http.headers, expected);
    assert_eq!(config.log.fields["a.b"], "c");
    assert_eq!(clean(&config.render(), &[]).http.headers, expected);
    // A variable reaches it, and an error has its line.
    let variable = [("REGISTRY_HTTP_HEADERS_X.Y_1", "d")];
    assert_eq!(clean(&text, &variable).http.headers[1].1, "d");
    let wrong = text.replace("[a, b]", "[a, {b: c}]");
    assert_eq!(
        errors(&wrong, &[]),
        ["config.yml:8:14: http.headers.\"X.Y\".1: found a mapping; allowed: a string"]
    );
    // Nothing below a key with a dot is taken for a nested key.
    let flat = format!("{BASE}log.level: debug\n");
    assert_eq!(notices(&flat, &[]).len(), 1);
}
