//! The file of users: lines of `user:hash`, as Apache's htpasswd writes them. Only bcrypt is accepted, as
//! in distribution (`registry/auth/htpasswd`); what is rejected is reported, without its hash.

use super::authorization::USER_BYTES_MAX;
use crate::encoding;
use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most users of a file.
const USERS_MAX: usize = 20_000;
/// The most warnings about a file.
const WARNINGS_MAX: usize = 20;
/// The lowest cost that bcrypt has.
pub const BCRYPT_COST_MIN: u32 = 4;
/// The highest cost that is accepted: about ten seconds a password. 31 would be two days.
pub const BCRYPT_COST_MAX: u32 = 17;
/// The length of every bcrypt hash.
const HASH_BYTES: usize = 60;

/// A well-formed bcrypt hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash {
    text: String,
    cost: u32,
}

/// What a file of users says.
pub struct UserFile {
    /// The users with valid hashes. Where a name occurs twice, the last one wins, as in distribution.
    pub users: HashMap<String, Hash>,
    /// What was rejected or is suspicious, one line each, for the log.
    pub warnings: Vec<String>,
}

impl Hash {
    /// Whether the password has this hash. Takes as long as the cost says.
    pub fn verify(&self, password: &[u8]) -> bool {
        // The text was parsed before, so that the only error there is cannot come.
        bcrypt::verify(password, &self.text).unwrap_or(false)
    }

    /// The hash as it stands in the file.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The cost: each one more doubles the time.
    pub fn cost(&self) -> u32 {
        self.cost
    }
}

/// Takes the time of checking a password at that cost, for an unknown user.
pub fn verify_in_vain(password: &[u8], cost: u32) {
    let hash = bcrypt::hash_with_salt(password, cost, [0x5a; 16]);
    let _ = std::hint::black_box(hash);
}

impl FromStr for Hash {
    type Err = String;

    /// The error says why, and quotes nothing of the hash but its kind.
    fn from_str(text: &str) -> Result<Hash, String> {
        let known = [
            ("$apr1$", "MD5 (apr1)"),
            ("$1$", "MD5"),
            ("{SHA}", "SHA-1"),
            ("{SSHA}", "SHA-1"),
            ("$5$", "SHA-256"),
            ("$6$", "SHA-512"),
            ("$argon2", "argon2"),
            ("$2x$", "the broken bcrypt variant $2x$"),
        ];
        let hint = "only bcrypt is supported; create it with registry htpasswd or htpasswd -B";
        if let Some((_, kind)) = known.iter().find(|(start, _)| text.starts_with(start)) {
            return Err(format!("the hash is {kind}; {hint}"));
        }
        let is_bcrypt = ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|start| text.starts_with(start));
        if !is_bcrypt {
            return Err(format!("unknown hash format; {hint}"));
        }
        if !text.is_ascii() {
            return Err("the hash is not ASCII".to_owned());
        }
        let length = text.len();
        if length != HASH_BYTES {
            return Err(format!(
                "the hash has {length} characters; a bcrypt hash has {HASH_BYTES}"
            ));
        }
        // It is ASCII and long enough.
        let (digits, _) = text.split_at(4).1.split_at(2);
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let cost = digits.parse::<u32>().ok().filter(|_| is_number);
        let allowed = BCRYPT_COST_MIN..=BCRYPT_COST_MAX;
        let cost = match cost {
            Some(cost) if allowed.contains(&cost) => cost,
            Some(cost) => {
                return Err(format!(
                    "the hash has cost {cost}; allowed: {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX}"
                ));
            }
            None => return Err("the cost of the hash is not a number".to_owned()),
        };
        let parts = text.parse::<bcrypt::HashParts>();
        parts.map_err(|_| "the hash is damaged".to_owned())?;
        let text = text.to_owned();
        Ok(Hash { text, cost })
    }
}

