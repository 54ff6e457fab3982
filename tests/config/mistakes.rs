//! What is said about a configuration that is wrong, or not all of which is done.

use super::*;

#[test]
fn every_mistake_is_told_at_once_with_its_line() {
    let text = "version: 0.2
storage:
  filesystem:
    maxthreads: many
  delete:
    enabled: maybe
log:
  level: loud
  formatter: [text]
http:
  addr: localhost
  prefix: /a b/
  host: registry.example
  draintimeout: 5 seconds
  headers:
    Content-Length: [1]
    Bad Name: [x]
  limits:
    connections: 0
    headbytes: 1
    manifestbytes: 4MB
tags:
  maxtags: -1
catalog: 5
validation:
  manifests:
    urls:
      allow:
        - ok
        - '['
    indexes:
      platforms: some
";
    let found = mistakes(text, &[]);
    let starts = [
        "config.yml:24:10: catalog: found `5`; allowed: a mapping with maxentries",
        "config.yml:1:10: version: found `0.2`; allowed: `version: 0.1`",
        "config.yml:8:10: log.level: found `loud`; allowed: one of error, warn, info, debug",
        "config.yml:9:14: log.formatter: found a list; allowed: a text",
        "config.yml:4:17: storage.filesystem.maxthreads: found `many`; allowed: a whole number from 0 to 100000",
        "config.yml:6:14: storage.delete.enabled: found `maybe`; allowed: true or false",
        "config.yml:23:12: tags.maxtags: found `-1`; allowed: a whole number from 0 to 10000000",
        "config.yml:11:9: http.addr: found `localhost`; allowed: host:port",
        "config.yml:12:11: http.prefix: found `/a b/`; allowed: a path of letters",
        "config.yml:13:9: http.host: found `registry.example`; allowed: http:// or https://",
        "config.yml:14:17: http.draintimeout: found `5 seconds`; allowed: a duration from 0s to 24h, such as",
        "config.yml:16:21: http.headers.Content-Length: the server sets this",
        "config.yml:17:15: http.headers.Bad Name: is no name of a header field",
        "config.yml:19:18: http.limits.connections: found `0`; allowed: a whole number from 1 to",
        "config.yml:20:16: http.limits.headbytes: found `1`; allowed: a number of bytes from 1024 to 1048576",
        "config.yml:21:20: http.limits.manifestbytes: found `4MB`; allowed: a number of bytes",
        "config.yml:30:11: validation.manifests.urls.allow.1: found `[`; allowed: a regular expression",
        "config.yml:32:18: validation.manifests.indexes.platforms: found `some`; allowed: one of all, none, list",
    ];
    for start in starts {
        assert!(
            found.iter().any(|mistake| mistake.starts_with(start)),
            "{start}\n{found:#?}"
        );
    }
    assert_eq!(found.len(), starts.len(), "{found:#?}");
}

#[test]
fn a_mistake_in_a_variable_names_the_variable() {
    assert_eq!(
        mistakes(
            BASE,
            &[
                ("REGISTRY_HTTP_ADDR", "x"),
                ("REGISTRY_LOG", "{level: loud, formatter: text}")
            ]
        ),
        [
            "REGISTRY_LOG: log.level: found `loud`; allowed: one of error, warn, info, debug",
            "REGISTRY_HTTP_ADDR: http.addr: found `x`; allowed: host:port, :port or [IPv6 address]:port with a port from 0 to 65535, such as :5000",
        ]
    );
    let found = mistakes(BASE, &[("REGISTRY_TAGS_MAXTAGS", "[1")]);
    assert!(
        found[0].starts_with("REGISTRY_TAGS_MAXTAGS: tags.maxtags: the value is no YAML"),
        "{found:?}"
    );
}

#[test]
fn the_version_is_named_and_is_the_one_there_is() {
    for text in [
        "storage: inmemory\n",
        "version:\nstorage: inmemory\n",
        "version: 0.10\nstorage: inmemory\n",
    ] {
        let found = mistakes(text, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("version: found ") && found[0].contains("`version: 0.1`"),
            "{found:?}"
        );
    }
    clean("version: '0.1'\nstorage: inmemory\n", &[]);
}

