//! The tree as a [`Config`]: every declared key is read into its field, then what concerns several keys at once is
//! checked.

use super::declare::{Declaration, Kind};
use super::draft::{Draft, Network, PlatformMode};
use super::keys::KEYS;
use super::layers::Layers;
use super::report::Severity;
use super::resolved::{Config, LocationStyle, StorageDriver};
use super::schema::{STORAGE_SETTINGS, SchemaNode};
use super::value::Value;
use super::{access, auth, texts, values};
use crate::http::Listen;
use crate::http::tls::{ClientAuth, TlsSettings, TlsVersion};
use crate::memory;
use crate::spec::descriptor::Platform;
use crate::spec::validation::RequiredPlatforms;
use crate::yaml::{KeyPath, Node};
use serde_yaml::{Mapping, Value as Yaml};

/// The one version of the configuration's format.
const VERSION: &str = "0.1";
/// Fewer file operations at one time than this are of no use.
const THREADS_MIN: usize = 25;
/// The headers that frame a response; only the engine sets them.
const FRAMING: [&str; 5] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "transfer-encoding",
];

/// Reads every key that is supported. Errors are left in `layers`; what they concern has its default.
pub fn resolve(layers: &mut Layers) -> Config {
    let mut draft = Draft::default();
    check_version(layers);
    choose_driver(layers, &mut draft);
    auth::choose(layers, &mut draft);
    draft.config.http.tls = tls(layers);
    for key in KEYS {
        set_default(layers, key, &mut draft);
    }
    for key in KEYS {
        read(layers, key, &mut draft);
    }
    fields(layers, &mut draft);
    headers(layers, &mut draft);
    platforms(layers, &mut draft);
    access::read(layers, &mut draft);
    check_limits(layers, &mut draft);
    check_listen(layers, &draft);
    check_tls(layers, &mut draft);
    draft.config.effective = effective(&mut draft);
    draft.config.auth = auth::finish(layers, &mut draft);
    finished(draft)
}

fn set_default(layers: &mut Layers, key: &Declaration, draft: &mut Draft) {
    let value = values::read(key, &Node::Text(key.default.to_owned()));
    let value = value.filter(|_| !key.default.is_empty());
    if let (Some(value), Some(field)) = (value, (key.field)(draft))
        && let Err(why) = field.set(value)
    {
        layers.invalid(&key.path.iter().collect(), why);
    }
}

/// Reads the value of one key into its field, where the configuration has a place for it.
fn read(layers: &mut Layers, key: &Declaration, draft: &mut Draft) {
    let path: KeyPath = key.path.iter().collect();
    let Some(field) = (key.field)(draft) else {
        return;
    };
    let found = match key.kind {
        Kind::Map | Kind::List | Kind::Any => return,
        Kind::Texts if layers.value(&path).is_none() => return,
        Kind::Texts => {
            field.clear();
            let texts = layers.texts(&path).into_iter();
            texts
                .map(|(path, text)| (path, Value::Text(text)))
                .collect()
        }
        _ => match layers.scalar(&path, key) {
            Some(value) => vec![(path, value)],
            None => {
                let is_absent = layers.value(&path).is_none_or(Node::is_unset);
                if let Some(allowed) = key.required().filter(|_| is_absent) {
                    layers.missing(&path, allowed);
                }
                return;
            }
        },
    };
    for (path, value) in found {
        let value = match value {
            Value::Text(text) => key.parse(text).map(Value::Text),
            value => Ok(value),
        };
        if let Err(why) = value.and_then(|value| field.set(value)) {
            layers.invalid(&path, why);
        }
    }
    if let Some(message) = key.deprecated() {
        layers.notice(Severity::Note, &key.path.iter().collect(), message);
    }
}

/// distribution's rule: there is one version, it must be given, and it is text (`0.10` is another one).
fn check_version(layers: &mut Layers) {
    let path = KeyPath::from(["version"]);
    let found = match layers.text(&path) {
        Some(version) if version == VERSION => return,
        Some(version) => format!("`{version}`"),
        // That it is not a string has been reported.
        None if layers.value(&path).is_some_and(|node| !node.is_unset()) => return,
        None => "nothing".to_owned(),
    };
    let message = format!(
        "found {found}; allowed: `version: {VERSION}` at the top level of the file, the only version there is"
    );
    layers.error(&path, message);
}