/// Parses a file: UTF-8 with or without a byte order mark, or UTF-16 with one, as PowerShell
/// writes it. The error says why it is not a file of users.
pub fn parse(bytes: &[u8]) -> Result<UserFile, String> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes"));
    }
    let bytes = normalized(bytes)?;
    let mut users = HashMap::new();
    let mut warnings = Warnings::default();
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        let Ok(line) = std::str::from_utf8(line) else {
            warnings.add(format!("line {number} is not UTF-8 and is ignored"));
            continue;
        };
        let Some((user, hash)) = split_line(line) else {
            match line.trim() {
                text if text.is_empty() || text.starts_with('#') => continue,
                _ => return Err(format!("line {number} has no colon: it must be user:hash")),
            }
        };
        if user.is_empty() || user.len() > USER_BYTES_MAX || user.chars().any(char::is_control) {
            warnings.add(format!(
                "line {number} has no valid user name and is ignored"
            ));
            continue;
        }
        match hash.parse::<Hash>() {
            Ok(hash) => {
                if users.insert(user.to_owned(), hash).is_some() {
                    warnings.add(format!(
                        "line {number}: duplicate entry for {user:?}; the last one wins"
                    ));
                }
            }
            Err(why) => {
                users.remove(user);
                warnings.add(format!("line {number}: user {user:?} cannot log in: {why}"));
            }
        }
        if users.len() > USERS_MAX {
            return Err(format!("it has more than {USERS_MAX} users"));
        }
    }
    let warnings = warnings.finish();
    Ok(UserFile { users, warnings })
}

/// User and hash of a line; `None` for a comment, a blank line, or one without a colon.
pub(super) fn split_line(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    line.split_once(':').filter(|_| !line.starts_with('#'))
}

/// The bytes of a file as UTF-8 without a byte order mark.
pub(super) fn normalized(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    encoding::any(bytes).map_err(|why| format!("it {why}"))
}

/// Warnings, up to a number.
#[derive(Default)]
struct Warnings {
    listed: Vec<String>,
    omitted: usize,
}

impl Warnings {
    fn add(&mut self, warning: String) {
        match self.listed.len() < WARNINGS_MAX {
            true => self.listed.push(warning),
            false => self.omitted += 1,
        }
    }

