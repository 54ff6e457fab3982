//! The configuration from outside: files and variables in, a `Config` or errors out.

mod access;
mod environment;
mod errors;
mod http;
mod keys;
mod meant;
mod names;
mod policies;
mod real;
mod search;
mod tls;
mod values;

use registry::auth::{Action, Identity};
use registry::config::{
    Config, ConfigSource, Formatter, Listen, LocationStyle, Notice, RequiredPlatforms, Scheme,
    Severity, StorageDriver,
};
use registry::spec::descriptor::Platform;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BASE: &str = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /data\n";

type Loaded = Result<(Config, Vec<Notice>), Vec<String>>;

fn load(text: &str, variables: &[(&str, &str)]) -> Loaded {
    let source = ConfigSource::Text {
        name: "config.yml".to_owned(),
        text: text.to_owned(),
    };
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(source, variables)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// The configuration of a text that has no errors and nothing to remark.
fn clean(text: &str, variables: &[(&str, &str)]) -> Config {
    let (config, notices) = load(text, variables).unwrap();
    assert_eq!(notices, [], "{text} {variables:?}");
    config
}

fn errors(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
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
    assert_eq!((config.catalog_entries_max, config.tags_max), (1000, None));
    assert_eq!(config.http.listen, Listen::Tcp(":5000".to_owned()));
    assert_eq!(config.http.prefix, "/");
    assert_eq!(config.http.location, LocationStyle::Relative);
    assert_eq!(config.http.drain_timeout, Duration::from_secs(5));
    assert!(config.http.headers.is_empty());
    assert!(!config.validation.disabled);
    assert!(config.validation.urls_allow.is_empty() && config.validation.urls_deny.is_empty());
    assert_eq!(config.validation.platforms, RequiredPlatforms::All);
    assert_eq!(config.manifest_bytes_max, 4 * 1024 * 1024);
    assert_eq!(config.uploads.sessions_max, 10_000);
    assert_eq!(config.uploads.sessions_per_address_max, 2_500);
    assert_eq!(config.uploads.idle_timeout, Duration::from_secs(3600));
    assert_eq!(config.http.limits, registry::http::Limits::default());
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
        errors(&text, &[]),
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
fn windows_files_are_read() {
    let text =
        "\u{feff}version: 0.1\r\nstorage:\r\n  filesystem:\r\n    rootdirectory: c:\\data\r\n";
    assert_eq!(root(&clean(text, &[])), Path::new("c:\\data"));
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
    let wrong = errors("version: 0.1\nstorage: inmemory\nlog:\n  <<: 5\n", &[]);
    assert!(
        wrong[0].contains("a merge key `<<` takes a mapping"),
        "{wrong:?}"
    );
}

#[test]
fn the_file_beside_the_program_is_clean() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    let config = clean(&text, &[]);
    assert_eq!(root(&config), Path::new("./data"));
    assert_eq!(config.http.listen, Listen::Tcp(":5000".to_owned()));
    let collection = &config.storage.garbage_collection;
    assert!(collection.enabled && !collection.untagged && !collection.dry_run);
    let day = Duration::from_secs(24 * 3600);
    assert_eq!((collection.interval, collection.grace), (day, day));
    // As the lab promises.
    assert!(text.len() < 1000, "{} bytes", text.len());
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
