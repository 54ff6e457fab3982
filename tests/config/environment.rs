//! The environment over the file.

use super::*;

#[test]
fn unknown_variables_are_reported_with_the_nearest_known_one() {
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
            "REGISTRY_PORT_5000_TCP: unknown variable; it is ignored",
            "REGISTRY_STORAGE_FILESYSTEM_ROOT_DIRECTORY: unknown variable; it is ignored; did you mean REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY?",
        ]
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
        ("/a#b ", "/a#b"),
        ("'/a #b '", "/a #b "),
    ] {
        let config = clean(
            BASE,
            &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", value)],
        );
        assert_eq!(root(&config), Path::new(path), "{value}");
    }
    // Windows has no such path, and refuses it.
    if cfg!(unix) {
        let colon = clean(
            BASE,
            &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/a: b")],
        );
        assert_eq!(root(&colon), Path::new("/a: b"));
    }
    // Doubled for a shell or a Dockerfile: the same directory, on a system that has such paths.
    let doubled = clean(
        BASE,
        &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "c:\\\\data")],
    );
    let tidy: PathBuf = Path::new("c:\\\\data").components().collect();
    assert_eq!(root(&doubled), tidy);
}

#[test]
fn what_yaml_leaves_out_of_a_variable_is_warned_of() {
    let key = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY";
    for value in ["/data #2", "#data", "&data", "/data #"] {
        let said = notices(BASE, &[(key, value)]);
        let start = format!("{key}: storage.filesystem.rootdirectory: a part of the value is left");
        assert!(
            said.len() == 1 && said[0].starts_with(&start),
            "{value}: {said:?}"
        );
    }
    for value in [
        "",
        " ",
        "null",
        "/data",
        " /data ",
        "'/data' # here",
        "\"/data\"",
        "0x10",
        "|\n  /data",
    ] {
        assert_eq!(notices(BASE, &[(key, value)]), [""; 0], "{value}");
    }
    let found = errors(BASE, &[("REGISTRY_HTTP_ADDR", "{a: b}")]);
    assert!(
        found[0].contains("found a mapping; allowed: a string"),
        "{found:?}"
    );
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
    let found = errors(BASE, &[(&name(1), "x")]);
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
    assert_eq!(
        list.validation.platforms,
        RequiredPlatforms::List(vec![platform])
    );
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
