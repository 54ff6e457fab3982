//! Tickets: the short-lived tokens that this registry gives out itself, so that docker can pull
//! without credentials where rules let it.
//!
//! Without credentials docker gives up at a `Basic` challenge ("no basic auth credentials") and never
//! asks for the manifest; without a challenge at `/v2/` it never sends credentials that it has. A
//! `Bearer` challenge is the one that serves both: docker fetches a token with what it has, or with
//! nothing. A ticket says who its holder is, and nothing of rights: rules are looked at on every request.

use super::keyed_hash::{self, Key};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::{Duration, Instant};

/// How long a ticket is good. docker takes nothing below a minute.
pub const GOOD_FOR: Duration = Duration::from_secs(300);
/// The longest text that is looked at, in bytes.
const BYTES_MAX: usize = 1024;

/// Who gives out tickets and knows them again: no longer than the process lives.
pub struct Tickets {
    key: Key,
    started: Instant,
}

impl Tickets {
    /// Tickets under a new key. The error is the system's.
    pub fn new() -> Result<Tickets, String> {
        Ok(Tickets {
            key: Key::random()?,
            started: Instant::now(),
        })
    }

    /// A ticket for a user, empty for nobody. `state` is what it stands and falls with: the user's
    /// hash, so that a new password, or none, ends it.
    pub fn issue(&self, user: &str, state: &str) -> String {
        let until = self.started.elapsed().saturating_add(GOOD_FOR).as_secs();
        self.sealed(user, state, until)
    }

    /// Whom a text claims to be about. It is not checked yet.
    pub fn claimed(text: &str) -> Option<String> {
        let (user, _) = text.split_once('.').filter(|_| text.len() <= BYTES_MAX)?;
        String::from_utf8(URL_SAFE_NO_PAD.decode(user).ok()?).ok()
    }

    /// Whether it is a ticket of ours for this user in this state, and still good.
    pub fn is_good(&self, text: &str, user: &str, state: &str) -> bool {
        let until = text.split('.').nth(1).and_then(|until| until.parse().ok());
        until.is_some_and(|until: u64| {
            let given = keyed_hash::is_equal_text(text, &self.sealed(user, state, until));
            given && self.started.elapsed().as_secs() < until
        })
    }

    /// `user.until.seal`, where the seal covers the state as well.
    fn sealed(&self, user: &str, state: &str, until: u64) -> String {
        let until = until.to_string();
        let parts = [user, state, &until].map(str::as_bytes);
        let seal = URL_SAFE_NO_PAD.encode(self.key.tag(&parts));
        format!("{}.{until}.{seal}", URL_SAFE_NO_PAD.encode(user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_for_its_holder_in_this_state_alone() {
        let tickets = Tickets::new().unwrap();
        for user in ["", "anna", "j\u{f6}rg.x"] {
            let ticket = tickets.issue(user, "hash");
            assert_eq!(Tickets::claimed(&ticket).as_deref(), Some(user));
            assert!(tickets.is_good(&ticket, user, "hash"));
            assert!(!tickets.is_good(&ticket, user, "other"));
            assert!(!tickets.is_good(&ticket, "ben", "hash"));
            assert!(!Tickets::new().unwrap().is_good(&ticket, user, "hash"));
        }
        let expired = tickets.sealed("anna", "hash", 0);
        assert!(!tickets.is_good(&expired, "anna", "hash"));
    }

    #[test]
    fn a_changed_ticket_is_none() {
        let tickets = Tickets::new().unwrap();
        let ticket = tickets.issue("anna", "hash");
        for at in 0..ticket.len() {
            let (head, tail) = ticket.split_at(at);
            for with in ["", "A", "B", ".", "0", "\u{e9}"] {
                for rest in [tail, &tail[1..]] {
                    let other = format!("{head}{with}{rest}");
                    let user = Tickets::claimed(&other).unwrap_or_default();
                    let same = other == ticket;
                    assert_eq!(tickets.is_good(&other, &user, "hash"), same, "{other}");
                }
            }
        }
        for text in ["", ".", "..", "...", "a.b.c", &"x".repeat(100_000)] {
            assert!(!tickets.is_good(text, "", ""));
            let _ = Tickets::claimed(text);
        }
        assert_eq!(Tickets::claimed(&format!("{}.1.x", "a".repeat(2000))), None);
    }
}
