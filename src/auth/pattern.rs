//! Patterns of repository names: `*` stands for any characters within a component, `**` for any
//! characters at all, everything else for itself.

use std::fmt;
use std::str::FromStr;

/// The longest pattern, in bytes: that of a name.
const BYTES_MAX: usize = 255;

/// A pattern. `team/*` matches `team/a`, not `team` and not `team/a/b`; `team/**` matches both of the
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
        let odd = text.contains("***") || text.contains("//") || text.starts_with('/');
        if text.is_empty() || text.len() > BYTES_MAX || odd || !text.bytes().all(is_fine) {
            return Err(allowed);
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
        Ok(Pattern { text, pieces })
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
}
