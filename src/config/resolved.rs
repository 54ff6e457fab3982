//! The resolved configuration: what every other room reads. There is no `Option` where there is a default,
//! and a value that is here has been checked. `keys.rs` says what fills which field, and with what
//! default.

use crate::auth::{AccessRules, Scheme};
use crate::http::{Limits, Listen, tls};
use crate::policy::{ImmutableRule, QuotaRule, RetentionRule};
use crate::spec::manifest::MANIFEST_BYTES_MAX;
use crate::spec::validation::Validation;
use crate::watched::CHECK_PAUSE;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// What was read: the path of a file, or the name of the built-in configuration.
    pub source: String,
    /// `log`.
    pub log: LogConfig,
    /// `storage`.
    pub storage: StorageConfig,
    /// `auth`.
    pub auth: Scheme,
    /// `access`; `None` where every user may do everything.
    pub access: Option<AccessRules>,
    /// `catalog.maxentries`: entries of one catalog page.
    pub catalog_entries_max: usize,
    /// `tags.maxtags`: entries of one page of tags; `None`: all of them, for a client that gives no number.
    pub tags_max: Option<usize>,
    /// `http`.
    pub http: HttpConfig,
    /// `validation`.
    pub validation: Validation,
    /// `http.limits.manifestbytes`: the largest manifest that is accepted.
    pub manifest_bytes_max: u64,
    /// How many upload sessions there may be.
    pub uploads: UploadConfig,
    /// How long the files of users and of certificates are left alone after each check. No key sets it; tests do.
    pub check_pause: Duration,
    /// Every key with its value, in the order of the declarations.
    pub(super) effective: serde_yaml::Mapping,
}

impl Config {
    /// The configuration as YAML with distribution's keys, for `check-config`: with every default, after the
    /// environment, with the values of headers and log fields whose names speak of a secret masked. It
    /// can be loaded again.
    pub fn render(&self) -> String {
        // A tree of strings, numbers and booleans always has a YAML form.
        serde_yaml::to_string(&self.effective).unwrap_or_default()
    }
}

impl Default for Config {
    /// Everything that no declaration gives a default; `Draft` fills in the others.
    fn default() -> Config {
        Config {
            source: String::new(),
            log: LogConfig {
                level: log::LevelFilter::Info,
                formatter: Formatter::Text,
                fields: BTreeMap::new(),
                access_log: true,
                queue_bytes: LOG_QUEUE_BYTES,
            },
            storage: StorageConfig::default(),
            auth: Scheme::None,
            access: None,
            catalog_entries_max: 0,
            tags_max: None,
            http: HttpConfig {
                listen: Listen::Tcp(String::new()),
                prefix: String::new(),
                location: LocationStyle::Relative,
                drain_timeout: Duration::ZERO,
                headers: Vec::new(),
                tls: None,
                limits: Limits::default(),
            },
            validation: Validation::default(),
            manifest_bytes_max: MANIFEST_BYTES_MAX,
            uploads: UploadConfig::default(),
            check_pause: CHECK_PAUSE,
            effective: serde_yaml::Mapping::new(),
        }
    }
}

/// How many upload sessions there may be.
#[derive(Debug, Clone, Default)]
pub struct UploadConfig {
    /// `http.limits.uploads`: sessions of all clients.
    pub sessions_max: usize,
    /// `http.limits.uploadsperaddress`: sessions of one address.
    pub sessions_per_address_max: usize,
    /// `http.limits.uploadidletimeout`: how long one may be idle before it makes room for another.
    pub idle_timeout: Duration,
}

/// The default of `log.queuebytes`.
pub const LOG_QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `log.level`.
    pub level: log::LevelFilter,
    /// `log.formatter`.
    pub formatter: Formatter,
    /// `log.fields`: added to each line.
    pub fields: BTreeMap<String, String>,
    /// Not `log.accesslog.disabled`.
    pub access_log: bool,
    /// `log.queuebytes`: bytes of lines that may wait to be written.
    pub queue_bytes: usize,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formatter {
    /// `time="..." level=info msg="..."`.
    Text,
    /// One JSON object a line.
    Json,
    /// One JSON object a line, with logstash's names.
    Logstash,
}

