//! Passwords against the file of users: read again when it changes, at most some bcrypts at once, and
//! what was right remembered for a while, so that a pull of fifty layers is not fifty bcrypts.

use super::gate::{Bounds, Client, Gate};
use super::htpasswd::{self, Hash};
use super::keyed_hash::{self, Key, Tag};
use crate::sync::Mutex;
use crate::watched::{Content, Source, Watched};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

/// How long a password that was right counts without bcrypt, after it was last used.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);
/// The most passwords that are checked at once, however many processors there are.
const CHECKS_MAX: usize = 4;
/// How many may wait for that.
const WAITING_MAX: usize = 64;
/// How many of one address may wait: it can lock itself out, and nobody else.
const WAITING_PER_CLIENT_MAX: usize = 16;
/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(15);
/// What is told to those who are sent away.
const RETRY_SECONDS: u64 = 5;
/// The cost of a check when the file has no user to take an example from.
const COST: u32 = 10;
/// The most characters of a user name in the log.
const LOGGED_NAME_CHARS: usize = 64;

/// A file of users at work.
pub struct Passwords {
    users: Watched<Users>,
    key: Key,
    gate: Gate,
}

/// What comes of a check.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This user, with the right password.
    Right(Arc<str>),
    /// Not; the text is for the log.
    Wrong(String),
    /// Too many wait already.
    Busy {
        /// How long the client should wait.
        retry_seconds: u64,
    },
}

/// One state of the file. What is remembered goes with it, and there is no more of it than users.
struct Users {
    entries: HashMap<Arc<str>, Entry>,
    /// The cost of every user, in order: a user whom nobody knows takes as long as one of these.
    costs: Vec<u32>,
}

struct Entry {
    name: Arc<str>,
    hash: Hash,
    remembered: Mutex<Option<(Tag, Instant)>>,
}

impl Passwords {
    /// Reads the file. The error names it, the key, and how to make one.
    pub fn open(path: PathBuf) -> Result<Passwords, String> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let checks = processors.min(CHECKS_MAX);
        let gate = Gate::new(Bounds {
            places: checks,
            waiting_max: WAITING_MAX,
            waiting_per_client_max: WAITING_PER_CLIENT_MAX,
            patience: PATIENCE,
        });
        let shown = path.display().to_string();
        let users = Watched::open(source(path), Users::made_of).map_err(|why| {
            format!("cannot use {shown} as the file of users (auth.htpasswd.path): {why}")
        })?;
        Passwords::with(users, gate)
    }

    fn with(users: Watched<Users>, gate: Gate) -> Result<Passwords, String> {
        let key = Key::random()?;
        Ok(Passwords { users, key, gate })
    }

    /// The hash of a user, which a ticket stands and falls with; `None` when there is no such user.
    pub fn hash_of(&self, user: &str) -> Option<(Arc<str>, String)> {
        let users = self.users.current();
        let entry = users.entries.get(user)?;
        Some((Arc::clone(&entry.name), entry.hash.as_str().to_owned()))
    }

    /// Checks a password. Blocks as long as bcrypt takes, unless it is remembered.
    pub fn verify(&self, user: &str, password: &[u8], client: Client) -> Verdict {
        let users = self.users.current();
        let entry = users.entries.get(user);
        let tag = self.key.tag(&[user.as_bytes(), password]);
        if let Some(entry) = entry.filter(|entry| entry.remembers(&tag)) {
            return Verdict::Right(Arc::clone(&entry.name));
        }
        let Some(_pass) = self.gate.enter(client) else {
            let retry_seconds = RETRY_SECONDS;
            return Verdict::Busy { retry_seconds };
        };
        let Some(entry) = entry else {
            htpasswd::verify_in_vain(password, self.cost_of_unknown(&users, user));
            return Verdict::Wrong(format!("there is no user {}", logged(user)));
        };
        // Another request of the same client may have come first: docker pulls several layers at once.
        if entry.remembers(&tag) || entry.hash.verify(password) {
            entry.remember(tag);
            return Verdict::Right(Arc::clone(&entry.name));
        }
        Verdict::Wrong(format!("the password of {} is wrong", logged(user)))
    }

    /// A cost that users of this file have, always the same for one name: who knocks with names
    /// cannot tell by the time which of them exist, also where costs differ.
    fn cost_of_unknown(&self, users: &Users, user: &str) -> u32 {
        let [a, b, c, d, ..] = self.key.tag(&[b"cost", user.as_bytes()]);
        let number = u64::from(u32::from_be_bytes([a, b, c, d]));
        let index = number.checked_rem(users.costs.len() as u64);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let cost = index.and_then(|index| users.costs.get(index));
        cost.copied().unwrap_or(COST)
    }
}

impl Users {
    fn made_of(contents: &[Content]) -> Result<Users, String> {
        match contents {
            [file] => {
                let bytes = file.bytes.as_ref();
                Users::read(bytes.map_err(|error| explain(&file.path, error))?)
            }
            _ => Err("it is not one file".to_owned()),
        }
    }

    fn read(bytes: &[u8]) -> Result<Users, String> {
        let parsed = htpasswd::parse(bytes)?;
        for remark in &parsed.remarks {
            log::warn!("the file of users: {remark}");
        }
        let mut costs: Vec<u32> = parsed.users.values().map(Hash::cost).collect();
        costs.sort_unstable();
        let entry = |(name, hash): (String, Hash)| {
            let name: Arc<str> = name.into();
            let entry = Entry {
                name: Arc::clone(&name),
                hash,
                remembered: Mutex::new(None),
            };
            (name, entry)
        };
        let entries = parsed.users.into_iter().map(entry).collect();
        Ok(Users { entries, costs })
    }
}

impl Entry {
    /// Whether this password was right not long ago. Its time begins anew then: who works without a long
    /// pause never waits behind others.
    fn remembers(&self, tag: &Tag) -> bool {
        self.remembers_at(tag, Instant::now())
    }

    fn remembers_at(&self, tag: &Tag, now: Instant) -> bool {
        let mut remembered = self.remembered();
        let is_known = remembered
            .is_some_and(|(known, until)| keyed_hash::is_equal(&known, tag) && now < until);
        if is_known {
            *remembered = entry_until(*tag, now);
        }
        is_known
    }

    fn remember(&self, tag: Tag) {
        *self.remembered() = entry_until(tag, Instant::now());
    }

    fn remembered(&self) -> MutexGuard<'_, Option<(Tag, Instant)>> {
        self.remembered.lock()
    }
}

fn entry_until(tag: Tag, now: Instant) -> Option<(Tag, Instant)> {
    Some((tag, now.checked_add(REMEMBERED_FOR)?))
}

fn source(path: PathBuf) -> Source {
    Source {
        subject: format!("the file of users {}", path.display()),
        otherwise: "the users stay as they were",
        paths: vec![path],
        bytes_max: htpasswd::FILE_BYTES_MAX,
    }
}

fn explain(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!(
            "it does not exist; `registry htpasswd --file {} USER` makes it",
            path.display()
        ),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// A name that a stranger chose, for the log: quoted, escaped and not too long.
fn logged(user: &str) -> String {
    let short: String = user.chars().take(LOGGED_NAME_CHARS).collect();
    format!("{short:?}")
}

#[cfg(test)]
mod tests;