#[test]
fn broken_yaml_is_told_with_its_line() {
    for (text, start) in [
        (
            "version: 0.1\nlog:\n  level: info\n  level: debug\n",
            "config.yml:4:3: is no YAML that can be read: log: the key `level` stands twice",
        ),
        ("version: 0.1\nlog: [\n", "config.yml:3:1: is no YAML"),
        (
            "version: 0.1\nlog:\n\tlevel: info\n",
            "config.yml:3:1: is no YAML",
        ),
        (
            "version: 0.1\nlog: *unknown\n",
            "config.yml:2:6: is no YAML",
        ),
        ("version: 0.1\nlog: !tag {}\n", "config.yml:2:6: is no YAML"),
    ] {
        let found = mistakes(text, &[]);
        assert!(found[0].starts_with(start), "{found:?}");
    }
    let deep = format!("version: 0.1\nlog: {}\n", "[".repeat(2_000));
    assert_eq!(mistakes(&deep, &[]).len(), 1);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let below = format!("*a{}, ", level - 1).repeat(8);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert_eq!(mistakes(&bomb, &[]).len(), 1);
}

#[test]
fn an_empty_file_says_what_is_missing() {
    for text in ["", "# nothing\n", "---\n", "{}"] {
        let found = mistakes(text, &[]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("config.yml: version: found nothing"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("config.yml: storage: names no driver"),
            "{found:?}"
        );
    }
    assert!(mistakes("- version: 0.1\n", &[])[0].contains("found a list; allowed: a mapping"));
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let load = |path: &Path| -> String {
        let mistakes = Config::load(Source::File(path.to_owned()), []).unwrap_err();
        mistakes[0].to_string()
    };
    let missing = folder.path().join("no.yml");
    assert!(load(&missing).starts_with(&format!("{}: cannot be read: ", missing.display())));
    assert!(load(folder.path()).contains("cannot be read"));
    let latin = folder.path().join("latin.yml");
    std::fs::write(&latin, b"version: 0.1\n# \xe9\n").unwrap();
    assert!(load(&latin).ends_with("is not UTF-8 text: line 2 has a byte that is none"));
    let huge = folder.path().join("huge.yml");
    std::fs::write(&huge, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(load(&huge).contains("found more than 1048576 bytes"));
}

#[test]
fn unknown_keys_are_told_with_the_nearest_known_one() {
    let text = format!(
        "{BASE}log:\n  levle: debug\nhttp:\n  maxtags: 5\n  Addr: :80\nbanana: 1\nREGISTRY_LOG_LEVEL: debug\n"
    );
    assert_eq!(
        notices(&text, &[]),
        [
            "config.yml:6:3: log.levle: is no key that is known; it is ignored; did you mean log.level?",
            "config.yml:8:3: http.maxtags: is no key that is known; it is ignored; did you mean tags.maxtags?",
            "config.yml:9:3: http.Addr: is no key that is known; it is ignored; did you mean http.addr?",
            "config.yml:10:1: banana: is no key that is known; it is ignored",
            "config.yml:11:1: REGISTRY_LOG_LEVEL: is no key that is known; it is ignored; did you mean log.level?",
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
        let found = mistakes(&format!("{BASE}{section}"), &[]);
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
        let found = mistakes(BASE, &[(name, value)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("{name}: ")), "{found:?}");
    }
}

#[test]
fn users_over_plain_http_are_warned_of() {
    let lab = [
        ("REGISTRY_AUTH", "htpasswd"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm"),
        ("REGISTRY_AUTH_HTPASSWD_PATH", "c:\\auth\\registry.htpasswd"),
    ];
    let (config, found) = load(BASE, &lab).unwrap();
    let expected = Scheme::Htpasswd {
        realm: "Registry Realm".to_owned(),
        path: PathBuf::from("c:\\auth\\registry.htpasswd"),
    };
    assert_eq!(config.auth, expected);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].severity, found[0].key.as_str()),
        (Severity::Warning, "auth")
    );
    assert!(found[0].message.contains("plain HTTP"));
    // What is rendered can be loaded again.
    let (again, _) = load(&config.render(), &[]).unwrap();
    assert_eq!(again.auth, expected);
    // A proxy in front speaks TLS.
    let proxy = [("REGISTRY_HTTP_HOST", "https://registry.example")];
    assert_eq!(notices(BASE, &[&lab[..], &proxy].concat()), [""; 0]);
    for none in ["auth: none\n", "auth:\n", "auth: {}\n"] {
        assert_eq!(clean(&format!("{BASE}{none}"), &[]).auth, Scheme::None);
    }
    let token = format!(
        "{BASE}auth:\n  token: {{realm: r, service: s, issuer: i, jwks: /j, signingalgorithms: [ES256]}}\n"
    );
    let (config, found) = load(&token, &[]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(load(&config.render(), &[]).unwrap().0.auth, config.auth);
    let silly = format!("{BASE}auth:\n  silly: {{realm: r, service: s}}\n");
    assert_eq!(notices(&silly, &[]).len(), 2);
}

const USERS: &str = "auth: {htpasswd: {realm: r, path: p}}\n";

#[test]
fn rules_that_are_half_or_wrong_stop_the_start() {
    let rule = |rule: &str| {
        format!("{BASE}{USERS}access:\n  groups:\n    team: [anna]\n  rules:\n    - {rule}\n")
    };
    let all = "users: ['*'], repositories: ['**'], actions: [pull]";
    for (text, expected) in [
        (
            format!("{BASE}{USERS}access:\n"),
            "config.yml:6:8: access.rules: found nothing; ",
        ),
        (
            format!("{BASE}{USERS}access: {{}}\n"),
            "config.yml:6:9: access.rules: found nothing; ",
        ),
        (
            format!("{BASE}{USERS}access: {{rules: []}}\n"),
            "access.rules: found nothing; ",
        ),
        (
            format!("{BASE}{USERS}access: [a]\n"),
            "config.yml:6:9: access: found a list; ",
        ),
        (
            format!("{BASE}{USERS}access: {{rules: {{}}}}\n"),
            "access.rules: found a mapping; ",
        ),
        (
            format!("{BASE}{USERS}access: {{rules: [{{{all}}}], banana: 1}}\n"),
            "access.banana: is no key that is known",
        ),
        (
            format!("{BASE}{USERS}acess: {{rules: [{{{all}}}]}}\n"),
            "acess: is no key that is known; did you mean access?",
        ),
        (
            format!("{BASE}access: {{rules: [{{{all}}}]}}\n"),
            "access.rules.0.users.0: found `*`; allowed: anonymous alone, since auth is not set",
        ),
        (
            format!("{BASE}auth: none\naccess: {{rules: [{{{all}}}]}}\n"),
            "access.rules.0.users.0: found `*`; ",
        ),
        (
            rule("{repositories: ['**'], actions: [pull]}"),
            "config.yml:10:7: access.rules.0.users: found nothing; ",
        ),
        (
            rule("{users: [], repositories: ['**'], actions: [pull]}"),
            "access.rules.0.users: found nothing; ",
        ),
        (
            rule("{users: [a], actions: [pull]}"),
            "access.rules.0.repositories: found nothing; ",
        ),
        (
            rule("{users: [a], repositories: ['**']}"),
            "access.rules.0.actions: found nothing; allowed: a list of pull, push, push-new, delete, catalog; [] allows nothing",
        ),
        (
            rule("{users: ['@teem'], repositories: ['**'], actions: []}"),
            "config.yml:10:16: access.rules.0.users.0: found `@teem`; allowed: @ and a group of access.groups (team)",
        ),
        (
            rule("{users: ['a:b'], repositories: ['**'], actions: []}"),
            "access.rules.0.users.0: found `a:b`; ",
        ),
        (
            rule("{users: [a], repositories: [Team], actions: []}"),
            "access.rules.0.repositories.0: found `Team`; allowed: a repository name with * ",
        ),
        (
            rule("{users: [a], repositories: ['**'], actions: [read]}"),
            "access.rules.0.actions.0: found `read`; allowed: one of pull, push, ",
        ),
        (
            rule("{users: [a], repositories: ['**'], action: [pull], actions: []}"),
            "access.rules.0.action: is no key that is known; did you mean access.rules.0.actions?",
        ),
        (
            format!("{BASE}{USERS}access: {{groups: {{'a.b': [c]}}, rules: [{{{all}}}]}}\n"),
            "is no name of a group; ",
        ),
        (
            format!("{BASE}{USERS}access: {{groups: {{g: ['@h']}}, rules: [{{{all}}}]}}\n"),
            "access.groups.g.0: found `@h`; allowed: the name of a user",
        ),
    ] {
        let found = mistakes(&text, &[]);
        assert_eq!(found.len(), 1, "{text} {found:?}");
        assert!(found[0].contains(expected), "{text} {found:?}");
    }
}

#[test]
fn rules_are_read_from_file_and_variables() {
    let file = format!(
        "{BASE}http: {{host: 'https://r'}}\n{USERS}access:\n  groups:\n    team: [anna, ben]\n  rules:\n    - users: '@team'\n      repositories: [team/**, shared]\n      actions: [pull, push, catalog]\n    - {{users: [anonymous, '*'], repositories: ['**'], actions: [pull]}}\n"
    );
    let config = clean(&file, &[]);
    let access = config.access.clone().unwrap();
    assert_eq!(access.groups["team"], ["anna", "ben"]);
    assert_eq!(access.rules.len(), 2);
    let anna = Caller::User("anna".into());
    assert!(access.permits(&anna, "team/x", Action::Push));
    assert!(!access.permits(&anna, "other", Action::Push));
    assert!(access.permits(&Caller::Anonymous, "other", Action::Pull));
    assert_eq!(clean(&config.render(), &[]).access, Some(access));
    let variables = [
        ("REGISTRY_ACCESS_RULES_0_ACTIONS_0", "delete"),
        ("REGISTRY_ACCESS_GROUPS_TEAM", "[cleo]"),
        (
            "REGISTRY_ACCESS_RULES_2",
            "{users: [dora], repositories: [x], actions: []}",
        ),
    ];
    let access = clean(&file, &variables).access.unwrap();
    assert_eq!(access.groups["team"], ["cleo"]);
    assert!(access.permits(&Caller::User("cleo".into()), "shared", Action::Delete));
    assert_eq!(access.rules.len(), 3);
    assert_eq!(clean(BASE, &[]).access, None);
    // A registry for all to read needs no users.
    let public = format!(
        "{BASE}access: {{rules: [{{users: anonymous, repositories: '**', actions: pull}}]}}\n"
    );
    assert!(clean(&public, &[]).access.unwrap().knows_anonymous());
}

#[test]
fn there_is_exactly_one_driver() {
    let found = mistakes("version: 0.1\nstorage:\n  inmemory:\n  filesystem:\n", &[]);
    assert_eq!(
        found,
        ["config.yml:3:3: storage: found 2 drivers (inmemory, filesystem); allowed: exactly one"]
    );
    let found = mistakes(BASE, &[("REGISTRY_STORAGE_S3_BUCKET", "b")]);
    assert_eq!(found.len(), 2, "{found:?}");
    let found = mistakes(
        "version: 0.1\nstorage:\n  filesytem:\n    rootdirectory: /x\n",
        &[],
    );
    assert_eq!(
        found,
        [
            "config.yml:4:5: storage.filesytem: is no storage driver that is known; use filesystem or inmemory; did you mean storage.filesystem?"
        ]
    );
    let found = mistakes(
        "version: 0.1\nstorage:\n  delete:\n    enabled: true\n",
        &[],
    );
    assert_eq!(
        found,
        ["config.yml:3:3: storage: names no driver; allowed: one of filesystem, inmemory"]
    );
}

#[test]
fn too_few_threads_are_raised() {
    let (config, found) = load(BASE, &[("REGISTRY_STORAGE_FILESYSTEM_MAXTHREADS", "3")]).unwrap();
    assert!(matches!(
        config.storage.driver,
        StorageDriver::Filesystem {
            threads_max: 25,
            ..
        }
    ));
    assert_eq!(found.len(), 1);
}

#[test]
fn a_flood_of_mistakes_is_told_in_part() {
    let items: String = (0..1000).map(|_| "        - '['\n").collect();
    let text = format!("{BASE}validation:\n  manifests:\n    urls:\n      allow:\n{items}");
    let found = mistakes(&text, &[]);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "config.yml: and 900 more mistakes");
}

#[test]
fn a_slip_in_a_name_that_closes_the_registry_stops_the_start() {
    let found = mistakes(
        &format!("{BASE}Auth: htpasswd\nhttp:\n  tsl:\n    key: /k\n"),
        &[],
    );
    assert_eq!(
        found,
        [
            "config.yml:5:1: Auth: is no key that is known; did you mean auth?",
            "config.yml:7:3: http.tsl: is no key that is known; did you mean http.tls?",
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
        let expected = format!("{name}: no key has this variable; did you mean {known}?");
        assert_eq!(mistakes(BASE, &[(name, "x")]), [expected]);
    }
    // `no` is the name of a file here.
    assert_eq!(mistakes(BASE, &[("REGISTRY_HTTP_TLS_KEY", "no")]).len(), 1);
}
