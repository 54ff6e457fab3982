//! What is judged of the certificates of clients and of those who sign for them (RFC 5280 4.1, 4.2.1),
//! in every version of X.509. Reading is strict: what is malformed, doubled or out of place is no
//! certificate.

use super::x509::Certificate;
use crate::der::{BIT_STRING, BOOLEAN, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING};
use crate::der::{Reader, SEQUENCE};

/// `[0] EXPLICIT Version`, absent in version 1.
const VERSION: u8 = 0xa0;
/// `[1]` and `[2] IMPLICIT UniqueIdentifier`, from version 2 on.
const UNIQUE_IDS: [u8; 2] = [0x81, 0x82];
/// `[3] EXPLICIT Extensions`, in version 3.
const EXTENSIONS: u8 = 0xa3;

/// id-ce-keyUsage, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
/// id-ce-basicConstraints, 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
/// id-ce-extKeyUsage, 2.5.29.37.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
/// id-kp-clientAuth, 1.3.6.1.5.5.7.3.2.
pub(super) const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// anyExtendedKeyUsage, 2.5.29.37.0.
pub(super) const ANY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
/// keyCertSign in the first byte of the bits of a key usage.
const CERT_SIGN: u8 = 0x04;

/// The parts of a certificate that are judged.
pub(super) struct Details<'c> {
    /// 1 to 3.
    pub(super) version: u8,
    /// When it is valid, and its key.
    pub(super) certificate: Certificate<'c>,
    /// The name of who signed it, tag and length included.
    pub(super) issuer: Element<'c>,
    /// Its own name.
    pub(super) subject: Element<'c>,
    /// What was signed.
    pub(super) signed: &'c [u8],
    /// The algorithm of the signature: what is in its SEQUENCE.
    pub(super) algorithm: &'c [u8],
    /// The signature.
    pub(super) signature: &'c [u8],
    /// What its extensions say.
    pub(super) extensions: Extensions,
}

/// What the extensions of a certificate say.
#[derive(Default)]
pub(super) struct Extensions {
    /// basicConstraints: whether it is an authority's.
    pub(super) is_authority: Option<bool>,
    /// basicConstraints: how many others may stand between it and a client.
    pub(super) path_length: Option<usize>,
    /// keyUsage: whether it may sign certificates.
    may_sign: Option<bool>,
    /// extKeyUsage: whether it may be used for clients.
    for_clients: Option<bool>,
    /// There is a critical one of which nothing is known here.
    pub(super) has_unknown_critical: bool,
    /// Those that came.
    seen: Vec<Vec<u8>>,
}

impl<'c> Details<'c> {
    /// Reads a certificate; `None` when the bytes are none.
    pub(super) fn parse(der: &'c [u8]) -> Option<Details<'c>> {
        let mut whole = Reader::new(der);
        let mut parts = whole.sequence()?;
        let signed = parts.element(SEQUENCE)?;
        let algorithm = parts.element(SEQUENCE)?;
        let signature = bits(&parts.element(BIT_STRING)?)?;
        if parts.peek().is_some() || whole.peek().is_some() {
            return None;
        }
        let mut fields = Reader::new(signed.content);
        let version = version(&mut fields)?;
        fields.element(INTEGER)?; // serialNumber
        // It stands here and outside, and must be the same.
        if fields.element(SEQUENCE)?.whole != algorithm.whole {
            return None;
        }
        let issuer = fields.element(SEQUENCE)?;
        fields.element(SEQUENCE)?; // validity
        let subject = fields.element(SEQUENCE)?;
        fields.element(SEQUENCE)?; // subjectPublicKeyInfo
        Some(Details {
            version,
            certificate: Certificate::parse(der)?,
            issuer,
            subject,
            signed: signed.whole,
            algorithm: algorithm.content,
            signature,
            extensions: extensions(&mut fields, version)?,
        })
    }

    /// Whether it may sign the certificates of others, as Go has it: what is of version 3 must say so.
    pub(super) fn may_sign(&self) -> bool {
        let is_authority = match self.extensions.is_authority {
            Some(is_authority) => is_authority,
            None => self.version < 3,
        };
        is_authority && self.extensions.may_sign.unwrap_or(true)
    }

    /// Whether it may be used for clients: it says so, or says nothing of its use.
    pub(super) fn is_for_clients(&self) -> bool {
        self.extensions.for_clients.unwrap_or(true)
    }
}

fn version(fields: &mut Reader<'_>) -> Option<u8> {
    if fields.peek() != Some(VERSION) {
        return Some(1);
    }
    let mut version = Reader::new(fields.any()?.content);
    let number = version.element(INTEGER)?;
    match (number.content, version.peek()) {
        ([number @ 0..=2], None) => Some(number + 1),
        _ => None,
    }
}

/// What follows the key.
fn extensions(fields: &mut Reader<'_>, version: u8) -> Option<Extensions> {
    let mut found = Extensions::default();
    for tag in UNIQUE_IDS {
        if fields.peek() == Some(tag) && version > 1 {
            fields.any()?;
        }
    }
    if fields.peek() == Some(EXTENSIONS) && version == 3 {
        let mut outer = Reader::new(fields.any()?.content);
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
    /// Reads one; `None` when it is malformed or there twice.
    fn read(&mut self, mut extension: Reader<'_>) -> Option<()> {
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
                let mut constraints = Reader::new(value).sequence()?;
                self.is_authority = Some(boolean(&mut constraints)?);
                if constraints.peek().is_some() {
                    self.path_length = Some(length(constraints.element(INTEGER)?.content)?);
                }
                constraints.peek().is_none().then_some(())?;
            }
            KEY_USAGE => {
                let usage = Reader::new(value).element(BIT_STRING)?.content;
                let first = usage.get(1).copied().unwrap_or(0);
                self.may_sign = Some(first & CERT_SIGN != 0);
            }
            EXTENDED_KEY_USAGE => {
                let mut uses = Reader::new(value).sequence()?;
                let mut for_clients = false;
                while uses.peek().is_some() {
                    let found = uses.element(OBJECT_IDENTIFIER)?.content;
                    for_clients |= found == CLIENT_AUTH || found == ANY_USAGE;
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
fn boolean(reader: &mut Reader<'_>) -> Option<bool> {
    if reader.peek() != Some(BOOLEAN) {
        return Some(false);
    }
    match reader.any()?.content {
        [0] => Some(false),
        [0xff] => Some(true),
        _ => None,
    }
}

/// A length that is not negative; one of many bytes is as good as none.
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

/// The bytes of a BIT STRING of whole bytes.
pub(super) fn bits<'d>(element: &Element<'d>) -> Option<&'d [u8]> {
    element.content.strip_prefix(&[0])
}
