//! A self-signed certificate of a server (RFC 5280) on a new ECDSA key on P-256, written in DER and PEM
//! (RFC 7468).
//!
//! It has one fixed shape, so it is written here, without a general library. As a
//! certificate that is not an authority's it is its own trust root for OpenSSL, Go, Windows and rustls.

use super::der::{
    BIT_STRING, BOOLEAN, GENERALIZED_TIME, INTEGER, OCTET_STRING, SET, UTC_TIME, UTF8_STRING,
    write_element, write_oid, write_sequence, write_whole_bytes,
};
use super::oid;
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
pub struct HostName(String);

/// Why a text is not a [`HostName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostNameError {
    /// It is an IP address.
    IpAddress,
    /// It is not a name.
    Malformed,
}

impl fmt::Display for HostNameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            HostNameError::IpAddress => "is an IP address",
            HostNameError::Malformed => {
                "is not a host name; allowed: letters, digits, `-` and `_` between dots, such as registry.local, \
                 without scheme and port"
            }
        })
    }
}

impl std::error::Error for HostNameError {}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<HostName, HostNameError> {
        if text.parse::<IpAddr>().is_ok() {
            return Err(HostNameError::IpAddress);
        }
        let label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            let edge = label.starts_with('-') || label.ends_with('-');
            !edge && (1..=63).contains(&label.len()) && label.bytes().all(plain)
        };
        let name = text.strip_prefix("*.").unwrap_or(text);
        if text.len() > 253 || !name.split('.').all(label) {
            return Err(HostNameError::Malformed);
        }
        Ok(HostName(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The names that a certificate is for, at least one.
#[derive(Debug)]
pub struct ServerNames {
    /// By name.
    pub hosts: Vec<HostName>,
    /// By address.
    pub addresses: Vec<IpAddr>,
}

impl ServerNames {
    /// All of them as text, host names first.
    pub fn all(&self) -> impl Iterator<Item = String> {
        let hosts = self.hosts.iter().map(ToString::to_string);
        hosts.chain(self.addresses.iter().map(ToString::to_string))
    }
}

/// Why no certificate could be made.
#[derive(Debug)]
pub enum SelfSignedError {
    /// The system has no random numbers.
    NoRandomNumbers,
    /// ring rejects the key that it made.
    KeyRejected(ring::error::KeyRejected),
}

impl fmt::Display for SelfSignedError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SelfSignedError::NoRandomNumbers => {
                out.write_str("the system provides no random numbers")
            }
            SelfSignedError::KeyRejected(error) => write!(out, "the new key was rejected: {error}"),
        }
    }
}

impl std::error::Error for SelfSignedError {}

/// A certificate and its key as PEM.
pub struct SelfSigned {
    /// `CERTIFICATE`.
    pub certificate: String,
    /// `PRIVATE KEY`, so PKCS#8.
    pub key: String,
}

impl SelfSigned {
    /// Generates a key and a certificate for it.
    pub fn generate(
        names: &ServerNames,
        not_before: SystemTime,
        not_after: SystemTime,
    ) -> Result<SelfSigned, SelfSignedError> {
        let random = SystemRandom::new();
        let failed = |ring::error::Unspecified| SelfSignedError::NoRandomNumbers;
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(failed)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random)
            .map_err(SelfSignedError::KeyRejected)?;
        let mut serial = [0; 16];
        random.fill(&mut serial).map_err(failed)?;
        // Positive, and always of the same length.
        if let Some(first) = serial.first_mut() {
            *first = *first & 0x3f | 0x40;
        }
        let signed = to_be_signed(
            names,
            &serial,
            (not_before, not_after),
            pair.public_key().as_ref(),
        );
        let signature = pair.sign(&random, &signed).map_err(failed)?;
        let parts: [&[u8]; 3] = [
            &signed,
            &signature_algorithm(),
            &write_whole_bytes(signature.as_ref()),
        ];
        Ok(SelfSigned {
            certificate: pem("CERTIFICATE", &write_sequence(&parts)),
            key: pem("PRIVATE KEY", pkcs8.as_ref()),
        })
    }
}

