//! The files of a certificate, its key and those who sign for clients: read, checked against each
//! other, and every fault said with the file and its key in the configuration.

use super::authorities::Authorities;
use super::x509::Certificate;
use crate::encoding;
use crate::time::format_rfc_3339;
use crate::watched::Content;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

/// The largest file that is read, in bytes; a bundle of all public authorities has 250,000.
pub(super) const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) const CERTIFICATE: &str = "http.tls.certificate";
pub(super) const KEY: &str = "http.tls.key";
pub(super) const CLIENT_CAS: &str = "http.tls.clientcas";

/// Sees that the chain and the key are good and belong together. Gives them with what is to be warned
/// of.
pub(super) fn identity(
    certificate: &Content,
    key: &Content,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, Option<String>), String> {
    let chain = certificates(CERTIFICATE, certificate)?;
    let first = chain.first().map(|first| Certificate::parse(first));
    let Some(Some(facts)) = first else {
        let message = "its first certificate is broken: it cannot be read as X.509";
        return Err(fault(CERTIFICATE, &certificate.path, message));
    };
    let signing = provider
        .key_provider
        .load_private_key(private_key(key)?)
        .map_err(|_| fault(KEY, &key.path, UNSUPPORTED_KEY))?;
    if let Some(public) = signing.public_key()
        && public.as_ref() != facts.public_key
    {
        let message = format!(
            "is not the key of the first certificate in {} ({CERTIFICATE}); a chain begins with the \
             server's own certificate",
            certificate.path.display()
        );
        return Err(fault(KEY, &key.path, message));
    }
    let warning = validity(&facts, SystemTime::now())
        .map(|message| fault(CERTIFICATE, &certificate.path, message));
    Ok((CertifiedKey::new(chain, signing), warning))
}

/// Whose certificates are taken of clients.
pub(super) fn authorities(files: &[Content]) -> Result<Authorities, String> {
    let mut all = Vec::new();
    for file in files {
        let found = certificates(CLIENT_CAS, file)?;
        // Each by itself, to say which file it is in.
        Authorities::new(found.clone()).map_err(|error| {
            let message = format!("a certificate in it cannot be used: {error}");
            fault(CLIENT_CAS, &file.path, message)
        })?;
        all.extend(found);
    }
    Authorities::new(all)
}

const UNSUPPORTED_KEY: &str = "is of a kind that is not supported; supported: RSA with 2048 to 8192 \
    bits, ECDSA on P-256 and P-384, Ed25519";
const ENCRYPTED_KEY: &str = "is encrypted, and nobody is there to give its password; write it without \
    one: openssl pkey -in KEY -out PLAIN_KEY";

fn fault(key: &str, path: &Path, message: impl Display) -> String {
    format!("{key}: {} {message}", path.display())
}

/// What is to be said of a certificate that clients will refuse.
fn validity(certificate: &Certificate<'_>, now: SystemTime) -> Option<String> {
    let (from, to) = (certificate.not_before, certificate.not_after);
    if now > to {
        let end = format_rfc_3339(to);
        return Some(format!("has expired at {end}; clients will refuse it"));
    }
    let start = format_rfc_3339(from);
    (now < from).then(|| format!("is not valid before {start}; clients will refuse it until then"))
}

fn certificates(key: &str, file: &Content) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = text(key, file, "certificate")?;
    let found: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(bytes).collect();
    let chain = found.map_err(|error| fault(key, &file.path, broken(&error)))?;
    if chain.is_empty() {
        let message = "has no certificate in it; it should have a part that begins with \
                       -----BEGIN CERTIFICATE-----";
        return Err(fault(key, &file.path, message));
    }
    Ok(chain)
}

fn private_key(file: &Content) -> Result<PrivateKeyDer<'static>, String> {
    let (path, bytes) = (&file.path, text(KEY, file, "private key")?);
    let shown = String::from_utf8_lossy(bytes);
    let encrypted = [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
    ];
    if encrypted.iter().any(|mark| shown.contains(mark)) {
        return Err(fault(KEY, path, ENCRYPTED_KEY));
    }
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        PemError::NoItemsFound => {
            let message = "has no private key in it; it should have a part that begins with \
                           -----BEGIN PRIVATE KEY-----, RSA PRIVATE KEY or EC PRIVATE KEY";
            fault(KEY, path, message)
        }
        error => fault(KEY, path, broken(&error)),
    })
}

/// The text of the error may hold pieces of the file, and the file may be a key: it is not shown.
fn broken(error: &PemError) -> &'static str {
    match error {
        PemError::MissingSectionEnd { .. } => "is cut off: the line -----END ...----- is missing",
        PemError::Base64Decode(_) => "is broken: there is no base64 between BEGIN and END",
        _ => "is no PEM that can be read",
    }
}

/// The bytes of a file that may be PEM.
fn text<'f>(key: &str, file: &'f Content, what: &str) -> Result<&'f [u8], String> {
    let path = &file.path;
    let bytes = file.bytes.as_ref().map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            let message = format!("has more than {FILE_BYTES_MAX} bytes; a {what} has fewer");
            fault(key, path, message)
        }
        _ => fault(key, path, format!("cannot be read: {error}")),
    })?;
    if bytes.is_empty() {
        let message = format!("is empty; it should hold a {what}");
        return Err(fault(key, path, message));
    }
    // A SEQUENCE of a certificate or a key: what a PEM file never begins with.
    if bytes.starts_with(&[0x30]) && !bytes.is_ascii() {
        let message = format!(
            "is DER, not PEM; convert it: openssl {} -inform DER -in {} -out NEW",
            if key == KEY { "pkey" } else { "x509" },
            path.display()
        );
        return Err(fault(key, path, message));
    }
    encoding::utf8(bytes).map_err(|why| fault(key, path, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_certificate_is_warned_of_outside_its_time_only() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let certificate = Certificate {
            not_before: at(100),
            not_after: at(200),
            public_key: &[],
        };
        let said = |seconds| validity(&certificate, at(seconds)).unwrap_or_default();
        assert!(said(99).starts_with("is not valid before 1970-01-01T00:01:40Z"));
        assert_eq!((said(100), said(200)), (String::new(), String::new()));
        assert!(said(201).starts_with("has expired at 1970-01-01T00:03:20Z"));
    }
}
