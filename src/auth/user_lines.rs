//! The lines of the file of users, as `registry htpasswd` adds, replaces and removes them.

use super::authorization::USER_BYTES_MAX;
use super::htpasswd::{normalized, split_line};

/// Checks the name of a user to be added to a file.
pub fn check_name(user: &str) -> Result<(), String> {
    let wrong = if user.is_empty() {
        "is empty"
    } else if user.len() > USER_BYTES_MAX {
        "is too long"
    } else if user.contains(':') {
        "has a colon, which ends the name in the file"
    } else if user.chars().any(char::is_control) {
        "has control characters"
    } else if user.starts_with('#') || user.trim() != user {
        "starts with # or has spaces around it, which a line of the file cannot have"
    } else {
        return Ok(());
    };
    Err(format!(
        "the user name {wrong}; allowed: 1 to {USER_BYTES_MAX} bytes without colons"
    ))
}

/// The line of a user, without its end: a new bcrypt hash with a new salt.
pub fn line(user: &str, password: &[u8], cost: u32) -> Result<String, String> {
    let hash = bcrypt::hash_with_result(password, cost);
    let hash = hash.map_err(|error| format!("the password cannot be hashed: {error}"))?;
    let hash = hash.format_for_version(bcrypt::Version::TwoY);
    Ok(format!("{user}:{hash}"))
}

/// The text of a file with a user's line replacing the old one (at the end when there was
/// none), or removed; `None` when there was nothing to remove. Everything else stays as it is, except for
/// a byte order mark; the file becomes UTF-8.
pub fn edited(bytes: &[u8], user: &str, line: Option<&str>) -> Result<Option<String>, String> {
    let text = String::from_utf8(normalized(bytes)?.into_owned())
        .map_err(|_| "it is not UTF-8".to_owned())?;
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = String::with_capacity(text.len() + 128);
    let mut left = line;
    let mut found = false;
    for old in text.split_inclusive('\n') {
        if split_line(old).is_none_or(|(name, _)| name != user) {
            out.push_str(old);
            continue;
        }
        found = true;
        // The last of several lines would win: none may stay.
        if let Some(line) = left.take() {
            out.push_str(line);
            out.push_str(line_end);
        }
    }
    if let Some(line) = left {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push_str(line_end);
        }
        out.push_str(line);
        out.push_str(line_end);
    }
    Ok((found || line.is_some()).then_some(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::htpasswd::parse;

    #[test]
    fn a_line_is_put_in_place_and_all_else_stays() {
        for (before, line, after) in [
            ("", Some("u:1"), Some("u:1\n")),
            ("a:0", Some("u:1"), Some("a:0\nu:1\n")),
            (
                "# c\r\n\r\na:0\r\n",
                Some("u:1"),
                Some("# c\r\n\r\na:0\r\nu:1\r\n"),
            ),
            ("u:0\n# u:x\nb:0", Some("u:1"), Some("u:1\n# u:x\nb:0")),
            (
                "u:0\na:0\n u:x \nU:0\n",
                Some("u:1"),
                Some("u:1\na:0\nU:0\n"),
            ),
            ("\u{feff}u:0\n", Some("u:1"), Some("u:1\n")),
            ("a:0\nu:0\nb:0\n", None, Some("a:0\nb:0\n")),
            ("u:0", None, Some("")),
            ("a:0\n#u:0\n", None, None),
            ("", None, None),
        ] {
            let edited = edited(before.as_bytes(), "u", line).unwrap();
            assert_eq!(edited.as_deref(), after, "{before:?}");
        }
        assert!(edited(b"\xff\n", "u", None).is_err());
    }

    #[test]
    fn a_line_can_be_parsed_again() {
        let line = line("anna", b"secret", 4).unwrap();
        assert!(line.starts_with("anna:$2y$04$"));
        assert!(parse(line.as_bytes()).ok().unwrap().users["anna"].verify(b"secret"));
        for name in ["anna", "j\u{f6}rg", "a b", "a@b.c"] {
            assert_eq!(check_name(name), Ok(()));
        }
        let long = "x".repeat(256);
        for name in ["", "a:b", "a\nb", "\u{7f}", "#a", " a", "a ", &long] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