/// Exactly one driver must be named. One that is not supported has been reported by its name already.
fn choose_driver(layers: &mut Layers, draft: &mut Draft) {
    let path = KeyPath::from(["storage"]);
    let mut drivers = layers.keys(&path);
    drivers.retain(|key| !STORAGE_SETTINGS.contains(&key.as_str()));
    let is_named = !drivers.is_empty();
    drivers.retain(|key| SchemaNode::root().at(&path.join(key)).is_some());
    match drivers.as_slice() {
        [] if !is_named && matches!(layers.value(&path), None | Some(Node::Map(_))) => {
            let message = "no storage driver is configured; allowed: one of filesystem, inmemory";
            layers.error(&path, message);
        }
        [] | [_] => {}
        several => {
            let (count, names) = (several.len(), several.join(", "));
            layers.error(
                &path,
                format!("found {count} drivers ({names}); allowed: exactly one"),
            );
        }
    }
    match drivers.iter().any(|driver| driver == "inmemory") {
        true => draft.in_memory = Some(()),
        false => draft.filesystem = Some(Default::default()),
    }
}

/// Whoever set any key of `http.tls` wants TLS, so that a section without a certificate is an error;
/// distribution serves plain HTTP then.
fn tls(layers: &Layers) -> Option<TlsSettings> {
    let mut keys = KEYS.iter().map(|key| key.path.iter().collect::<KeyPath>());
    let is_set = |path: &KeyPath| layers.value(path).is_some_and(|node| !node.is_unset());
    keys.find(|path| {
        matches!(path.as_ref(), [http, tls, _] if http == "http" && tls == "tls") && is_set(path)
    })?;
    Some(TlsSettings {
        certificate: Default::default(),
        key: Default::default(),
        client_cas: Vec::new(),
        client_auth: ClientAuth::None,
        minimum: TlsVersion::Tls12,
        cipher_suites: Vec::new(),
    })
}

/// Whoever names authorities wants certificates that they signed, unless it is said otherwise.
fn check_tls(layers: &mut Layers, draft: &mut Draft) {
    let Some(tls) = &mut draft.config.http.tls else {
        return;
    };
    let path = KeyPath::from(["http", "tls", "clientauth"]);
    let is_set = layers.value(&path).is_some();
    match tls.client_auth {
        ClientAuth::None if !tls.client_cas.is_empty() => {
            tls.client_auth = ClientAuth::RequireAndVerify;
        }
        mode if mode.verifies() && tls.client_cas.is_empty() && is_set => {
            let message = format!(
                "found `{}` without http.tls.clientcas; allowed: http.tls.clientcas with the files of \
                 the authorities that may sign certificates of clients",
                mode.name()
            );
            layers.error(&path, message);
        }
        _ => {}
    }
}

/// `log.fields`: any names, each with a scalar, or with anything else as one line of JSON.
fn fields(layers: &mut Layers, draft: &mut Draft) {
    let path = KeyPath::from(["log", "fields"]);
    for name in layers.keys(&path) {
        let path = path.join(&name);
        let value = match layers.root.at(&path) {
            Some(node @ (Node::List(_) | Node::Map(_))) => json(node).to_string(),
            Some(Node::Text(text)) => text.clone(),
            Some(node) => layers.sources.spelling(&path).unwrap_or(node.scalar()),
            None => String::new(),
        };
        draft.config.log.fields.insert(name, value);
    }
}

fn json(node: &Node) -> serde_json::Value {
    match node {
        Node::Null => serde_json::Value::Null,
        Node::Boolean(value) => (*value).into(),
        Node::Integer(value) => i64::try_from(*value).map_or(value.to_string().into(), Into::into),
        Node::Float(value) => (*value).into(),
        Node::Text(text) => text.clone().into(),
        Node::List(items) => items.iter().map(json).collect(),
        Node::Map(entries) => {
            let entries = entries.iter();
            entries
                .map(|(key, node)| (key.clone(), json(node)))
                .collect()
        }
    }
}

/// `http.headers`: any names of headers, dots and all, each with a list of values.
fn headers(layers: &mut Layers, draft: &mut Draft) {
    let path = KeyPath::from(["http", "headers"]);
    for name in layers.keys(&path) {
        let path = path.join(&name);
        if !texts::is_header_name(&name) {
            layers.error(
                &path,
                "not a header name; allowed: letters, digits and !#$%&'*+-.^_`|~",
            );
            continue;
        }
        if FRAMING.contains(&name.to_ascii_lowercase().as_str()) {
            layers.error(&path, "the server sets this header itself; remove it");
            continue;
        }
        if name.contains('_') {
            let message = "a header with _ in its name, which proxies drop; did you mean -?";
            layers.notice(Severity::Warning, &path, message);
        }
        for (path, value) in layers.texts(&path) {
            // Of the control characters only a tab may be in the value of a header.
            match texts::one_line(&value.replace('\t', " ")) {
                Ok(_) => draft.config.http.headers.push((name.clone(), value)),
                Err(why) => layers.invalid(&path, why),
            }
        }
    }
}

