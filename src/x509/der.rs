//! DER (X.690): elements read one after the other, from bytes that a stranger may have made, and written.

/// BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// UTF8String.
pub const UTF8_STRING: u8 = 0x0c;
/// UTCTime.
pub const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE and SEQUENCE OF.
pub const SEQUENCE: u8 = 0x30;
/// SET and SET OF.
pub const SET: u8 = 0x31;

/// One element: its tag, and its bytes with and without tag and length.
pub struct Element<'d> {
    /// The first byte: class, form and number.
    pub tag: u8,
    /// Tag, length and content.
    pub whole: &'d [u8],
    /// The content only.
    pub content: &'d [u8],
}

/// Elements one after the other.
pub struct DerReader<'d>(&'d [u8]);

impl<'d> DerReader<'d> {
    /// Starts at the first of these bytes.
    pub fn new(bytes: &'d [u8]) -> DerReader<'d> {
        DerReader(bytes)
    }

    /// The tag of the next element.
    pub fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element, which must have this tag.
    pub fn element(&mut self, tag: u8) -> Option<Element<'d>> {
        self.any().filter(|element| element.tag == tag)
    }

    /// The content of the next element, which must be a SEQUENCE.
    pub fn sequence(&mut self) -> Option<DerReader<'d>> {
        self.element(SEQUENCE).map(|found| DerReader(found.content))
    }

    /// The next element, whatever it is; `None` at the end, and when it is truncated. Lengths of more
    /// than four bytes are not supported.
    pub fn any(&mut self) -> Option<Element<'d>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let shift = |length: usize, digit: &u8| length << 8 | usize::from(*digit);
                (digits.iter().fold(0, shift), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len().checked_sub(rest.len())?)?;
        self.0 = rest;
        Some(Element {
            tag,
            whole,
            content,
        })
    }
}

/// The bytes of a BIT STRING of whole bytes: the first byte counts unused bits, of which there are none.
pub fn whole_bytes<'d>(element: &Element<'d>) -> Option<&'d [u8]> {
    element.content.strip_prefix(&[0])
}

/// Writes an element: tag, length in its shortest form, content (X.690 10.1).
pub fn write_element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let digits = content.len().to_be_bytes();
    let digits: Vec<u8> = digits.into_iter().skip_while(|digit| *digit == 0).collect();
    let mut bytes = vec![tag];
    match digits.as_slice() {
        [] => bytes.push(0),
        [short @ 0..=0x7f] => bytes.push(*short),
        long => {
            // At most the eight bytes of a usize.
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            bytes.extend_from_slice(long);
        }
    }
    bytes.extend_from_slice(&content);
    bytes
}

/// Writes a SEQUENCE.
pub fn write_sequence(parts: &[&[u8]]) -> Vec<u8> {
    write_element(SEQUENCE, parts)
}

/// Writes an OBJECT IDENTIFIER.
pub fn write_oid(oid: &[u8]) -> Vec<u8> {
    write_element(OBJECT_IDENTIFIER, &[oid])
}

/// Writes a BIT STRING of whole bytes.
pub fn write_whole_bytes(bytes: &[u8]) -> Vec<u8> {
    write_element(BIT_STRING, &[&[0], bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_one_another() {
        let bytes = [
            0x30, 0x05, 0x02, 0x01, 0x07, 0x05, 0x00, 0x03, 0x81, 0x01, 0x00,
        ];
        let mut outer = DerReader::new(&bytes);
        let mut inner = outer.sequence().unwrap();
        assert_eq!(inner.element(INTEGER).unwrap().content, [7]);
        assert_eq!(inner.any().unwrap().whole, [5, 0]);
        assert!(inner.any().is_none());
        assert_eq!(outer.peek(), Some(BIT_STRING));
        let last = outer.any().unwrap();
        assert_eq!((last.tag, last.content), (BIT_STRING, &[0][..]));
        assert_eq!(last.whole, &bytes[7..]);
        assert!(outer.peek().is_none());
        assert!(DerReader::new(&bytes).element(INTEGER).is_none());
    }

    #[test]
    fn a_length_has_up_to_four_bytes_and_must_be_there() {
        let long = [&[4, 0x84, 0, 0, 1, 0][..], &[9; 256]].concat();
        assert_eq!(DerReader::new(&long).any().unwrap().content, [9; 256]);
        for bytes in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x81],
            &[4, 0x82, 0],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 0],
            &[4, 0x85, 0, 0, 0, 0, 1, 0],
            &[4, 0xff],
        ] {
            assert!(DerReader::new(bytes).any().is_none(), "{bytes:?}");
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
            let bytes = write_element(OCTET_STRING, &[&vec![7; length]]);
            assert!(bytes.starts_with(start) && bytes.len() == start.len() + length);
        }
    }
}
