//! What people write and do not mean: protection at the wrong level, numbers without a unit, underscores for
//! dashes, values in quotes; and what they mean and need no warning for.

use super::*;

#[test]
fn protection_at_the_wrong_level_stops_the_start() {
    for (text, key, meant) in [
        (
            "http: {auth: {htpasswd: {realm: r, path: p}}}",
            "http.auth",
            "auth",
        ),
        (
            "http: {htpasswd: {realm: r, path: p}}",
            "http.htpasswd",
            "auth.htpasswd",
        ),
        ("htpasswd: {realm: r, path: p}", "htpasswd", "auth.htpasswd"),
        ("token: {realm: r}", "token", "auth.token"),
        ("log: {auth: htpasswd}", "log.auth", "auth"),
        ("tls: {certificate: c, key: k}", "tls", "http.tls"),
        (
            "http: {certificate: c, addr: ':80'}",
            "http.certificate",
            "http.tls.certificate",
        ),
        ("http: {key: k}", "http.key", "http.tls.key"),
        (
            "http: {clientcas: [c]}",
            "http.clientcas",
            "http.tls.clientcas",
        ),
        (
            "http: {letsencrypt: {email: e}}",
            "http.letsencrypt",
            "http.tls.letsencrypt",
        ),
        ("http: {access: {rules: []}}", "http.access", "access"),
        ("rules: []", "rules", "access.rules"),
        ("http: {Auth: none}", "http.Auth", "auth"),
        ("http: {auht: none}", "http.auht", "auth"),
        ("log: {htpaswd: {}}", "log.htpaswd", "auth.htpasswd"),
        ("validation: {tls: {}}", "validation.tls", "http.tls"),
        ("http: {proxy: {remoteurl: u}}", "http.proxy", "proxy"),
        (
            "maintenance: {readonly: {enabled: true}}",
            "maintenance",
            "storage.maintenance",
        ),
    ] {
        let found = errors(&format!("{BASE}{text}\n"), &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        let expected = format!(
            " {key}: unknown key at this level, where it would protect nothing; did you mean {meant}?"
        );
        assert!(found[0].ends_with(&expected), "{found:?}");
    }
    for section in [
        "auth: {htpasswd: {realm: r, path: p}}",
        "tls: {key: k}",
        "auth:",
    ] {
        let found = errors(&format!("{BASE}  {section}\n"), &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("unknown storage driver"), "{found:?}");
        assert!(found[0].contains("; did you mean "), "{found:?}");
    }
    // In a section that closes the registry nothing is passed over.
    let found = errors(&format!("{BASE}http: {{tls: {{cert: c}}}}\n"), &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("http.tls.cert: unknown key"), "{found:?}");
    // Words that are common elsewhere are no protection.
    let text = format!(
        "{BASE}log: {{service: registry, tsl: x, users: x, banana: x}}\nhttp: {{path: /x}}\n"
    );
    assert_eq!(notices(&text, &[]).len(), 5);
}

#[test]
fn variables_that_nearly_protect_stop_the_start_and_those_of_others_do_not() {
    for name in [
        "REGISTRY_HTTP_AUTH_HTPASSWD_PATH",
        "REGISTRY_HTPASSWD_PATH",
        "REGISTRY_TLS_CERTIFICATE",
        "REGISTRY_HTTP_CERTIFICATE",
        "REGISTRY_HTTP_TLS_CERT",
        "REGISTRY_AUTH_HTPASSWD_FILE",
    ] {
        let found = errors(BASE, &[(name, "x")]);
        assert_eq!(found.len(), 1, "{found:?}");
        let start = format!("{name}: unknown variable; ");
        assert!(found[0].starts_with(&start), "{found:?}");
    }
    // podman's own, and what Kubernetes sets beside a service called registry-auth.
    for name in [
        "REGISTRY_AUTH_FILE",
        "REGISTRY_AUTH_SERVICE_HOST",
        "REGISTRY_AUTH_SERVICE_PORT",
        "REGISTRY_AUTH_SERVICE_PORT_HTTPS",
        "REGISTRY_AUTH_PORT",
        "REGISTRY_AUTH_PORT_5001_TCP",
        "REGISTRY_AUTH_PORT_5001_TCP_ADDR",
        "REGISTRY_AUTH_PORT_5001_TCP_PORT",
        "REGISTRY_SERVICE_PORT_HTTPS",
        "REGISTRY_PORT",
        "REGISTRY_NO_SUCH_KEY",
    ] {
        let found = notices(BASE, &[(name, "tcp://10.0.0.1:5000")]);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].contains("it is ignored"), "{found:?}");
    }
}

