//! TLS for tests: certificates as `registry certificate` makes them and as openssl does, and a client
//! of which every term is known.

use super::raw::Raw;
use registry::commands::certificate::{self, CertificateOptions};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A test that waits longer than this for a byte has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate and its key.
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Identity {
    /// For `localhost` and 127.0.0.1, in a directory of its own below `directory`.
    pub fn new(directory: &Path, name: &str) -> Identity {
        let directory = directory.join(name);
        let options = CertificateOptions {
            host: vec!["localhost".parse().unwrap()],
            ip: vec!["127.0.0.1".parse().unwrap()],
            days: 30,
            out: directory.clone(),
        };
        certificate::execute(options, &mut Vec::new()).unwrap();
        Identity {
            certificate: directory.join("localhost.crt"),
            key: directory.join("localhost.key"),
        }
    }

    /// The first certificate.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.certificate).unwrap()
    }

    /// The lines of a configuration that serve as it.
    pub fn section(&self) -> String {
        format!(
            "tls: {{certificate: '{}', key: '{}'}}",
            self.certificate.display(),
            self.key.display()
        )
    }
}

/// A connection over TLS.
pub type Secure = Raw<StreamOwned<ClientConnection, TcpStream>>;

/// The terms of a client.
pub struct Client {
    pub config: ClientConfig,
}

impl Client {
    /// Trusts these servers and has no certificate.
    pub fn new(trusted: &[&Identity]) -> Client {
        Client::with(trusted, None)
    }

    /// Trusts these servers; shows a certificate when asked.
    pub fn with(trusted: &[&Identity], own: Option<&Identity>) -> Client {
        let mut roots = RootCertStore::empty();
        for identity in trusted {
            roots.add(identity.der()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key_provider = provider.key_provider;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_webpki_verifier(verifier.build().unwrap());
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::from_pem_file(&own.key).unwrap();
                let key = key_provider.load_private_key(key).unwrap();
                let chain = CertificateDer::pem_file_iter(&own.certificate).unwrap();
                let chain = chain.map(Result::unwrap).collect();
                // Whether they belong together is for the server to find out.
                let both = SingleCertAndKey::from(CertifiedKey::new(chain, key));
                builder.with_client_cert_resolver(Arc::new(both))
            }
        };
        Client { config }
    }

    /// Connects; the handshake is made by the first bytes that are sent or read.
    pub fn connect(&self, address: SocketAddr) -> Secure {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::from(address.ip());
        let config = Arc::new(self.config.clone());
        let connection = ClientConnection::new(config, name).unwrap();
        Raw::new(StreamOwned::new(connection, stream))
    }
}

/// Runs openssl with words that spaces divide, in a directory. `None`, said aloud, where there is none.
#[track_caller]
pub fn openssl(directory: &Path, words: &str) -> Option<String> {
    openssl_with(directory, &words.split(' ').collect::<Vec<_>>())
}

/// As [`openssl`], with words that may have spaces.
#[track_caller]
pub fn openssl_with(directory: &Path, words: &[&str]) -> Option<String> {
    let mut command = Command::new("openssl");
    let output = match command.args(words).current_dir(directory).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: openssl is not on this machine: {error}");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {words:?}: {said}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
