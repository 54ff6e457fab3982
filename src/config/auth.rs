//! The `auth` section: where users come from.

use super::Scheme;
use super::layers::Layers;
use super::locate::Target;
use super::render::map;
use super::report::Severity;
use super::tree::Node;
use super::values::steps;
use crate::auth::token;
use serde_yaml::Value;
use std::net::IpAddr;
use std::path::PathBuf;

/// The kinds that are known; names that are none have been reported already.
const KINDS: [&str; 4] = ["htpasswd", "none", "silly", "token"];

/// distribution's `auth.token.autoredirectpath`.
const REDIRECT_PATH: &str = "/auth/token";

/// Reads the section: one kind, with all of its parameters.
pub fn auth(layers: &mut Layers) -> Scheme {
    let kinds = layers.keys("auth");
    let is_known = |kind: &String| KINDS.contains(&kind.as_str());
    if kinds.len() > 1 && kinds.iter().any(is_known) {
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
            path: required_path(
                layers,
                "auth.htpasswd.path",
                "the path of a file of users, which `registry htpasswd --file PATH USER` makes",
            ),
        },
        "silly" => Scheme::Silly {
            realm: required(layers, "auth.silly.realm", "a text"),
            service: required(layers, "auth.silly.service", "a text"),
        },
        "token" => Scheme::Token(token(layers)),
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

/// A path without a default.
fn required_path(layers: &mut Layers, key: &str, allowed: &str) -> PathBuf {
    if matches!(layers.value(key), None | Some(Node::Text(_))) && layers.text(key).is_none() {
        missing(layers, key, allowed);
    }
    layers.path(key).unwrap_or_default()
}

fn token(layers: &mut Layers) -> token::TokenOptions {
    let redirects = layers.boolean("auth.token.autoredirect").unwrap_or(false);
    let path = layers.text("auth.token.autoredirectpath");
    let path = path.unwrap_or(REDIRECT_PATH.to_owned());
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        layers.wrong("auth.token.autoredirectpath", "a path that begins with /");
    }
    let settings = token::TokenOptions {
        realm: match redirects {
            true => layers.text("auth.token.realm").unwrap_or_default(),
            false => required(
                layers,
                "auth.token.realm",
                "the URL where clients fetch tokens",
            ),
        },
        service: required(
            layers,
            "auth.token.service",
            "the name of this registry in tokens",
        ),
        issuer: required(layers, "auth.token.issuer", "the name of who signs tokens"),
        root_certificates: layers.path("auth.token.rootcertbundle"),
        keys: layers.path("auth.token.jwks"),
        algorithms: algorithms(layers),
        redirect_path: redirects.then_some(path),
    };
    if settings.root_certificates.is_none() && settings.keys.is_none() {
        let allowed =
            "the path of a PEM file of certificates, here or as auth.token.jwks that of a JWK set";
        missing(layers, "auth.token.rootcertbundle", allowed);
    }
    settings
}

/// Those that are named, or all.
fn algorithms(layers: &mut Layers) -> Vec<String> {
    let mut algorithms = Vec::new();
    for (path, text) in layers.texts("auth.token.signingalgorithms") {
        match token::ALGORITHMS.contains(&text.as_str()) {
            true => algorithms.push(text),
            false => {
                let known = token::ALGORITHMS.join(", ");
                layers.wrong(&path, &format!("one of {known}"));
            }
        }
    }
    match algorithms.is_empty() {
        true => token::ALGORITHMS.map(str::to_owned).to_vec(),
        false => algorithms,
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
            || matches!(layers.value("http.addr"), Some(Node::Text(addr)) if is_loopback(addr))
    };
    if !is_https(layers) {
        let message = "passwords and tokens will come over plain HTTP, for anyone on the way to read; set http.tls, or \
                       http.host to the https:// address of the proxy in front";
        layers.notice(Severity::Warning, &steps("auth"), message);
    }
}

/// Whether an address to listen on can be reached from this machine alone.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip: Option<IpAddr> = host.parse().ok();
    host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.is_loopback())
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
        Scheme::Token(settings) => map([("token", render_token(settings))]),
    }
}

fn render_token(settings: &token::TokenOptions) -> Value {
    let path = |path: &Option<PathBuf>| match path {
        Some(path) => path.to_string_lossy().as_ref().into(),
        None => Value::Null,
    };
    let algorithms = settings.algorithms.iter().map(|name| name.as_str().into());
    let redirect = settings.redirect_path.as_deref();
    map([
        ("realm", settings.realm.as_str().into()),
        ("service", settings.service.as_str().into()),
        ("issuer", settings.issuer.as_str().into()),
        ("rootcertbundle", path(&settings.root_certificates)),
        ("jwks", path(&settings.keys)),
        ("signingalgorithms", Value::Sequence(algorithms.collect())),
        ("autoredirect", redirect.is_some().into()),
        ("autoredirectpath", redirect.unwrap_or(REDIRECT_PATH).into()),
    ])
}
