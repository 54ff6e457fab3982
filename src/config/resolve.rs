//! The tree as a [`Config`]: every key is read, every default stands here, and what the kinds of the
//! schema cannot say about a value is checked.

use super::layers::Layers;
use super::report::Severity;
use super::resolved::{
    Config, Formatter, LOG_QUEUE_BYTES, LogConfig, Platform, Platforms, StorageConfig,
    StorageDriver, UploadLimits, UploadPurging, ValidationConfig,
};
use super::schema::Entry;
use super::tree::Node;
use super::values::{scalar_text, steps};
use super::{access, auth, http, keys};
use crate::spec::manifest::MANIFEST_BYTES_MAX;
use log::LevelFilter;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const ROOT_DIRECTORY: &str = "/var/lib/registry";
const THREADS_MIN: usize = 25;
const THREADS: usize = 100;
const PAGE_ENTRIES: usize = 1000;
const UPLOADS: usize = 10_000;
const UPLOADS_PER_ADDRESS: usize = 2_500;
const UPLOAD_IDLE_TIMEOUT: Duration = HOUR;

/// Reads every key that is honoured. Mistakes are left in `layers`; what they concern has its default.
pub fn resolve(layers: &mut Layers) -> Config {
    version(layers);
    let manifest_bytes_max = layers
        .bytes("http.limits.manifestbytes")
        .unwrap_or(MANIFEST_BYTES_MAX);
    Config {
        source: String::new(),
        log: log(layers),
        storage: storage(layers),
        auth: auth::auth(layers),
        access: access::access(layers),
        catalog_entries_max: match layers.integer::<i64>("catalog.maxentries") {
            Some(count) if count > 0 => usize::try_from(count).unwrap_or(PAGE_ENTRIES),
            _ => PAGE_ENTRIES,
        },
        tags_max: layers.integer("tags.maxtags").filter(|count| *count > 0),
        http: http::http(layers, manifest_bytes_max),
        validation: validation(layers),
        manifest_bytes_max,
        uploads: uploads(layers),
    }
}

fn uploads(layers: &mut Layers) -> UploadLimits {
    UploadLimits {
        sessions_max: layers.integer("http.limits.uploads").unwrap_or(UPLOADS),
        sessions_per_address_max: layers
            .integer("http.limits.uploadsperaddress")
            .unwrap_or(UPLOADS_PER_ADDRESS),
        idle_timeout: layers
            .duration("http.limits.uploadidletimeout")
            .unwrap_or(UPLOAD_IDLE_TIMEOUT),
    }
}

/// distribution's rule: there is one version, it must be named, and it is text (`0.10` is another one).
fn version(layers: &mut Layers) {
    const ALLOWED: &str =
        "`version: 0.1` as a key of the file's top level, the only version there is";
    match layers.text("version") {
        Some(version) if version == "0.1" => {}
        Some(version) => layers.mistake(
            &steps("version"),
            format!("found `{version}`; allowed: {ALLOWED}"),
        ),
        None if layers
            .value("version")
            .is_some_and(|node| matches!(node, Node::List(_) | Node::Map(_))) => {}
        None => layers.mistake(
            &steps("version"),
            format!("found nothing; allowed: {ALLOWED}"),
        ),
    }
}

fn log(layers: &mut Layers) -> LogConfig {
    let old = layers.choice("loglevel");
    let level = layers.choice("log.level");
    if old.is_some() {
        let message = "is deprecated; use log.level, which wins where both are set";
        layers.notice(Severity::Note, &steps("loglevel"), message);
    }
    let mut fields = BTreeMap::new();
    for key in layers.keys("log.fields") {
        let mut path = steps("log.fields");
        path.push(key.clone());
        let value = match layers.root.at(&path) {
            Some(node @ (Node::List(_) | Node::Map(_))) => json(node).to_string(),
            Some(node @ Node::Text(_)) => scalar_text(node),
            Some(node) => layers.spelling(&path).unwrap_or(scalar_text(node)),
            None => String::new(),
        };
        fields.insert(key, value);
    }
    LogConfig {
        level: match level.or(old) {
            Some("error") => LevelFilter::Error,
            Some("warn") => LevelFilter::Warn,
            Some("debug") => LevelFilter::Debug,
            _ => LevelFilter::Info,
        },
        formatter: match layers.choice("log.formatter") {
            Some("json") => Formatter::Json,
            Some("logstash") => Formatter::Logstash,
            _ => Formatter::Text,
        },
        fields,
        access_log: !layers.boolean("log.accesslog.disabled").unwrap_or(false),
        queue_bytes: layers.bytes("log.queuebytes").unwrap_or(LOG_QUEUE_BYTES),
    }
}

