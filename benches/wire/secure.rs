//! TLS for the load program: a handshake and requests as any client makes them, but long bodies are
//! thrown away as they came, encrypted, so that what is timed is the server's work and not ours.

use super::Outcome;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

/// Where to connect.
#[derive(Clone)]
pub struct Server {
    /// `HOST:PORT`.
    pub address: String,
    /// The header line that logs in, with its CRLF, or nothing.
    pub authorization: String,
    /// Whether bodies are copied to this process, as a client must that wants them.
    pub copies: bool,
    tls: Option<Arc<ClientConfig>>,
}

impl Server {
    /// Takes `HOST:PORT` or `USER:PASSWORD@HOST:PORT`, for TLS the PEM file that is trusted, and whether a later connection may resume
    /// the session of an earlier one. TLS is 1.3 with AES-256-GCM, so that two servers are measured on the same work.
    pub fn new(address: &str, trusted: Option<&Path>, resumes: bool) -> Outcome<Server> {
        let tls = trusted.map(|path| client(path, resumes)).transpose()?;
        let (credentials, address) = match address.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, address),
        };
        let line = |text| format!("Authorization: Basic {}\r\n", STANDARD.encode(text));
        Ok(Server {
            address: address.to_owned(),
            authorization: credentials.map(line).unwrap_or_default(),
            copies: false,
            tls,
        })
    }

    /// Speaks over a connected socket as this server wants it.
    pub fn speak(&self, stream: TcpStream) -> Outcome<Stream> {
        let Some(config) = &self.tls else {
            return Ok(Stream::Plain(stream));
        };
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        let name = ServerName::try_from(host.to_owned())?;
        let connection = ClientConnection::new(Arc::clone(config), name)?;
        let stream = StreamOwned::new(connection, stream);
        Ok(Stream::Secure(Box::new(stream)))
    }
}

fn client(trusted: &Path, resumes: bool) -> Outcome<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(trusted)? {
        roots.add(certificate?)?;
    }
    let provider = CryptoProvider {
        cipher_suites: vec![cipher_suite::TLS13_AES_256_GCM_SHA384],
        ..default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !resumes {
        config.resumption = Resumption::disabled();
    }
    Ok(Arc::new(config))
}

/// A connection of either kind.
pub enum Stream {
    /// Plain HTTP.
    Plain(TcpStream),
    /// HTTP over TLS.
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// The socket below.
    pub fn socket(&mut self) -> &mut TcpStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Secure(stream) => &mut stream.sock,
        }
    }

    /// Whether it is encrypted.
    pub fn is_secure(&self) -> bool {
        matches!(self, Stream::Secure(_))
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(into),
            Stream::Secure(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Stream::Plain(stream) => stream.write(bytes),
            Stream::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Stream::Plain(stream) => stream.flush(),
            Stream::Secure(stream) => stream.flush(),
        }
    }
}
