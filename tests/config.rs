//! The configuration from outside: files and variables in, a `Config` or mistakes out.

use registry::config::{
    Config, Formatter, Listen, LocationStyle, Notice, Platform, Platforms, Severity, Source,
    StorageDriver,
};
use std::path::PathBuf;
use std::time::Duration;

const BASE: &str = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /data\n";

fn load(text: &str, variables: &[(&str, &str)]) -> Result<(Config, Vec<Notice>), Vec<String>> {
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

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = clean(BASE, &[]);
    assert_eq!(config.log.level, log::LevelFilter::Info);
    assert_eq!(config.http.listen, Listen::Tcp(":5000".to_owned()));
    assert_eq!(
        config.storage.driver,
        StorageDriver::Filesystem {
            root_directory: PathBuf::from("/data"),
            threads_max: 100
        }
    );
    println!("{}", config.render());
}

#[test]
fn probe() {
    for (text, variables) in [
        ("", &[][..]),
        ("version: 0.2\nstorage: inmemory\nhttp: 5\n", &[]),
        (
            "version: 0.10\nstorage: inmemory\nlog:\n  levle: info\n  level: loud\n",
            &[],
        ),
        (
            "version: 0.1\nstorage: inmemory\nlog:\n  level: info\n  level: loud\n",
            &[],
        ),
        (
            "version: 0.1\nstorage: s3\nauth: htpasswd\nhttp:\n  tls:\n    key: x\nproxy:\n  remoteurl: http://x",
            &[],
        ),
        (
            BASE,
            &[
                ("REGISTRY_STORAGE", "inmemory"),
                ("REGISTRY_HTTP_HEADERS_X-A_0", "b"),
                ("REGISTRY_LOG_LEVLE", "x"),
                ("REGISTRY_LOG_LEVEL", "x"),
            ],
        ),
        (
            BASE,
            &[
                ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "c:\\\\data"),
                ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true"),
                ("REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_1", "x"),
                ("REGISTRY_HTTP_ADDR", "[::1]:5000"),
            ],
        ),
        ("version: 0.1\nstorage: {a: [}", &[]),
    ] {
        match load(text, variables) {
            Ok((_, notices)) => println!("OK {notices:#?}"),
            Err(mistakes) => println!("ERR {mistakes:#?}"),
        }
    }
}
