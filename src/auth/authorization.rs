//! The `Authorization` header (RFC 9110, 11.6.2; RFC 7617), parsed from untrusted bytes.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The longest header with a password that is accepted, in bytes. A token may be as long as a head.
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// The longest password that is accepted, in bytes. bcrypt uses the first 72 only.
const PASSWORD_BYTES_MAX: usize = 4 * 1024;
/// The longest user name that is accepted, in bytes.
pub const USER_BYTES_MAX: usize = 255;

/// Padding may be missing: some clients leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the header says.
#[derive(PartialEq, Eq)]
pub enum Authorization {
    /// User and password.
    Basic {
        /// Not empty, at most [`USER_BYTES_MAX`] bytes, without control characters.
        user: String,
        /// Any bytes but NUL.
        password: Vec<u8>,
    },
    /// A token, which may be anything.
    Bearer(String),
}

/// Parses the values of all `Authorization` headers of a request; `None` when there is none. The error
/// says what is wrong and quotes nothing of the header.
pub fn parse<'h>(
    mut headers: impl Iterator<Item = &'h str>,
) -> Result<Option<Authorization>, &'static str> {
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        return Err("more than one Authorization header");
    }
    let (scheme, rest) = header.split_once([' ', '\t']).unwrap_or((header, ""));
    let rest = rest.trim_matches([' ', '\t']);
    if scheme.eq_ignore_ascii_case("Basic") {
        if header.len() > HEADER_BYTES_MAX {
            return Err("the Authorization header is too long");
        }
        basic(rest).map(Some)
    } else if scheme.eq_ignore_ascii_case("Bearer") {
        Ok(Some(Authorization::Bearer(rest.to_owned())))
    } else {
        Err("unknown scheme in the Authorization header")
    }
}

/// `base64(user ":" password)`; the user ends at the first colon.
fn basic(text: &str) -> Result<Authorization, &'static str> {
    let bytes = BASE64
        .decode(text)
        .map_err(|_| "the credentials are not base64")?;
    let mut parts = bytes.splitn(2, |byte| *byte == b':');
    let (Some(user), Some(password)) = (parts.next(), parts.next()) else {
        return Err("the credentials have no colon");
    };
    let user = std::str::from_utf8(user).map_err(|_| "the user name is not UTF-8")?;
    if user.is_empty() || user.len() > USER_BYTES_MAX || user.chars().any(char::is_control) {
        return Err("the user name is empty, too long or has control characters");
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err("the password is too long");
    }
    // bcrypt ends a password with a NUL and goes round: with one inside, two could be one.
    if password.contains(&0) {
        return Err("the password has a NUL");
    }
    Ok(Authorization::Basic {
        user: user.to_owned(),
        password: password.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: impl AsRef<[u8]>) -> String {
        format!("Basic {}", BASE64.encode(text))
    }

    fn pair(field: &str) -> Option<(String, Vec<u8>)> {
        match parse([field].into_iter()) {
            Ok(Some(Authorization::Basic { user, password })) => Some((user, password)),
            _ => None,
        }
    }

    #[test]
    fn user_and_password_are_read() {
        // The examples of RFC 7617, sections 2 and 2.1.
        let aladdin = Some(("Aladdin".to_owned(), b"open sesame".to_vec()));
        assert_eq!(pair("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), aladdin);
        let pounds = Some(("test".to_owned(), "123\u{a3}".as_bytes().to_vec()));
        assert_eq!(pair("Basic dGVzdDoxMjPCow=="), pounds);
        // Padding, case of the scheme and spaces do not matter.
        assert_eq!(pair("bAsIc  QWxhZGRpbjpvcGVuIHNlc2FtZQ "), aladdin);
        for (text, user, password) in [
            ("a:b:c:", "a", "b:c:"),
            ("a:", "a", ""),
            ("a::", "a", ":"),
            ("j\u{f6}rg:p\u{e4}ss", "j\u{f6}rg", "p\u{e4}ss"),
        ] {
            let expected = Some((user.to_owned(), password.as_bytes().to_vec()));
            assert_eq!(pair(&encoded(text)), expected, "{text}");
        }
        let long = format!("a:{}", "x".repeat(PASSWORD_BYTES_MAX));
        assert_eq!(pair(&encoded(&long)).unwrap().1.len(), PASSWORD_BYTES_MAX);
        assert!(matches!(parse([].into_iter()), Ok(None)));
    }

    #[test]
    fn what_is_malformed_is_an_error_and_quotes_nothing() {
        let secret = "hunter2";
        for field in [
            String::new(),
            "Basic".to_owned(),
            "Basic ".to_owned(),
            "Basic =".to_owned(),
            "Basic ====".to_owned(),
            "Basic \u{e9}\u{e9}".to_owned(),
            "Basic Og==".to_owned(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==x".to_owned(),
            "Basic QWxhZGRpbjpv cGVuIHNlc2FtZQ==".to_owned(),
            "BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned(),
            format!("Bearers {secret}"),
            format!("Basic {secret}!"),
            format!("Digest username=\"a\", response=\"{secret}\""),
            encoded(secret),
            encoded(format!(":{secret}")),
            encoded(format!("a\n:{secret}")),
            encoded(format!("a:{secret}\0")),
            encoded([b"\xff\xfe:".as_slice(), secret.as_bytes()].concat()),
            encoded(format!("{}:{secret}", "u".repeat(USER_BYTES_MAX + 1))),
            encoded(format!("a:{}", "x".repeat(PASSWORD_BYTES_MAX + 1))),
            encoded(format!("a:{}", "x".repeat(64 * 1024))),
            "x".repeat(HEADER_BYTES_MAX + 1),
        ] {
            let Err(message) = parse([field.as_str()].into_iter()) else {
                panic!("{field} was taken");
            };
            assert!(!message.contains(secret));
        }
        let good = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert!(parse([good, good].into_iter()).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic() {
        // Every short text over an alphabet that holds all the turning points, and every cut of a
        // good field with each of them put in.
        let alphabet = [
            'B',
            'a',
            ' ',
            '=',
            ':',
            '\t',
            '\0',
            '\u{e9}',
            '/',
            '\u{10ffff}',
        ];
        let good = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        for at in (0..=good.len()).filter(|at| good.is_char_boundary(*at)) {
            for c in alphabet {
                let (head, tail) = good.split_at(at);
                let _ = parse([format!("{head}{c}{tail}").as_str()].into_iter());
                let _ = parse([format!("{head}{c}").as_str()].into_iter());
                let _ = parse([tail].into_iter());
            }
        }
        for first in alphabet {
            for second in alphabet {
                for third in alphabet {
                    let _ = parse([format!("Basic {first}{second}{third}").as_str()].into_iter());
                }
            }
        }
    }
}
