//! Ranges and validators: which bytes of a representation a request wants, and whether the client has them already
//! (RFC 9110 13, 14).

/// A request with more ranges gets the whole representation: each costs a header and a seek,
/// and no honest client sends so many.
pub const RANGES_MAX: usize = 16;

/// What a `Range` header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it, status 200: the request has no valid range.
    Whole,
    /// These pieces, `(offset, length)` in the requested order, each within the whole and not empty;
    /// status 206.
    Partial(Vec<(u64, u64)>),
    /// Only bytes that do not exist, status 416.
    Unsatisfiable,
}

/// Parses the value of a `Range` header for a representation of that length. Malformed values, units other
/// than bytes, more than [`RANGES_MAX`] ranges and ranges that add up to more than the whole are
/// ignored: [`Selection::Whole`].
pub fn select(range: Option<&str>, length: u64) -> Selection {
    range
        .and_then(|value| parse(value, length))
        .unwrap_or(Selection::Whole)
}

/// `None`: ignored.
fn parse(value: &str, length: u64) -> Option<Selection> {
    let (unit, set) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let blank = |c: char| c == ' ' || c == '\t';
    let (mut seen, mut pieces, mut total) = (0, Vec::new(), 0_u64);
    let specifications = set.split(',').map(|piece| piece.trim_matches(blank));
    for specification in specifications.filter(|piece| !piece.is_empty()) {
        seen += 1;
        if seen > RANGES_MAX {
            return None;
        }
        if let Some(piece) = parse_one(specification, length)? {
            // What cannot be counted is more than any whole.
            total = total.checked_add(piece.1)?;
            pieces.push(piece);
        }
    }
    match (seen, pieces.is_empty()) {
        (0, _) => None,
        (_, true) => Some(Selection::Unsatisfiable),
        _ if total > length => None,
        _ => Some(Selection::Partial(pieces)),
    }
}

/// `None`: malformed; `Some(None)`: beyond the end, or backwards.
fn parse_one(specification: &str, length: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = specification.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?.min(length);
        return Some((suffix > 0).then_some((length - suffix, suffix)));
    }
    let first = number(first)?;
    let last = match last {
        "" => u64::MAX,
        last => number(last)?,
    };
    if last < first {
        // RFC 9110 lets a server ignore it; the conformance suite and Go's file server want 416.
        return Some(None);
    }
    let end = last.saturating_add(1).min(length);
    Some((first < end).then(|| (first, end - first)))
}

/// Digits only. A number that does not fit is beyond every end.
fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Whether an `If-None-Match` value (for several headers: of each) matches `etag`, which
/// is written with its quotes: then the client has the representation (304). Weak comparison; `*` matches everything; a
/// tag without quotes is accepted as well, as in distribution.
pub fn if_none_match(value: &str, etag: &str) -> bool {
    let etag = opaque(etag);
    let mut rest = value.trim();
    if rest == "*" {
        return true;
    }
    while !rest.is_empty() {
        let (tag, after) = next_tag(rest);
        if !tag.is_empty() && opaque(tag) == etag {
            return true;
        }
        rest = after.trim_start_matches([',', ' ', '\t']);
    }
    false
}

/// Splits the first tag off a list. A comma inside quotes is part of the tag.
fn next_tag(list: &str) -> (&str, &str) {
    let quote = list.strip_prefix("W/").unwrap_or(list);
    let prefix = list.len() - quote.len();
    let inside = quote.strip_prefix('"').and_then(|rest| rest.find('"'));
    let end = match inside {
        Some(at) => Some(prefix + at + 2),
        None => list.find(','),
    };
    let (tag, rest) = end
        .and_then(|end| list.split_at_checked(end))
        .unwrap_or((list, ""));
    (tag.trim_end(), rest)
}

/// The text between the quotes.
fn opaque(tag: &str) -> &str {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .unwrap_or(tag)
}

