//! A self-signed certificate of a server (RFC 5280) on a new ECDSA key on P-256, written in DER and PEM
//! (RFC 7468).
//!
//! It is one fixed shape, so it is written here and no general library is carried for it. As a
//! certificate that is no authority it is its own trust root for OpenSSL, Go, Windows and rustls.

use super::Names;
use crate::time::CivilTime;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::SystemTime;

/// A host by its DNS name, in lower case; its first label may be `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

/// Why a text is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// It is an IP address.
    IpAddress,
    /// It has a scheme, a port, or characters that no name has.
    Invalid,
}

impl std::error::Error for HostError {}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HostError::IpAddress => "this is an IP address; use --ip",
            HostError::Invalid => {
                "not a host name; allowed: letters, digits and `-` between dots, such as registry.local, \
                 without scheme and port"
            }
        })
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Host, HostError> {
        if text.parse::<IpAddr>().is_ok() {
            return Err(HostError::IpAddress);
        }
        let label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            let edge = label.starts_with('-') || label.ends_with('-');
            !edge && (1..=63).contains(&label.len()) && label.bytes().all(plain)
        };
        let name = text.strip_prefix("*.").unwrap_or(text);
        if text.len() > 253 || !name.split('.').all(label) {
            return Err(HostError::Invalid);
        }
        Ok(Host(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A certificate and its key as PEM.
pub struct SelfSigned {
    /// `CERTIFICATE`.
    pub certificate: String,
    /// `PRIVATE KEY`, so PKCS#8.
    pub key: String,
}

impl SelfSigned {
    /// Makes a key and a certificate for it. Fails only when the system provides no random numbers.
    pub fn make(
        names: &Names,
        not_before: SystemTime,
        not_after: SystemTime,
    ) -> Result<SelfSigned, String> {
        let random = SystemRandom::new();
        let failed = |_| "the system provides no random numbers".to_owned();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(failed)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random)
            .map_err(|error| format!("the new key is refused: {error}"))?;
        let mut serial = [0; 16];
        random.fill(&mut serial).map_err(failed)?;
        // Positive, and always of the same length.
        if let Some(first) = serial.first_mut() {
            *first = *first & 0x3f | 0x40;
        }
        let signed = contents(
            names,
            &serial,
            (not_before, not_after),
            pair.public_key().as_ref(),
        );
        let signature = pair.sign(&random, &signed).map_err(failed)?;
        let parts: [&[u8]; 3] = [&signed, ECDSA_WITH_SHA256, &bits(signature.as_ref())];
        Ok(SelfSigned {
            certificate: pem("CERTIFICATE", &sequence(&parts)),
            key: pem("PRIVATE KEY", pkcs8.as_ref()),
        })
    }
}

/// The `TBSCertificate` (RFC 5280 4.1).
fn contents(
    names: &Names,
    serial: &[u8],
    (not_before, not_after): (SystemTime, SystemTime),
    public_point: &[u8],
) -> Vec<u8> {
    let name = subject(names);
    let validity = sequence(&[&time(not_before), &time(not_after)]);
    let public_key = sequence(&[EC_KEY_ON_P256, &bits(public_point)]);
    let extensions = sequence(&[
        &extension(BASIC_CONSTRAINTS, true, &sequence(&[])),
        &extension(KEY_USAGE, true, DIGITAL_SIGNATURE),
        &extension(EXTENDED_KEY_USAGE, false, &sequence(&[SERVER_AUTH])),
        &extension(SUBJECT_ALT_NAME, false, &alternative_names(names)),
    ]);
    sequence(&[
        &element(0xa0, &[&element(0x02, &[&[2]])]), // version 3
        &element(0x02, &[serial]),
        ECDSA_WITH_SHA256,
        &name, // issuer
        &validity,
        &name, // subject
        &public_key,
        &element(0xa3, &[&extensions]),
    ])
}

/// A distinguished name of one common name, which may have 64 characters (RFC 5280 A.1). Nobody
/// compares it with the host any more: the alternative names count.
fn subject(names: &Names) -> Vec<u8> {
    let first = names.first();
    let text = match first.len() {
        0..=64 => first.as_str(),
        _ => "registry",
    };
    let attribute = sequence(&[COMMON_NAME, &element(0x0c, &[text.as_bytes()])]);
    sequence(&[&element(0x31, &[&attribute])])
}

fn alternative_names(names: &Names) -> Vec<u8> {
    let hosts = names.hosts.iter();
    let hosts = hosts.map(|host| element(0x82, &[host.0.as_bytes()]));
    let addresses = names.addresses.iter().map(|address| match address {
        IpAddr::V4(address) => element(0x87, &[&address.octets()]),
        IpAddr::V6(address) => element(0x87, &[&address.octets()]),
    });
    let all: Vec<Vec<u8>> = hosts.chain(addresses).collect();
    sequence(&all.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn extension(identifier: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    sequence(&[identifier, critical, &element(0x04, &[value])])
}

/// UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 4.1.2.5).
fn time(time: SystemTime) -> Vec<u8> {
    let CivilTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = CivilTime::from_system_time(time);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    match year {
        ..2050 => element(0x17, &[format!("{:02}{rest}", year % 100).as_bytes()]),
        _ => element(0x18, &[format!("{year:04}{rest}").as_bytes()]),
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, parts)
}

/// A BIT STRING of whole bytes.
fn bits(bytes: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], bytes])
}

