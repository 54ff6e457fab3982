//! Whether clients are asked for a certificate, and which are accepted.
//!
//! Two of distribution's four modes accept any certificate: the client only has to prove that it has
//! its key, which the signature in the handshake does. The others ask `authorities`.

use super::authorities::Authorities;
use super::explain::to_certificate_error;
use super::p521::ALGORITHMS;
use super::suites::ClientAuth;
use crate::x509::CertificateSummary;
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
        mode => Arc::new(ClientVerifier {
            mode,
            names: authorities.names(),
            authorities,
        }),
    }
}

/// Accepts certificates whose key the client has, as the mode says.
struct ClientVerifier {
    mode: ClientAuth,
    authorities: Authorities,
    names: Vec<DistinguishedName>,
}

impl fmt::Debug for ClientVerifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ClientVerifier({})", self.mode.name())
    }
}

impl ClientCertVerifier for ClientVerifier {
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

/// The key of a certificate that webpki does not parse, such as one of version 1.
fn key<'c>(certificate: &'c CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'c>, Error> {
    let read = CertificateSummary::parse(certificate).ok_or(CertificateError::BadEncoding)?;
    Ok(SubjectPublicKeyInfoDer::from(read.public_key))
}

/// As rustls does it with the key of a certificate: the algorithms of the scheme are tried in order, and
/// the first for this kind of key decides (RFC 5246 4.7).
fn verify_tls12_by_key(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let is_it = |(scheme, _): &&(SignatureScheme, _)| *scheme == signed.scheme;
    let (_, algorithms) = ALGORITHMS
        .mapping
        .iter()
        .find(is_it)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let key = RawPublicKeyEntity::try_from(key).map_err(|error| to_certificate_error(&error))?;
    let mut problem = CertificateError::BadSignature;
    for algorithm in *algorithms {
        match key.verify_signature(*algorithm, message, signed.signature()) {
            Ok(()) => return Ok(HandshakeSignatureValid::assertion()),
            Err(error @ webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {
                problem = to_certificate_error(&error);
            }
            Err(error) => return Err(to_certificate_error(&error).into()),
        }
    }
    Err(problem.into())
}