fn platforms(layers: &mut Layers, draft: &mut Draft) {
    let path = KeyPath::from(["validation", "manifests", "indexes", "platformlist"]);
    let count = layers.value(&path).map_or(0, |node| node.items().len());
    for path in (0..count).map(|index| path.join(index)) {
        let platform = Platform {
            architecture: layers.text(&path.join("architecture")).unwrap_or_default(),
            os: layers.text(&path.join("os")).unwrap_or_default(),
        };
        draft.platform_list.push(platform);
    }
}

/// Numbers that mean the default, are raised, or must hold others.
fn check_limits(layers: &mut Layers, draft: &mut Draft) {
    let config = &mut draft.config;
    let defaults = |path: &[&str]| {
        let key = KEYS.iter().find(|key| key.path == path);
        key.and_then(|key| key.default.parse().ok())
            .unwrap_or_default()
    };
    if config.catalog_entries_max == 0 {
        config.catalog_entries_max = defaults(&["catalog", "maxentries"]);
    }
    config.tags_max = config.tags_max.filter(|count| *count > 0);
    if config.storage.tag_lookup_threads == 0 {
        let processors = std::thread::available_parallelism();
        config.storage.tag_lookup_threads = processors.map_or(1, usize::from);
    }
    if let Some((_, threads_max)) = &mut draft.filesystem {
        let path = ["storage", "filesystem", "maxthreads"];
        match *threads_max {
            0 => *threads_max = defaults(&path),
            few @ 1..THREADS_MIN => {
                *threads_max = THREADS_MIN;
                let message = format!("{few} is below the minimum; using {THREADS_MIN}");
                layers.notice(Severity::Note, &KeyPath::from(path), message);
            }
            _ => {}
        }
    }
    // A head or a manifest that could never be accepted is an error where both limits were chosen; otherwise
    // there is as much memory as is needed.
    let manifest_bytes_max = usize::try_from(config.manifest_bytes_max).unwrap_or(usize::MAX);
    let largest = config.http.limits.head_bytes_max.max(manifest_bytes_max);
    let needed = largest.saturating_mul(memory::LARGEST_SHARES);
    let memory = draft
        .memory_bytes_max
        .get_or_insert(needed.max(memory::BYTES_DEFAULT));
    if *memory < needed {
        let times = memory::LARGEST_SHARES;
        let allowed = format!(
            "at least {times} times http.limits.manifestbytes and headbytes, which is {needed} bytes"
        );
        layers.wrong(&KeyPath::from(["http", "limits", "memory"]), &allowed);
    }
    config.http.limits.memory_bytes_max = *memory;
}

fn check_listen(layers: &mut Layers, draft: &Draft) {
    let has_path =
        matches!(&draft.config.http.listen, Listen::Unix(path) if !path.as_os_str().is_empty());
    if draft.network == Network::Unix
        && !has_path
        && layers.value(&KeyPath::from(["http", "addr"])).is_none()
    {
        let message =
            "found `unix` without http.addr; allowed: http.addr with the path of the socket";
        layers.error(&KeyPath::from(["http", "net"]), message);
    }
}

/// Every key with its value, as nested mappings.
fn effective(draft: &mut Draft) -> Mapping {
    let mut root = Mapping::new();
    root.insert("version".into(), Yaml::Number(0.1.into()));
    for key in KEYS.iter().filter(|key| key.deprecated().is_none()) {
        let value = (key.field)(draft).and_then(|field| field.get());
        if let (Some(value), Some((last, sections))) = (value, key.path.split_last()) {
            let section = sections.iter().try_fold(&mut root, |section, step| {
                let below = section.entry((*step).into());
                below
                    .or_insert(Yaml::Mapping(Mapping::new()))
                    .as_mapping_mut()
            });
            section.map(|section| section.insert((*last).into(), value));
        }
    }
    root
}

/// The configuration, with the fields that several keys make.
fn finished(draft: Draft) -> Config {
    let mut config = draft.config;
    config.log.access_log = !draft.access_log_disabled;
    // A host wins over `relativeurls`, as in distribution.
    config.http.location = match draft.host {
        Some(host) => LocationStyle::Host(host),
        None if draft.relative_urls => LocationStyle::Relative,
        None => LocationStyle::FromRequest,
    };
    config.validation.disabled &= draft.validation_enabled != Some(true);
    config.validation.platforms = match draft.platform_mode {
        PlatformMode::All => RequiredPlatforms::All,
        PlatformMode::None => RequiredPlatforms::None,
        PlatformMode::List => RequiredPlatforms::List(draft.platform_list),
    };
    config.storage.driver = match draft.filesystem {
        Some((root_directory, threads_max)) => StorageDriver::Filesystem {
            root_directory,
            threads_max,
        },
        None => StorageDriver::InMemory,
    };
    config
}
