//! Patterns of repository names and of tags: `*` stands for any characters within a component, `**` for any
//! characters at all, everything else for itself. A tag is a single component.

use std::fmt;
use std::str::FromStr;

/// The longest pattern of names, in bytes: that of a name.
const NAME_PATTERN_BYTES_MAX: usize = 255;

/// The longest pattern of tags, in bytes: that of a tag.
const TAG_PATTERN_BYTES_MAX: usize = 128;

/// A pattern of repository names. `team/*` matches `team/a`, not `team` and not `team/a/b`; `team/**` matches both of the
/// latter but `team`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pieces: Vec<PatternPiece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PatternPiece {
    Byte(u8),
    /// `*`.
    Within,
    /// `**`.
    Across,
}

impl Pattern {
    /// What every name that matches starts with.
    pub fn literal_prefix(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// Whether a name matches as a whole. Takes at most the product of both lengths.
    pub fn matches(&self, name: &str) -> bool {
        // reached[i]: the pieces so far can match the first i bytes.
        let name = name.as_bytes();
        let mut reached = vec![false; name.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for piece in &self.pieces {
            let mut before = false;
            let bytes = std::iter::once(None).chain(name.iter().map(Some));
            for (now, byte) in reached.iter_mut().zip(bytes) {
                let was = *now;
                *now = match (piece, byte) {
                    (PatternPiece::Byte(own), Some(byte)) => before && own == byte,
                    (PatternPiece::Byte(_), None) => false,
                    (PatternPiece::Across, _) => was || before,
                    (PatternPiece::Within, byte) => was || before && byte != Some(&b'/'),
                };
                // A star continues from what it has just reached, a byte from what was before it.
                before = match piece {
                    PatternPiece::Byte(_) => was,
                    PatternPiece::Within | PatternPiece::Across => *now,
                };
            }
        }
        reached.last().copied().unwrap_or(false)
    }
}

impl FromStr for Pattern {
    type Err = &'static str;

    /// The error says what is allowed.
    fn from_str(text: &str) -> Result<Pattern, &'static str> {
        let allowed = "a repository name with * (any characters but /) or ** (any characters) in it, such as team/**";
        let is_fine = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/*".contains(&byte)
        };
        let odd = text.contains("//") || text.starts_with('/');
        let is_right = !odd && text.len() <= NAME_PATTERN_BYTES_MAX && text.bytes().all(is_fine);
        let pattern = Some(text).filter(|_| is_right).and_then(Pattern::of);
        pattern.ok_or(allowed)
    }
}

impl Pattern {
    /// The pattern that a text of allowed characters is; `None` for an empty one, and for stars that mean nothing.
    fn of(text: &str) -> Option<Pattern> {
        if text.is_empty() || text.contains("***") {
            return None;
        }
        let mut pieces = Vec::new();
        for byte in text.bytes() {
            match (byte, pieces.last_mut()) {
                (b'*', Some(last)) if *last == PatternPiece::Within => *last = PatternPiece::Across,
                (b'*', _) => pieces.push(PatternPiece::Within),
                (byte, _) => pieces.push(PatternPiece::Byte(byte)),
            }
        }
        let text = text.to_owned();
        Some(Pattern { text, pieces })
    }
}

/// A pattern of tags: `v*` matches `v1` and `v1.2-rc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPattern(Pattern);

impl TagPattern {
    /// Whether a tag matches as a whole.
    pub fn matches(&self, tag: &str) -> bool {
        self.0.matches(tag)
    }
}

impl FromStr for TagPattern {
    type Err = &'static str;

    /// The error says what is allowed.
    fn from_str(text: &str) -> Result<TagPattern, &'static str> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-*".contains(&byte);
        let is_right = text.len() <= TAG_PATTERN_BYTES_MAX
            && text.bytes().all(is_fine)
            && !text.starts_with(['.', '-']);
        let pattern = Some(text).filter(|_| is_right).and_then(Pattern::of);
        let allowed = "a tag with * (any characters) in it, such as v*";
        pattern.map(TagPattern).ok_or(allowed)
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_within_and_across() {
        let names = [
            "a", "team", "team/a", "team/a/b", "team/ab", "teams/a", "x/team/a", "team-a", "b/a/c",
        ];
        for (pattern, matched) in [
            ("team", &["team"][..]),
            ("*", &["a", "team", "team-a"]),
            ("**", &names),
            ("team/*", &["team/a", "team/ab"]),
            ("team/**", &["team/a", "team/a/b", "team/ab"]),
            ("team*", &["team", "team-a"]),
            (
                "team**",
                &["team", "team/a", "team/a/b", "team/ab", "teams/a", "team-a"],
            ),
            ("*/a", &["team/a", "teams/a"]),
            ("**/a", &["team/a", "teams/a", "x/team/a"]),
            ("*/*/*", &["team/a/b", "x/team/a", "b/a/c"]),
            ("*a*/**b", &["team/a/b", "team/ab"]),
            ("**a**c", &["b/a/c"]),
            ("b/", &[]),
        ] {
            let parsed: Pattern = pattern.parse().unwrap();
            let found: Vec<&str> = names
                .into_iter()
                .filter(|name| parsed.matches(name))
                .collect();
            assert_eq!(found, matched, "{pattern}");
            assert!(
                found
                    .iter()
                    .all(|name| name.starts_with(parsed.literal_prefix()))
            );
            assert_eq!(parsed.to_string(), pattern);
        }
        // What would take for ever with a naive search.
        let evil: Pattern = "*a".repeat(100).parse().unwrap();
        assert!(!evil.matches(&"a".repeat(99)));
        assert!(evil.matches(&"a".repeat(100)));
    }

    #[test]
    fn what_could_never_match_is_refused() {
        let long = "a".repeat(256);
        for text in [
            "", "A", "a b", "a:b", "***", "/a", "a//b", "[a]", "a?", "\u{e9}", &long,
        ] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn patterns_of_tags_match_tags() {
        let tags = ["v1", "v1.2-rc", "V1", "latest", "nightly-v1", "v"];
        for (pattern, matched) in [
            ("v*", &["v1", "v1.2-rc", "v"][..]),
            ("*", &tags),
            ("**", &tags),
            ("*v1", &["v1", "nightly-v1"]),
            ("v*.*", &["v1.2-rc"]),
            ("latest", &["latest"]),
        ] {
            let parsed: TagPattern = pattern.parse().unwrap();
            let found = tags.into_iter().filter(|tag| parsed.matches(tag));
            assert_eq!(found.collect::<Vec<_>>(), matched, "{pattern}");
            assert_eq!(parsed.to_string(), pattern);
        }
        let long = "a".repeat(129);
        for text in [
            "", "a/b", "a b", ".a", "-*", "***", "a?", "[v]", "\u{e9}", &long,
        ] {
            assert!(text.parse::<TagPattern>().is_err(), "{text}");
        }
    }
}
