//! TLS for the engine, by rustls with ring (RFC 8446, RFC 5246): the server's certificate and terms, and
//! how they are renewed while it serves.
//!
//! The files are looked at again by handshakes, at most once a second. When one has changed
//! everything is loaded anew; what is broken is logged once, and the old goes on. Connections that are
//! open keep what they began with.

mod clients;
mod files;
mod session;
mod suites;
pub mod x509;

pub use suites::{CipherSuite, ClientAuth, NoSuite, Version};

pub(super) use session::{NO_PLACE, Session};

use files::Stamp;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::SingleCertAndKey;
use rustls::{SupportedProtocolVersion, version};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

/// How often the files are looked at.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// What a server is told of TLS: distribution's `http.tls`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// A PEM file with the server's certificate and behind it those that lead to its root.
    pub certificate: PathBuf,
    /// A PEM file with its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
    /// PEM files with those who may sign for clients.
    pub client_cas: Vec<PathBuf>,
    /// How clients show certificates.
    pub client_auth: ClientAuth,
    /// The oldest version that is spoken.
    pub minimum: Version,
    /// The suites that are offered; empty for all. Of TLS 1.3 all are offered when none of them is
    /// named, as in distribution, where a list concerns TLS 1.2 only.
    pub cipher_suites: Vec<CipherSuite>,
}

/// The server's side of TLS, shared by its connections.
pub struct Tls {
    settings: Settings,
    current: RwLock<Arc<ServerConfig>>,
    looked: Mutex<Looked>,
}

/// What the files were when they were last looked at.
struct Looked {
    at: Instant,
    stamps: Vec<Stamp>,
}

impl Tls {
    /// Loads the files. The error names the file, its key in the configuration and what would be right;
    /// a certificate that is out of its time is logged as a warning.
    pub fn new(settings: Settings) -> Result<Tls, String> {
        let looked = Looked {
            at: Instant::now(),
            stamps: settings.stamps(),
        };
        let (config, warnings) = settings.load()?;
        warnings.iter().for_each(|warning| log::warn!("{warning}"));
        Ok(Tls {
            settings,
            current: RwLock::new(config),
            looked: Mutex::new(looked),
        })
    }

    /// The terms for a new connection, after a look at the files when it is time for one.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        // One looks, the others go on with what there is: a slow disk stalls one handshake.
        match self.looked.try_lock() {
            Ok(mut looked) => self.look(&mut looked),
            Err(TryLockError::Poisoned(poisoned)) => self.look(&mut poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    fn look(&self, looked: &mut Looked) {
        if looked.at.elapsed() < LOOK_PAUSE {
            return;
        }
        looked.at = Instant::now();
        let stamps = self.settings.stamps();
        if stamps == looked.stamps {
            return;
        }
        // Before the files are read: a change in the meantime is seen at the next look.
        looked.stamps = stamps;
        match self.settings.load() {
            Ok((config, warnings)) => {
                let path = self.settings.certificate.display();
                log::info!("the certificate in {path} has been read again");
                warnings.iter().for_each(|warning| log::warn!("{warning}"));
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = config;
            }
            Err(message) => {
                log::error!(
                    "the files of TLS have changed, the old certificate is kept: {message}"
                );
            }
        }
    }
}

impl Settings {
    fn stamps(&self) -> Vec<Stamp> {
        let own = [&self.certificate, &self.key];
        let all = own.into_iter().chain(&self.client_cas);
        all.map(|path| Stamp::of(path)).collect()
    }

    /// Reads everything; gives the terms and what is to be warned of.
    fn load(&self) -> Result<(Arc<ServerConfig>, Vec<String>), String> {
        let provider = Arc::new(self.provider());
        let (identity, warnings) = files::identity(&self.certificate, &self.key, &provider)?;
        let roots = files::authorities(&self.client_cas)?;
        let verifier = clients::verifier(self.client_auth, roots, &provider)
            .map_err(|error| format!("{}: {error}", files::CLIENT_CAS))?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions(&provider))
            .map_err(|error| format!("http.tls: these settings leave nothing to offer: {error}"))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Sessions are resumed by tickets that the clients keep, under a key that changes; those given
        // under other files are worth nothing any more.
        config.ticketer = ring::Ticketer::new().map_err(|error| format!("http.tls: {error}"))?;
        config.send_tls13_tickets = 1;
        Ok((Arc::new(config), warnings))
    }

    /// ring, with the suites that are asked for.
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

    /// The versions that are wanted and have a suite.
    fn versions(&self, provider: &CryptoProvider) -> Vec<&'static SupportedProtocolVersion> {
        let wanted: &[&'static SupportedProtocolVersion] = match self.minimum {
            Version::Tls12 => &[&version::TLS13, &version::TLS12],
            Version::Tls13 => &[&version::TLS13],
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
        let table: [(Version, &[&str], usize, usize); 6] = [
            (Version::Tls12, &[], 9, 2),
            (Version::Tls13, &[], 9, 1),
            (
                Version::Tls12,
                &["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
                4,
                2,
            ),
            (Version::Tls12, &["TLS_AES_128_GCM_SHA256"], 1, 1),
            (
                Version::Tls13,
                &["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
                4,
                1,
            ),
            (
                Version::Tls12,
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
            let settings = Settings {
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
