//! TLS for the engine, by rustls with ring (RFC 8446, RFC 5246): the server's certificate and settings, and
//! how they are renewed while it serves.
//!
//! Handshakes check the files for changes. When one has changed everything is loaded anew; what is
//! broken is logged once, and the old certificate stays in use. Open connections keep what they started with.

mod authorities;
mod clients;
mod error;
pub mod explain;
mod files;
mod p521;
mod session;
mod suites;

pub use error::TlsConfigError;
pub use suites::{CipherSuite, CipherSuiteError, ClientAuth, TlsVersion};

pub(in crate::http) use session::{
    BULK_MEMORY_BYTES, SEND_BYTES, TOO_MANY_CONNECTIONS_ALERT, TlsSession,
};

use crate::watched::{FileContent, Watched, WatchedFiles};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::SingleCertAndKey;
use rustls::{SupportedProtocolVersion, version};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The cryptography of TLS clients in this program: ring, and signatures on P-521.
pub fn client_provider() -> CryptoProvider {
    CryptoProvider {
        signature_verification_algorithms: *p521::ALGORITHMS,
        ..ring::default_provider()
    }
}

/// Why a handshake failed, as a sentence.
pub(in crate::http) fn handshake_error(error: &io::Error) -> String {
    let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    of_tls.map_or_else(|| error.to_string(), explain::tls_error)
}

/// The settings of a TLS server: distribution's `http.tls`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsSettings {
    /// A PEM file with the server's certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// A PEM file with its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
    /// PEM files with the authorities that may sign client certificates.
    pub client_cas: Vec<PathBuf>,
    /// How clients present certificates.
    pub client_auth: ClientAuth,
    /// The minimum version.
    pub minimum: TlsVersion,
    /// The suites that are offered; empty for all. Of TLS 1.3 all are offered when none of them is
    /// named, as in distribution, where a list concerns TLS 1.2 only.
    pub cipher_suites: Vec<CipherSuite>,
}

/// The server's side of TLS, shared by its connections.
pub struct Tls {
    config: Watched<ServerConfig, TlsConfigError>,
}

impl Tls {
    /// Loads the files. The error names the file, its key in the configuration and what is expected;
    /// a certificate outside its validity period is logged as a warning. They are looked at again after `check_pause`.
    pub fn new(settings: TlsSettings, check_pause: Duration) -> Result<Tls, TlsConfigError> {
        let files = settings.watched_files();
        let config = Watched::open(files, check_pause, move |files| settings.load(files))?;
        Ok(Tls { config })
    }

    /// The configuration for a new connection, after a check of the files when one is due.
    pub(in crate::http) fn config(&self) -> Arc<ServerConfig> {
        self.config.current()
    }
}

impl TlsSettings {
    /// The certificate, the key, and the authorities for clients.
    fn watched_files(&self) -> WatchedFiles {
        let own = [&self.certificate, &self.key];
        WatchedFiles {
            paths: own.into_iter().chain(&self.client_cas).cloned().collect(),
            bytes_max: files::FILE_BYTES_MAX,
            subject: format!("the certificate in {}", self.certificate.display()),
            otherwise: "keeping the old certificate",
        }
    }

    /// Makes a configuration from the files of [`TlsSettings::watched_files`]; logs warnings.
    fn load(&self, files: &[FileContent]) -> Result<ServerConfig, TlsConfigError> {
        let [certificate, key, authorities @ ..] = files else {
            return Err(TlsConfigError::from_file(
                files::CERTIFICATE,
                &self.certificate,
                "has no private key",
            ));
        };
        let provider = Arc::new(self.provider());
        let (identity, warning) = files::identity(certificate, key, &provider)?;
        let verifier = clients::verifier(self.client_auth, files::authorities(authorities)?);
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions(&provider))
            .map_err(TlsConfigError::Rustls)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Sessions are resumed by tickets that the clients keep, under a key that changes; those issued
        // with other files are no longer accepted.
        config.ticketer = ring::Ticketer::new().map_err(TlsConfigError::Rustls)?;
        config.send_tls13_tickets = 1;
        if let Some(warning) = warning {
            log::warn!("{warning}");
        }
        Ok(config)
    }

    /// ring, with the suites that are configured.
    fn provider(&self) -> CryptoProvider {
        let named = |name: &str| self.cipher_suites.iter().any(|suite| suite.name() == name);
        let new = |name: &str| !name.starts_with("TLS_ECDHE_");
        let any_new = self.cipher_suites.iter().any(|suite| new(suite.name()));
        let offered = suites::SUITES.iter().filter(|(name, _)| {
            self.cipher_suites.is_empty() || named(name) || (new(name) && !any_new)
        });
        CryptoProvider {
            cipher_suites: offered.map(|(_, suite)| *suite).collect(),
            ..ring::default_provider()
        }
    }

    /// The versions that are enabled and have a suite.
    fn versions(&self, provider: &CryptoProvider) -> Vec<&'static SupportedProtocolVersion> {
        let wanted: &[&'static SupportedProtocolVersion] = match self.minimum {
            TlsVersion::Tls12 => &[&version::TLS13, &version::TLS12],
            TlsVersion::Tls13 => &[&version::TLS13],
        };
        let has_suite = |wanted: &&&'static SupportedProtocolVersion| {
            let mut suites = provider.cipher_suites.iter();
            suites.any(|suite| suite.version() == **wanted)
        };
        wanted.iter().filter(has_suite).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_and_versions_follow_the_settings() {
        let table: [(TlsVersion, &[&str], usize, usize); 6] = [
            (TlsVersion::Tls12, &[], 9, 2),
            (TlsVersion::Tls13, &[], 9, 1),
            (
                TlsVersion::Tls12,
                &["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
                4,
                2,
            ),
            (TlsVersion::Tls12, &["TLS_AES_128_GCM_SHA256"], 1, 1),
            (
                TlsVersion::Tls13,
                &["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
                4,
                1,
            ),
            (
                TlsVersion::Tls12,
                &[
                    "TLS_AES_128_GCM_SHA256",
                    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                ],
                2,
                2,
            ),
        ];
        for (minimum, names, suites, versions) in table {
            let parse = |name: &&str| CipherSuite::parse(name).unwrap();
            let settings = TlsSettings {
                certificate: PathBuf::new(),
                key: PathBuf::new(),
                client_cas: Vec::new(),
                client_auth: ClientAuth::None,
                minimum,
                cipher_suites: names.iter().map(parse).collect(),
            };
            let provider = settings.provider();
            let found = (
                provider.cipher_suites.len(),
                settings.versions(&provider).len(),
            );
            assert_eq!(found, (suites, versions), "{minimum:?} {names:?}");
        }
    }
}
