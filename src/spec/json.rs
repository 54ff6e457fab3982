//! JSON as Go's `encoding/json` reads it, which wrote and read every manifest of this layout before us:
//! the names of members in any case, `null` as absent, the last of doubled members, and U+FFFD for half
//! a surrogate pair and for bytes that are not UTF-8.
//!
//! What is pushed is read more strictly (`manifest`), what is stored only in this way (`stored`).

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The text of bytes that may not be UTF-8, for a parser that does not accept half surrogate pairs.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => replace_lone_surrogates(text),
        Cow::Owned(text) => Cow::Owned(replace_lone_surrogates(&text).into_owned()),
    }
}

/// Replaces each escape that is half a surrogate pair by `\ufffd`; every other byte keeps its position.
pub(super) fn replace_lone_surrogates(text: &str) -> Cow<'_, str> {
    let mut replaced = String::new();
    // Both are at the start of a character: each is at a backslash or behind the ASCII of an escape.
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let start = at + found;
        at = start
            + match (escape(text, start), escape(text, start + ESCAPE_BYTES)) {
                (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * ESCAPE_BYTES,
                (Some(0xd800..=0xdfff), _) => {
                    replaced.push_str(text.split_at(start).0.split_at(copied).1);
                    replaced.push_str("\\ufffd");
                    copied = start + ESCAPE_BYTES;
                    ESCAPE_BYTES
                }
                (Some(_), _) => ESCAPE_BYTES,
                // The backslash and what it escapes. If that is not ASCII, it is not JSON either.
                (None, _) => 2,
            };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    replaced.push_str(text.split_at(copied).1);
    Cow::Owned(replaced)
}

/// The length of `\uXXXX`.
const ESCAPE_BYTES: usize = 6;

/// The number of the escape `\uXXXX` at a place.
fn escape(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + ESCAPE_BYTES)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

/// Whether a name is a known one in any case. Unicode has two letters, the long s and the Kelvin sign, that
/// are ASCII letters in another case.
fn is_name(found: &str, known: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    found == known || found.chars().map(fold).eq(known.chars().map(fold))
}

/// The members of an object by known names, their values unread. `None`: absent or `null`.
pub(super) fn members<'j, const N: usize>(
    text: &'j str,
    names: &[&'static str; N],
) -> Result<[Option<&'j RawValue>; N], serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader.deserialize_map(Members(names))?;
    reader.end()?;
    Ok(found)
}

struct Members<'n, const N: usize>(&'n [&'static str; N]);

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(index) = map.next_key_seed(Known(self.0))? {
            let Some(place) = index.and_then(|index| found.get_mut(index)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: &RawValue = map.next_value()?;
            if value.get() != "null" {
                *place = Some(value);
            }
        }
        Ok(found)
    }
}

/// Reads a name as its index among the known ones.
#[derive(Clone, Copy)]
pub(super) struct Known<'n>(pub(super) &'n [&'static str]);

impl<'de> DeserializeSeed<'de> for Known<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Option<usize>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Known<'_> {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|known| is_name(found, known)))
    }
}

/// Gives each element of an array to `read`; `false` when it is not an array.
pub(super) fn each_element(array: &RawValue, read: impl FnMut(&str)) -> bool {
    struct Elements<F>(F);

    impl<'de, F: FnMut(&str)> Visitor<'de> for Elements<F> {
        type Value = ();

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<(), A::Error> {
            while let Some(element) = array.next_element::<&RawValue>()? {
                (self.0)(element.get());
            }
            Ok(())
        }
    }

    let mut reader = serde_json::Deserializer::from_str(array.get());
    reader.deserialize_seq(Elements(read)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character_and_nothing_else_changes() {
        for (text, expected) in [
            (r#"plain \n \\ud83d \u00e9 \u0026"#, None),
            (r#"\ud83d\ude00 \uD83D\uDE00"#, None),
            (r#"a\ud83d"#, Some(r#"a\ufffd"#)),
            (r#"\ude00\ud83d"#, Some(r#"\ufffd\ufffd"#)),
            (r#"\ud83d\ud83d\ude00z"#, Some(r#"\ufffd\ud83d\ude00z"#)),
            (r#"\\\ud83d\u0041"#, Some(r#"\\\ufffd\u0041"#)),
            (r#"\ud83"#, None),
            (r#"\u+d83d"#, None),
            ("\\\u{e9}\\", None),
            ("\\u\u{e9}\u{e9}\\ud83d", Some("\\u\u{e9}\u{e9}\\ufffd")),
        ] {
            let replaced = replace_lone_surrogates(text);
            assert_eq!(replaced, expected.unwrap_or(text));
            assert_eq!(matches!(replaced, Cow::Borrowed(_)), expected.is_none());
        }
        assert_eq!(text(b"\"\xff\\udfff\""), "\"\u{fffd}\\ufffd\"");
    }

    #[test]
    fn members_are_found_as_go_finds_them() {
        let found = |text| {
            let [a, size] = members(text, &["aB", "size"]).unwrap();
            [a, size].map(|value| value.map_or("-", RawValue::get))
        };
        assert_eq!(found("{}"), ["-", "-"]);
        assert_eq!(found(r#"{"ab":1,"AB":[2],"x":{"aB":3}}"#), ["[2]", "-"]);
        assert_eq!(found(r#"{"aB":1,"aB":null,"SIZE":null}"#), ["1", "-"]);
        assert_eq!(found("{\"\u{17f}ize\":1}"), ["-", "1"]);
        for wrong in ["", "[]", "null", "1", "{", "{}{}", r#"{"aB":}"#] {
            assert!(members(wrong, &["aB"]).is_err(), "{wrong}");
        }
    }
}
