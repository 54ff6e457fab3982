//! `http.tls.clientcas`: whose certificates are taken, judged as Go does for distribution.
//!
//! A client is let in with a certificate that is itself in the list, or with one that somebody in the
//! list has signed, through others or not. Chains are the work of webpki, which takes no client's
//! certificate of version 1 and none that says it is an authority's: those are taken here when somebody in
//! the list signed them directly. Whoever is not in the list as an authority signs for nobody.

use super::details::{ANY_USAGE, CLIENT_AUTH, Details, bits};
use super::p521::ALGORITHMS;
use crate::der::{BIT_STRING, Reader, SEQUENCE};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, DistinguishedName};
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, VerifiedPath,
};

/// The certificates of the list.
pub(super) struct Authorities {
    known: Vec<Known>,
    /// Of those that may sign, by the index of `signers`.
    anchors: Vec<TrustAnchor<'static>>,
    signers: Vec<Known>,
}

/// One certificate, whose bytes can be read.
type Known = CertificateDer<'static>;

impl Authorities {
    /// Takes the certificates. The error says of one that it cannot be used.
    pub(super) fn new(certificates: Vec<Known>) -> Result<Authorities, String> {
        let (mut anchors, mut signers) = (Vec::new(), Vec::new());
        for certificate in &certificates {
            let details = Details::parse(certificate).ok_or("it cannot be read as X.509")?;
            if details.may_sign() {
                let anchor = webpki::anchor_from_trusted_cert(certificate);
                let anchor = anchor.map_err(|error| super::words::of_webpki(&error))?;
                anchors.push(anchor.to_owned());
                signers.push(certificate.clone());
            }
        }
        Ok(Authorities {
            known: certificates,
            anchors,
            signers,
        })
    }

    /// Their names, by which clients choose what to show.
    pub(super) fn names(&self) -> Vec<DistinguishedName> {
        let name = |known: &Known| {
            let details = Details::parse(known)?;
            Some(DistinguishedName::in_sequence(details.subject.content))
        };
        self.known.iter().filter_map(name).collect()
    }

    /// Judges the certificate of a client.
    pub(super) fn verify(
        &self,
        client: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let details = Details::parse(client).ok_or(CertificateError::BadEncoding)?;
        if self.known.iter().any(|known| **known == **client) {
            return judge(&details, now);
        }
        if details.version < 3 || details.extensions.is_authority == Some(true) {
            judge(&details, now)?;
            return self.verify_direct(&details, now);
        }
        self.verify_chain(client, others, now)
    }

    /// Whether one who may sign did so, with nobody in between.
    fn verify_direct(&self, client: &Details<'_>, now: UnixTime) -> Result<(), CertificateError> {
        let mut problem = CertificateError::UnknownIssuer;
        for (signer, anchor) in self.signers.iter().zip(&self.anchors) {
            let Some(signer) = Details::parse(signer) else {
                continue;
            };
            // Names that are allowed are compared by webpki alone.
            if signer.subject.whole != client.issuer.whole || anchor.name_constraints.is_some() {
                continue;
            }
            let judged = judge(&signer, now).and_then(|()| {
                match is_signed(client, signer.certificate.public_key) {
                    true => Ok(()),
                    false => Err(CertificateError::BadSignature),
                }
            });
            match judged {
                Ok(()) => return Ok(()),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    /// Looks for a chain to one who may sign.
    fn verify_chain(
        &self,
        client: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        // Also of who signed: webpki looks at neither its time, nor its use, nor the length that it allows.
        let judge_end = |path: &VerifiedPath<'_>| {
            let is_end = |anchor: &TrustAnchor<'_>| std::ptr::eq(anchor, path.anchor());
            let end = self.anchors.iter().position(is_end);
            let end = end.and_then(|index| self.signers.get(index));
            let end = end.and_then(|signer| Details::parse(signer));
            let end = end.ok_or(webpki::Error::UnknownIssuer)?;
            judge(&end, now).map_err(|_| webpki::Error::UnknownIssuer)?;
            let between = path.intermediate_certificates().count();
            match end.extensions.path_length {
                Some(length) if between > length => Err(webpki::Error::PathLenConstraintViolated),
                _ => Ok(()),
            }
        };
        let client =
            EndEntityCert::try_from(client).map_err(|error| super::words::typed(&error))?;
        let judged = client.verify_for_usage(
            ALGORITHMS.all,
            &self.anchors,
            others,
            now,
            ForClients,
            None,
            Some(&judge_end),
        );
        judged
            .map(drop)
            .map_err(|error| super::words::typed(&error))
    }
}

/// Whether a certificate is good by itself for clients at this time.
fn judge(details: &Details<'_>, now: UnixTime) -> Result<(), CertificateError> {
    details.certificate.check_time(now)?;
    if details.extensions.has_unknown_critical {
        return Err(CertificateError::UnhandledCriticalExtension);
    }
    match details.is_for_clients() {
        true => Ok(()),
        false => Err(CertificateError::InvalidPurpose),
    }
}

/// Whether the signature on a certificate is that of a key, given as SubjectPublicKeyInfo.
fn is_signed(certificate: &Details<'_>, key: &[u8]) -> bool {
    let key = Reader::new(key).sequence().and_then(|mut info| {
        let algorithm = info.element(SEQUENCE)?.content;
        Some((algorithm, bits(&info.element(BIT_STRING)?)?))
    });
    let Some((kind, key)) = key else {
        return false;
    };
    ALGORITHMS.all.iter().any(|algorithm| {
        algorithm.public_key_alg_id().as_ref() == kind
            && algorithm.signature_alg_id().as_ref() == certificate.algorithm
            && algorithm
                .verify_signature(key, certificate.signed, certificate.signature)
                .is_ok()
    })
}

/// Certificates that may be used for clients: they say so, or say nothing of their use.
struct ForClients;

impl ExtendedKeyUsageValidator for ForClients {
    fn validate(&self, uses: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let wanted = [CLIENT_AUTH, ANY_USAGE].map(|oid| KeyPurposeId::new(oid).to_decoded_oid());
        let mut present = Vec::new();
        for found in uses {
            present.push(found?.to_decoded_oid());
        }
        match present.is_empty() || present.iter().any(|found| wanted.contains(found)) {
            true => Ok(()),
            false => Err(webpki::Error::RequiredEkuNotFoundContext(
                RequiredEkuNotFoundContext {
                    required: KeyUsage::client_auth(),
                    present,
                },
            )),
        }
    }
}

#[cfg(test)]
mod tests;