/// Tag, length in its shortest form, content (X.690 10.1).
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let digits = content.len().to_be_bytes();
    let digits: Vec<u8> = digits.into_iter().skip_while(|digit| *digit == 0).collect();
    let mut bytes = vec![tag];
    match digits.as_slice() {
        [] => bytes.push(0),
        [short @ 0..=0x7f] => bytes.push(*short),
        long => {
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            bytes.extend_from_slice(long);
        }
    }
    bytes.extend_from_slice(&content);
    bytes
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    // 48 bytes make the 64 characters of a line.
    for line in der.chunks(48) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// `AlgorithmIdentifier` of ecdsa-with-SHA256, 1.2.840.10045.4.3.2 (RFC 5758 3.2).
const ECDSA_WITH_SHA256: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
];
/// `AlgorithmIdentifier` of an EC key on P-256, 1.2.840.10045.2.1 with 1.2.840.10045.3.1.7 (RFC 5480).
const EC_KEY_ON_P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x0f];
const SUBJECT_ALT_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x13];
const EXTENDED_KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x25];
/// The first bit of a BIT STRING.
const DIGITAL_SIGNATURE: &[u8] = &[0x03, 0x02, 0x07, 0x80];
/// id-kp-serverAuth, 1.3.6.1.5.5.7.3.1.
const SERVER_AUTH: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_of_dns() {
        for text in [
            "registry.local",
            "localhost",
            "*.a-b.example",
            "a_b",
            "X1.Local",
        ] {
            let host: Host = text.parse().unwrap();
            assert_eq!(host.to_string(), text.to_lowercase());
        }
        let long = "a.".repeat(127) + "a";
        for text in [
            "",
            ".",
            "a.",
            "-a",
            "a-",
            "a b",
            "a:5000",
            "https://a",
            "a/b",
            "*",
            "a.*.b",
            "\u{e4}.de",
            "192.0.2.1",
            "2001:db8::1",
            &long,
            &"a".repeat(64),
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_have_their_shortest_form() {
        for (length, start) in [
            (0, &[4, 0][..]),
            (127, &[4, 0x7f]),
            (128, &[4, 0x81, 0x80]),
            (256, &[4, 0x82, 1, 0]),
        ] {
            let bytes = element(4, &[&vec![7; length]]);
            assert!(bytes.starts_with(start) && bytes.len() == start.len() + length);
        }
    }

    #[test]
    fn times_change_their_form_in_2050() {
        let at = |seconds| time(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        assert_eq!(at(2_524_607_999), element(0x17, &[b"491231235959Z"]));
        assert_eq!(at(2_524_608_000), element(0x18, &[b"20500101000000Z"]));
    }
}
