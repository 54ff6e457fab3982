//! Who is asking, and what they may do: credentials in an `Authorization` header to an [`Identity`], and
//! the rules about identities.
//!
//! The schemes are those of distribution's `registry/auth`: a file of users (`htpasswd`), tokens of another server
//! (`token`), and one for tests (`silly`). Knows nothing of HTTP but the values of two headers.

pub mod access;
mod authorization;
mod challenge;
mod error;
mod fair_semaphore;
pub mod htpasswd;
mod issued_token;
mod mac;
mod passwords;
pub mod token;
pub mod user_lines;

pub use access::{AccessRules, Action};
pub use error::{CredentialsError, OpenError};
pub use issued_token::LIFETIME as ISSUED_TOKEN_LIFETIME;

use authorization::Authorization;
use fair_semaphore::ClientKey;
use issued_token::TokenIssuer;
use passwords::{PasswordCheck, Passwords};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use token::TokenVerifier;

/// Where users come from (`auth`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scheme {
    /// There are no users: every client is anonymous.
    #[default]
    None,
    /// Any client that sends an `Authorization` header, whatever it says (`auth.silly`). For tests.
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
    Token(token::TokenOptions),
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A client without credentials.
    Anonymous,
    /// A client with a token that was issued to nobody in particular: it knows that it
    /// could log in, and has chosen not to.
    Guest,
    /// A user whose credentials were right.
    User(Arc<str>),
    /// A client with a token of another server, who may do no more than it grants.
    Token(Arc<token::TokenIdentity>),
}

impl Identity {
    /// The user's name; `None` without one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Identity::User(name) => Some(name),
            // A token without a subject names nobody: its client is not logged in.
            Identity::Token(token) => Some(&*token.user).filter(|name| !name.is_empty()),
            Identity::Anonymous | Identity::Guest => None,
        }
    }

    /// The same, to be kept.
    pub fn user(&self) -> Option<Arc<str>> {
        match self {
            Identity::User(name) => Some(Arc::clone(name)),
            _ => self.name().map(Arc::from),
        }
    }

    /// Whether valid credentials were sent, even if they are a token that names nobody.
    pub fn has_credentials(&self) -> bool {
        matches!(self, Identity::User(_) | Identity::Token(_))
    }

    /// Whether the credentials themselves allow this in a repository; the rules may still deny it.
    pub fn grants(&self, repository: &str, action: Action) -> bool {
        match self {
            Identity::Token(token) => token.grants(repository, action),
            Identity::Anonymous | Identity::Guest | Identity::User(_) => true,
        }
    }

    /// The same for the catalog.
    pub fn grants_catalog(&self) -> bool {
        match self {
            Identity::Token(token) => token.grants_catalog(),
            Identity::Anonymous | Identity::Guest | Identity::User(_) => true,
        }
    }
}

/// Verifies credentials, and holds the rules.
pub struct Authenticator {
    backend: Backend,
    rules: Option<AccessRules>,
    /// Present when some clients may come without credentials, and others with.
    issuer: Option<TokenIssuer>,
}

/// A [`Scheme`] in use.
enum Backend {
    None,
    Silly {
        realm: String,
        service: String,
    },
    Htpasswd {
        realm: String,
        passwords: Box<Passwords>,
    },
    Token {
        options: token::TokenOptions,
        verifier: Box<TokenVerifier>,
    },
}

impl Authenticator {
    /// Opens what the scheme needs. `rules` is `None` where every user may do everything; a file of users is looked at
    /// again after `check_pause`.
    pub fn open(
        scheme: &Scheme,
        rules: Option<AccessRules>,
        check_pause: Duration,
    ) -> Result<Authenticator, OpenError> {
        let backend = match scheme.clone() {
            Scheme::None => Backend::None,
            Scheme::Silly { realm, service } => Backend::Silly { realm, service },
            Scheme::Htpasswd { realm, path } => Backend::Htpasswd {
                realm,
                passwords: Box::new(Passwords::open(path, check_pause)?),
            },
            Scheme::Token(options) => Backend::Token {
                verifier: Box::new(TokenVerifier::open(&options)?),
                options,
            },
        };
        let has_guests = rules.as_ref().is_some_and(AccessRules::has_anonymous);
        let issuer = match has_guests && matches!(backend, Backend::Htpasswd { .. }) {
            true => Some(TokenIssuer::new()?),
            false => None,
        };
        Ok(Authenticator {
            backend,
            rules,
            issuer,
        })
    }

    /// An authenticator without users and rules.
    pub fn none() -> Authenticator {
        Authenticator {
            backend: Backend::None,
            rules: None,
            issuer: None,
        }
    }

    /// Whether anyone can log in.
    pub fn has_users(&self) -> bool {
        !matches!(self.backend, Backend::None)
    }

    /// The rules; `None` where every user may do everything.
    pub fn rules(&self) -> Option<&AccessRules> {
        self.rules.as_ref()
    }

    /// Whether this registry issues tokens itself.
    pub fn issues_tokens(&self) -> bool {
        self.issuer.is_some()
    }

