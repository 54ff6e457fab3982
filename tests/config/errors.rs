//! What is said about a configuration that is wrong, or not all of which is done.

use super::*;

#[test]
fn every_error_is_reported_at_once_with_its_line() {
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
  host: ftp://registry.example
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
    let found = errors(text, &[]);
    let starts = [
        "config.yml:24:10: catalog: found `5`; allowed: a mapping with maxentries",
        "config.yml:1:10: version: found `0.2`; allowed: `version: 0.1`",
        "config.yml:8:10: log.level: found `loud`; allowed: one of error, warn, info, debug",
        "config.yml:9:14: log.formatter: found a list; allowed: a string",
        "config.yml:4:17: storage.filesystem.maxthreads: found `many`; allowed: a whole number from 0 to 100000",
        "config.yml:6:14: storage.delete.enabled: found `maybe`; allowed: true or false",
        "config.yml:23:12: tags.maxtags: found `-1`; allowed: a whole number from 0 to 10000000",
        "config.yml:11:9: http.addr: found `localhost`; allowed: host:port",
        "config.yml:12:11: http.prefix: found `/a b/`; allowed: a path of letters",
        "config.yml:13:9: http.host: found `ftp://registry.example`; allowed: http:// or https://",
        "config.yml:14:17: http.draintimeout: found `5 seconds`; allowed: a duration from 0s to 24h, such as",
        "config.yml:16:21: http.headers.Content-Length: the server sets this",
        "config.yml:17:15: http.headers.Bad Name: not a header name",
        "config.yml:19:18: http.limits.connections: found `0`; allowed: a whole number from 1 to",
        "config.yml:20:16: http.limits.headbytes: found `1`; allowed: a number of bytes from 1024 to 1048576",
        "config.yml:21:20: http.limits.manifestbytes: found `4MB`; allowed: a number of bytes",
        "config.yml:30:11: validation.manifests.urls.allow.1: found `[`; allowed: a regular expression",
        "config.yml:32:18: validation.manifests.indexes.platforms: found `some`; allowed: one of all, none, list",
    ];
    for start in starts {
        assert!(
            found.iter().any(|error| error.starts_with(start)),
            "{start}\n{found:#?}"
        );
    }
    assert_eq!(found.len(), starts.len(), "{found:#?}");
}

