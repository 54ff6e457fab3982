//! The `auth` section: where users come from.

use super::Scheme;
use super::layers::Layers;
use super::locate::Target;
use super::render::map;
use super::report::Severity;
use super::tree::Node;
use super::values::steps;
use serde_yaml::Value;
use std::path::PathBuf;

/// The kinds that are known; names that are none have been reported already.
const KINDS: [&str; 4] = ["htpasswd", "none", "silly", "token"];

/// Reads the section: one kind, with all of its parameters.
pub fn auth(layers: &mut Layers) -> Scheme {
    let kinds = layers.keys("auth");
    if kinds.len() > 1 {
        let message = format!(
            "found {} kinds of access control ({}); allowed: at most one",
            kinds.len(),
            kinds.join(", ")
        );
        layers.mistake(&steps("auth"), message);
        return Scheme::None;
    }
    let kind = kinds.first().map(String::as_str);
    let Some(kind) = kind.filter(|kind| KINDS.contains(kind)) else {
        return Scheme::None;
    };
    let section = format!("auth.{kind}");
    if !matches!(layers.value(&section), None | Some(Node::Map(_))) {
        // Reported by its form already.
        return Scheme::None;
    }
    let scheme = match kind {
        "htpasswd" => Scheme::Htpasswd {
            realm: required(layers, "auth.htpasswd.realm", "what docker login shows"),
            path: PathBuf::from(required(
                layers,
                "auth.htpasswd.path",
                "the path of a file of users, which `registry htpasswd --file PATH USER` makes",
            )),
        },
        "silly" => Scheme::Silly {
            realm: required(layers, "auth.silly.realm", "a text"),
            service: required(layers, "auth.silly.service", "a text"),
        },
        _ => return Scheme::None,
    };
    warn(layers, &scheme);
    scheme
}

/// Records that a parameter is missing, where its section stands: itself it stands nowhere.
pub fn missing(layers: &mut Layers, path: &str, allowed: &str) {
    let section = path.rsplit_once('.').map_or(path, |(section, _)| section);
    let place = layers.place(&steps(section), Target::Value);
    let message = format!("found nothing; allowed: {allowed}");
    layers.mistaken(place, path.to_owned(), message);
}

/// A parameter without a default.
fn required(layers: &mut Layers, path: &str, allowed: &str) -> String {
    match layers.text(path) {
        Some(text) if text.chars().any(char::is_control) => {
            layers.wrong(
                path,
                "a text without line breaks and other control characters",
            );
            String::new()
        }
        Some(text) => text,
        None => {
            if !matches!(layers.value(path), Some(Node::List(_) | Node::Map(_))) {
                missing(layers, path, allowed);
            }
            String::new()
        }
    }
}

/// What is dangerous and allowed.
fn warn(layers: &mut Layers, scheme: &Scheme) {
    if matches!(scheme, Scheme::Silly { .. }) {
        let message = "takes any credentials: it is for tests, and keeps nobody out";
        layers.notice(Severity::Warning, &steps("auth.silly"), message);
    }
    let is_https = |layers: &mut Layers| {
        layers.value("http.tls.certificate").is_some()
            || matches!(layers.value("http.host"), Some(Node::Text(host)) if host.starts_with("https://"))
            || matches!(layers.value("http.net"), Some(Node::Text(net)) if net == "unix")
    };
    if !is_https(layers) {
        let message = "passwords will come over plain HTTP, for anyone on the way to read; set http.tls, or \
                       http.host to the https:// address of the proxy in front";
        layers.notice(Severity::Warning, &steps("auth"), message);
    }
}

/// The section as YAML, for `check-config`. Nothing in it is a secret.
pub fn render(scheme: &Scheme) -> Value {
    match scheme {
        Scheme::None => map([("none", Value::Null)]),
        Scheme::Silly { realm, service } => {
            let parameters = [("realm", realm), ("service", service)];
            map([(
                "silly",
                map(parameters.map(|(key, text)| (key, text.as_str().into()))),
            )])
        }
        Scheme::Htpasswd { realm, path } => {
            let parameters = [
                ("realm", realm.as_str().into()),
                ("path", path.to_string_lossy().as_ref().into()),
            ];
            map([("htpasswd", map(parameters))])
        }
    }
}
