//! The tree as a [`Config`]: every declared key is read into its field, then what concerns several keys at once is
//! checked.

use super::conventions::STORAGE_SETTINGS;
use super::draft::{Draft, Network, PlatformMode};
use super::keys::KEYS;
use super::resolved::{Config, LocationStyle, StorageDriver};
use super::{access, auth, policy};
use crate::http::Listen;
use crate::http::tls::{ClientAuth, TlsSettings};
use crate::memory;
use crate::settings::layers::Layers;
use crate::settings::report::Severity;
use crate::settings::{fields, texts};
use crate::spec::descriptor::Platform;
use crate::spec::validation::RequiredPlatforms;
use crate::yaml::{KeyPath, Node};
use serde_yaml::{Mapping, Value as Yaml};

/// The one version of the configuration's format.
const VERSION: &str = "0.1";
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
    fields::read(layers, KEYS, &mut draft);
    log_fields(layers, &mut draft);
    headers(layers, &mut draft);
    platforms(layers, &mut draft);
    access::read(layers, &mut draft);
    policy::read(layers, &mut draft);
    check_limits(layers, &mut draft);
    check_listen(layers, &draft);
    check_tls(layers, &mut draft);
    let version = ("version".into(), Yaml::Number(0.1.into()));
    draft.config.effective = Mapping::from_iter([version]);
    let effective = fields::show(KEYS, &mut draft);
    draft.config.effective.extend(effective);
    draft.config.auth = auth::finish(layers, &mut draft);
    finished(draft)
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
    drivers.retain(|key| layers.schema.root.at(&path.join(key)).is_some());
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
    let mut paths = KEYS.iter().map(|known| known.key.path);
    let is_set = |path: &[&str]| layers.root.at(path).is_some_and(|node| !node.is_unset());
    let is_wanted = paths.any(|path| path.starts_with(&["http", "tls"]) && is_set(path));
    is_wanted.then(TlsSettings::default)
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
fn log_fields(layers: &mut Layers, draft: &mut Draft) {
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
        layers.each_text(&path, &mut |value| {
            // Of the control characters only a tab may be in the value of a header.
            texts::one_line(&value.replace('\t', " "))?;
            let header = (name.clone(), value.to_owned());
            draft.config.http.headers.push(header);
            Ok(())
        });
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

/// Numbers that depend on the machine, or must hold others.
fn check_limits(layers: &mut Layers, draft: &mut Draft) {
    let config = &mut draft.config;
    if config.storage.tag_lookup_threads == 0 {
        let processors = std::thread::available_parallelism();
        config.storage.tag_lookup_threads = processors.map_or(1, usize::from);
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
