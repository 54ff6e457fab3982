//! Who is asking, and what they may do: credentials in an `Authorization` field to a [`Caller`], and
//! the rules about callers.
//!
//! The ways in are those of distribution's `registry/auth`: a file of users (`htpasswd`) and one for
//! tests (`silly`). Knows nothing of HTTP but the text of two fields.

pub mod access;
mod authorization;
mod challenge;
pub mod entries;
mod gate;
pub mod htpasswd;
mod keyed_hash;
mod passwords;
pub mod pattern;
mod ticket;
pub mod token;

pub use access::{Access, Action};
pub use ticket::GOOD_FOR as TICKET_GOOD_FOR;

use authorization::Authorization;
use gate::Client;
use passwords::{Passwords, Verdict};
use std::path::PathBuf;
use std::sync::Arc;
use ticket::Tickets;
use token::Verifier;

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
    /// Tokens that another server signs (`auth.token`).
    Token(token::Settings),
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// No credentials came.
    Anonymous,
    /// No credentials but a ticket that was given out for none: the client has been told that it
    /// could log in, and has chosen not to.
    Guest,
    /// This user; the credentials were right.
    User(Arc<str>),
    /// The holder of a token, who may do no more than it grants.
    Holder(Arc<token::Holder>),
}

impl Caller {
    /// The user's name; `None` without one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Caller::User(name) => Some(name),
            // A token without a subject names nobody: its client is not logged in.
            Caller::Holder(holder) => Some(&*holder.user).filter(|name| !name.is_empty()),
            Caller::Anonymous | Caller::Guest => None,
        }
    }

    /// Whether credentials came and were good, be it a token that names nobody.
    pub fn has_credentials(&self) -> bool {
        matches!(self, Caller::User(_) | Caller::Holder(_))
    }

    /// Whether the credentials themselves are good for this in a repository; rules may deny it still.
    pub fn grants(&self, repository: &str, action: Action) -> bool {
        match self {
            Caller::Holder(holder) => holder.grants(repository, action),
            Caller::Anonymous | Caller::Guest | Caller::User(_) => true,
        }
    }

    /// The same for the catalog.
    pub fn grants_catalog(&self) -> bool {
        match self {
            Caller::Holder(holder) => holder.grants_catalog(),
            Caller::Anonymous | Caller::Guest | Caller::User(_) => true,
        }
    }
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

/// The one who looks at credentials, and at the rules.
pub struct Guard {
    door: Door,
    access: Option<Access>,
    /// Present when some may come without credentials, and others with.
    tickets: Option<Tickets>,
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
    Token {
        settings: token::Settings,
        verifier: Box<Verifier>,
    },
}

impl Guard {
    /// Opens what the scheme needs. `access` is `None` where every user may do everything. The error
    /// says which file cannot be used, and what to do.
    pub fn open(scheme: &Scheme, access: Option<Access>) -> Result<Guard, String> {
        let door = match scheme.clone() {
            Scheme::None => Door::Open,
            Scheme::Silly { realm, service } => Door::Silly { realm, service },
            Scheme::Htpasswd { realm, path } => Door::Htpasswd {
                realm,
                passwords: Box::new(Passwords::open(path)?),
            },
            Scheme::Token(settings) => Door::Token {
                verifier: Box::new(Verifier::open(&settings)?),
                settings,
            },
        };
        let has_guests = access.as_ref().is_some_and(Access::knows_anonymous);
        let tickets = match has_guests && matches!(door, Door::Htpasswd { .. }) {
            true => Some(Tickets::new()?),
            false => None,
        };
        Ok(Guard {
            door,
            access,
            tickets,
        })
    }

    /// A guard that knows no users and no rules.
    pub fn none() -> Guard {
        Guard {
            door: Door::Open,
            access: None,
            tickets: None,
        }
    }

    /// Whether anyone can log in.
    pub fn knows_users(&self) -> bool {
        !matches!(self.door, Door::Open)
    }

    /// The rules; `None` where every user may do everything.
    pub fn access(&self) -> Option<&Access> {
        self.access.as_ref()
    }

    /// Whether tickets are given out.
    pub fn gives_tickets(&self) -> bool {
        self.tickets.is_some()
    }