#[test]
fn a_number_without_a_unit_is_asked_for_its_unit() {
    let purging =
        |settings: &str| format!("{BASE}  maintenance: {{uploadpurging: {{{settings}}}}}\n");
    for (text, meant) in [
        (purging("age: 168"), "168h"),
        (purging("age: '168'"), "168h"),
        (purging("interval: 24"), "24h"),
        (
            format!("{BASE}http: {{limits: {{headtimeout: 30}}}}\n"),
            "30s",
        ),
        (format!("{BASE}http: {{draintimeout: '30'}}\n"), "30s"),
    ] {
        let found = errors(&text, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        let expected = format!("; did you mean {meant}?");
        assert!(found[0].ends_with(&expected), "{found:?}");
    }
    let name = "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE";
    assert!(errors(BASE, &[(name, "168")])[0].ends_with("did you mean 168h?"));
    // Nothing is nothing in any unit.
    assert_eq!(
        clean(&purging("age: 0"), &[]).storage.upload_purging.age,
        Duration::ZERO
    );
    // As distribution, where this key alone is nanoseconds.
    let drain = |value: &str| load(&format!("{BASE}http: {{draintimeout: {value}}}\n"), &[]);
    let (config, found) = drain("5000000000").unwrap();
    assert_eq!(
        (config.http.drain_timeout, found.len()),
        (Duration::from_secs(5), 0)
    );
    let (config, found) = drain("30").unwrap();
    assert_eq!(config.http.drain_timeout, Duration::from_nanos(30));
    assert_eq!(found.len(), 1);
    let said = found[0].to_string();
    assert!(said.contains("nanoseconds: 30ns; add a unit"), "{said}");
}

#[test]
fn header_fields_have_dashes_and_a_star_has_quotes() {
    let name = "REGISTRY_HTTP_HEADERS_ACCESS_CONTROL_ALLOW_ORIGIN";
    for name in [name.to_owned(), format!("{name}_0")] {
        let found = errors(BASE, &[(&name, "['*']")]);
        assert_eq!(found.len(), 1, "{found:?}");
        let right = name.replace("ACCESS_CONTROL_ALLOW_ORIGIN", "ACCESS-CONTROL-ALLOW-ORIGIN");
        assert!(
            found[0].starts_with(&format!("{name}: http.headers.")),
            "{found:?}"
        );
        assert!(
            found[0].contains(&format!("did you mean -: {right}, or ")),
            "{found:?}"
        );
    }
    let right = "REGISTRY_HTTP_HEADERS_ACCESS-CONTROL-ALLOW-ORIGIN";
    let config = clean(BASE, &[(right, "['*']")]);
    assert_eq!(config.http.headers[0].1, "*");
    let file = notices(&format!("{BASE}http: {{headers: {{X_A: [b]}}}}\n"), &[]);
    assert!(
        file.len() == 1 && file[0].contains("did you mean -?"),
        "{file:?}"
    );
    for value in ["*", "[*]", "[GET, *]"] {
        let text = format!("{BASE}http:\n  headers:\n    Access-Control-Allow-Origin: {value}\n");
        for found in [errors(&text, &[]), errors(BASE, &[(right, value)])] {
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].ends_with("quote it, such as ['*'] for any origin"),
                "{found:?}"
            );
        }
    }
    clean(&format!("{BASE}http: {{headers: {{A-B: '*'}}}}\n"), &[]);
}

#[test]
fn a_host_without_a_scheme_is_ignored_as_in_distribution() {
    for host in ["localhost", "registry.example:5000", "10.0.0.1:5000"] {
        let (config, found) = load(&format!("{BASE}http: {{host: '{host}'}}\n"), &[]).unwrap();
        assert_eq!(config.http.location, LocationStyle::Relative, "{host}");
        assert_eq!(found.len(), 1);
        let said = found[0].to_string();
        assert!(
            said.contains(&format!("write https://{host}, or")),
            "{said}"
        );
        assert_eq!(found[0].severity, Severity::Warning);
    }
}

#[test]
fn values_in_quotes_count_and_are_reported_of_where_distribution_takes_them_otherwise() {
    let quoted = |text: &str, severity: Option<Severity>| {
        let (config, found) = load(&format!("{BASE}{text}\n"), &[]).unwrap();
        let found: Vec<_> = found.iter().map(|notice| notice.severity).collect();
        assert_eq!(found, Vec::from_iter(severity), "{text}");
        config
    };
    use Severity::{Note, Warning};
    for quote in ['"', '\''] {
        let value = |word: &str| format!("{quote}{word}{quote}");
        let on = format!("  delete: {{enabled: {}}}", value("true"));
        assert!(quoted(&on, Some(Warning)).storage.delete_enabled);
        let off = format!(
            "  maintenance: {{uploadpurging: {{enabled: {}}}}}",
            value("false")
        );
        assert!(!quoted(&off, Some(Warning)).storage.upload_purging.enabled);
        let read_only = format!("  maintenance: {{readonly: {{enabled: {}}}}}", value("yes"));
        assert!(quoted(&read_only, Some(Note)).storage.read_only);
        quoted(
            &format!("http: {{relativeurls: {}}}", value("true")),
            Some(Note),
        );
        quoted(
            &format!("catalog: {{maxentries: {}}}", value("5")),
            Some(Note),
        );
        quoted(
            &format!("  tag: {{concurrencylimit: {}}}", value("5")),
            Some(Note),
        );
        quoted(
            &format!("http: {{limits: {{connections: {}}}}}", value("5")),
            None,
        );
    }
    // YAML 1.1's own words, which distribution's parser takes for booleans.
    for word in ["true", "True", "yes", "on"] {
        assert!(
            quoted(&format!("  delete: {{enabled: {word}}}"), None)
                .storage
                .delete_enabled
        );
    }
    // As `- NAME="true"` in a compose file hands it on.
    let name = "REGISTRY_STORAGE_DELETE_ENABLED";
    assert_eq!(notices(BASE, &[(name, "\"true\"")]).len(), 1);
    assert_eq!(notices(BASE, &[(name, "true")]).len(), 0);
    assert_eq!(
        notices(BASE, &[("REGISTRY_STORAGE_DELETE", "{enabled: 'true'}")]).len(),
        1
    );
}

