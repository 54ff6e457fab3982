//! Who is asking: credentials in an `Authorization` field to a [`Caller`].
//!
//! The ways in are those of distribution's `registry/auth`: a file of users (`htpasswd`) and one for
//! tests (`silly`). Knows nothing of HTTP but the text of two fields.

mod authorization;
mod challenge;
mod gate;
pub mod htpasswd;
mod keyed_hash;
mod passwords;
mod watched;

use authorization::Authorization;
use passwords::{Passwords, Verdict};
use std::path::PathBuf;
use std::sync::Arc;

/// Where users come from (`auth`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scheme {
    /// There are no users: everyone is anonymous.
    #[default]
    None,
    /// Whoever sends an `Authorization` field, whatever it holds (`auth.silly`). For tests.
    Silly {
        /// `auth.silly.realm`.
        realm: String,
        /// `auth.silly.service`.
        service: String,
    },
    /// A file of users and bcrypt hashes (`auth.htpasswd`).
    Htpasswd {
        /// `auth.htpasswd.realm`: what the client shows to its user.
        realm: String,
        /// `auth.htpasswd.path`.
        path: PathBuf,
    },
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// No credentials came.
    Anonymous,
    /// This user; the credentials were right.
    User(Arc<str>),
}

/// Why credentials were not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// They are malformed or wrong; the text is for the log and never holds a password.
    Wrong(String),
    /// Too many passwords are being checked; try again in so many seconds.
    Busy {
        /// For `Retry-After`.
        retry_seconds: u64,
    },
}

/// The one who looks at credentials.
pub struct Guard {
    door: Door,
}

/// A [`Scheme`] at work.
enum Door {
    Open,
    Silly {
        realm: String,
        service: String,
    },
    Htpasswd {
        realm: String,
        passwords: Box<Passwords>,
    },
}

impl Guard {
    /// Opens what the scheme needs. The error says which file cannot be used, and what to do.
    pub fn open(scheme: &Scheme) -> Result<Guard, String> {
        let door = match scheme.clone() {
            Scheme::None => Door::Open,
            Scheme::Silly { realm, service } => Door::Silly { realm, service },
            Scheme::Htpasswd { realm, path } => Door::Htpasswd {
                realm,
                passwords: Box::new(Passwords::open(path)?),
            },
        };
        Ok(Guard { door })
    }

    /// A guard that knows no users.
    pub fn none() -> Guard {
        Guard { door: Door::Open }
    }

    /// Whether anyone can log in.
    pub fn knows_users(&self) -> bool {
        !matches!(self.door, Door::Open)
    }

    /// Who is asking, by the values of all `Authorization` fields. Without users these do not count.
    pub fn caller<'f>(&self, fields: impl Iterator<Item = &'f str>) -> Result<Caller, Refused> {
        match &self.door {
            Door::Open => Ok(Caller::Anonymous),
            Door::Silly { .. } => Ok(match fields.map(str::len).any(|length| length > 0) {
                true => Caller::User("silly".into()),
                false => Caller::Anonymous,
            }),
            Door::Htpasswd { passwords, .. } => match authorization::read(fields) {
                Ok(None) => Ok(Caller::Anonymous),
                Ok(Some(Authorization::Basic { user, password })) => {
                    match passwords.verify(&user, &password) {
                        Verdict::Right(user) => Ok(Caller::User(user)),
                        Verdict::Wrong(why) => Err(Refused::Wrong(why)),
                        Verdict::Busy { retry_seconds } => Err(Refused::Busy { retry_seconds }),
                    }
                }
                Err(why) => Err(Refused::Wrong(why.to_owned())),
            },
        }
    }

    /// The value of `WWW-Authenticate`. `scope` is what the request wanted
    /// (`repository:name:pull`), for clients that fetch tokens.
    pub fn challenge(&self, scope: Option<&str>) -> Option<String> {
        match &self.door {
            Door::Open => None,
            Door::Htpasswd { realm, .. } => Some(challenge::basic(realm)),
            Door::Silly { realm, service } => Some(challenge::bearer(realm, service, scope)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_users_credentials_do_not_count() {
        let guard = Guard::none();
        for fields in [vec![], vec!["Basic x"], vec!["nonsense", "twice"]] {
            assert_eq!(guard.caller(fields.into_iter()), Ok(Caller::Anonymous));
        }
        assert_eq!(guard.challenge(None), None);
    }

    #[test]
    fn silly_takes_anything_as_distribution_does() {
        let scheme = Scheme::Silly {
            realm: "r".to_owned(),
            service: "s".to_owned(),
        };
        let guard = Guard::open(&scheme).unwrap();
        assert_eq!(guard.caller([].into_iter()), Ok(Caller::Anonymous));
        let silly = Ok(Caller::User("silly".into()));
        assert_eq!(guard.caller(["seriously, anything"].into_iter()), silly);
        let challenge = guard.challenge(Some("repository:a:pull")).unwrap();
        assert_eq!(
            challenge,
            r#"Bearer realm="r",service="s",scope="repository:a:pull""#
        );
    }
}
