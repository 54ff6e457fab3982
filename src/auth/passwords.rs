//! Passwords checked against the file of users: it is read again when it changes, only a few bcrypt checks run at
//! once, and a password that was right is remembered for a while, so that a pull of fifty layers is not fifty of them.

use super::OpenError;
use super::fair_semaphore::{ClientKey, FairSemaphore, SemaphoreLimits};
use super::htpasswd::{self, Hash};
use super::mac::{MacCode, MacKey};
use crate::sync::Mutex;
use crate::watched::{FileContent, Watched, WatchedFiles};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a password that was right is accepted without bcrypt, after it was last used.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);
/// The most passwords that are checked at once, however many processors there are.
const CHECKS_MAX: usize = 4;
/// How many may wait to be checked.
const WAITING_MAX: usize = 64;
/// How many of one address may wait: an address can lock itself out, and nobody else.
const WAITING_PER_CLIENT_MAX: usize = 16;
/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(15);
/// When those who are turned away should try again.
const RETRY_SECONDS: u64 = 5;
/// The cost of a check when the file has no users to take it from.
const COST: u32 = 10;
/// The most characters of a user name in the log.
const LOGGED_NAME_CHARS: usize = 64;

/// The file of users, and the checks against it.
pub struct Passwords {
    users: Watched<Users>,
    key: MacKey,
    checks: FairSemaphore,
}

/// The outcome of a check.
#[derive(Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The password is this user's.
    Right(Arc<str>),
    /// It is not; the text is for the log.
    Wrong(String),
    /// Too many are waiting already.
    Busy {
        /// How long the client should wait.
        retry_seconds: u64,
    },
}

/// One state of the file. What is remembered goes with it, and is at most one password a user.
struct Users {
    by_name: HashMap<Arc<str>, KnownUser>,
    /// The cost of every user, in order: an unknown user takes as long as one of these.
    costs: Vec<u32>,
}

struct KnownUser {
    name: Arc<str>,
    hash: Hash,
    remembered: Mutex<Option<(MacCode, Instant)>>,
}

/// A user name and a password, and the key under which they are remembered.
type Login<'l> = (&'l MacKey, [&'l [u8]; 2]);

impl Passwords {
    /// Reads the file, and looks at it after `check_pause` again. The error says how to create one.
    pub fn open(path: PathBuf, check_pause: Duration) -> Result<Passwords, OpenError> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let checks = FairSemaphore::new(SemaphoreLimits {
            permits: processors.min(CHECKS_MAX),
            waiting_max: WAITING_MAX,
            waiting_per_client_max: WAITING_PER_CLIENT_MAX,
            patience: PATIENCE,
        });
        let users = Watched::open(source(path.clone()), check_pause, Users::from_files);
        let users = users.map_err(|reason| OpenError::File {
            path,
            key: "auth.htpasswd.path",
            reason,
        })?;
        Passwords::with(users, checks)
    }

    fn with(users: Watched<Users>, checks: FairSemaphore) -> Result<Passwords, OpenError> {
        let key = MacKey::random()?;
        Ok(Passwords { users, key, checks })
    }

    /// The name and hash of a user, which the tokens issued to the user depend on; `None` when there is no such user.
    pub fn hash_of(&self, user: &str) -> Option<(Arc<str>, String)> {
        let users = self.users.current();
        let user = users.by_name.get(user)?;
        Some((Arc::clone(&user.name), user.hash.as_str().to_owned()))
    }

    /// Checks a password. Blocks as long as bcrypt takes, unless it is remembered.
    pub fn verify(&self, user: &str, password: &[u8], client: ClientKey) -> PasswordCheck {
        let users = self.users.current();
        let known = users.by_name.get(user);
        let login = (&self.key, [user.as_bytes(), password]);
        if let Some(known) = known.filter(|known| known.remembers(&login)) {
            return PasswordCheck::Right(Arc::clone(&known.name));
        }
        let Some(_permit) = self.checks.acquire(client) else {
            let retry_seconds = RETRY_SECONDS;
            return PasswordCheck::Busy { retry_seconds };
        };
        let Some(known) = known else {
            htpasswd::verify_in_vain(password, self.cost_of_unknown(&users, user));
            return PasswordCheck::Wrong(format!("there is no user {}", logged(user)));
        };
        // Another request of the same client may have come first: docker pulls several layers at once.
        if known.remembers(&login) || known.hash.verify(password) {
            known.remember(&login);
            return PasswordCheck::Right(Arc::clone(&known.name));
        }
        PasswordCheck::Wrong(format!("the password of {} is wrong", logged(user)))
    }

    /// A cost that users of this file have, always the same for one name: whoever tries names cannot tell by
    /// the time which of them exist, even where costs differ.
    fn cost_of_unknown(&self, users: &Users, user: &str) -> u32 {
        let [a, b, c, d, ..] = self.key.sign(&[b"cost", user.as_bytes()]);
        let number = u64::from(u32::from_be_bytes([a, b, c, d]));
        let index = number.checked_rem(users.costs.len() as u64);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let cost = index.and_then(|index| users.costs.get(index));
        cost.copied().unwrap_or(COST)
    }
}

impl Users {
    fn from_files(contents: &[FileContent]) -> Result<Users, String> {
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
        for warning in &parsed.warnings {
            log::warn!("the file of users: {warning}");
        }
        let mut costs: Vec<u32> = parsed.users.values().map(Hash::cost).collect();
        costs.sort_unstable();
        let known = |(name, hash): (String, Hash)| {
            let name: Arc<str> = name.into();
            let user = KnownUser {
                name: Arc::clone(&name),
                hash,
                remembered: Mutex::new(None),
            };
            (name, user)
        };
        let by_name = parsed.users.into_iter().map(known).collect();
        Ok(Users { by_name, costs })
    }
}

impl KnownUser {
    /// Whether this password was right a short while ago. Its time starts again then: whoever works without a long
    /// pause never waits behind others.
    fn remembers(&self, login: &Login<'_>) -> bool {
        self.remembers_at(login, Instant::now())
    }

    fn remembers_at(&self, (key, parts): &Login<'_>, now: Instant) -> bool {
        let mut remembered = self.remembered.lock();
        let known = remembered.filter(|(code, until)| now < *until && key.verify(parts, code));
        let Some((code, _)) = known else {
            return false;
        };
        *remembered = remember_until(code, now);
        true
    }

    fn remember(&self, (key, parts): &Login<'_>) {
        *self.remembered.lock() = remember_until(key.sign(parts), Instant::now());
    }
}

fn remember_until(code: MacCode, now: Instant) -> Option<(MacCode, Instant)> {
    Some((code, now.checked_add(REMEMBERED_FOR)?))
}

fn source(path: PathBuf) -> WatchedFiles {
    WatchedFiles {
        subject: format!("the file of users {}", path.display()),
        otherwise: "keeping the old users",
        paths: vec![path],
        bytes_max: htpasswd::FILE_BYTES_MAX,
    }
}

fn explain(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!(
            "it does not exist; create it with `registry htpasswd --file {} USER`",
            path.display()
        ),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// A name that a client sent, for the log: quoted, escaped and cut short.
fn logged(user: &str) -> String {
    let short: String = user.chars().take(LOGGED_NAME_CHARS).collect();
    format!("{short:?}")
}

#[cfg(test)]
mod tests;
