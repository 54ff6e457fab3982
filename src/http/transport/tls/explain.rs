//! Failures of TLS as readable sentences: the messages of rustls and webpki contain the names of Rust values.

use crate::time::format_rfc_3339;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error, OtherError};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Why the handshake or a record failed; "it" is the other side.
pub fn tls_error(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => {
            format!("its certificate was rejected: {}", certificate_error(why))
        }
        Error::AlertReceived(alert) => format!(
            "it ended the handshake with the alert \"{}\"",
            spaced(alert)
        ),
        Error::InvalidMessage(what) => format!("it did not send TLS: {}", spaced(what)),
        Error::PeerIncompatible(why) => {
            format!("the two sides support nothing in common: {}", spaced(why))
        }
        Error::PeerMisbehaved(why) => format!("it violated the protocol: {}", spaced(why)),
        Error::NoCertificatesPresented => "it presented no certificate".to_owned(),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "it sent a message out of order".to_owned()
        }
        other => other.to_string(),
    }
}

/// What is wrong with a certificate.
pub fn certificate_error(why: &CertificateError) -> String {
    use CertificateError as Why;
    let text = match why {
        Why::BadEncoding => "it is not a valid X.509 certificate",
        Why::Expired => "it has expired",
        Why::ExpiredContext { not_after, .. } => {
            return format!("it expired at {}", date(not_after));
        }
        Why::NotValidYet => "it is not valid yet",
        Why::NotValidYetContext { not_before, .. } => {
            return format!("it is not valid before {}", date(not_before));
        }
        Why::UnknownIssuer => "it is not signed by a trusted authority",
        Why::BadSignature => "a signature is invalid",
        Why::UnhandledCriticalExtension => "it has an unknown critical extension",
        Why::NotValidForName => "it is for another name",
        Why::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it contains no host name (subjectAltName)"
        }
        Why::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            return format!("it is for {}", names.join(", "));
        }
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => {
            "it is for another purpose (extended key usage)"
        }
        Why::Revoked => "it has been revoked",
        Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its signature algorithm is not supported"
        }
        Why::Other(OtherError(other)) => match other.downcast_ref() {
            Some(error) => return webpki_error(error),
            None => return other.to_string(),
        },
        other => return spaced(other),
    };
    text.to_owned()
}

/// Whether a certificate can never be trusted, because it cannot be parsed.
pub fn is_unreadable(why: &CertificateError) -> bool {
    match why {
        CertificateError::BadEncoding => true,
        CertificateError::Other(OtherError(other)) => matches!(
            other.downcast_ref(),
            Some(webpki::Error::UnsupportedCertVersion)
        ),
        _ => false,
    }
}

/// What is wrong with a certificate, according to webpki.
pub fn webpki_error(error: &webpki::Error) -> String {
    use webpki::Error as Why;
    let text = match error {
        Why::BadDer | Why::BadDerTime | Why::TrailingData(_) => {
            "it is not a valid X.509 certificate"
        }
        Why::CaUsedAsEndEntity => "it is a CA certificate (CA:TRUE) that is not itself trusted",
        Why::EndEntityUsedAsCa => "it is signed with a certificate that is not a CA's",
        Why::UnsupportedCertVersion => {
            "it is of X.509 version 1 or 2, which cannot contain host names"
        }
        Why::PathLenConstraintViolated => "the chain is longer than one of its certificates allows",
        Why::NameConstraintViolation => "it contains names that its CA may not sign for",
        Why::UnsupportedCriticalExtension => "it has an unknown critical extension",
        other => return spaced(other),
    };
    text.to_owned()
}

/// The same error of rustls, which decides the alert that is sent to the other side.
pub(super) fn to_certificate_error(error: &webpki::Error) -> CertificateError {
    use webpki::Error as Why;
    match error {
        Why::BadDer | Why::BadDerTime | Why::TrailingData(_) => CertificateError::BadEncoding,
        Why::CertNotValidYet { time, not_before } => CertificateError::NotValidYetContext {
            time: *time,
            not_before: *not_before,
        },
        Why::CertExpired { time, not_after } => CertificateError::ExpiredContext {
            time: *time,
            not_after: *not_after,
        },
        Why::UnknownIssuer => CertificateError::UnknownIssuer,
        Why::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        Why::UnsupportedCriticalExtension => CertificateError::UnhandledCriticalExtension,
        Why::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        other => CertificateError::Other(OtherError(Arc::new(other.clone()))),
    }
}

fn date(time: &UnixTime) -> String {
    format_rfc_3339(UNIX_EPOCH + Duration::from_secs(time.as_secs()))
}

/// `localhost` of `DnsName("localhost")`.
fn bare(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// The name of a Rust value as words: `NoCipherSuitesInCommon` becomes "no cipher suites in common". Its fields
/// are left out.
fn spaced(value: &impl Debug) -> String {
    let name = format!("{value:?}");
    let end = name.find(['(', '{', ' ']).unwrap_or(name.len());
    let letters: Vec<char> = name.get(..end).unwrap_or_default().chars().collect();
    let mut words = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let is_upper = |at: usize| letters.get(at).is_some_and(char::is_ascii_uppercase);
        let before = at.checked_sub(1);
        let begins = is_upper(at)
            && before.is_some_and(|before| {
                !is_upper(before) || (at + 1 < letters.len() && !is_upper(at + 1))
            });
        if begins {
            words.push(' ');
        }
        let alone = before.is_some_and(is_upper) || is_upper(at + 1);
        words.push(if alone {
            letter
        } else {
            letter.to_ascii_lowercase()
        });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{AlertDescription, InvalidMessage, PeerIncompatible};

    #[test]
    fn no_message_contains_the_name_of_a_rust_value() {
        let other = |error| CertificateError::Other(OtherError(Arc::new(error)));
        let presented = vec![
            "DnsName(\"localhost\")".to_owned(),
            "IpAddress(127.0.0.1)".to_owned(),
        ];
        let names = CertificateError::NotValidForNameContext {
            expected: "other".try_into().unwrap(),
            presented,
        };
        for (error, text) in [
            (
                Error::InvalidCertificate(other(webpki::Error::CaUsedAsEndEntity)),
                "its certificate was rejected: it is a CA certificate (CA:TRUE) that is not itself trusted",
            ),
            (
                Error::InvalidCertificate(names),
                "its certificate was rejected: it is for localhost, 127.0.0.1",
            ),
            (
                Error::InvalidCertificate(CertificateError::ExpiredContext {
                    time: UnixTime::since_unix_epoch(Duration::from_secs(2)),
                    not_after: UnixTime::since_unix_epoch(Duration::from_secs(1)),
                }),
                "its certificate was rejected: it expired at 1970-01-01T00:00:01Z",
            ),
            (
                Error::InvalidCertificate(other(webpki::Error::MaximumSignatureChecksExceeded)),
                "its certificate was rejected: maximum signature checks exceeded",
            ),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "it ended the handshake with the alert \"unknown CA\"",
            ),
            (
                Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
                "the two sides support nothing in common: no cipher suites in common",
            ),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "it did not send TLS: invalid content type",
            ),
        ] {
            assert_eq!(tls_error(&error), text);
        }
    }
}
