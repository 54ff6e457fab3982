//! The `auth` section: which authentication scheme is chosen, and what about it is dangerous or half.

use super::draft::Draft;
use super::layers::Layers;
use super::report::Severity;
use super::schema::SchemaNode;
use super::tree::{KeyPath, Node};
use crate::auth::Scheme;
use crate::auth::token;
use crate::http::Listen;
use std::net::IpAddr;
use std::path::PathBuf;

/// The scheme that is named, with empty parameters. Names that are unknown have been reported already.
pub fn scheme(layers: &mut Layers) -> Scheme {
    let path = KeyPath::from(["auth"]);
    let schemes = layers.keys(&path);
    let is_known = |scheme: &String| SchemaNode::root().at(&path.join(scheme)).is_some();
    if schemes.len() > 1 && schemes.iter().any(is_known) {
        let (count, names) = (schemes.len(), schemes.join(", "));
        let message =
            format!("found {count} authentication schemes ({names}); allowed: at most one");
        layers.error(&path, message);
        return Scheme::None;
    }
    let Some(scheme) = schemes.first() else {
        return Scheme::None;
    };
    if !matches!(layers.value(&path.join(scheme)), None | Some(Node::Map(_))) {
        // Reported by its form already.
        return Scheme::None;
    }
    let realm = String::new;
    match scheme.as_str() {
        "htpasswd" => Scheme::Htpasswd {
            realm: realm(),
            path: PathBuf::new(),
        },
        "silly" => Scheme::Silly {
            realm: realm(),
            service: String::new(),
        },
        "token" => Scheme::Token(token::Settings {
            realm: realm(),
            service: String::new(),
            issuer: String::new(),
            root_certificates: None,
            keys: None,
            algorithms: Vec::new(),
            redirect_path: None,
        }),
        _ => Scheme::None,
    }
}

/// Completes the scheme once its parameters have been read, and warns of what is dangerous and allowed.
pub fn check(layers: &mut Layers, draft: &mut Draft) {
    let is_safe = is_safe(draft);
    match &mut draft.config.auth {
        Scheme::None => return,
        Scheme::Htpasswd { .. } => {}
        Scheme::Silly { .. } => {
            let message = "accepts any credentials: it is for tests, and keeps nobody out";
            layers.notice(
                Severity::Warning,
                &KeyPath::from(["auth", "silly"]),
                message,
            );
        }
        Scheme::Token(token) => {
            let section = KeyPath::from(["auth", "token"]);
            if token.realm.is_empty() && !draft.redirects {
                layers.missing(&section.join("realm"), "the URL where clients fetch tokens");
            }
            let is_set = |key: &str| layers.value(&section.join(key)).is_some();
            if !is_set("rootcertbundle") && !is_set("jwks") {
                let allowed = "the path of a PEM file of certificates, or in auth.token.jwks that of a JWK set";
                layers.missing(&section.join("rootcertbundle"), allowed);
            }
            if token.algorithms.is_empty() {
                token.algorithms = token::ALGORITHMS.map(str::to_owned).to_vec();
            }
            token.redirect_path = draft.redirects.then(|| draft.redirect_path.clone());
        }
    }
    if !is_safe {
        let message = "credentials will travel over plain HTTP and can be read in transit; set http.tls, or \
                       http.host to the https:// address of the proxy in front";
        layers.notice(Severity::Warning, &KeyPath::from(["auth"]), message);
    }
}

/// Whether nobody between a client and this registry, or a proxy in front of it, can read passwords.
fn is_safe(draft: &Draft) -> bool {
    let is_local = match &draft.config.http.listen {
        Listen::Unix(_) => true,
        Listen::Tcp(address) => is_loopback(address),
    };
    let host = draft.host.as_deref().unwrap_or_default();
    is_local || draft.config.http.tls.is_some() || host.starts_with("https://")
}

/// Whether an address to listen on can only be reached from this machine.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip: Option<IpAddr> = host.parse().ok();
    host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.is_loopback())
}
