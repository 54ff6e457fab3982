//! What a client sent, as the logs quote it: shortened.

use std::borrow::Cow;

/// The most bytes of one text from a client that a log line quotes.
pub const EXCERPT_BYTES_MAX: usize = 1024;

/// A text, or its beginning followed by three dots.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    if text.len() <= EXCERPT_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let mut ends = (0..=EXCERPT_BYTES_MAX).rev();
    let end = ends.find(|&at| text.is_char_boundary(at));
    let beginning = text.get(..end.unwrap_or(0));
    Cow::Owned([beginning.unwrap_or_default(), "..."].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shortened() {
        let long = "\u{e9}".repeat(EXCERPT_BYTES_MAX);
        let short = excerpt(&long);
        assert_eq!(short.len(), EXCERPT_BYTES_MAX + 3);
        assert!(short.ends_with("\u{e9}..."));
        let odd = format!("a{long}");
        assert_eq!(excerpt(&odd).len(), EXCERPT_BYTES_MAX - 1 + 3);
        assert_eq!(excerpt("as it is"), "as it is");
    }
}
