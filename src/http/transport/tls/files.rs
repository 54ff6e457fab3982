//! The files of the certificate, its key and the authorities for clients: parsed and checked against each
//! other. Every error names the file and its key in the configuration.

use super::authorities::Authorities;
use super::error::TlsConfigError;
use super::explain::webpki_error;
use crate::encoding;
use crate::time::format_rfc_3339;
use crate::watched::FileContent;
use crate::x509::CertificateSummary;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::io::ErrorKind;
use std::time::SystemTime;

/// The largest file that is read, in bytes; a bundle of all public authorities has 250,000.
pub(super) const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) const CERTIFICATE: &str = "http.tls.certificate";
pub(super) const KEY: &str = "http.tls.key";
pub(super) const CLIENT_CAS: &str = "http.tls.clientcas";

/// Checks that the chain and the key are valid and belong together. Returns them, and a warning if there is cause for one.
pub(super) fn identity(
    certificate: &FileContent,
    key: &FileContent,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, Option<TlsConfigError>), TlsConfigError> {
    let chain = certificates(CERTIFICATE, certificate)?;
    let first = chain.first().map(|first| CertificateSummary::parse(first));
    let Some(Some(facts)) = first else {
        let message = "its first certificate is not valid X.509";
        return Err(TlsConfigError::from_file(
            CERTIFICATE,
            &certificate.path,
            message,
        ));
    };
    let signing = provider
        .key_provider
        .load_private_key(private_key(key)?)
        .map_err(|_| TlsConfigError::from_file(KEY, &key.path, UNSUPPORTED_KEY))?;
    if let Some(public) = signing.public_key()
        && public.as_ref() != facts.public_key
    {
        let message = format!(
            "is not the key of the first certificate in {} ({CERTIFICATE}); a chain starts with the \
             server's own certificate",
            certificate.path.display()
        );
        return Err(TlsConfigError::from_file(KEY, &key.path, message));
    }
    let warning = validity(&facts, SystemTime::now())
        .map(|message| TlsConfigError::from_file(CERTIFICATE, &certificate.path, message));
    Ok((CertifiedKey::new(chain, signing), warning))
}

/// The authorities for client certificates.
pub(super) fn authorities(files: &[FileContent]) -> Result<Authorities, TlsConfigError> {
    let mut all = Vec::new();
    for file in files {
        let found = certificates(CLIENT_CAS, file)?;
        // Each by itself, to say which file it is in.
        Authorities::new(found.clone()).map_err(|error| {
            let message = format!(
                "contains a certificate that cannot be used: {}",
                webpki_error(&error)
            );
            TlsConfigError::from_file(CLIENT_CAS, &file.path, message)
        })?;
        all.extend(found);
    }
    Authorities::new(all).map_err(TlsConfigError::Authorities)
}

const UNSUPPORTED_KEY: &str = "has an unsupported type; supported: RSA with 2048 to 8192 \
    bits, ECDSA on P-256 and P-384, Ed25519";
const ENCRYPTED_KEY: &str = "is encrypted, and there is nobody to enter its password; remove the \
    password: openssl pkey -in KEY -out PLAIN_KEY";

/// The warning about a certificate that clients will reject.
fn validity(certificate: &CertificateSummary<'_>, now: SystemTime) -> Option<String> {
    let (from, to) = (certificate.not_before, certificate.not_after);
    if now > to {
        let end = format_rfc_3339(to);
        return Some(format!("expired at {end}; clients will reject it"));
    }
    let start = format_rfc_3339(from);
    (now < from).then(|| format!("is not valid before {start}; clients will reject it until then"))
}

fn certificates(
    key: &'static str,
    file: &FileContent,
) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let bytes = text(key, file, "certificate")?;
    let found: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(bytes).collect();
    let chain =
        found.map_err(|error| TlsConfigError::from_file(key, &file.path, malformed(&error)))?;
    if chain.is_empty() {
        let message = "contains no certificate; expected a section that starts with \
                       -----BEGIN CERTIFICATE-----";
        return Err(TlsConfigError::from_file(key, &file.path, message));
    }
    Ok(chain)
}

fn private_key(file: &FileContent) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    let (path, bytes) = (&file.path, text(KEY, file, "private key")?);
    let shown = String::from_utf8_lossy(bytes);
    let encrypted = [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
    ];
    if encrypted.iter().any(|mark| shown.contains(mark)) {
        return Err(TlsConfigError::from_file(KEY, path, ENCRYPTED_KEY));
    }
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        PemError::NoItemsFound => {
            let message = "contains no private key; expected a section that starts with \
                           -----BEGIN PRIVATE KEY-----, RSA PRIVATE KEY or EC PRIVATE KEY";
            TlsConfigError::from_file(KEY, path, message)
        }
        error => TlsConfigError::from_file(KEY, path, malformed(&error)),
    })
}

/// The message of the error may contain parts of the file, and the file may be a key: it is not shown.
fn malformed(error: &PemError) -> &'static str {
    match error {
        PemError::MissingSectionEnd { .. } => "is truncated: the line -----END ...----- is missing",
        PemError::Base64Decode(_) => "is malformed: the text between BEGIN and END is not base64",
        _ => "is not valid PEM",
    }
}

/// The bytes of a file, if they may be PEM.
fn text<'f>(
    key: &'static str,
    file: &'f FileContent,
    what: &str,
) -> Result<&'f [u8], TlsConfigError> {
    let path = &file.path;
    let bytes = file.bytes.as_ref().map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            let message = format!("has more than {FILE_BYTES_MAX} bytes, too many for a {what}");
            TlsConfigError::from_file(key, path, message)
        }
        _ => TlsConfigError::from_file(key, path, format!("cannot be read: {error}")),
    })?;
    if bytes.is_empty() {
        let message = format!("is empty; expected a {what}");
        return Err(TlsConfigError::from_file(key, path, message));
    }
    // A SEQUENCE of a certificate or a key: a PEM file never starts with it.
    if bytes.starts_with(&[0x30]) && !bytes.is_ascii() {
        let message = format!(
            "is DER, not PEM; convert it: openssl {} -inform DER -in {} -out NEW",
            if key == KEY { "pkey" } else { "x509" },
            path.display()
        );
        return Err(TlsConfigError::from_file(key, path, message));
    }
    encoding::utf8(bytes).map_err(|why| TlsConfigError::from_file(key, path, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_a_certificate_outside_its_validity_period_gets_a_warning() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let certificate = CertificateSummary {
            not_before: at(100),
            not_after: at(200),
            public_key: &[],
        };
        let warning = |seconds| validity(&certificate, at(seconds)).unwrap_or_default();
        assert!(warning(99).starts_with("is not valid before 1970-01-01T00:01:40Z"));
        assert_eq!((warning(100), warning(200)), (String::new(), String::new()));
        assert!(warning(201).starts_with("expired at 1970-01-01T00:03:20Z"));
    }
}