    /// Who is asking, by the values of all `Authorization` headers. Without users these are ignored. `client` is
    /// what the client is counted by while passwords are checked.
    pub fn identify<'h>(
        &self,
        headers: impl Iterator<Item = &'h str>,
        client: ClientKey,
    ) -> Result<Identity, CredentialsError> {
        let invalid = |why: &str| CredentialsError::Invalid(why.to_owned());
        match &self.backend {
            Backend::None => Ok(Identity::Anonymous),
            Backend::Silly { .. } => Ok(match headers.map(str::len).any(|length| length > 0) {
                true => Identity::User("silly".into()),
                false => Identity::Anonymous,
            }),
            Backend::Htpasswd { passwords, .. } => {
                match authorization::parse(headers).map_err(invalid)? {
                    None => Ok(Identity::Anonymous),
                    Some(Authorization::Basic { user, password }) => {
                        match passwords.verify(&user, &password, client) {
                            PasswordCheck::Right(user) => Ok(Identity::User(user)),
                            PasswordCheck::Wrong(why) => Err(CredentialsError::Invalid(why)),
                            PasswordCheck::Busy { retry_seconds } => {
                                Err(CredentialsError::Busy { retry_seconds })
                            }
                        }
                    }
                    Some(Authorization::Bearer(text)) => self
                        .identify_by_issued_token(passwords, &text)
                        .ok_or_else(|| invalid("the token is invalid or has expired")),
                }
            }
            Backend::Token { verifier, .. } => {
                match authorization::parse(headers).map_err(invalid)? {
                    None => Ok(Identity::Anonymous),
                    Some(Authorization::Bearer(text)) => match verifier.verify(&text) {
                        Ok(token) => Ok(Identity::Token(Arc::new(token))),
                        Err(why) => Err(CredentialsError::Invalid(format!("invalid token: {why}"))),
                    },
                    Some(Authorization::Basic { .. }) => {
                        Err(invalid("a password was sent instead of a token"))
                    }
                }
            }
        }
    }

    /// Who asks for a token to be issued: a user with a password, or nobody in particular. An issued token does not
    /// buy another, or it would be valid for ever.
    pub fn identify_for_token<'h>(
        &self,
        headers: impl Iterator<Item = &'h str> + Clone,
        client: ClientKey,
    ) -> Result<Identity, CredentialsError> {
        match authorization::parse(headers.clone()) {
            Ok(Some(Authorization::Bearer(_))) => Err(CredentialsError::Invalid(
                "a token cannot be exchanged for another; the password is needed".to_owned(),
            )),
            _ => self.identify(headers, client),
        }
    }

    /// The path on the host of the request where clients are to fetch tokens, if that is what is
    /// configured (`auth.token.autoredirect`).
    pub fn redirect_path(&self) -> Option<&str> {
        match &self.backend {
            Backend::Token { options, .. } => options.redirect_path.as_deref(),
            Backend::None | Backend::Silly { .. } | Backend::Htpasswd { .. } => None,
        }
    }

    /// Whose token, issued by this registry, it is.
    fn identify_by_issued_token(&self, passwords: &Passwords, text: &str) -> Option<Identity> {
        let issuer = self.issuer.as_ref()?;
        let user = TokenIssuer::claimed_user(text)?;
        if user.is_empty() {
            return issuer.is_valid(text, "", "").then_some(Identity::Guest);
        }
        let (name, hash) = passwords.hash_of(&user)?;
        issuer
            .is_valid(text, &name, &hash)
            .then_some(Identity::User(name))
    }

    /// A token for an identity, valid for [`ISSUED_TOKEN_LIFETIME`]; `None` when this registry issues none.
    pub fn issue_token(&self, identity: &Identity) -> Option<String> {
        let (Some(issuer), Backend::Htpasswd { passwords, .. }) = (&self.issuer, &self.backend)
        else {
            return None;
        };
        match identity.name() {
            None => Some(issuer.issue("", "")),
            Some(name) => {
                let (name, hash) = passwords.hash_of(name)?;
                Some(issuer.issue(&name, &hash))
            }
        }
    }

    /// The value of `WWW-Authenticate`. `url` is where tokens are issued, when that is on the host
    /// of the request; `None` asks for the credentials themselves. `scope` is what the request wanted
    /// (`repository:name:pull`); `problem` is what was wrong with a token (RFC 6750, 3.1).
    pub fn challenge(
        &self,
        url: Option<&str>,
        scope: Option<&str>,
        problem: Option<&'static str>,
    ) -> Option<String> {
        match (&self.backend, url) {
            (Backend::None, _) => None,
            (Backend::Htpasswd { realm, .. }, None) => Some(challenge::basic(realm)),
            (Backend::Htpasswd { realm, .. }, Some(url)) => {
                Some(challenge::bearer(url, realm, scope, problem))
            }
            (Backend::Silly { realm, service }, _) => {
                Some(challenge::bearer(realm, service, scope, None))
            }
            (Backend::Token { options, .. }, url) => {
                let realm = url.unwrap_or(&options.realm);
                Some(challenge::bearer(realm, &options.service, scope, problem))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_users_credentials_do_not_count() {
        let authenticator = Authenticator::none();
        for fields in [vec![], vec!["Basic x"], vec!["nonsense", "twice"]] {
            assert_eq!(
                authenticator.identify(fields.into_iter(), None),
                Ok(Identity::Anonymous)
            );
        }
        assert_eq!(authenticator.challenge(None, None, None), None);
    }

    #[test]
    fn silly_takes_anything_as_distribution_does() {
        let scheme = Scheme::Silly {
            realm: "r".to_owned(),
            service: "s".to_owned(),
        };
        let authenticator = Authenticator::open(&scheme, None, Duration::ZERO).unwrap();
        assert_eq!(
            authenticator.identify([].into_iter(), None),
            Ok(Identity::Anonymous)
        );
        let silly = Ok(Identity::User("silly".into()));
        assert_eq!(
            authenticator.identify(["seriously, anything"].into_iter(), None),
            silly
        );
        let challenge = authenticator
            .challenge(None, Some("repository:a:pull"), None)
            .unwrap();
        assert_eq!(
            challenge,
            r#"Bearer realm="r",service="s",scope="repository:a:pull""#
        );
    }
}
