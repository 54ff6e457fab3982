//! Who is asked for a client certificate, and which are taken.
//!
//! Two of distribution's four modes take any certificate: the client only has to show that it holds
//! its key, which the handshake's signature does. The others ask `authorities`.

use super::authorities::Authorities;
use super::p521::ALGORITHMS;
use super::suites::ClientAuth;
use super::words;
use super::x509::Certificate;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved,
    SignatureScheme,
};
use std::fmt;
use std::sync::Arc;
use webpki::{EndEntityCert, RawPublicKeyEntity};

/// The verifier of a mode.
pub(super) fn verifier(mode: ClientAuth, authorities: Authorities) -> Arc<dyn ClientCertVerifier> {
    match mode {
        ClientAuth::None => WebPkiClientVerifier::no_client_auth(),
        mode => Arc::new(Clients {
            mode,
            names: authorities.names(),
            authorities,
        }),
    }
}

/// Takes certificates whose key the client holds, as the mode says.
struct Clients {
    mode: ClientAuth,
    authorities: Authorities,
    names: Vec<DistinguishedName>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "clients, {}", self.mode.name())
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        !self.mode.is_optional()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.names
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.mode.verifies() {
            self.authorities.verify(end_entity, intermediates, now)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match EndEntityCert::try_from(certificate) {
            Ok(_) => verify_tls12_signature(message, certificate, signed, &ALGORITHMS),
            Err(_) => verify_tls12_by_key(message, &key(certificate)?, signed),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match EndEntityCert::try_from(certificate) {
            Ok(_) => verify_tls13_signature(message, certificate, signed, &ALGORITHMS),
            Err(_) => verify_tls13_signature_with_raw_key(
                message,
                &key(certificate)?,
                signed,
                &ALGORITHMS,
            ),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }
}

/// The key of a certificate that webpki does not read, such as one of version 1.
fn key<'c>(certificate: &'c CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'c>, Error> {
    let read = Certificate::parse(certificate).ok_or(CertificateError::BadEncoding)?;
    Ok(SubjectPublicKeyInfoDer::from(read.public_key))
}

/// As rustls does it with the key of a certificate: what the scheme may stand for is tried in order, and
/// the first that is for this kind of key decides (RFC 5246 4.7).
fn verify_tls12_by_key(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let named = |(scheme, _): &&(SignatureScheme, _)| *scheme == signed.scheme;
    let (_, algorithms) = ALGORITHMS
        .mapping
        .iter()
        .find(named)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let key = RawPublicKeyEntity::try_from(key).map_err(|error| words::typed(&error))?;
    let mut problem = CertificateError::BadSignature;
    for algorithm in *algorithms {
        match key.verify_signature(*algorithm, message, signed.signature()) {
            Ok(()) => return Ok(HandshakeSignatureValid::assertion()),
            Err(error @ webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {
                problem = words::typed(&error);
            }
            Err(error) => return Err(words::typed(&error).into()),
        }
    }
    Err(problem.into())
}