/// The `TBSCertificate` (RFC 5280 4.1).
fn to_be_signed(
    names: &ServerNames,
    serial: &[u8],
    (not_before, not_after): (SystemTime, SystemTime),
    public_point: &[u8],
) -> Vec<u8> {
    let name = subject(names);
    let validity = write_sequence(&[&time(not_before), &time(not_after)]);
    let public_key = write_sequence(&[
        &write_sequence(&[&write_oid(oid::EC), &write_oid(oid::P256)]),
        &write_whole_bytes(public_point),
    ]);
    let extensions = write_sequence(&[
        &extension(oid::BASIC_CONSTRAINTS, true, &write_sequence(&[])),
        &extension(oid::KEY_USAGE, true, &DIGITAL_SIGNATURE),
        &extension(
            oid::EXTENDED_KEY_USAGE,
            false,
            &write_sequence(&[&write_oid(oid::SERVER_AUTH)]),
        ),
        &extension(oid::SUBJECT_ALT_NAME, false, &alternative_names(names)),
    ]);
    write_sequence(&[
        &write_element(0xa0, &[&write_element(INTEGER, &[&[2]])]), // version 3
        &write_element(INTEGER, &[serial]),
        &signature_algorithm(),
        &name, // issuer
        &validity,
        &name, // subject
        &public_key,
        &write_element(0xa3, &[&extensions]),
    ])
}

/// The AlgorithmIdentifier of the signature (RFC 5758 3.2).
fn signature_algorithm() -> Vec<u8> {
    write_sequence(&[&write_oid(oid::ECDSA_WITH_SHA256)])
}

/// A distinguished name of one common name, which may have 64 characters (RFC 5280 A.1). Nobody
/// compares it with the host any more: the alternative names count.
fn subject(names: &ServerNames) -> Vec<u8> {
    let first = names.all().next().filter(|name| name.len() <= 64);
    let text = first.as_deref().unwrap_or("registry");
    let value = write_element(UTF8_STRING, &[text.as_bytes()]);
    let attribute = write_sequence(&[&write_oid(oid::COMMON_NAME), &value]);
    write_sequence(&[&write_element(SET, &[&attribute])])
}

fn alternative_names(names: &ServerNames) -> Vec<u8> {
    let hosts = names.hosts.iter();
    let hosts = hosts.map(|host| write_element(0x82, &[host.0.as_bytes()]));
    let addresses = names.addresses.iter().map(|address| match address {
        IpAddr::V4(address) => write_element(0x87, &[&address.octets()]),
        IpAddr::V6(address) => write_element(0x87, &[&address.octets()]),
    });
    let all: Vec<Vec<u8>> = hosts.chain(addresses).collect();
    write_sequence(&all.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn extension(oid: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = match is_critical {
        true => &[BOOLEAN, 0x01, 0xff],
        false => &[],
    };
    write_sequence(&[
        &write_oid(oid),
        critical,
        &write_element(OCTET_STRING, &[value]),
    ])
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
        ..2050 => write_element(UTC_TIME, &[format!("{:02}{rest}", year % 100).as_bytes()]),
        _ => write_element(GENERALIZED_TIME, &[format!("{year:04}{rest}").as_bytes()]),
    }
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

/// keyUsage: digitalSignature, the first bit of a BIT STRING.
const DIGITAL_SIGNATURE: [u8; 4] = [BIT_STRING, 0x02, 0x07, 0x80];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_those_of_dns() {
        for text in [
            "registry.local",
            "localhost",
            "*.a-b.example",
            "a_b",
            "X1.Local",
        ] {
            let host: HostName = text.parse().unwrap();
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
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_change_their_form_in_2050() {
        let at = |seconds| time(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        assert_eq!(
            at(2_524_607_999),
            write_element(UTC_TIME, &[b"491231235959Z"])
        );
        assert_eq!(
            at(2_524_608_000),
            write_element(GENERALIZED_TIME, &[b"20500101000000Z"])
        );
    }
}
