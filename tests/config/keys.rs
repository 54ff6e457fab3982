//! Every honoured key, from the file and from a variable.

use super::*;

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
    Case("log.queuebytes", "64KiB", |c| c.log.queue_bytes == 65536),
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
    Case("storage.maintenance.uploadpurging.interval", "90s", |c| {
        c.storage.upload_purging.interval == Duration::from_secs(90)
    }),
    Case("storage.maintenance.uploadpurging.dryrun", "true", |c| {
        c.storage.upload_purging.dry_run
    }),
    Case("storage.maintenance.garbagecollect.enabled", "true", |c| {
        c.storage.garbage_collection.enabled
    }),
    Case("storage.maintenance.garbagecollect.interval", "90s", |c| {
        c.storage.garbage_collection.interval == Duration::from_secs(90)
    }),
    Case("storage.maintenance.garbagecollect.grace", "0", |c| {
        c.storage.garbage_collection.grace == Duration::ZERO
    }),
    Case("storage.maintenance.garbagecollect.untagged", "true", |c| {
        c.storage.garbage_collection.untagged
    }),
    Case("storage.maintenance.garbagecollect.dryrun", "true", |c| {
        c.storage.garbage_collection.dry_run
    }),
    Case("storage.maintenance.retention.interval", "90s", |c| {
        c.storage.retention.interval == Duration::from_secs(90)
    }),
    Case("storage.maintenance.retention.dryrun", "true", |c| {
        c.storage.retention.dry_run
    }),
    Case("storage.maintenance.quota.bytes", "10GiB", |c| {
        c.storage.quota.bytes_max == Some(10 * 1024 * 1024 * 1024)
    }),
    Case("storage.maintenance.quota.interval", "90s", |c| {
        c.storage.quota.interval == Duration::from_secs(90)
    }),
    Case("storage.maintenance.verify.enabled", "true", |c| {
        c.storage.verification.enabled
    }),
    Case("storage.maintenance.verify.interval", "90s", |c| {
        c.storage.verification.interval == Duration::from_secs(90)
    }),
    Case("storage.maintenance.verify.rate", "1MiB", |c| {
        c.storage.verification.bytes_per_second == 1024 * 1024
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
    Case("tags.maxtags", "50", |c| c.tags_max == Some(50)),
    Case("tags.maxtags", "0", |c| c.tags_max.is_none()),
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
    Case("http.trustedproxies", "[192.0.2.1, 'fd00::/8']", |c| {
        let shown = c.http.limits.trusted_proxies.0.iter();
        shown
            .map(ToString::to_string)
            .eq(["192.0.2.1/32", "fd00::/8"])
    }),
    Case("http.trustedproxies", "[]", |c| {
        c.http.limits.trusted_proxies.0.is_empty()
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
    Case("http.limits.memory", "88MiB", |c| {
        c.http.limits.memory_bytes_max == 88 * 1024 * 1024
    }),
    Case("http.limits.headfields", "50", |c| {
        c.http.limits.headers_max == 50
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
    Case("http.limits.targetbytes", "2KiB", |c| {
        c.http.limits.target_bytes_max == 2048
    }),
    Case("http.limits.answerminimumrate", "9", |c| {
        c.http.limits.response_rate_min_bytes_per_second == 9
    }),
    Case("http.limits.answergrace", "4s", |c| {
        c.http.limits.response_grace == Duration::from_secs(4)
    }),
    Case("http.limits.lingertimeout", "4s", |c| {
        c.http.limits.linger_timeout == Duration::from_secs(4)
    }),
    Case("http.limits.drainbytes", "0", |c| {
        c.http.limits.drain_bytes_max == 0
    }),
    Case("http.limits.manifestbytes", "1 MiB", |c| {
        c.manifest_bytes_max == 1024 * 1024
    }),
    Case("http.limits.uploads", "3", |c| c.uploads.sessions_max == 3),
    Case("http.limits.uploadsperaddress", "3", |c| {
        c.uploads.sessions_per_address_max == 3
    }),
    Case("http.limits.uploadidletimeout", "3s", |c| {
        c.uploads.idle_timeout == Duration::from_secs(3)
    }),
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
        c.validation.platforms == RequiredPlatforms::None
    }),
    Case(
        "validation.manifests.indexes",
        "{platforms: list, platformlist: [{architecture: amd64, os: linux}]}",
        |c| {
            let platform = Platform {
                architecture: "amd64".to_owned(),
                os: "linux".to_owned(),
            };
            c.validation.platforms == RequiredPlatforms::List(vec![platform])
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
fn every_documented_key_is_tried() {
    let page = include_str!("../../docs/configuration.md");
    let keys: Vec<&str> = page
        .lines()
        .filter(|line| line.contains("` | `REGISTRY_"))
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert!(keys.len() > 40, "{keys:?}");
    let elsewhere = [
        "auth.htpasswd.realm",
        "auth.htpasswd.path",
        "auth.silly.realm",
        "auth.silly.service",
        "auth.none",
        "auth.token.realm",
        "auth.token.service",
        "auth.token.issuer",
        "auth.token.rootcertbundle",
        "auth.token.jwks",
        "auth.token.signingalgorithms",
        "auth.token.autoredirect",
        "auth.token.autoredirectpath",
        "access.groups",
        "access.rules",
        "loglevel",
        "storage.inmemory",
        "storage.maintenance.immutable",
        "storage.maintenance.retention.enabled",
        "storage.maintenance.retention.rules",
        "storage.maintenance.quota.rules",
        "validation.manifests.indexes.platformlist",
    ];
    for key in keys {
        let tried = CASES.iter().any(|Case(path, ..)| *path == key);
        // `tls.rs` has a test of its own for its section, which is nothing by single keys.
        let tried = tried || key.starts_with("http.tls.");
        assert!(tried || elsewhere.contains(&key), "{key}");
    }
}
