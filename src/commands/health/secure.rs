//! TLS for the client. ureq's own only trusts authorities, and the self-signed certificate that openssl makes for a
//! server (`CA:TRUE`) must be trusted itself.

use crate::http::tls::client_provider;
use crate::x509::CertificateSummary;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct};
use rustls::{Error as TlsError, RootCertStore, SignatureScheme, StreamOwned};
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

/// Whose certificate is accepted.
pub enum Trust {
    /// Anybody's.
    Everyone,
    /// One of these, and what one of them signed.
    These(Vec<CertificateDer<'static>>),
}

/// Wraps a connection in TLS where the URL asks for it.
pub struct SecureConnector {
    config: Arc<ClientConfig>,
}

impl fmt::Debug for SecureConnector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TLS")
    }
}

impl SecureConnector {
    /// For a server that is trusted so. The error says what this program lacks.
    pub fn new(trust: Trust) -> Result<SecureConnector, String> {
        let provider = Arc::new(client_provider());
        let verifier = ServerVerifier::new(trust, &provider)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(SecureConnector {
            config: Arc::new(config),
        })
    }
}

impl<In: Transport> Connector<In> for SecureConnector {
    type Out = Either<In, SecureTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| Error::BadUri(format!("`{host}` is not a host name")))?;
        let mut connection = ClientConnection::new(Arc::clone(&self.config), name)?;
        let mut socket =
            TransportAdapter::new(transport.boxed(), Arc::clone(&details.current_time));
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket)?;
        let (input, output) = (
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(SecureTransport {
            stream: StreamOwned::new(connection, socket),
            buffers: LazyBuffers::new(input, output),
        })))
    }
}

/// A connection over TLS.
pub struct SecureTransport {
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    buffers: LazyBuffers,
}

impl fmt::Debug for SecureTransport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TLS")
    }
}

impl Transport for SecureTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().split_at(amount).0;
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let count = match self.stream.read(self.buffers.input_append_buf()) {
            // Ended without close_notify: HTTP decides whether that was all.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            other => other?,
        };
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// One request is sent and the connection never used again.
    fn is_open(&mut self) -> bool {
        false
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Verifies the server's certificate.
struct ServerVerifier {
    trust: Trust,
    /// `None` when there is no authority.
    chains: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for ServerVerifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("verifier")
    }
}

impl ServerVerifier {
    fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Result<ServerVerifier, String> {
        let mut roots = RootCertStore::empty();
        if let Trust::These(certificates) = &trust {
            roots.add_parsable_certificates(certificates.iter().cloned());
        }
        let chains = match roots.is_empty() {
            true => None,
            false => {
                let provider = Arc::clone(provider);
                let builder =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
                let built = builder.build();
                Some(built.map_err(|error| {
                    format!("the trusted certificates of this machine cannot be used: {error}")
                })?)
            }
        };
        Ok(ServerVerifier {
            trust,
            chains,
            provider: Arc::clone(provider),
        })
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match (&self.trust, &self.chains) {
            (Trust::Everyone, _) => Ok(ServerCertVerified::assertion()),
            (Trust::These(known), _) if known.contains(server) => {
                let read = CertificateSummary::parse(server);
                read.ok_or(CertificateError::BadEncoding)?.check_time(now)?;
                verify_server_name(&ParsedCertificate::try_from(server)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            (_, Some(chains)) => chains.verify_server_cert(server, others, name, ocsp, now),
            (_, None) => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        match self.trust {
            Trust::Everyone => Ok(HandshakeSignatureValid::assertion()),
            Trust::These(_) => {
                let algorithms = &self.provider.signature_verification_algorithms;
                verify_tls12_signature(message, certificate, signed, algorithms)
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        match self.trust {
            Trust::Everyone => Ok(HandshakeSignatureValid::assertion()),
            Trust::These(_) => {
                let algorithms = &self.provider.signature_verification_algorithms;
                verify_tls13_signature(message, certificate, signed, algorithms)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
