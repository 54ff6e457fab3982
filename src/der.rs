//! DER (X.690), read only: elements one after the other, from bytes that a stranger may have made. What
//! they mean is for those who read them.

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
/// UTCTime.
pub const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE and SEQUENCE OF.
pub const SEQUENCE: u8 = 0x30;

/// One element: its tag, and its bytes with and without tag and length.
pub struct Element<'d> {
    /// The first byte: class, form and number.
    pub tag: u8,
    /// Tag, length and content.
    pub whole: &'d [u8],
    /// What is between.
    pub content: &'d [u8],
}

/// Elements one after the other.
pub struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    /// Begins at the first of these bytes.
    pub fn new(bytes: &'d [u8]) -> Reader<'d> {
        Reader(bytes)
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
    pub fn sequence(&mut self) -> Option<Reader<'d>> {
        self.element(SEQUENCE).map(|found| Reader(found.content))
    }

    /// The next element, whatever it is; `None` at the end, and when it is cut off. Lengths of more
    /// than four bytes are none that occur.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_one_after_the_other() {
        let bytes = [
            0x30, 0x05, 0x02, 0x01, 0x07, 0x05, 0x00, 0x03, 0x81, 0x01, 0x00,
        ];
        let mut outer = Reader::new(&bytes);
        let mut inner = outer.sequence().unwrap();
        assert_eq!(inner.element(INTEGER).unwrap().content, [7]);
        assert_eq!(inner.any().unwrap().whole, [5, 0]);
        assert!(inner.any().is_none());
        assert_eq!(outer.peek(), Some(BIT_STRING));
        let last = outer.any().unwrap();
        assert_eq!((last.tag, last.content), (BIT_STRING, &[0][..]));
        assert_eq!(last.whole, &bytes[7..]);
        assert!(outer.peek().is_none());
        assert!(Reader::new(&bytes).element(INTEGER).is_none());
    }

    #[test]
    fn a_length_has_up_to_four_bytes_and_must_be_there() {
        let long = [&[4, 0x84, 0, 0, 1, 0][..], &[9; 256]].concat();
        assert_eq!(Reader::new(&long).any().unwrap().content, [9; 256]);
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
            assert!(Reader::new(bytes).any().is_none(), "{bytes:?}");
        }
    }
}
