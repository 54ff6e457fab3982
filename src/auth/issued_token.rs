//! The short-lived tokens that this registry issues itself, so that docker can pull without credentials where the
//! rules allow it.
//!
//! Without credentials docker gives up at a `Basic` challenge ("no basic auth credentials") and never
//! asks for the manifest; without a challenge at `/v2/` it never sends credentials that it has. A
//! `Bearer` challenge serves both: docker fetches a token with the credentials that it has, or with
//! none. Such a token says whose it is, and nothing of permissions: the rules are checked on every request.

use super::OpenError;
use super::mac::MacKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::{Duration, Instant};

/// How long a token is valid. docker accepts nothing below a minute.
pub const LIFETIME: Duration = Duration::from_secs(300);
/// The longest text that is examined, in bytes.
const BYTES_MAX: usize = 1024;

/// Issues tokens and verifies them; they do not outlive the process.
pub struct TokenIssuer {
    key: MacKey,
    started: Instant,
}

impl TokenIssuer {
    /// An issuer with a new key.
    pub fn new() -> Result<TokenIssuer, OpenError> {
        Ok(TokenIssuer {
            key: MacKey::random()?,
            started: Instant::now(),
        })
    }

    /// A token for a user, empty for nobody. `state` is what it depends on: the user's
    /// hash, so that a new password, or the removal of the user, ends it.
    pub fn issue(&self, user: &str, state: &str) -> String {
        let until = self.started.elapsed().saturating_add(LIFETIME).as_secs();
        self.issue_until(user, state, until)
    }

    /// Whose token a text claims to be. Nothing is verified yet.
    pub fn claimed_user(text: &str) -> Option<String> {
        let (user, _) = text.split_once('.').filter(|_| text.len() <= BYTES_MAX)?;
        String::from_utf8(URL_SAFE_NO_PAD.decode(user).ok()?).ok()
    }

    /// Whether it is a token of ours for this user in this state, and still valid.
    pub fn is_valid(&self, text: &str, user: &str, state: &str) -> bool {
        self.valid_until(text, user, state)
            .is_some_and(|until| self.started.elapsed().as_secs() < until)
    }

    /// `user.until.code`, where the code covers the state as well.
    fn issue_until(&self, user: &str, state: &str, until: u64) -> String {
        let until = until.to_string();
        let code = self.key.sign(&[user, state, &until].map(str::as_bytes));
        let (user, code) = (URL_SAFE_NO_PAD.encode(user), URL_SAFE_NO_PAD.encode(code));
        format!("{user}.{until}.{code}")
    }

    /// When a token of ours for this user in this state expires.
    fn valid_until(&self, text: &str, user: &str, state: &str) -> Option<u64> {
        let (rest, code) = text.rsplit_once('.')?;
        let (named, until) = rest.split_once('.')?;
        if named != URL_SAFE_NO_PAD.encode(user) {
            return None;
        }
        let code = URL_SAFE_NO_PAD.decode(code).ok()?;
        let parts = [user, state, until].map(str::as_bytes);
        let is_ours = self.key.verify(&parts, &code);
        is_ours.then(|| until.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_for_its_user_in_this_state_only() {
        let issuer = TokenIssuer::new().unwrap();
        for user in ["", "anna", "j\u{f6}rg.x"] {
            let token = issuer.issue(user, "hash");
            assert_eq!(TokenIssuer::claimed_user(&token).as_deref(), Some(user));
            assert!(issuer.is_valid(&token, user, "hash"));
            assert!(!issuer.is_valid(&token, user, "other"));
            assert!(!issuer.is_valid(&token, "ben", "hash"));
            assert!(!TokenIssuer::new().unwrap().is_valid(&token, user, "hash"));
        }
        let expired = issuer.issue_until("anna", "hash", 0);
        assert!(!issuer.is_valid(&expired, "anna", "hash"));
    }

    #[test]
    fn a_changed_token_is_invalid() {
        let issuer = TokenIssuer::new().unwrap();
        let token = issuer.issue("anna", "hash");
        for at in 0..token.len() {
            let (head, tail) = token.split_at(at);
            for with in ["", "A", "B", ".", "0", "\u{e9}"] {
                for rest in [tail, &tail[1..]] {
                    let other = format!("{head}{with}{rest}");
                    let user = TokenIssuer::claimed_user(&other).unwrap_or_default();
                    let same = other == token;
                    assert_eq!(issuer.is_valid(&other, &user, "hash"), same, "{other}");
                }
            }
        }
        for text in ["", ".", "..", "...", "a.b.c", &"x".repeat(100_000)] {
            assert!(!issuer.is_valid(text, "", ""));
            let _ = TokenIssuer::claimed_user(text);
        }
        let long = format!("{}.1.x", "a".repeat(2000));
        assert_eq!(TokenIssuer::claimed_user(&long), None);
    }
}
