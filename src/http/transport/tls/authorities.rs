//! `http.tls.clientcas`: which client certificates are accepted, judged as Go does for distribution.
//!
//! A client is accepted with a certificate that is itself in the list, or with one that a certificate in the
//! list has signed, directly or through others. Chains are verified by webpki, which accepts no client
//! certificate of version 1 and no CA certificate: those are accepted here when one in the list
//! signed them directly. A certificate in the list that is not a CA's signs for nobody.

use super::explain::to_certificate_error;
use super::p521::ALGORITHMS;
use crate::x509::{ANY_EXTENDED_KEY_USAGE, CLIENT_AUTH, CertificateDetails, PublicKeyInfo};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, DistinguishedName};
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, VerifiedPath,
};

/// The certificates of the list.
pub(super) struct Authorities {
    known: Vec<TrustedCertificate>,
    /// Of those that may sign, in the order of `signers`.
    anchors: Vec<TrustAnchor<'static>>,
    signers: Vec<TrustedCertificate>,
}

/// One certificate that can be parsed.
type TrustedCertificate = CertificateDer<'static>;

impl Authorities {
    /// Reads the certificates. The error is about one that cannot be used.
    pub(super) fn new(certificates: Vec<TrustedCertificate>) -> Result<Authorities, webpki::Error> {
        let (mut anchors, mut signers) = (Vec::new(), Vec::new());
        for certificate in &certificates {
            let details = CertificateDetails::parse(certificate).ok_or(webpki::Error::BadDer)?;
            if details.may_sign() {
                let anchor = webpki::anchor_from_trusted_cert(certificate)?;
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

    /// Their names, by which clients choose what to present.
    pub(super) fn names(&self) -> Vec<DistinguishedName> {
        let name = |known: &TrustedCertificate| {
            let details = CertificateDetails::parse(known)?;
            Some(DistinguishedName::from(details.subject.to_vec()))
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
        let details = CertificateDetails::parse(client).ok_or(CertificateError::BadEncoding)?;
        if self.known.iter().any(|known| **known == **client) {
            return judge(&details, now);
        }
        if details.version < 3 || details.extensions.is_authority == Some(true) {
            judge(&details, now)?;
            return self.verify_direct(&details, now);
        }
        self.verify_chain(client, others, now)
    }

    /// Whether one that may sign signed it directly.
    fn verify_direct(
        &self,
        client: &CertificateDetails<'_>,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let mut problem = CertificateError::UnknownIssuer;
        for (signer, anchor) in self.signers.iter().zip(&self.anchors) {
            let Some(signer) = CertificateDetails::parse(signer) else {
                continue;
            };
            // Only webpki compares names with constraints.
            if signer.subject != client.issuer || anchor.name_constraints.is_some() {
                continue;
            }
            let judged = judge(&signer, now).and_then(|()| {
                match is_signed(client, signer.summary.public_key) {
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

    /// Looks for a chain to one that may sign.
    fn verify_chain(
        &self,
        client: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        // The signer too: webpki checks neither its dates, nor its purpose, nor the chain length that it allows.
        let judge_end = |path: &VerifiedPath<'_>| {
            let is_end = |anchor: &TrustAnchor<'_>| std::ptr::eq(anchor, path.anchor());
            let end = self.anchors.iter().position(is_end);
            let end = end.and_then(|index| self.signers.get(index));
            let end = end.and_then(|signer| CertificateDetails::parse(signer));
            let end = end.ok_or(webpki::Error::UnknownIssuer)?;
            judge(&end, now).map_err(|_| webpki::Error::UnknownIssuer)?;
            let between = path.intermediate_certificates().count();
            match end.extensions.path_length {
                Some(length) if between > length => Err(webpki::Error::PathLenConstraintViolated),
                _ => Ok(()),
            }
        };
        let client =
            EndEntityCert::try_from(client).map_err(|error| to_certificate_error(&error))?;
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
            .map_err(|error| to_certificate_error(&error))
    }
}

/// Whether a certificate by itself is valid for clients at this time.
fn judge(details: &CertificateDetails<'_>, now: UnixTime) -> Result<(), CertificateError> {
    details.summary.check_time(now)?;
    if details.extensions.has_unknown_critical {
        return Err(CertificateError::UnhandledCriticalExtension);
    }
    match details.is_for_clients() {
        true => Ok(()),
        false => Err(CertificateError::InvalidPurpose),
    }
}

/// Whether the signature on a certificate is that of a key, given as SubjectPublicKeyInfo.
fn is_signed(certificate: &CertificateDetails<'_>, key: &[u8]) -> bool {
    let Some(PublicKeyInfo {
        algorithm: kind,
        key,
    }) = PublicKeyInfo::parse(key)
    else {
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

/// Certificates that may be used for clients: they say so, or do not restrict their use.
struct ForClients;

impl ExtendedKeyUsageValidator for ForClients {
    fn validate(&self, uses: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let wanted = [CLIENT_AUTH, ANY_EXTENDED_KEY_USAGE]
            .map(|oid| KeyPurposeId::new(oid).to_decoded_oid());
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