#[test]
fn an_error_in_a_variable_names_the_variable() {
    assert_eq!(
        errors(
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
    let found = errors(BASE, &[("REGISTRY_TAGS_MAXTAGS", "[1")]);
    assert!(
        found[0].starts_with("REGISTRY_TAGS_MAXTAGS: tags.maxtags: the value is not valid YAML"),
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
        let found = errors(text, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("version: found ") && found[0].contains("`version: 0.1`"),
            "{found:?}"
        );
    }
    clean("version: '0.1'\nstorage: inmemory\n", &[]);
}

#[test]
fn a_path_that_yaml_takes_for_something_else_is_reported_how_to_write() {
    let with = |root: &str| {
        let text = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ";
        errors(&format!("{text}{root}\n"), &[]).remove(0)
    };
    // \d is no escape, \u and \x want digits, \r and \n are escapes.
    for root in [
        r#""c:\data""#,
        r#""c:\users""#,
        r#""c:\x""#,
        r#""c:\data\""#,
        r#""c:\registry""#,
        r#""c:\new\tags""#,
    ] {
        let said = with(root);
        let hint = r#"write 'c:\data' in single quotes, or "c:\\data""#;
        assert!(
            said.starts_with("config.yml:4:") && said.ends_with(hint),
            "{said}"
        );
        assert!(!said.contains(char::is_control), "{said:?}");
    }
    for root in ["c:", r"c:\a: b"] {
        let said = with(root);
        let hint = "put a value with a colon at its end or before a space in single quotes";
        assert!(
            said.starts_with("config.yml:4:") && said.ends_with(hint),
            "{said}"
        );
    }
    let flow = "version: 0.1\nstorage: {filesystem: {rootdirectory: c:}}\n";
    let said = errors(flow, &[]).remove(0);
    assert!(said.ends_with("in single quotes"), "{said}");
    let key = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY";
    let said = errors(BASE, &[(key, r#""c:\registry""#)]).remove(0);
    let start =
        format!(r#"{key}: storage.filesystem.rootdirectory: found "c:\registry", which has"#);
    assert!(said.starts_with(&start), "{said}");
    for key in ["certificate", "key", "clientcas"] {
        let text = format!("{BASE}http: {{tls: {{certificate: a, key: b, {key}: \"\\t\"}}}}\n");
        let text = text
            .replace(&format!("{key}: a, "), "")
            .replace(&format!("{key}: b, "), "");
        let said = errors(&text, &[]).remove(0);
        assert!(said.contains("which has a control character"), "{said}");
    }
}

#[test]
fn broken_yaml_is_reported_with_its_line() {
    for (text, start) in [
        (
            "version: 0.1\nlog:\n  level: info\n  level: debug\n",
            "config.yml:4:3: invalid YAML: log: duplicate key `level`",
        ),
        ("version: 0.1\nlog: [\n", "config.yml:3:1: invalid YAML"),
        (
            "version: 0.1\nlog:\n\tlevel: info\n",
            "config.yml:3:1: invalid YAML",
        ),
        (
            "version: 0.1\nlog: *unknown\n",
            "config.yml:2:6: invalid YAML",
        ),
        (
            "version: 0.1\nlog: !tag {}\n",
            "config.yml:2:6: invalid YAML",
        ),
    ] {
        let found = errors(text, &[]);
        assert!(found[0].starts_with(start), "{found:?}");
    }
    let deep = format!("version: 0.1\nlog: {}\n", "[".repeat(2_000));
    assert_eq!(errors(&deep, &[]).len(), 1);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let below = format!("*a{}, ", level - 1).repeat(8);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert_eq!(errors(&bomb, &[]).len(), 1);
}

#[test]
fn an_empty_file_says_what_is_missing() {
    for text in ["", "# nothing\n", "---\n", "{}"] {
        let found = errors(text, &[]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("config.yml: version: found nothing"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("config.yml: storage: no storage driver"),
            "{found:?}"
        );
    }
    assert!(errors("- version: 0.1\n", &[])[0].contains("found a list; allowed: a mapping"));
}

#[test]
fn files_that_cannot_be_read_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let load = |path: &Path| -> String {
        let errors = Config::load(ConfigSource::File(path.to_owned()), []).unwrap_err();
        errors[0].to_string()
    };
    let missing = directory.path().join("no.yml");
    assert!(load(&missing).starts_with(&format!("{}: cannot be read: ", missing.display())));
    assert!(load(directory.path()).contains("cannot be read"));
    let latin = directory.path().join("latin.yml");
    std::fs::write(&latin, b"version: 0.1\n# \xe9\n").unwrap();
    assert!(load(&latin).ends_with("not valid UTF-8: line 2 has an invalid byte"));
    let huge = directory.path().join("huge.yml");
    std::fs::write(&huge, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(load(&huge).contains("has more than 1048576 bytes"));
}

#[test]
fn there_is_exactly_one_driver() {
    let found = errors("version: 0.1\nstorage:\n  inmemory:\n  filesystem:\n", &[]);
    assert_eq!(
        found,
        ["config.yml:3:3: storage: found 2 drivers (inmemory, filesystem); allowed: exactly one"]
    );
    let found = errors(BASE, &[("REGISTRY_STORAGE_S3_BUCKET", "b")]);
    assert_eq!(found.len(), 2, "{found:?}");
    let found = errors(
        "version: 0.1\nstorage:\n  filesytem:\n    rootdirectory: /x\n",
        &[],
    );
    assert_eq!(
        found,
        [
            "config.yml:4:5: storage.filesytem: unknown storage driver; use filesystem or inmemory; did you mean storage.filesystem?"
        ]
    );
    let found = errors(
        "version: 0.1\nstorage:\n  delete:\n    enabled: true\n",
        &[],
    );
    assert_eq!(
        found,
        [
            "config.yml:3:3: storage: no storage driver is configured; allowed: one of filesystem, inmemory"
        ]
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
fn a_flood_of_errors_is_reported_in_part() {
    let items: String = (0..1000).map(|_| "        - '['\n").collect();
    let text = format!("{BASE}validation:\n  manifests:\n    urls:\n      allow:\n{items}");
    let found = errors(&text, &[]);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "config.yml: 900 more errors are not listed");
}
