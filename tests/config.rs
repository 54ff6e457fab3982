//! The configuration from outside: files and variables in, a `Config` or mistakes out.

use registry::config::{
    Config, Formatter, Listen, LocationStyle, Notice, Platform, Platforms, Severity, Source,
    StorageDriver,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

const BASE: &str = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /data\n";

type Loaded = Result<(Config, Vec<Notice>), Vec<String>>;

fn load(text: &str, variables: &[(&str, &str)]) -> Loaded {
    let source = Source::Text {
        name: "config.yml".to_owned(),
        text: text.to_owned(),
    };
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(source, variables)
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

/// The configuration of a text that has no mistakes and nothing to remark.
fn clean(text: &str, variables: &[(&str, &str)]) -> Config {
    let (config, notices) = load(text, variables).unwrap();
    assert_eq!(notices, [], "{text} {variables:?}");
    config
}

fn mistakes(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    load(text, variables).unwrap_err()
}

fn notices(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    load(text, variables)
        .unwrap()
        .1
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn root(config: &Config) -> &Path {
    match &config.storage.driver {
        StorageDriver::Filesystem { root_directory, .. } => root_directory,
        StorageDriver::InMemory => panic!("no folder"),
    }
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = clean("version: 0.1\nstorage: filesystem\n", &[]);
    assert_eq!(config.log.level, log::LevelFilter::Info);
    assert_eq!(config.log.formatter, Formatter::Text);
    assert!(config.log.fields.is_empty());
    assert!(config.log.access_log);
    let root_directory = PathBuf::from("/var/lib/registry");
    assert_eq!(
        config.storage.driver,
        StorageDriver::Filesystem {
            root_directory,
            threads_max: 100
        }
    );
    assert!(!config.storage.delete_enabled);
    assert!(!config.storage.read_only);
    assert!(config.storage.upload_purging.enabled);
    assert_eq!(
        config.storage.upload_purging.age,
        Duration::from_secs(168 * 3600)
    );
    assert_eq!(
        config.storage.upload_purging.interval,
        Duration::from_secs(24 * 3600)
    );
    assert!(!config.storage.upload_purging.dry_run);
    assert!(config.storage.tag_lookup_threads >= 1);
    assert_eq!((config.catalog_entries_max, config.tags_max), (1000, 1000));
    assert_eq!(config.http.listen, Listen::Tcp(":5000".to_owned()));
    assert_eq!(config.http.prefix, "/");
    assert_eq!(config.http.location, LocationStyle::Relative);
    assert_eq!(config.http.drain_timeout, Duration::from_secs(5));
    assert!(config.http.headers.is_empty());
    assert!(!config.validation.disabled);
    assert!(config.validation.urls_allow.is_empty() && config.validation.urls_deny.is_empty());
    assert_eq!(config.validation.platforms, Platforms::All);
    assert_eq!(config.manifest_bytes_max, 4 * 1024 * 1024);
    assert_eq!(config.upload_sessions_max, 10_000);
    assert_eq!(config.http.limits, registry::http::Limits::default());
}

/// One honoured key: its path, a value in YAML's flow style, and whether the configuration has it.
struct Case(&'static str, &'static str, fn(&Config) -> bool);

const CASES: &[Case] = &[
    Case("log.level", "debug", |c| {
        c.log.level == log::LevelFilter::Debug
    }),
    Case("log.level", "WARN", |c| {
        c.log.level == log::LevelFilter::Warn
    }),
    Case("log.level", "error", |c| {
        c.log.level == log::LevelFilter::Error
    }),
    Case("log.formatter", "json", |c| {
        c.log.formatter == Formatter::Json
    }),
    Case("log.formatter", "logstash", |c| {
        c.log.formatter == Formatter::Logstash
    }),
    Case("log.fields", "{service: registry, n: 1.10, b: true}", |c| {
        let fields: Vec<_> = c
            .log
            .fields
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        fields == [("b", "true"), ("n", "1.10"), ("service", "registry")]
    }),
    Case("log.fields.service", "registry", |c| {
        c.log.fields["service"] == "registry"
    }),
    Case("log.fields.nested", "{a: [1, x]}", |c| {
        c.log.fields["nested"] == "{\"a\":[1,\"x\"]}"
    }),
    Case("log.accesslog.disabled", "true", |c| !c.log.access_log),
    Case("log.accesslog.disabled", "yes", |c| !c.log.access_log),
    Case("log.accesslog.disabled", "off", |c| c.log.access_log),
    Case("storage.filesystem.rootdirectory", "/var/x", |c| {
        root(c) == Path::new("/var/x")
    }),
    Case("storage.filesystem.rootdirectory", "0x10", |c| {
        root(c) == Path::new("0x10")
    }),
    Case("storage.filesystem.maxthreads", "200", |c| {
        matches!(
            c.storage.driver,
            StorageDriver::Filesystem {
                threads_max: 200,
                ..
            }
        )
    }),
    Case("storage.filesystem.maxthreads", "'1_000'", |c| {
        matches!(
            c.storage.driver,
            StorageDriver::Filesystem {
                threads_max: 1000,
                ..
            }
        )
    }),
    Case("storage.delete.enabled", "true", |c| {
        c.storage.delete_enabled
    }),
    Case("storage.maintenance.readonly", "{\"enabled\":true}", |c| {
        c.storage.read_only
    }),
    Case("storage.maintenance.readonly.enabled", "true", |c| {
        c.storage.read_only
    }),
    Case("storage.maintenance.uploadpurging.enabled", "false", |c| {
        !c.storage.upload_purging.enabled
    }),
    Case("storage.maintenance.uploadpurging.age", "1h30m", |c| {
        c.storage.upload_purging.age == Duration::from_secs(5400)
    }),
    Case("storage.maintenance.uploadpurging.age", "0", |c| {
        c.storage.upload_purging.age == Duration::ZERO
    }),
    Case(
        "storage.maintenance.uploadpurging.interval",
        "90000000000",
        |c| c.storage.upload_purging.interval == Duration::from_secs(90),
    ),
    Case("storage.maintenance.uploadpurging.dryrun", "true", |c| {
        c.storage.upload_purging.dry_run
    }),
    Case("storage.tag.concurrencylimit", "8", |c| {
        c.storage.tag_lookup_threads == 8
    }),
    Case("storage.tag.concurrencylimit", "0", |c| {
        c.storage.tag_lookup_threads >= 1
    }),
    Case("catalog.maxentries", "50", |c| c.catalog_entries_max == 50),
    Case("catalog.maxentries", "-1", |c| {
        c.catalog_entries_max == 1000
    }),
    Case("tags.maxtags", "50", |c| c.tags_max == 50),
    Case("tags.maxtags", "0", |c| c.tags_max == 1000),
    Case("http.addr", "127.0.0.1:80", |c| {
        c.http.listen == Listen::Tcp("127.0.0.1:80".to_owned())
    }),
    Case("http.addr", "':0'", |c| {
        c.http.listen == Listen::Tcp(":0".to_owned())
    }),
    Case("http.net", "tcp", |c| {
        c.http.listen == Listen::Tcp(":5000".to_owned())
    }),
    Case("http.prefix", "registry/x", |c| {
        c.http.prefix == "/registry/x/"
    }),
    Case("http.prefix", "/registry/", |c| {
        c.http.prefix == "/registry/"
    }),
    Case("http.host", "https://a.example:5000/", |c| {
        c.http.location == LocationStyle::Host("https://a.example:5000".to_owned())
    }),
    Case("http.relativeurls", "false", |c| {
        c.http.location == LocationStyle::FromRequest
    }),
    Case("http.relativeurls", "true", |c| {
        c.http.location == LocationStyle::Relative
    }),
    Case("http.draintimeout", "500ms", |c| {
        c.http.drain_timeout == Duration::from_millis(500)
    }),
    Case("http.headers", "{X-A: [b, c], X-D: e}", |c| {
        let expected = [("X-A", "b"), ("X-A", "c"), ("X-D", "e")];
        c.http
            .headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .eq(expected)
    }),
    Case("http.headers.x-content-type-options", "[nosniff]", |c| {
        c.http.headers == [("x-content-type-options".to_owned(), "nosniff".to_owned())]
    }),
    Case("http.limits.connections", "7", |c| {
        c.http.limits.connections_max == 7
    }),
    Case("http.limits.connectionsperaddress", "7", |c| {
        c.http.limits.connections_per_address_max == 7
    }),
    Case("http.limits.headbytes", "16KiB", |c| {
        c.http.limits.head_bytes_max == 16 * 1024
    }),
    Case("http.limits.headfields", "50", |c| {
        c.http.limits.head_fields_max == 50
    }),
    Case("http.limits.headtimeout", "3s", |c| {
        c.http.limits.head_timeout == Duration::from_secs(3)
    }),
    Case("http.limits.idletimeout", "3s", |c| {
        c.http.limits.idle_timeout == Duration::from_secs(3)
    }),
    Case("http.limits.minimumrate", "10", |c| {
        c.http.limits.body_rate_min_bytes_per_second == 10
    }),
    Case("http.limits.grace", "3s", |c| {
        c.http.limits.body_grace == Duration::from_secs(3)
    }),
    Case("http.limits.drainbytes", "0", |c| {
        c.http.limits.drain_bytes_max == 0
    }),
    Case("http.limits.manifestbytes", "1 MiB", |c| {
        c.manifest_bytes_max == 1024 * 1024
    }),
    Case("http.limits.uploads", "3", |c| c.upload_sessions_max == 3),
    Case("validation.disabled", "true", |c| c.validation.disabled),
    Case("validation.enabled", "false", |c| !c.validation.disabled),
    Case("validation", "{enabled: true, disabled: true}", |c| {
        !c.validation.disabled
    }),
    Case(
        "validation.manifests.urls.allow",
        "['^https://a/', b]",
        |c| {
            let allow: Vec<&str> = c.validation.urls_allow.iter().map(|e| e.as_str()).collect();
            allow == ["^https://a/", "b"]
        },
    ),
    Case("validation.manifests.urls.deny", "[x]", |c| {
        c.validation.urls_deny[0].is_match("axb")
    }),
    Case("validation.manifests.indexes.platforms", "None", |c| {
        c.validation.platforms == Platforms::None
    }),
    Case(
        "validation.manifests.indexes",
        "{platforms: list, platformlist: [{architecture: amd64, os: linux}]}",
        |c| {
            let platform = Platform {
                architecture: "amd64".to_owned(),
                os: "linux".to_owned(),
            };
            c.validation.platforms == Platforms::List(vec![platform])
        },
    ),
];

#[test]
fn every_key_works_in_the_file() {
    for Case(path, value, holds) in CASES {
        // Flow style: {a: {b: value}}, beside the driver where it is about storage.
        let (section, rest) = path.split_once('.').unwrap_or((path, ""));
        let steps: Vec<&str> = rest.split('.').filter(|step| !step.is_empty()).collect();
        let inner = steps.iter().rev().fold((*value).to_owned(), |inner, step| {
            format!("{{{step}: {inner}}}")
        });
        let text = match section {
            "storage" if rest.starts_with("filesystem") => {
                format!("version: 0.1\nstorage: {inner}\n")
            }
            "storage" => format!(
                "version: 0.1\nstorage:\n  filesystem:\n  {}\n",
                &inner[1..inner.len() - 1]
            ),
            _ => format!("{BASE}{section}: {inner}\n"),
        };
        assert!(holds(&clean(&text, &[])), "{text}");
    }
}

#[test]
fn every_key_works_as_a_variable_and_wins_over_the_file() {
    for Case(path, value, holds) in CASES {
        let name = format!("REGISTRY_{}", path.replace('.', "_").to_uppercase());
        assert!(holds(&clean(BASE, &[(&name, value)])), "{name}={value}");
    }
    let text = format!("{BASE}log:\n  level: error\n");
    let config = clean(&text, &[("REGISTRY_LOG_LEVEL", "debug")]);
    assert_eq!(config.log.level, log::LevelFilter::Debug);
}

#[test]
fn what_is_rendered_loads_to_the_same() {
    for Case(path, value, _) in CASES {
        let name = format!("REGISTRY_{}", path.replace('.', "_").to_uppercase());
        let rendered = clean(BASE, &[(&name, value)]).render();
        assert_eq!(clean(&rendered, &[]).render(), rendered, "{name}={value}");
    }
}

#[test]
fn secrets_are_masked() {
    let config = clean(
        BASE,
        &[
            ("REGISTRY_HTTP_HEADERS_AUTHORIZATION", "[Basic hunter2]"),
            ("REGISTRY_LOG_FIELDS_APITOKEN", "hunter2"),
        ],
    );
    assert_eq!(config.log.fields["apitoken"], "hunter2");
    let rendered = config.render();
    assert!(!rendered.contains("hunter2"), "{rendered}");
    assert_eq!(rendered.matches("'********'").count(), 2, "{rendered}");
}

#[test]
fn a_unix_socket_is_a_path() {
    let text = format!("{BASE}http:\n  net: unix\n  addr: /run/registry.sock\n");
    assert_eq!(
        clean(&text, &[]).http.listen,
        Listen::Unix(PathBuf::from("/run/registry.sock"))
    );
    let text = format!("{BASE}http:\n  net: unix\n");
    assert_eq!(
        mistakes(&text, &[]),
        [
            "config.yml:6:8: http.net: found `unix` without http.addr; allowed: http.addr with the path of the socket"
        ]
    );
}

#[test]
fn the_old_log_level_counts_where_there_is_no_new_one() {
    let (config, notices) = load(&format!("{BASE}loglevel: debug\n"), &[]).unwrap();
    assert_eq!(config.log.level, log::LevelFilter::Debug);
    assert_eq!(notices.len(), 1);
    let text = format!("{BASE}loglevel: debug\nlog: {{level: error}}\n");
    assert_eq!(
        load(&text, &[]).unwrap().0.log.level,
        log::LevelFilter::Error
    );
}

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
    let deep = format!("version: 0.1\nlog: {}\n", "[".repeat(100_000));
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
fn windows_files_are_read() {
    let text =
        "\u{feff}version: 0.1\r\nstorage:\r\n  filesystem:\r\n    rootdirectory: c:\\data\r\n";
    assert_eq!(root(&clean(text, &[])), Path::new("c:\\data"));
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
fn unknown_variables_are_told_with_the_nearest_known_one() {
    assert_eq!(
        notices(
            BASE,
            &[
                ("REGISTRY_STORAGE_FILESYSTEM_ROOT_DIRECTORY", "/x"),
                ("REGISTRY_PORT_5000_TCP", "tcp://10.0.0.1:5000"),
                ("REGISTRY_CONFIGURATION_PATH", "/x"),
                ("REGISTRYX", "1"),
                ("PATH", "/bin"),
            ]
        ),
        [
            "REGISTRY_PORT_5000_TCP: no key has this variable; it is ignored",
            "REGISTRY_STORAGE_FILESYSTEM_ROOT_DIRECTORY: no key has this variable; it is ignored; did you mean REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY?",
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
        ("auth:\n  htpasswd:\n    realm: r\n", "auth"),
        ("auth: htpasswd\n", "auth"),
        ("auth:\n  token:\n", "auth"),
        ("http:\n  tls:\n    certificate: /c\n", "http.tls"),
        (
            "http:\n  tls:\n    letsencrypt:\n      email: a\n",
            "http.tls",
        ),
        ("proxy:\n  remoteurl: https://a\n", "proxy.remoteurl"),
    ] {
        let found = mistakes(&format!("{BASE}{section}"), &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!(" {key}: ")), "{found:?}");
    }
    for (name, value) in [
        ("REGISTRY_AUTH", "htpasswd"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "r"),
        ("REGISTRY_AUTH_TOKEN_ISSUER", "i"),
        ("REGISTRY_HTTP_TLS_CERTIFICATE", "c:\\certs\\a.crt"),
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
            "config.yml:4:5: storage.filesytem: is no storage driver that is known; did you mean storage.filesystem?; use filesystem or inmemory"
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
fn a_driver_of_the_environment_replaces_that_of_the_file_and_keeps_the_rest() {
    let text = format!(
        "{BASE}  delete:\n    enabled: true\n  maintenance:\n    readonly:\n      enabled: true\n"
    );
    let config = clean(&text, &[("REGISTRY_STORAGE", "inmemory")]);
    assert_eq!(config.storage.driver, StorageDriver::InMemory);
    assert!(config.storage.delete_enabled && config.storage.read_only);
    let narrower = [
        ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/y"),
        ("REGISTRY_STORAGE", "filesystem"),
    ];
    assert_eq!(
        root(&clean("version: 0.1\nstorage: inmemory\n", &narrower)),
        Path::new("/y")
    );
    let whole = clean(&text, &[("REGISTRY_STORAGE", "{inmemory: {}}")]);
    assert!(!whole.storage.delete_enabled);
    clean("version: 0.1\n", &[("REGISTRY_STORAGE", "inmemory")]);
}

#[test]
fn windows_paths_of_the_environment_are_taken_as_they_are() {
    for (value, path) in [
        ("c:\\data", "c:\\data"),
        ("\"c:\\data\"", "c:\\data"),
        ("'c:\\data'", "c:\\data"),
        ("\\\\server\\share", "\\\\server\\share"),
        ("@odd", "@odd"),
    ] {
        let config = clean(
            BASE,
            &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", value)],
        );
        assert_eq!(root(&config), Path::new(path), "{value}");
    }
    // Doubled for a shell or a Dockerfile: the same folder, on a system that has such paths.
    let doubled = clean(
        BASE,
        &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "c:\\\\data")],
    );
    let tidy: PathBuf = Path::new("c:\\\\data").components().collect();
    assert_eq!(root(&doubled), tidy);
}

#[test]
fn lists_of_the_environment_grow_by_one_index_at_a_time() {
    let name = |index: usize| format!("REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_{index}");
    let names: Vec<String> = (0..12).map(name).collect();
    let values: Vec<String> = (0..12).map(|index| format!("x{index}")).collect();
    let mut variables: Vec<(&str, &str)> = names
        .iter()
        .zip(&values)
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    variables.reverse();
    let config = clean(BASE, &variables);
    let allow: Vec<&str> = config
        .validation
        .urls_allow
        .iter()
        .map(|e| e.as_str())
        .collect();
    assert_eq!(allow, values);
    let found = mistakes(BASE, &[(&name(1), "x")]);
    assert_eq!(
        found,
        [
            "REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_1: index 1 is beyond the list: it has 0 elements, so the next is 0"
        ]
    );
    let text = format!("{BASE}validation: {{manifests: {{urls: {{deny: [a, b]}}}}}}\n");
    let config = clean(&text, &[("REGISTRY_VALIDATION_MANIFESTS_URLS_DENY_1", "c")]);
    assert_eq!(config.validation.urls_deny[1].as_str(), "c");
    let list = clean(
        BASE,
        &[
            ("REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMS", "list"),
            (
                "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST_0_ARCHITECTURE",
                "amd64",
            ),
            (
                "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST_0_OS",
                "windows",
            ),
        ],
    );
    let platform = Platform {
        architecture: "amd64".to_owned(),
        os: "windows".to_owned(),
    };
    assert_eq!(list.validation.platforms, Platforms::List(vec![platform]));
}

#[test]
fn maps_of_the_environment_are_reached_by_key() {
    let text =
        format!("{BASE}log:\n  fields:\n    Service: a\nhttp:\n  headers:\n    X-A: [b, c]\n");
    let config = clean(
        &text,
        &[
            ("REGISTRY_LOG_FIELDS_SERVICE", "z"),
            ("REGISTRY_LOG_FIELDS_MY_FIELD", "1.10"),
            ("REGISTRY_HTTP_HEADERS_X-A_1", "d"),
            ("REGISTRY_HTTP_HEADERS_X-B_0", "e"),
        ],
    );
    let fields: Vec<_> = config
        .log
        .fields
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(fields, [("Service", "z"), ("my_field", "1.10")]);
    let headers: Vec<_> = config
        .http
        .headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(headers, [("X-A", "b"), ("X-A", "d"), ("x-b", "e")]);
}

#[test]
fn names_that_go_derives_from_its_fields_are_known() {
    let variables = [
        ("REGISTRY_HEALTH_STORAGEDRIVER_ENABLED", "true"),
        ("REGISTRY_HEALTH_FILECHECKERS_0_FILE", "/x"),
        ("REGISTRY_HEALTH_HTTPCHECKERS_0_STATUSCODE", "200"),
        (
            "REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES",
            "true",
        ),
        (
            "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_AUTHORIZATION_0",
            "x",
        ),
        ("REGISTRY_LOG_HOOKS_0_MAILOPTIONS_SMTP_ADDR", "x"),
        ("REGISTRY_MIDDLEWARE_STORAGE_0_OPTIONS_BASEURL", "x"),
        ("REGISTRY_MIDDLEWARE_STORAGE_0_NAME", "cloudfront"),
    ];
    let (_, found) = load(BASE, &variables).unwrap();
    let mut found: Vec<&str> = found.iter().map(|notice| notice.key.as_str()).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "health.file",
            "health.http",
            "health.storagedriver",
            "log.hooks",
            "middleware",
            "notifications"
        ]
    );
}

#[test]
fn an_address_of_ipv6_is_no_list() {
    let config = clean(BASE, &[("REGISTRY_HTTP_ADDR", "[::1]:5000")]);
    assert_eq!(config.http.listen, Listen::Tcp("[::1]:5000".to_owned()));
}

#[test]
fn an_empty_variable_gives_the_default() {
    let text = format!("{BASE}http:\n  host: https://a\n");
    let config = clean(&text, &[("REGISTRY_HTTP_HOST", "")]);
    assert_eq!(config.http.location, LocationStyle::Relative);
}

#[test]
fn merge_keys_and_aliases_are_resolved() {
    let text = "version: 0.1
storage: inmemory
log:
  fields: &a {x: 1, y: 1}
http:
  headers:
    <<: [{X-A: b, X-B: c}, {X-B: d}]
    X-A: own
";
    let config = clean(text, &[]);
    let headers: Vec<_> = config
        .http
        .headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(headers, [("X-A", "own"), ("X-B", "c")]);
    let wrong = mistakes("version: 0.1\nstorage: inmemory\nlog:\n  <<: 5\n", &[]);
    assert!(
        wrong[0].contains("a merge key `<<` takes a mapping"),
        "{wrong:?}"
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
fn the_file_beside_the_program_is_clean() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    let config = clean(&text, &[]);
    assert_eq!(root(&config), Path::new("./data"));
    assert_eq!(config.http.listen, Listen::Tcp(":5000".to_owned()));
    assert!(text.lines().count() < 60);
    // The lab's container: its variables over this file.
    let lab = [("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "c:\\data")];
    assert_eq!(root(&clean(&text, &lab)), Path::new("c:\\data"));
}

#[test]
fn files_of_the_real_world_load() {
    // The shape of the file in distribution's images, 3.x and 2.8.
    let image = "version: 0.1\nlog: {fields: {service: registry}}\nstorage:\n  cache: {blobdescriptor: inmemory}\n  filesystem: {rootdirectory: /var/lib/registry}\n  tag: {concurrencylimit: 8}\nhttp:\n  addr: :5000\n  headers: {X-Content-Type-Options: [nosniff]}\nhealth:\n  storagedriver: {enabled: true, interval: 10s, threshold: 3}\n";
    let (config, found) = load(image, &[]).unwrap();
    assert!(
        found.iter().all(|notice| notice.severity == Severity::Note),
        "{found:?}"
    );
    assert_eq!(config.storage.tag_lookup_threads, 8);
    assert_eq!(config.log.fields["service"], "registry");

    // A developer's: a debug server, no purging.
    let developer = "version: 0.1\nlog: {level: debug, fields: {service: registry, environment: development}}\nstorage:\n    delete: {enabled: true}\n    cache: {blobdescriptor: redis}\n    filesystem: {rootdirectory: /var/lib/registry}\n    maintenance: {uploadpurging: {enabled: false}}\nhttp:\n    addr: :5000\n    debug: {addr: ':5001', prometheus: {enabled: true, path: /metrics}}\n    headers: {X-Content-Type-Options: [nosniff]}\nredis: {addrs: ['localhost:6379'], pool: {maxidle: 16}}\n";
    let (config, found) = load(developer, &[]).unwrap();
    assert!(!config.storage.upload_purging.enabled && config.storage.delete_enabled);
    let warned: Vec<&str> = found
        .iter()
        .filter(|n| n.severity == Severity::Warning)
        .map(|n| n.key.as_str())
        .collect();
    assert_eq!(warned, ["http.debug", "redis"]);
}