/// A field that is no scalar, as one line of JSON.
fn json(node: &Node) -> serde_json::Value {
    match node {
        Node::Null => serde_json::Value::Null,
        Node::Boolean(value) => (*value).into(),
        Node::Integer(value) => i64::try_from(*value).map_or(value.to_string().into(), Into::into),
        Node::Float(value) => (*value).into(),
        Node::Text(text) => text.clone().into(),
        Node::List(items) => items.iter().map(json).collect(),
        Node::Map(entries) => entries
            .iter()
            .map(|(key, node)| (key.clone(), json(node)))
            .collect(),
    }
}

fn storage(layers: &mut Layers) -> StorageConfig {
    let purging = "storage.maintenance.uploadpurging";
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    StorageConfig {
        driver: driver(layers),
        delete_enabled: layers.boolean("storage.delete.enabled").unwrap_or(false),
        read_only: layers
            .boolean("storage.maintenance.readonly.enabled")
            .unwrap_or(false),
        upload_purging: UploadPurging {
            enabled: layers
                .boolean(&format!("{purging}.enabled"))
                .unwrap_or(true),
            age: layers
                .duration(&format!("{purging}.age"))
                .unwrap_or(168 * HOUR),
            interval: layers
                .duration(&format!("{purging}.interval"))
                .unwrap_or(24 * HOUR),
            dry_run: layers
                .boolean(&format!("{purging}.dryrun"))
                .unwrap_or(false),
        },
        tag_lookup_threads: match layers.integer("storage.tag.concurrencylimit") {
            None | Some(0) => processors(),
            Some(count) => count,
        },
    }
}

/// Exactly one driver must be named. One that is not supported has been reported by its name already.
fn driver(layers: &mut Layers) -> StorageDriver {
    let mut drivers = layers.keys("storage");
    drivers.retain(|key| !keys::STORAGE_SETTINGS.contains(&key.as_str()));
    let is_named = !drivers.is_empty();
    // What is no driver has been reported already.
    drivers.retain(|key| Entry::root().at(["storage", key]).is_some());
    match drivers.as_slice() {
        [] if is_named => {}
        [] if matches!(layers.value("storage"), None | Some(Node::Map(_))) => {
            let message = "names no driver; allowed: one of filesystem, inmemory";
            layers.mistake(&steps("storage"), message);
        }
        [] | [_] => {}
        several => {
            let message = format!(
                "found {} drivers ({}); allowed: exactly one",
                several.len(),
                several.join(", ")
            );
            layers.mistake(&steps("storage"), message);
        }
    }
    if drivers.iter().any(|driver| driver == "inmemory") {
        return StorageDriver::InMemory;
    }
    let root = layers.path("storage.filesystem.rootdirectory");
    let threads = layers
        .integer("storage.filesystem.maxthreads")
        .filter(|count| *count > 0)
        .unwrap_or(THREADS);
    if threads < THREADS_MIN {
        let message = format!("found {threads}; raised to {THREADS_MIN}, the least there is");
        layers.notice(
            Severity::Note,
            &steps("storage.filesystem.maxthreads"),
            message,
        );
    }
    StorageDriver::Filesystem {
        root_directory: root.unwrap_or_else(|| Path::new(ROOT_DIRECTORY).components().collect()),
        threads_max: threads.max(THREADS_MIN),
    }
}

fn validation(layers: &mut Layers) -> ValidationConfig {
    let enabled = layers.boolean("validation.enabled").unwrap_or(false);
    let disabled = layers.boolean("validation.disabled").unwrap_or(false);
    let indexes = "validation.manifests.indexes";
    let listed = platforms(layers, &format!("{indexes}.platformlist"));
    ValidationConfig {
        disabled: disabled && !enabled,
        urls_allow: expressions(layers, "validation.manifests.urls.allow"),
        urls_deny: expressions(layers, "validation.manifests.urls.deny"),
        platforms: match layers.choice(&format!("{indexes}.platforms")) {
            Some("none") => Platforms::None,
            Some("list") => Platforms::List(listed),
            _ => Platforms::All,
        },
    }
}

fn expressions(layers: &mut Layers, path: &str) -> Vec<Regex> {
    let mut expressions = Vec::new();
    for (path, text) in layers.texts(path) {
        match Regex::new(&text) {
            Ok(expression) => expressions.push(expression),
            Err(error) => layers.wrong(&path, &format!("a regular expression ({error})")),
        }
    }
    expressions
}

fn platforms(layers: &mut Layers, path: &str) -> Vec<Platform> {
    let count = match layers.value(path) {
        Some(Node::List(items)) => items.len(),
        _ => 0,
    };
    let mut platforms = Vec::new();
    for index in 0..count {
        platforms.push(Platform {
            architecture: layers
                .text(&format!("{path}.{index}.architecture"))
                .unwrap_or_default(),
            os: layers
                .text(&format!("{path}.{index}.os"))
                .unwrap_or_default(),
        });
    }
    platforms
}
