//! The upload sessions in memory, and their limits.

use super::helpers::Helpers;
use super::session::Session;
use crate::spec::{Name, UploadId};
use crate::storage::{Error, Result};
use crate::sync::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

/// Longest time that a client is asked to wait when there are too many sessions.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// Limits on upload sessions.
#[derive(Clone, Debug, Default)]
pub struct UploadLimits {
    /// Sessions that this process started or resumed and that have not ended.
    pub sessions_max: usize,
    /// Those of them that one client started: an IPv4 address, or an IPv6 /64 network.
    pub sessions_per_address_max: usize,
    /// A session without a request for this long may be ended in favor of a new one.
    pub idle_timeout: Duration,
}

/// Identifies a session.
pub type SessionKey = (Name, UploadId);

/// The sessions in memory.
pub struct Sessions {
    known: Mutex<SessionTable>,
    limits: UploadLimits,
    helpers: Helpers,
}

#[derive(Default)]
struct SessionTable {
    sessions: HashMap<SessionKey, SessionEntry>,
    per_address: HashMap<IpAddr, usize>,
}

/// A session in memory.
struct SessionEntry {
    session: Arc<Session>,
    used: Instant,
}

/// A session that was ended in favor of another.
pub type Displaced = (SessionKey, Arc<Session>);

impl Sessions {
    /// No sessions yet.
    pub fn new(limits: UploadLimits) -> Sessions {
        Sessions {
            known: Mutex::default(),
            limits,
            helpers: Helpers::new(),
        }
    }

    /// The second threads of their large bodies.
    pub fn helpers(&self) -> &Helpers {
        &self.helpers
    }

    /// Finds a session and marks it as used.
    pub fn find(&self, key: &SessionKey) -> Option<Arc<Session>> {
        let mut known = self.lock();
        let entry = known.sessions.get_mut(key)?;
        entry.used = Instant::now();
        Some(Arc::clone(&entry.session))
    }

    /// Keeps a session, or returns the existing one. When a limit is reached, the session that has been idle for
    /// longest is removed, and the caller has to end it; [`Error::TooManyUploads`] if none has been idle for long enough.
    pub fn insert(
        &self,
        key: SessionKey,
        session: Session,
        now: Instant,
    ) -> Result<(Arc<Session>, Option<Displaced>)> {
        let mut known = self.lock();
        if let Some(entry) = known.sessions.get_mut(&key) {
            entry.used = now;
            return Ok((Arc::clone(&entry.session), None));
        }
        let displaced = self.make_room(&mut known, session.client, now)?;
        if let Some(address) = session.client {
            *known.per_address.entry(address).or_default() += 1;
        }
        let session = Arc::new(session);
        let entry = SessionEntry {
            session: Arc::clone(&session),
            used: now,
        };
        known.sessions.insert(key, entry);
        Ok((session, displaced))
    }

    /// The sessions of a repository.
    pub fn of(&self, name: &Name) -> Vec<UploadId> {
        let known = self.lock();
        let of_name = known.sessions.keys().filter(|(own, _)| own == name);
        of_name.map(|(_, id)| id.clone()).collect()
    }

    /// Forgets a session that has ended.
    pub fn remove(&self, key: &SessionKey) {
        self.lock().remove(key);
    }

