//! The resolved configuration as YAML in distribution's words, for `check-config`: with every default,
//! after the environment, secrets masked. It can be loaded again.

use super::Scheme;
use super::duration::format;
use super::resolved::{Config, Formatter, LocationStyle, StorageDriver};
use crate::http::{Limits, Listen, tls};
use crate::spec::descriptor::Platform;
use crate::spec::validation::RequiredPlatforms;
use serde_yaml::{Mapping, Value};
use std::path::Path;

const MASK: &str = "********";
/// A field or header whose name holds one of these is a secret.
const SECRET_WORDS: [&str; 6] = [
    "authorization",
    "cookie",
    "key",
    "password",
    "secret",
    "token",
];

impl Config {
    /// The configuration as YAML. Values of headers and log fields whose names speak of a secret are
    /// masked.
    pub fn render(&self) -> String {
        let mut root = Mapping::new();
        put(
            &mut root,
            "version",
            Value::Number(serde_yaml::Number::from(0.1)),
        );
        put(&mut root, "log", self.log());
        put(&mut root, "storage", self.storage());
        if self.auth != Scheme::None {
            put(&mut root, "auth", super::auth::render(&self.auth));
        }
        if let Some(access) = &self.access {
            put(&mut root, "access", super::access::render(access));
        }
        put(
            &mut root,
            "catalog",
            map([("maxentries", self.catalog_entries_max.into())]),
        );
        if let Some(tags_max) = self.tags_max {
            put(&mut root, "tags", map([("maxtags", tags_max.into())]));
        }
        put(&mut root, "http", self.http());
        put(&mut root, "validation", self.validation());
        // A tree of texts and numbers always has a YAML form.
        serde_yaml::to_string(&root).unwrap_or_default()
    }

    fn log(&self) -> Value {
        let mut fields = Mapping::new();
        for (key, value) in &self.log.fields {
            put(&mut fields, key, masked(key, value));
        }
        let formatter = match self.log.formatter {
            Formatter::Text => "text",
            Formatter::Json => "json",
            Formatter::Logstash => "logstash",
        };
        map([
            ("level", self.log.level.as_str().to_lowercase().into()),
            ("formatter", formatter.into()),
            ("fields", fields.into()),
            (
                "accesslog",
                map([("disabled", (!self.log.access_log).into())]),
            ),
            ("queuebytes", self.log.queue_bytes.into()),
        ])
    }

    fn storage(&self) -> Value {
        let storage = &self.storage;
        let purging = &storage.upload_purging;
        let driver = match &storage.driver {
            StorageDriver::InMemory => ("inmemory", Mapping::new().into()),
            StorageDriver::Filesystem {
                root_directory,
                threads_max,
            } => (
                "filesystem",
                map([
                    (
                        "rootdirectory",
                        root_directory.to_string_lossy().as_ref().into(),
                    ),
                    ("maxthreads", (*threads_max).into()),
                ]),
            ),
        };
        let purging = map([
            ("enabled", purging.enabled.into()),
            ("age", format(purging.age).into()),
            ("interval", format(purging.interval).into()),
            ("dryrun", purging.dry_run.into()),
        ]);
        let read_only = map([("enabled", storage.read_only.into())]);
        map([
            driver,
            ("delete", map([("enabled", storage.delete_enabled.into())])),
            (
                "maintenance",
                map([("readonly", read_only), ("uploadpurging", purging)]),
            ),
            (
                "tag",
                map([("concurrencylimit", storage.tag_lookup_threads.into())]),
            ),
        ])
    }

    fn http(&self) -> Value {
        let http = &self.http;
        let mut section = Mapping::new();
        let (net, address) = match &http.listen {
            Listen::Tcp(address) => ("tcp", address.clone()),
            Listen::Unix(path) => ("unix", path.to_string_lossy().into_owned()),
        };
        put(&mut section, "addr", address.into());
        put(&mut section, "net", net.into());
        put(&mut section, "prefix", http.prefix.as_str().into());
        match &http.location {
            LocationStyle::Host(host) => put(&mut section, "host", host.as_str().into()),
            style => put(
                &mut section,
                "relativeurls",
                (*style == LocationStyle::Relative).into(),
            ),
        }
        put(
            &mut section,
            "draintimeout",
            format(http.drain_timeout).into(),
        );
        let proxies = &http.limits.trusted_proxies.0;
        let proxies = proxies.iter().map(|network| network.to_string().into());
        put(
            &mut section,
            "trustedproxies",
            Value::Sequence(proxies.collect()),
        );
        let mut headers = Mapping::new();
        for (name, value) in &http.headers {
            let values = headers
                .entry(name.as_str().into())
                .or_insert(Value::Sequence(Vec::new()));
            if let Value::Sequence(values) = values {
                values.push(masked(name, value));
            }
        }
        put(&mut section, "headers", headers.into());
        if let Some(tls) = &http.tls {
            put(&mut section, "tls", self::tls(tls));
        }
        put(&mut section, "limits", self.limits(&http.limits));
        section.into()
    }

