//! What is judged of the certificates of clients and of the authorities that sign them (RFC 5280 4.1, 4.2.1),
//! in every version of X.509. Reading is strict: what is malformed, repeated or out of place is not a
//! certificate.

use super::certificate::CertificateSummary;
use super::der::{
    BIT_STRING, BOOLEAN, DerReader, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, whole_bytes,
};
use super::oid::{
    ANY_EXTENDED_KEY_USAGE, BASIC_CONSTRAINTS, CLIENT_AUTH, EXTENDED_KEY_USAGE, KEY_USAGE,
    SUBJECT_ALT_NAME,
};

/// `[0] EXPLICIT Version`, absent in version 1.
const VERSION: u8 = 0xa0;
/// `[1]` and `[2] IMPLICIT UniqueIdentifier`, from version 2 on.
const UNIQUE_IDS: [u8; 2] = [0x81, 0x82];
/// `[3] EXPLICIT Extensions`, in version 3.
const EXTENSIONS: u8 = 0xa3;

/// keyCertSign in the first byte of the bits of a key usage.
const CERT_SIGN: u8 = 0x04;

/// The parts of a certificate that are judged.
pub struct CertificateDetails<'c> {
    /// 1 to 3.
    pub version: u8,
    /// Its validity period and key.
    pub summary: CertificateSummary<'c>,
    /// The name of the certificate that signed it, tag and length included.
    pub issuer: &'c [u8],
    /// Its own name, tag and length included.
    pub subject: &'c [u8],
    /// What was signed.
    pub signed: &'c [u8],
    /// The algorithm of the signature: what is in its SEQUENCE.
    pub algorithm: &'c [u8],
    /// The signature.
    pub signature: &'c [u8],
    /// What its extensions say.
    pub extensions: Extensions,
}

/// What the extensions of a certificate say.
#[derive(Default)]
pub struct Extensions {
    /// basicConstraints: whether it is an authority's.
    pub is_authority: Option<bool>,
    /// basicConstraints: how many others may be between it and a client.
    pub path_length: Option<usize>,
    /// keyUsage: whether it may sign certificates.
    may_sign: Option<bool>,
    /// extKeyUsage: whether it may be used for clients.
    for_clients: Option<bool>,
    /// There is an unknown critical one.
    pub has_unknown_critical: bool,
    /// Those that were read.
    seen: Vec<Vec<u8>>,
}

impl<'c> CertificateDetails<'c> {
    /// Reads a certificate; `None` when the bytes are not one.
    pub fn parse(der: &'c [u8]) -> Option<CertificateDetails<'c>> {
        let mut whole = DerReader::new(der);
        let mut parts = whole.sequence()?;
        let signed = parts.element(SEQUENCE)?;
        let algorithm = parts.element(SEQUENCE)?;
        let signature = whole_bytes(&parts.element(BIT_STRING)?)?;
        if parts.peek().is_some() || whole.peek().is_some() {
            return None;
        }
        let mut fields = DerReader::new(signed.content);
        let version = version(&mut fields)?;
        fields.element(INTEGER)?; // serialNumber
        // It is repeated outside, and must be the same.
        if fields.element(SEQUENCE)?.whole != algorithm.whole {
            return None;
        }
        let issuer = fields.element(SEQUENCE)?.whole;
        fields.element(SEQUENCE)?; // validity
        let subject = fields.element(SEQUENCE)?.whole;
        fields.element(SEQUENCE)?; // subjectPublicKeyInfo
        Some(CertificateDetails {
            version,
            summary: CertificateSummary::parse(der)?,
            issuer,
            subject,
            signed: signed.whole,
            algorithm: algorithm.content,
            signature,
            extensions: extensions(&mut fields, version)?,
        })
    }

    /// Whether it may sign the certificates of others, as Go decides: one of version 3 must say so.
    pub fn may_sign(&self) -> bool {
        let is_authority = match self.extensions.is_authority {
            Some(is_authority) => is_authority,
            None => self.version < 3,
        };
        is_authority && self.extensions.may_sign.unwrap_or(true)
    }

    /// Whether it may be used for clients: it says so, or does not restrict its use.
    pub fn is_for_clients(&self) -> bool {
        self.extensions.for_clients.unwrap_or(true)
    }
}

fn version(fields: &mut DerReader<'_>) -> Option<u8> {
    if fields.peek() != Some(VERSION) {
        return Some(1);
    }
    let mut version = DerReader::new(fields.any()?.content);
    let number = version.element(INTEGER)?;
    match (number.content, version.peek()) {
        ([number @ 0..=2], None) => Some(number + 1),
        _ => None,
    }
}

/// What follows the key.
fn extensions(fields: &mut DerReader<'_>, version: u8) -> Option<Extensions> {
    let mut found = Extensions::default();
    for tag in UNIQUE_IDS {
        if fields.peek() == Some(tag) && version > 1 {
            fields.any()?;
        }
    }
    if fields.peek() == Some(EXTENSIONS) && version == 3 {
        let mut outer = DerReader::new(fields.any()?.content);
        let mut list = outer.sequence()?;
        while list.peek().is_some() {
            found.read(list.sequence()?)?;
        }
        if outer.peek().is_some() {
            return None;
        }
    }
    fields.peek().is_none().then_some(found)
}

impl Extensions {
    /// Reads one; `None` when it is malformed or repeated.
    fn read(&mut self, mut extension: DerReader<'_>) -> Option<()> {
        let name = extension.element(OBJECT_IDENTIFIER)?.content;
        let is_critical = boolean(&mut extension)?;
        let value = extension.element(OCTET_STRING)?.content;
        let is_new = !self.seen.iter().any(|seen| seen == name);
        if extension.peek().is_some() || !is_new {
            return None;
        }
        self.seen.push(name.to_vec());
        match name {
            BASIC_CONSTRAINTS => {
                let mut constraints = DerReader::new(value).sequence()?;
                self.is_authority = Some(boolean(&mut constraints)?);
                if constraints.peek().is_some() {
                    self.path_length = Some(length(constraints.element(INTEGER)?.content)?);
                }
                constraints.peek().is_none().then_some(())?;
            }
            KEY_USAGE => {
                let usage = DerReader::new(value).element(BIT_STRING)?.content;
                let first = usage.get(1).copied().unwrap_or(0);
                self.may_sign = Some(first & CERT_SIGN != 0);
            }
            EXTENDED_KEY_USAGE => {
                let mut uses = DerReader::new(value).sequence()?;
                let mut for_clients = false;
                while uses.peek().is_some() {
                    let found = uses.element(OBJECT_IDENTIFIER)?.content;
                    for_clients |= found == CLIENT_AUTH || found == ANY_EXTENDED_KEY_USAGE;
                }
                self.for_clients = Some(for_clients);
            }
            SUBJECT_ALT_NAME => {}
            _ => self.has_unknown_critical |= is_critical,
        }
        Some(())
    }
}

/// `BOOLEAN DEFAULT FALSE`.
fn boolean(reader: &mut DerReader<'_>) -> Option<bool> {
    if reader.peek() != Some(BOOLEAN) {
        return Some(false);
    }
    match reader.any()?.content {
        [0] => Some(false),
        [0xff] => Some(true),
        _ => None,
    }
}

/// A length that is not negative; a huge one saturates.
fn length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [first, ..] if *first < 0x80 => {
            let add =
                |sum: usize, byte: &u8| sum.saturating_mul(256).saturating_add(usize::from(*byte));
            Some(bytes.iter().fold(0, add))
        }
        _ => None,
    }
}
