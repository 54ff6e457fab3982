//! What a server reads of its own certificate (RFC 5280 4.1): its validity period and public key, and nothing else.
//!
//! Trust is for clients to decide: a server presents what it was given, including a self-signed
//! certificate of version 1 with a bare common name, which stricter parsers reject.

use super::der::{DerReader, Element, GENERALIZED_TIME, INTEGER, SEQUENCE, UTC_TIME};
use crate::time::CivilTime;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `[0] EXPLICIT Version`, absent in version 1.
const VERSION: u8 = 0xa0;

/// The validity period and the key of a certificate.
#[derive(Debug, PartialEq)]
pub struct CertificateSummary<'c> {
    /// `notBefore`; a time before 1970 is taken as 1970.
    pub not_before: SystemTime,
    /// `notAfter`: the last second of validity.
    pub not_after: SystemTime,
    /// `subjectPublicKeyInfo`, tag and length included.
    pub public_key: &'c [u8],
}

impl CertificateSummary<'_> {
    /// Reads a certificate; `None` when the bytes are not one.
    pub fn parse(der: &[u8]) -> Option<CertificateSummary<'_>> {
        let mut fields = DerReader::new(der).sequence()?.sequence()?;
        if fields.peek() == Some(VERSION) {
            fields.any()?;
        }
        fields.element(INTEGER)?; // serialNumber
        fields.element(SEQUENCE)?; // signature
        fields.element(SEQUENCE)?; // issuer
        let mut validity = fields.sequence()?;
        let not_before = time(&validity.any()?)?;
        let not_after = time(&validity.any()?)?;
        fields.element(SEQUENCE)?; // subject
        Some(CertificateSummary {
            not_before,
            not_after,
            public_key: fields.element(SEQUENCE)?.whole,
        })
    }

    /// Whether it is valid at this time.
    pub fn check_time(&self, now: UnixTime) -> Result<(), CertificateError> {
        let at = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            UnixTime::since_unix_epoch(since)
        };
        let (not_before, not_after) = (at(self.not_before), at(self.not_after));
        let time = now;
        if now < not_before {
            return Err(CertificateError::NotValidYetContext { time, not_before });
        }
        match now > not_after {
            true => Err(CertificateError::ExpiredContext { time, not_after }),
            false => Ok(()),
        }
    }
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` (RFC 5280 4.1.2.5).
fn time(element: &Element<'_>) -> Option<SystemTime> {
    let text = std::str::from_utf8(element.content).ok()?;
    let text = match element.tag {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let digits = text.strip_suffix('Z')?;
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u64>().ok();
    let time = CivilTime {
        year: number(0, 4)?,
        month: number(4, 6)?,
        day: number(6, 8)?,
        hour: number(8, 10)?,
        minute: number(10, 12)?,
        second: number(12, 14)?,
    };
    match time.year {
        ..1970 => Some(UNIX_EPOCH),
        _ => time.to_system_time(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::format_rfc_3339;
    use std::time::Duration;

    /// A DER element.
    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], &content].concat()
    }

    fn certificate(version: &[u8], not_before: &[u8], not_after: &[u8]) -> Vec<u8> {
        let validity = der(SEQUENCE, &[not_before, not_after]);
        let name = der(SEQUENCE, &[]);
        let key = der(SEQUENCE, &[b"key"]);
        let serial = der(INTEGER, &[&[1]]);
        let parts: [&[u8]; 7] = [version, &serial, &name, &name, &validity, &name, &key];
        der(SEQUENCE, &[&der(SEQUENCE, &parts), b"signature"])
    }

    #[test]
    fn the_validity_and_the_key_are_found_in_every_version() {
        let not_before = der(UTC_TIME, &[b"700101000001Z"]);
        let not_after = der(GENERALIZED_TIME, &[b"20500101000000Z"]);
        for version in [Vec::new(), der(VERSION, &[&[2, 1, 2]])] {
            let bytes = certificate(&version, &not_before, &not_after);
            let parsed = CertificateSummary::parse(&bytes).unwrap();
            let after = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(parsed.not_before, after(1));
            assert_eq!(parsed.not_after, after(2_524_608_000));
            assert_eq!(parsed.public_key, der(SEQUENCE, &[b"key"]));
        }
    }

    #[test]
    fn a_certificate_cut_anywhere_or_with_a_wrong_byte_never_panics() {
        let time = der(UTC_TIME, &[b"260101000000Z"]);
        let bytes = certificate(&[], &time, &time);
        let end = bytes.len();
        assert!(CertificateSummary::parse(&bytes).is_some());
        for cut in 0..end {
            assert_eq!(CertificateSummary::parse(&bytes[..cut]), None, "{cut}");
            for byte in [0, 0x7f, 0x80, 0x84, 0x85, 0xff] {
                let mut broken = bytes.clone();
                broken[cut] = byte;
                let _ = CertificateSummary::parse(&broken);
            }
        }
    }

    #[test]
    fn times_are_those_of_the_standard() {
        for (tag, text, year) in [
            (UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59Z")),
            (UTC_TIME, "500101000000Z", Some("1970-01-01T00:00:00Z")),
            (
                GENERALIZED_TIME,
                "99991231235959Z",
                Some("9999-12-31T23:59:59Z"),
            ),
            (
                GENERALIZED_TIME,
                "00010101000000Z",
                Some("1970-01-01T00:00:00Z"),
            ),
            (UTC_TIME, "2601010000Z", None),
            (UTC_TIME, "260101000000+0100", None),
            (UTC_TIME, "269901000000Z", None),
            (UTC_TIME, "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}", None),
            (INTEGER, "260101000000Z", None),
        ] {
            let element = Element {
                tag,
                whole: &[],
                content: text.as_bytes(),
            };
            let found = time(&element).map(format_rfc_3339);
            assert_eq!(found.as_deref(), year, "{text}");
        }
    }
}
