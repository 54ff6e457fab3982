//! Repository names, tags, references and upload session ids (distribution spec, "Pulling
//! manifests" gives both grammars).

use super::digest::{Digest, InvalidDigest};
use std::fmt;
use std::str::FromStr;

/// Longest repository name, in bytes, as in distribution.
pub const NAME_BYTES_MAX: usize = 255;

/// Longest tag, in bytes (distribution spec).
pub const TAG_BYTES_MAX: usize = 128;

/// A repository name: components of `[a-z0-9]` words joined by `.`, `_`, `__` or dashes, separated
/// by `/`; at most [`NAME_BYTES_MAX`] bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<str>);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Name, InvalidName> {
        if text.len() > NAME_BYTES_MAX || !text.split('/').all(is_component) {
            return Err(InvalidName);
        }
        Ok(Name(text.into()))
    }
}

/// Whether a text is one component of a repository name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
pub fn is_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separator = Separator::Missing;
    for byte in text.bytes() {
        separator = match (separator, byte) {
            (_, byte) if is_word(byte) => Separator::None,
            (Separator::None, b'.') => Separator::Complete,
            (Separator::None, b'_') => Separator::Underscore,
            (Separator::Underscore, b'_') => Separator::Complete,
            (Separator::None | Separator::Dashes, b'-') => Separator::Dashes,
            _ => return false,
        };
    }
    separator == Separator::None
}

/// What precedes the next byte of a component.
#[derive(Clone, Copy, PartialEq)]
enum Separator {
    /// Nothing yet: a word must follow.
    Missing,
    /// A word byte.
    None,
    Underscore,
    Dashes,
    /// A separator that cannot grow: a word must follow.
    Complete,
}

/// Why a text is not a repository name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidName;

impl fmt::Display for InvalidName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "a repository name has at most {NAME_BYTES_MAX} characters: lower-case letters and \
             digits, with single '.', '_', '__' or dashes between them, and '/' between components"
        )
    }
}

impl std::error::Error for InvalidName {}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Box<str>);

impl Tag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Tag, InvalidTag> {
        let is_first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_next = |byte: u8| is_first(byte) || byte == b'.' || byte == b'-';
        let first_is_right = text.bytes().next().is_some_and(is_first);
        if !first_is_right || text.len() > TAG_BYTES_MAX || !text.bytes().all(is_next) {
            return Err(InvalidTag);
        }
        Ok(Tag(text.into()))
    }
}

/// Why a text is not a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTag;

impl fmt::Display for InvalidTag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "a tag has 1 to {TAG_BYTES_MAX} characters: letters, digits, '_', '.' and '-', \
             and starts with none of '.' and '-'"
        )
    }
}

impl std::error::Error for InvalidTag {}

/// What names a manifest in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// By tag.
    Tag(Tag),
    /// By content.
    Digest(Digest),
}

/// Why a text is neither a tag nor a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidReference {
    /// It has no colon and is not a tag.
    Tag(InvalidTag),
    /// It has a colon and is not a digest.
    Digest(InvalidDigest),
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Reference, InvalidReference> {
        if text.contains(':') {
            text.parse()
                .map(Reference::Digest)
                .map_err(InvalidReference::Digest)
        } else {
            text.parse()
                .map(Reference::Tag)
                .map_err(InvalidReference::Tag)
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Tag(tag) => tag.fmt(out),
            Reference::Digest(digest) => digest.fmt(out),
        }
    }
}

/// A position in a list of names or tags: the list continues after it. Any text of a client is one; what of it makes
/// no difference is dropped, so that a position is no longer than a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(Box<str>);

impl Position {
    /// The position of a text in byte order.
    pub fn from_text(text: &str) -> Position {
        // No entry is longer, so none lies between a text and its first bytes.
        let end = text.bytes().take(NAME_BYTES_MAX);
        let end = end.take_while(u8::is_ascii).count();
        // What is before it is ASCII.
        let (beginning, _) = text.split_at(end);
        // Entries are printable ASCII: those that start with the same text sort before any other character.
        let is_beyond = text
            .as_bytes()
            .get(end)
            .is_some_and(|byte| !byte.is_ascii());
        let mut position = beginning.to_owned();
        if is_beyond && end < NAME_BYTES_MAX {
            position.push('\x7f');
        }
        Position(position.into())
    }

