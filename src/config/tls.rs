//! The `http.tls` section: the certificate, who else must show one, and what is spoken.
//!
//! Whoever wrote any of its keys wants TLS, so a section without a certificate is a mistake here;
//! distribution serves plain HTTP then.

use super::layers::Layers;
use super::values::steps;
use crate::http::tls::{CipherSuite, CipherSuiteError, ClientAuth, TlsSettings, TlsVersion};

const CERTIFICATE: &str = "http.tls.certificate";
const KEY: &str = "http.tls.key";
const CLIENT_AUTH: &str = "http.tls.clientauth";

/// Reads the section; `None` when nothing in it is set.
pub fn tls(layers: &mut Layers) -> Option<TlsSettings> {
    let certificate = layers.path(CERTIFICATE);
    let key = layers.path(KEY);
    let client_cas = layers.texts("http.tls.clientcas");
    let cipher_suites = cipher_suites(layers);
    let minimum = minimum(layers);
    let client_auth = layers.choice(CLIENT_AUTH);
    let any = certificate.is_some()
        || key.is_some()
        || minimum.is_some()
        || client_auth.is_some()
        || !(client_cas.is_empty() && cipher_suites.is_empty());
    if !any {
        return None;
    }
    for (missing, name, what) in [
        (
            certificate.is_none(),
            CERTIFICATE,
            "the server's certificate",
        ),
        (
            key.is_none(),
            KEY,
            "the private key of http.tls.certificate",
        ),
    ] {
        if missing && layers.text(name).is_none() {
            let message = format!("found nothing; allowed: the path of a PEM file with {what}");
            layers.mistake(&steps(name), message);
        }
    }
    let client_auth = mode(client_auth, !client_cas.is_empty());
    if client_auth.verifies() && client_cas.is_empty() {
        let message = format!(
            "found `{}` without http.tls.clientcas; allowed: http.tls.clientcas with the files of \
             those who may sign for clients",
            client_auth.name()
        );
        layers.mistake(&steps(CLIENT_AUTH), message);
    }
    Some(TlsSettings {
        certificate: certificate.unwrap_or_default(),
        key: key.unwrap_or_default(),
        client_cas: client_cas
            .iter()
            .filter_map(|(key, _)| layers.path(key))
            .collect(),
        client_auth,
        minimum: minimum.unwrap_or(TlsVersion::Tls12),
        cipher_suites,
    })
}

/// Those who may sign are named so that clients must show what they signed, unless it is said
/// otherwise.
fn mode(named: Option<&str>, any_authority: bool) -> ClientAuth {
    let modes = [
        ClientAuth::Request,
        ClientAuth::RequireAny,
        ClientAuth::VerifyIfGiven,
        ClientAuth::RequireAndVerify,
    ];
    match modes.into_iter().find(|mode| Some(mode.name()) == named) {
        Some(mode) => mode,
        None if any_authority => ClientAuth::RequireAndVerify,
        None => ClientAuth::None,
    }
}

fn minimum(layers: &mut Layers) -> Option<TlsVersion> {
    const NAME: &str = "http.tls.minimumtls";
    let text = layers.text(NAME)?;
    let versions = [TlsVersion::Tls12, TlsVersion::Tls13];
    let found = versions
        .into_iter()
        .find(|version| version.name().eq_ignore_ascii_case(&text));
    if found.is_none() {
        let old = ["tls1.0", "tls1.1"].contains(&text.to_lowercase().as_str());
        let why = match old {
            true => " (TLS 1.0 and 1.1 are broken and not supported)",
            false => "",
        };
        layers.wrong(NAME, &format!("one of tls1.2, tls1.3{why}"));
    }
    found
}

fn cipher_suites(layers: &mut Layers) -> Vec<CipherSuite> {
    let mut suites = Vec::new();
    for (path, name) in layers.texts("http.tls.ciphersuites") {
        let why = match CipherSuite::parse(&name) {
            Ok(suite) => {
                suites.push(suite);
                continue;
            }
            Err(CipherSuiteError::Weak) => " (this one is too weak and not supported)",
            Err(CipherSuiteError::Unknown) => "",
        };
        let names: Vec<&str> = CipherSuite::names().collect();
        layers.wrong(&path, &format!("one of {}{why}", names.join(", ")));
    }
    suites
}