/// Where content is kept, and what clients may do with it.
#[derive(Debug, Clone, Default)]
pub struct StorageConfig {
    /// The one driver.
    pub driver: StorageDriver,
    /// `storage.delete.enabled`.
    pub delete_enabled: bool,
    /// `storage.maintenance.readonly.enabled`: pushes and deletes are refused.
    pub read_only: bool,
    /// `storage.maintenance.uploadpurging`.
    pub upload_purging: UploadPurging,
    /// `storage.maintenance.garbagecollect`.
    pub garbage_collection: GarbageCollection,
    /// `storage.maintenance.immutable`: tags that no client may move.
    pub immutable: Vec<ImmutableRule>,
    /// `storage.maintenance.retention`.
    pub retention: RetentionConfig,
    /// `storage.maintenance.quota`.
    pub quota: QuotaConfig,
    /// `storage.maintenance.verify`.
    pub verification: BackgroundVerification,
    /// `storage.tag.concurrencylimit`: threads of one tag lookup, at least one.
    pub tag_lookup_threads: usize,
}

/// Where the content is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StorageDriver {
    /// A directory.
    Filesystem {
        /// `storage.filesystem.rootdirectory`.
        root_directory: PathBuf,
        /// `storage.filesystem.maxthreads`: concurrent file operations.
        threads_max: usize,
    },
    /// Memory, gone when the process ends.
    #[default]
    InMemory,
}

/// When garbage is collected while the data is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GarbageCollection {
    /// Whether it is at all.
    pub enabled: bool,
    /// The time from the end of one collection to the start of the next.
    pub interval: Duration,
    /// What was pushed, mounted or asked for within this time stays.
    pub grace: Duration,
    /// Manifests that no tag leads to are removed as well.
    pub untagged: bool,
    /// Only report what would be removed.
    pub dry_run: bool,
}

/// When all data is verified while it is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackgroundVerification {
    /// Whether it is at all.
    pub enabled: bool,
    /// The time from the end of one verification to the start of the next.
    pub interval: Duration,
    /// Bytes that are read at most.
    pub bytes_per_second: u64,
}

/// When abandoned uploads are removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadPurging {
    /// Whether they are removed at all.
    pub enabled: bool,
    /// The age at which an upload counts as abandoned.
    pub age: Duration,
    /// The time from one round to the next.
    pub interval: Duration,
    /// Only report what would be removed.
    pub dry_run: bool,
}

/// Which tags are deleted in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Whether any are.
    pub enabled: bool,
    /// The time from one round to the next.
    pub interval: Duration,
    /// Only log what would be deleted.
    pub dry_run: bool,
    /// In order.
    pub rules: Vec<RetentionRule>,
}

/// How much space there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuotaConfig {
    /// Bytes of all blobs.
    pub bytes_max: Option<u64>,
    /// For some repositories.
    pub rules: Vec<QuotaRule>,
    /// The time from one count to the next.
    pub interval: Duration,
}

impl QuotaConfig {
    /// All limits, that of all repositories first.
    pub fn limits(&self) -> Vec<QuotaRule> {
        let whole = self.bytes_max.map(|bytes_max| QuotaRule {
            repositories: Vec::new(),
            bytes_max,
        });
        whole
            .into_iter()
            .chain(self.rules.iter().cloned())
            .collect()
    }
}

/// How clients reach the program.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `http.addr` and `http.net`.
    pub listen: Listen,
    /// `http.prefix`; starts and ends with `/`, so `/` when there is none.
    pub prefix: String,
    /// `http.host` and `http.relativeurls`.
    pub location: LocationStyle,
    /// `http.draintimeout`: how long requests in flight may take after the server has been asked to stop.
    pub drain_timeout: Duration,
    /// `http.headers`: headers of every response, one entry for each value.
    pub headers: Vec<(String, String)>,
    /// `http.tls`; without it plain HTTP is served.
    pub tls: Option<tls::TlsSettings>,
    /// `http.limits`.
    pub limits: Limits,
}

/// How a `Location` names this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocationStyle {
    /// A path without a host, which is right behind any proxy.
    Relative,
    /// Scheme and host as the request (and `X-Forwarded-*`) named them.
    FromRequest,
    /// This scheme, host and base path; never ends with `/`.
    Host(String),
}