    /// The position as text: entries that sort after it follow.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of an upload session: a UUID in its usual lower-case form, as distribution creates them
/// (version 4 up to 3.0, version 7 since) and as we do (version 4).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(Box<str>);

impl UploadId {
    /// A version 4 UUID of 16 random bytes.
    pub fn from_random(mut bytes: [u8; 16]) -> UploadId {
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
        *version = (*version & 0x0f) | 0x40;
        *variant = (*variant & 0x3f) | 0x80;
        let mut text = hex::encode(bytes);
        for position in [20, 16, 12, 8] {
            text.insert(position, '-');
        }
        UploadId(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UploadId {
    type Err = InvalidUploadId;

    fn from_str(text: &str) -> Result<UploadId, InvalidUploadId> {
        let is_right = |(position, byte): (usize, u8)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        };
        if text.len() != 36 || !text.bytes().enumerate().all(is_right) {
            return Err(InvalidUploadId);
        }
        Ok(UploadId(text.into()))
    }
}

/// The text is not a lower-case UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUploadId;

macro_rules! text {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    )*};
}

text!(Name, Tag, UploadId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        let longest = format!("a{}", "/b".repeat(127));
        assert_eq!(longest.len(), 255);
        for right in [
            "a", "0", "a/b", "a-b", "a--b", "a.b", "a_b", "a__b", "con", &longest,
        ] {
            assert!(right.parse::<Name>().is_ok(), "{right}");
        }
        let too_long = format!("{longest}c");
        for wrong in [
            "", "/", "a/", "/a", "a//b", "A", "a/B", "a..b", "a.", ".a", "-a", "a-", "a___b",
            "a_-b", "a._b", "_a", "..", "a/../b", "a\\b", "a b", "a\0", "a:b", "\u{e9}", &too_long,
        ] {
            assert_eq!(wrong.parse::<Name>(), Err(InvalidName), "{wrong}");
        }
    }

    #[test]
    fn tags_follow_the_grammar() {
        let longest = "x".repeat(128);
        for right in ["latest", "v1.", "1", "_", "A.b-c_D", "nul", &longest] {
            assert!(right.parse::<Tag>().is_ok(), "{right}");
        }
        let too_long = "x".repeat(129);
        for wrong in [
            "", ".", "..", ".a", "-a", "a/b", "a:b", "a b", "a\0", "\u{e9}", &too_long,
        ] {
            assert_eq!(wrong.parse::<Tag>(), Err(InvalidTag), "{wrong}");
        }
    }

    #[test]
    fn a_position_parts_names_as_the_whole_text_does() {
        let longest = "a".repeat(255);
        let names = ["a", "a-b", "a/b", "ab", "az", "b", "z/z", &longest];
        let texts = [
            "",
            "a",
            "a/",
            "a-",
            "aa",
            "a\u{e9}",
            "\u{e9}",
            "a\u{1f600}/b",
            "\0",
            "~",
            "\x7f",
            &"a".repeat(254),
            &longest,
            &"a".repeat(256),
            &"a".repeat(8000),
            &format!("{longest}\u{e9}"),
            &format!("{}\u{e9}", "a".repeat(254)),
            &format!("a/b{}", "\u{e9}".repeat(500)),
        ];
        for text in texts {
            let position = Position::from_text(text);
            assert!(position.as_str().len() <= NAME_BYTES_MAX, "{text}");
            for name in names {
                assert_eq!(name > position.as_str(), name > text, "{name} after {text}");
            }
        }
    }

    #[test]
    fn upload_ids_are_uuids() {
        let id = UploadId::from_random([0xff; 16]);
        assert_eq!(id.as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(id.as_str().parse(), Ok(id));
        for wrong in [
            "",
            "..",
            "ffffffff-ffff-4fff-bfff-fffffffffff",
            &"f".repeat(36),
        ] {
            assert_eq!(wrong.parse::<UploadId>(), Err(InvalidUploadId), "{wrong}");
        }
    }
}