    /// Who is asking, by the values of all `Authorization` fields. Without users these do not count. `client` is
    /// what the client is counted by where passwords are checked.
    pub fn caller<'f>(
        &self,
        fields: impl Iterator<Item = &'f str>,
        client: Client,
    ) -> Result<Caller, Refused> {
        match &self.door {
            Door::Open => Ok(Caller::Anonymous),
            Door::Silly { .. } => Ok(match fields.map(str::len).any(|length| length > 0) {
                true => Caller::User("silly".into()),
                false => Caller::Anonymous,
            }),
            Door::Htpasswd { passwords, .. } => match authorization::read(fields) {
                Ok(None) => Ok(Caller::Anonymous),
                Ok(Some(Authorization::Basic { user, password })) => {
                    match passwords.verify(&user, &password, client) {
                        Verdict::Right(user) => Ok(Caller::User(user)),
                        Verdict::Wrong(why) => Err(Refused::Wrong(why)),
                        Verdict::Busy { retry_seconds } => Err(Refused::Busy { retry_seconds }),
                    }
                }
                Ok(Some(Authorization::Bearer(text))) => self
                    .holder(passwords, &text)
                    .ok_or_else(|| Refused::Wrong("the token is not good, or not any more".into())),
                Err(why) => Err(Refused::Wrong(why.to_owned())),
            },
            Door::Token { verifier, .. } => match authorization::read(fields) {
                Ok(None) => Ok(Caller::Anonymous),
                Ok(Some(Authorization::Bearer(text))) => match verifier.verify(&text) {
                    Ok(holder) => Ok(Caller::Holder(Arc::new(holder))),
                    Err(why) => Err(Refused::Wrong(format!("the token is not good: {why}"))),
                },
                Ok(Some(Authorization::Basic { .. })) => Err(Refused::Wrong(
                    "a password came in place of a token".to_owned(),
                )),
                Err(why) => Err(Refused::Wrong(why.to_owned())),
            },
        }
    }

    /// Who asks for a ticket: a user with a password, or nobody in particular. A ticket is none to get another
    /// by, or it would be good for ever.
    pub fn caller_for_ticket<'f>(
        &self,
        fields: impl Iterator<Item = &'f str> + Clone,
        client: Client,
    ) -> Result<Caller, Refused> {
        match authorization::read(fields.clone()) {
            Ok(Some(Authorization::Bearer(_))) => Err(Refused::Wrong(
                "a token is not exchanged for another; the password is needed".to_owned(),
            )),
            _ => self.caller(fields, client),
        }
    }

    /// The path on the host of the request where clients are to fetch tokens, where that is what is
    /// configured (`auth.token.autoredirect`).
    pub fn redirect_path(&self) -> Option<&str> {
        match &self.door {
            Door::Token { settings, .. } => settings.redirect_path.as_deref(),
            Door::Open | Door::Silly { .. } | Door::Htpasswd { .. } => None,
        }
    }

    /// Who holds a ticket.
    fn holder(&self, passwords: &Passwords, text: &str) -> Option<Caller> {
        let tickets = self.tickets.as_ref()?;
        let user = Tickets::claimed(text)?;
        if user.is_empty() {
            return tickets.is_good(text, "", "").then_some(Caller::Guest);
        }
        let (name, hash) = passwords.hash_of(&user)?;
        tickets
            .is_good(text, &name, &hash)
            .then_some(Caller::User(name))
    }

    /// A ticket for a caller, good for [`TICKET_GOOD_FOR`]; `None` when none are given out.
    pub fn ticket(&self, caller: &Caller) -> Option<String> {
        let (tickets, Door::Htpasswd { passwords, .. }) = (self.tickets.as_ref()?, &self.door)
        else {
            return None;
        };
        match caller.name() {
            None => Some(tickets.issue("", "")),
            Some(name) => {
                let (name, hash) = passwords.hash_of(name)?;
                Some(tickets.issue(&name, &hash))
            }
        }
    }

    /// The value of `WWW-Authenticate`. `url` is where tokens are to be had, when that is on the host
    /// of the request; `None` asks for the credentials themselves. `scope` is what the request wanted
    /// (`repository:name:pull`); `problem` is what was wrong with a token (RFC 6750, 3.1).
    pub fn challenge(
        &self,
        url: Option<&str>,
        scope: Option<&str>,
        problem: Option<&'static str>,
    ) -> Option<String> {
        match (&self.door, url) {
            (Door::Open, _) => None,
            (Door::Htpasswd { realm, .. }, None) => Some(challenge::basic(realm)),
            (Door::Htpasswd { realm, .. }, Some(url)) => {
                Some(challenge::bearer(url, realm, scope, problem))
            }
            (Door::Silly { realm, service }, _) => {
                Some(challenge::bearer(realm, service, scope, None))
            }
            (Door::Token { settings, .. }, url) => {
                let realm = url.unwrap_or(&settings.realm);
                Some(challenge::bearer(realm, &settings.service, scope, problem))
            }
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
            assert_eq!(
                guard.caller(fields.into_iter(), None),
                Ok(Caller::Anonymous)
            );
        }
        assert_eq!(guard.challenge(None, None, None), None);
    }

    #[test]
    fn silly_takes_anything_as_distribution_does() {
        let scheme = Scheme::Silly {
            realm: "r".to_owned(),
            service: "s".to_owned(),
        };
        let guard = Guard::open(&scheme, None).unwrap();
        assert_eq!(guard.caller([].into_iter(), None), Ok(Caller::Anonymous));
        let silly = Ok(Caller::User("silly".into()));
        assert_eq!(
            guard.caller(["seriously, anything"].into_iter(), None),
            silly
        );
        let challenge = guard
            .challenge(None, Some("repository:a:pull"), None)
            .unwrap();
        assert_eq!(
            challenge,
            r#"Bearer realm="r",service="s",scope="repository:a:pull""#
        );
    }
}