#[test]
fn what_is_switched_off_is_not_warned_of() {
    for text in [
        "notifications: {endpoints: [{name: a, disabled: true, url: u}]}",
        "notifications: {events: {includereferences: true}}",
        "log: {hooks: [{type: mail, disabled: true, levels: [panic]}]}",
        "middleware: {storage: [{name: cloudfront, disabled: true, options: {baseurl: u}}]}",
        "http: {debug: {addr: ''}}",
        "http: {debug: {addr: '', prometheus: {enabled: true, path: /metrics}}}",
        "redis: {db: 1, pool: {maxidle: 16}}",
        "redis: {addr: '', password: x}",
        "reporting: {bugsnag: {apikey: '', releasestage: x}, newrelic: {name: n}}",
        "compatibility: {schema1: {enabled: false, signingkeyfile: /etc/key}}",
    ] {
        assert_eq!(notices(&format!("{BASE}{text}\n"), &[]), [""; 0], "{text}");
    }
    for text in [
        "notifications: {endpoints: [{name: a, disabled: true}, {name: b, disabled: false, url: u}]}",
        "notifications: {endpoints: [{name: a, url: u}]}",
        "log: {hooks: [{type: mail, disabled: false, levels: [panic]}]}",
        "middleware: {registry: [{name: x}]}",
        "http: {debug: {addr: ':5001'}}",
        "redis: {addr: 'redis:6379'}",
        "redis: {addrs: ['redis:6379']}",
        "reporting: {bugsnag: {apikey: k}}",
        "compatibility: {schema1: {enabled: true}}",
    ] {
        let found = notices(&format!("{BASE}{text}\n"), &[]);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
    }
}

#[test]
fn passwords_on_the_loopback_are_not_warned_of() {
    let users = "auth: {htpasswd: {realm: r, path: p}}";
    for (address, warned) in [
        ("127.0.0.1:5000", false),
        ("127.8.0.1:5000", false),
        ("localhost:5000", false),
        ("[::1]:5000", false),
        (":5000", true),
        ("0.0.0.0:5000", true),
        ("[::]:5000", true),
        ("192.0.2.1:5000", true),
    ] {
        let text = format!("{BASE}{users}\nhttp: {{addr: '{address}'}}\n");
        assert_eq!(notices(&text, &[]).len(), usize::from(warned), "{address}");
    }
}

#[test]
fn one_error_is_reported_once() {
    for (text, expected) in [
        (
            format!("{BASE}auth: {{realm: r, path: p}}\n"),
            "config.yml:5:8: auth: found at the wrong level: realm, path; did you mean auth.htpasswd.realm, auth.htpasswd.path?",
        ),
        (
            format!("{BASE}auth: {{realm: r, service: s, issuer: i, rootcertbundle: /b}}\n"),
            "auth: found at the wrong level: realm, service, issuer, rootcertbundle; did you mean ",
        ),
        (
            "version: 0.1\nstorage: {rootdirectory: /x, maxthreads: 5}\n".to_owned(),
            "storage: found at the wrong level: rootdirectory, maxthreads; did you mean storage.filesystem.rootdirectory, ",
        ),
        (
            format!("{BASE}auth: {{ldap: {{}}}}\n"),
            "auth.ldap: unknown authentication scheme",
        ),
    ] {
        let found = errors(&text, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
}

#[test]
fn a_tab_is_called_a_tab() {
    for text in [
        "version: 0.1\nstorage:\n\tfilesystem:\n",
        "version: 0.1\nstorage:\n  filesystem:\n  \trootdirectory: /x\n",
    ] {
        let found = errors(text, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        let said = "this is a tab; YAML indents with spaces";
        assert!(found[0].ends_with(said), "{found:?}");
    }
    let at = errors("version: 0.1\nlog: {fields: {a: @b}}\n", &[]);
    assert!(at[0].ends_with("must be quoted"), "{at:?}");
}