    fn make_room(
        &self,
        known: &mut SessionTable,
        client: Option<IpAddr>,
        now: Instant,
    ) -> Result<Option<Displaced>> {
        let own = client.and_then(|address| known.per_address.get(&address));
        let crowded = own.is_some_and(|own| *own >= self.limits.sessions_per_address_max.max(1));
        if !crowded && known.sessions.len() < self.limits.sessions_max.max(1) {
            return Ok(None);
        }
        let owner = client.filter(|_| crowded);
        let idle = known
            .sessions
            .iter()
            .filter(|(_, entry)| owner.is_none() || entry.session.client == owner)
            // A request that uses it holds it as well.
            .filter(|(_, entry)| Arc::strong_count(&entry.session) == 1)
            .min_by_key(|(_, entry)| entry.used)
            .map(|(place, entry)| (place.clone(), now.saturating_duration_since(entry.used)));
        match idle {
            Some((place, idle)) if idle >= self.limits.idle_timeout => {
                let session = known.remove(&place);
                Ok(session.map(|session| (place, session)))
            }
            other => {
                let idle = other.map_or(Duration::ZERO, |(_, idle)| idle);
                let left = self.limits.idle_timeout.saturating_sub(idle);
                Err(Error::TooManyUploads {
                    by_address: crowded,
                    retry_after: left.clamp(Duration::from_secs(1), RETRY_AFTER_MAX),
                })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, SessionTable> {
        self.known.lock()
    }
}

impl SessionTable {
    fn remove(&mut self, key: &SessionKey) -> Option<Arc<Session>> {
        let session = self.sessions.remove(key)?.session;
        if let Some(address) = session.client
            && let Some(count) = self.per_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&address);
            }
        }
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::{Driver, Key, Memory};
    use crate::spec::Algorithm;

    const MINUTE: Duration = Duration::from_secs(60);

    fn sessions(all: usize, per_address: usize) -> Sessions {
        Sessions::new(UploadLimits {
            sessions_max: all,
            sessions_per_address_max: per_address,
            idle_timeout: MINUTE,
        })
    }

    fn key(number: u8) -> SessionKey {
        ("a".parse().unwrap(), UploadId::from_random([number; 16]))
    }

    fn session(address: u8) -> Session {
        let upload = Memory::default().upload(&Key::new("a")).unwrap();
        let address = IpAddr::from([10, 0, 0, address]);
        Session::new(Algorithm::Sha256, Some(address), upload)
    }

    #[test]
    fn one_address_has_its_share_and_leaves_the_rest_to_others() {
        let (sessions, now) = (sessions(3, 2), Instant::now());
        sessions.insert(key(1), session(1), now).unwrap();
        sessions.insert(key(2), session(1), now).unwrap();
        let refused = sessions.insert(key(3), session(1), now).err();
        assert!(matches!(
            refused,
            Some(Error::TooManyUploads {
                by_address: true,
                ..
            })
        ));
        sessions.insert(key(4), session(2), now).unwrap();
        let refused = sessions.insert(key(5), session(3), now).err();
        assert!(matches!(
            refused,
            Some(Error::TooManyUploads {
                by_address: false,
                ..
            })
        ));
        sessions.remove(&key(1));
        sessions.insert(key(5), session(1), now).unwrap();
    }

    #[test]
    fn the_session_that_was_idle_for_longest_gives_its_key() {
        let (sessions, now) = (sessions(2, 2), Instant::now());
        let (held, _) = sessions.insert(key(1), session(1), now).unwrap();
        sessions
            .insert(key(2), session(1), now + MINUTE / 2)
            .unwrap();
        // The first is in use, the second has not been idle for long enough.
        let refused = sessions.insert(key(3), session(2), now + MINUTE).err();
        let Some(Error::TooManyUploads { retry_after, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(retry_after, MINUTE / 2);
        let (_, displaced) = sessions
            .insert(key(3), session(2), now + MINUTE * 2)
            .unwrap();
        assert_eq!(displaced.map(|(key, _)| key), Some(key(2)));
        assert!(
            sessions
                .find(&key(1))
                .is_some_and(|s| Arc::ptr_eq(&s, &held))
        );
    }

    #[test]
    fn nothing_is_kept_of_an_address_whose_sessions_have_ended() {
        let (sessions, now) = (sessions(2, 2), Instant::now());
        sessions.insert(key(1), session(1), now).unwrap();
        sessions.remove(&key(1));
        sessions.remove(&key(1));
        assert!(sessions.lock().per_address.is_empty());
    }
}