    fn limits(&self, limits: &Limits) -> Value {
        map([
            ("connections", limits.connections_max.into()),
            (
                "connectionsperaddress",
                limits.connections_per_address_max.into(),
            ),
            ("headbytes", limits.head_bytes_max.into()),
            ("memory", limits.memory_bytes_max.into()),
            ("headfields", limits.headers_max.into()),
            ("targetbytes", limits.target_bytes_max.into()),
            ("headtimeout", format(limits.head_timeout).into()),
            ("idletimeout", format(limits.idle_timeout).into()),
            ("minimumrate", limits.body_rate_min_bytes_per_second.into()),
            ("grace", format(limits.body_grace).into()),
            (
                "answerminimumrate",
                limits.response_rate_min_bytes_per_second.into(),
            ),
            ("answergrace", format(limits.response_grace).into()),
            ("lingertimeout", format(limits.linger_timeout).into()),
            ("drainbytes", limits.drain_bytes_max.into()),
            ("manifestbytes", self.manifest_bytes_max.into()),
            ("uploads", self.uploads.sessions_max.into()),
            (
                "uploadsperaddress",
                self.uploads.sessions_per_address_max.into(),
            ),
            (
                "uploadidletimeout",
                format(self.uploads.idle_timeout).into(),
            ),
        ])
    }

    fn validation(&self) -> Value {
        let validation = &self.validation;
        let texts = |list: &[regex_lite::Regex]| -> Value {
            Value::Sequence(
                list.iter()
                    .map(|expression| expression.as_str().into())
                    .collect(),
            )
        };
        let urls = map([
            ("allow", texts(&validation.urls_allow)),
            ("deny", texts(&validation.urls_deny)),
        ]);
        let indexes = match &validation.platforms {
            RequiredPlatforms::All => map([("platforms", "all".into())]),
            RequiredPlatforms::None => map([("platforms", "none".into())]),
            RequiredPlatforms::List(list) => {
                let platform = |platform: &Platform| {
                    map([
                        ("architecture", platform.architecture.as_str().into()),
                        ("os", platform.os.as_str().into()),
                    ])
                };
                let list = Value::Sequence(list.iter().map(platform).collect());
                map([("platforms", "list".into()), ("platformlist", list)])
            }
        };
        map([
            ("disabled", validation.disabled.into()),
            ("manifests", map([("urls", urls), ("indexes", indexes)])),
        ])
    }
}

fn tls(tls: &tls::TlsSettings) -> Value {
    let path = |path: &Path| Value::from(path.to_string_lossy().as_ref());
    let cas = tls.client_cas.iter().map(|file| path(file)).collect();
    let suites = tls.cipher_suites.iter().map(|suite| suite.name().into());
    map([
        ("certificate", path(&tls.certificate)),
        // Where it is, never what is in it.
        ("key", path(&tls.key)),
        ("clientcas", Value::Sequence(cas)),
        ("clientauth", tls.client_auth.name().into()),
        ("minimumtls", tls.minimum.name().into()),
        ("ciphersuites", Value::Sequence(suites.collect())),
    ])
}

fn masked(name: &str, value: &str) -> Value {
    let name = name.to_lowercase();
    let secret = SECRET_WORDS.iter().any(|word| name.contains(word));
    if secret { MASK.into() } else { value.into() }
}

fn put(map: &mut Mapping, key: &str, value: Value) {
    map.insert(key.into(), value);
}

/// A mapping of these entries.
pub(super) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let mut map = Mapping::new();
    for (key, value) in entries {
        put(&mut map, key, value);
    }
    map.into()
}
