//! What rustls and webpki say of a failure, in words: their own texts hold the names of Rust values.

use crate::time::format_rfc_3339;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error, OtherError};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Why there is no TLS with the other side.
pub fn of(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => {
            format!("its certificate is refused: {}", of_certificate(why))
        }
        Error::AlertReceived(alert) => format!(
            "it ended the handshake with the alert \"{}\"",
            spaced(alert)
        ),
        Error::InvalidMessage(what) => format!("what it sent is no TLS: {}", spaced(what)),
        Error::PeerIncompatible(why) => {
            format!("the two sides have nothing in common: {}", spaced(why))
        }
        Error::PeerMisbehaved(why) => format!("it does not keep to the protocol: {}", spaced(why)),
        Error::NoCertificatesPresented => "it showed no certificate".to_owned(),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "it sent a message out of order".to_owned()
        }
        other => other.to_string(),
    }
}

/// What is wrong with a certificate.
pub fn of_certificate(why: &CertificateError) -> String {
    use CertificateError as Why;
    let text = match why {
        Why::BadEncoding => "it cannot be read as X.509",
        Why::Expired => "it has expired",
        Why::ExpiredContext { not_after, .. } => {
            return format!("it expired at {}", date(not_after));
        }
        Why::NotValidYet => "it is not valid yet",
        Why::NotValidYetContext { not_before, .. } => {
            return format!("it is not valid before {}", date(not_before));
        }
        Why::UnknownIssuer => "it is not signed by a trusted authority",
        Why::BadSignature => "a signature is wrong",
        Why::UnhandledCriticalExtension => "it has an unknown critical extension",
        Why::NotValidForName => "it is for another name",
        Why::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it names no host (subjectAltName)"
        }
        Why::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            return format!("it is for {}", names.join(", "));
        }
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => {
            "it is meant for another use (extended key usage)"
        }
        Why::Revoked => "it was revoked",
        Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed by an algorithm that is not supported"
        }
        Why::Other(OtherError(other)) => match other.downcast_ref() {
            Some(error) => return of_webpki(error),
            None => return other.to_string(),
        },
        other => return spaced(other),
    };
    text.to_owned()
}

/// Whether a certificate is of a kind that can be trusted in no way, for want of a reader.
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

/// What webpki says of a certificate.
pub fn of_webpki(error: &webpki::Error) -> String {
    use webpki::Error as Why;
    let text = match error {
        Why::BadDer | Why::BadDerTime | Why::TrailingData(_) => "it cannot be read as X.509",
        Why::CaUsedAsEndEntity => "it is an authority's own (CA:TRUE) and not itself trusted",
        Why::EndEntityUsedAsCa => {
            "it is signed with a certificate that does not belong to an authority"
        }
        Why::UnsupportedCertVersion => "it is of X.509 version 1 or 2, which name no hosts",
        Why::PathLenConstraintViolated => {
            "there are more certificates in between than one of them allows"
        }
        Why::NameConstraintViolation => "it is for names that its authority may not sign for",
        Why::UnsupportedCriticalExtension => "it has an unknown critical extension",
        other => return spaced(other),
    };
    text.to_owned()
}

/// The error of rustls that tells the other side as much by an alert.
pub(super) fn typed(error: &webpki::Error) -> CertificateError {
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

/// `DnsName("localhost")` without its wrapping.
fn bare(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// The name of a Rust value as words: `NoCipherSuitesInCommon` is "no cipher suites in common". What it
/// holds is left out.
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
    fn no_failure_is_said_by_the_name_of_a_rust_value() {
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
                "its certificate is refused: it is an authority's own (CA:TRUE) and not itself trusted",
            ),
            (
                Error::InvalidCertificate(names),
                "its certificate is refused: it is for localhost, 127.0.0.1",
            ),
            (
                Error::InvalidCertificate(CertificateError::ExpiredContext {
                    time: UnixTime::since_unix_epoch(Duration::from_secs(2)),
                    not_after: UnixTime::since_unix_epoch(Duration::from_secs(1)),
                }),
                "its certificate is refused: it expired at 1970-01-01T00:00:01Z",
            ),
            (
                Error::InvalidCertificate(other(webpki::Error::MaximumSignatureChecksExceeded)),
                "its certificate is refused: maximum signature checks exceeded",
            ),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "it ended the handshake with the alert \"unknown CA\"",
            ),
            (
                Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
                "the two sides have nothing in common: no cipher suites in common",
            ),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "what it sent is no TLS: invalid content type",
            ),
        ] {
            assert_eq!(of(&error), text);
        }
    }
}