/// Whether a `Range` counts with this `If-Range` value (`None`: no such header): only if it is exactly
/// the tag of the representation. Strong comparison; dates never match, because representations here have no date.
pub fn if_range(value: Option<&str>, etag: &str) -> bool {
    value.is_none_or(|value| value == etag && !value.starts_with("W/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_parsed_against_the_length() {
        use Selection::{Partial, Unsatisfiable, Whole};
        let partial = |pieces: &[(u64, u64)]| Partial(pieces.to_vec());
        let many = |count: usize| format!("bytes={}", vec!["0-0"; count].join(","));
        let table = [
            ("bytes=0-0", partial(&[(0, 1)])),
            ("bytes=0-99", partial(&[(0, 100)])),
            ("bytes=0-", partial(&[(0, 100)])),
            ("bytes=99-", partial(&[(99, 1)])),
            ("bytes=10-19", partial(&[(10, 10)])),
            ("bytes=90-1000", partial(&[(90, 10)])),
            ("bytes=0-18446744073709551615", partial(&[(0, 100)])),
            ("bytes=0-99999999999999999999999", partial(&[(0, 100)])),
            ("bytes=-1", partial(&[(99, 1)])),
            ("bytes=-100", partial(&[(0, 100)])),
            ("bytes=-1000", partial(&[(0, 100)])),
            ("Bytes=0-0", partial(&[(0, 1)])),
            ("bytes=0-0,-1", partial(&[(0, 1), (99, 1)])),
            ("bytes= 0-0 ,\t5-6 ,, ", partial(&[(0, 1), (5, 2)])),
            ("bytes=200-,0-0", partial(&[(0, 1)])),
            ("bytes=0-59,40-79", partial(&[(0, 60), (40, 40)])),
            ("bytes=100-", Unsatisfiable),
            ("bytes=100-200", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=0-59,40-99", Whole),
            ("bytes=0-,0-", Whole),
            ("bytes=5-4", Unsatisfiable),
            ("bytes=", Whole),
            ("bytes=,", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=1", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=1-2-3", Whole),
            ("bytes=0x0-1", Whole),
            ("bytes=0-0,x", Whole),
            ("bytes", Whole),
            ("items=0-0", Whole),
            ("", Whole),
        ];
        for (value, expected) in table {
            assert_eq!(select(Some(value), 100), expected, "{value}");
        }
        assert_eq!(select(None, 100), Whole);
        assert_eq!(
            select(Some(&many(RANGES_MAX)), 100),
            partial(&[(0, 1); RANGES_MAX])
        );
        assert_eq!(select(Some(&many(RANGES_MAX + 1)), 100), Whole);
    }

    #[test]
    fn nothing_of_nothing_can_be_selected() {
        for value in ["bytes=0-", "bytes=0-0", "bytes=-5"] {
            assert_eq!(select(Some(value), 0), Selection::Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn if_none_match_matches_tags() {
        let table = [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("a", true),
            ("*", true),
            (" * ", true),
            ("\"b\", \"a\"", true),
            ("\"b\",W/\"a\" ", true),
            ("b, a", true),
            ("\"b\"", false),
            ("\"A\"", false),
            ("\"b,a\"", false),
            ("", false),
            (",", false),
            ("\"", false),
            ("\"*\"", false),
        ];
        for (value, expected) in table {
            assert_eq!(if_none_match(value, "\"a\""), expected, "{value}");
        }
        assert!(if_none_match("\"b,a\"", "\"b,a\""));
    }

    #[test]
    fn if_range_demands_the_exact_tag() {
        assert!(if_range(None, "\"a\""));
        assert!(if_range(Some("\"a\""), "\"a\""));
        assert!(!if_range(Some("W/\"a\""), "\"a\""));
        assert!(!if_range(Some("a"), "\"a\""));
        assert!(!if_range(Some("W/\"a\""), "W/\"a\""));
        assert!(!if_range(Some("Sat, 29 Oct 1994 19:43:31 GMT"), "\"a\""));
    }

    #[test]
    fn ranges_that_add_up_to_more_than_can_be_counted_are_ignored() {
        // Found by fuzzing.
        let ranges = Some("bytes=2-,2-");
        assert_eq!(select(ranges, u64::MAX), Selection::Whole);
    }
}
