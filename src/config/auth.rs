//! The `auth` section: which authentication scheme is chosen, and what about it is dangerous or half.

use super::draft::{Draft, TokenDraft};
use crate::auth::{Scheme, token};
use crate::http::Listen;
use crate::settings::layers::Layers;
use crate::settings::report::Severity;
use crate::yaml::{KeyPath, Node};
use std::net::IpAddr;

/// Makes a place for the parameters of the scheme that is named. Names that are unknown have been reported
/// already.
pub fn choose(layers: &mut Layers, draft: &mut Draft) {
    let path = KeyPath::from(["auth"]);
    let schemes = layers.keys(&path);
    let is_known = |scheme: &String| layers.schema.root.at(&path.join(scheme)).is_some();
    if schemes.len() > 1 && schemes.iter().any(is_known) {
        let (count, names) = (schemes.len(), schemes.join(", "));
        let message =
            format!("found {count} authentication schemes ({names}); allowed: at most one");
        return layers.error(&path, message);
    }
    let Some(scheme) = schemes.first() else {
        return;
    };
    if !matches!(layers.value(&path.join(scheme)), None | Some(Node::Map(_))) {
        // Reported by its form already.
        return;
    }
    match scheme.as_str() {
        "htpasswd" => draft.htpasswd = Some(Default::default()),
        "silly" => draft.silly = Some(Default::default()),
        "token" => {
            let token = draft.token.insert(TokenDraft::default());
            token.settings.algorithms = all_algorithms();
        }
        _ => {}
    }
}

/// The scheme, once its parameters have been read; warns of what is dangerous and allowed.
pub fn finish(layers: &mut Layers, draft: &mut Draft) -> Scheme {
    let is_safe = is_safe(draft);
    let scheme = if let Some((realm, path)) = draft.htpasswd.take() {
        Scheme::Htpasswd { realm, path }
    } else if let Some((realm, service)) = draft.silly.take() {
        let message = "accepts any credentials: it is for tests, and keeps nobody out";
        layers.notice(
            Severity::Warning,
            &KeyPath::from(["auth", "silly"]),
            message,
        );
        Scheme::Silly { realm, service }
    } else if let Some(token) = draft.token.take() {
        Scheme::Token(token_settings(layers, token))
    } else {
        return Scheme::None;
    };
    if !is_safe {
        let message = "credentials will travel over plain HTTP and can be read in transit; set http.tls, or \
                       http.host to the https:// address of the proxy in front";
        layers.notice(Severity::Warning, &KeyPath::from(["auth"]), message);
    }
    scheme
}

fn token_settings(layers: &mut Layers, token: TokenDraft) -> token::TokenOptions {
    let section = KeyPath::from(["auth", "token"]);
    let mut settings = token.settings;
    if settings.realm.is_empty() && !token.redirects {
        layers.missing(&section.join("realm"), "the URL where clients fetch tokens");
    }
    let is_set = |key: &str| layers.value(&section.join(key)).is_some();
    if !is_set("rootcertbundle") && !is_set("jwks") {
        let allowed =
            "the path of a PEM file of certificates, or in auth.token.jwks that of a JWK set";
        layers.missing(&section.join("rootcertbundle"), allowed);
    }
    if settings.algorithms.is_empty() {
        settings.algorithms = all_algorithms();
    }
    settings.redirect_path = token.redirects.then_some(token.redirect_path);
    settings
}

fn all_algorithms() -> Vec<String> {
    token::ALGORITHMS.map(str::to_owned).to_vec()
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