    fn finish(mut self) -> Vec<String> {
        if self.omitted > 0 {
            let omitted = self.omitted;
            self.listed
                .push(format!("and {omitted} more lines like these"));
        }
        self.listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `secret` at cost 4, as three programs write it.
    const GOOD: [&str; 3] = [
        "$2a$04$......................LAtw7/ohmmBAhnXqmkuIz83Rl5Qdjhm",
        "$2b$04$......................LAtw7/ohmmBAhnXqmkuIz83Rl5Qdjhm",
        "$2y$04$......................LAtw7/ohmmBAhnXqmkuIz83Rl5Qdjhm",
    ];

    fn names(parsed: &UserFile) -> Vec<&str> {
        let mut names: Vec<&str> = parsed.users.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn each_kind_of_bcrypt_is_checked() {
        // jBCrypt's own vectors, and one of Apache's htpasswd.
        for (password, hash) in [
            (
                "",
                "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            ),
            (
                "a",
                "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
            ),
            (
                "abc",
                "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
            ),
        ] {
            for kind in ["$2a$", "$2b$", "$2y$"] {
                let hash: Hash = hash.replace("$2a$", kind).parse().ok().unwrap();
                assert_eq!(hash.cost(), 6);
                assert!(hash.verify(password.as_bytes()));
                assert!(!hash.verify(b"other"));
            }
        }
        // Beyond 72 bytes bcrypt does not look.
        let long = "x".repeat(72);
        let hash: Hash = bcrypt::hash(&long, 4).unwrap().parse().ok().unwrap();
        assert!(hash.verify(format!("{long}y").as_bytes()));
    }

    #[test]
    fn comments_blank_lines_and_marks_are_passed_over() {
        let [a, b, c] = GOOD;
        let text = format!(
            "\u{feff}# users\r\n\r\n  anna:{a}  \r\n   # x:{b}\nben:{b}\n\t\nj\u{f6}rg:{c}"
        );
        let parsed = parse(text.as_bytes()).ok().unwrap();
        assert_eq!(names(&parsed), ["anna", "ben", "j\u{f6}rg"]);
        assert!(parsed.warnings.is_empty());
        // What `>` of Windows PowerShell writes.
        let units = format!("\u{feff}anna:{a}\r\n");
        let little: Vec<u8> = units.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [&little, &big] {
            assert_eq!(names(&parse(bytes).ok().unwrap()), ["anna"]);
        }
        assert!(parse(little.split_last().unwrap().1).is_err());
        assert!(names(&parse(b"").ok().unwrap()).is_empty());
    }

    #[test]
    fn a_name_that_nobody_can_have_is_passed_over() {
        let hash = GOOD[0];
        let longest = "x".repeat(USER_BYTES_MAX);
        for name in ["", &format!("{longest}x"), "a\u{7}b"] {
            let text = format!("{name}:{hash}\n{longest}:{hash}\n");
            let parsed = parse(text.as_bytes()).ok().unwrap();
            assert_eq!(names(&parsed), [&longest], "{name:?}");
            let expected = ["line 1 has no valid user name and is ignored"];
            assert_eq!(parsed.warnings, expected, "{name:?}");
        }
    }

    #[test]
    fn what_is_rejected_is_reported_without_its_hash() {
        let good = GOOD[0];
        for (hash, why) in [
            ("$apr1$SECRET$SECRETSECRETSECRET", "MD5"),
            ("{SHA}SECRETSECRETSECRET=", "SHA-1"),
            ("$6$SECRET$SECRET", "SHA-512"),
            ("SECRET", "unknown hash format"),
            ("", "unknown hash format"),
            (&good.replace("$2a$", "$2x$"), "$2x$"),
            (&good.replace("$04$", "$31$"), "cost 31"),
            (&good.replace("$04$", "$18$"), "cost 18"),
            (&good.replace("$04$", "$03$"), "cost 3"),
            (&good.replace("$04$", "$+4$"), "not a number"),
            (&good.replace("$04$", "$4$$"), "not a number"),
            (&good[..59], "59 characters"),
            (&format!("{good}."), "61 characters"),
            (&good.replace("Rl5Q", "R\u{e9}5"), "ASCII"),
            (&good.replace("LAtw", "L!tw"), "damaged"),
            (&good.replace("$04$.", "$04.."), "damaged"),
        ] {
            let text = format!("ben:{good}\nanna:{hash}\n");
            let parsed = parse(text.as_bytes()).ok().unwrap();
            assert_eq!(names(&parsed), ["ben"], "{hash}");
            assert_eq!(parsed.warnings.len(), 1);
            let warning = &parsed.warnings[0];
            assert!(warning.starts_with("line 2: user \"anna\" cannot log in: "));
            assert!(warning.contains(why), "{warning}");
            assert!(
                !warning.contains("SECRET") && !warning.contains("LAtw"),
                "{warning}"
            );
        }
    }

    #[test]
    fn the_last_of_two_lines_counts() {
        let (one, two) = (GOOD[0], bcrypt::hash("other", 4).unwrap());
        let parsed = parse(format!("anna:{one}\nanna:{two}\n").as_bytes())
            .ok()
            .unwrap();
        assert!(parsed.users["anna"].verify(b"other"));
        assert_eq!(parsed.warnings.len(), 1);
        let parsed = parse(format!("anna:{one}\nanna:{{SHA}}x\n").as_bytes())
            .ok()
            .unwrap();
        assert!(parsed.users.is_empty());
    }

    #[test]
    fn a_file_that_is_none_is_an_error_without_its_text() {
        for bytes in [
            b"anna\n".to_vec(),
            b"# fine\n\nSECRET\n".to_vec(),
            vec![b'#'; FILE_BYTES_MAX + 1],
        ] {
            let error = parse(&bytes).err().unwrap();
            assert!(!error.contains("SECRET"), "{error}");
        }
        let many: String = (0..=USERS_MAX)
            .map(|n| format!("u{n}:{}\n", GOOD[0]))
            .collect();
        assert!(parse(many.as_bytes()).err().unwrap().contains("users"));
        let (_, as_many_as_may_be) = many.split_once('\n').unwrap();
        let parsed = parse(as_many_as_may_be.as_bytes()).ok().unwrap();
        assert_eq!(parsed.users.len(), USERS_MAX);
        let bad: String = (0..1000).map(|n| format!("u{n}:x\n")).collect();
        let parsed = parse(bad.as_bytes()).ok().unwrap();
        assert_eq!(parsed.warnings.len(), WARNINGS_MAX + 1);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = format!("anna:{}\r\n# c\r\nben:{}\n", GOOD[0], GOOD[1]).into_bytes();
        let turning = [
            0, b'\n', b'\r', b':', b'$', b'#', b'9', 0xc3, 0xa9, 0xef, 0xfe, 0xff,
        ];
        for at in 0..good.len() {
            let (head, tail) = good.split_at(at);
            for byte in turning {
                let _ = parse(&[head, &[byte], tail].concat());
                let _ = parse(&[head, &[byte], &tail[1..]].concat());
                let _ = parse(&[head, &[byte]].concat());
                let _ = parse(&[&[byte], tail].concat());
            }
        }
    }
}
