//! Values that are loaded from small files, and loaded again when these change: a certificate and its key, a list of
//! users.
//!
//! The files are checked by those who use the value, at most once a second (tests choose a shorter pause), by their stamps (times, length,
//! identity of what the paths lead to). No notification service of the system is needed, so it works in
//! every container and on every volume. All files are read together and the new value replaces the
//! old one in one step; what cannot be loaded is logged once, and the old value stays.
//!
//! A file that is written in place is empty or incomplete for a while. So a change counts once the files have
//! been left alone for three seconds.

#[cfg(test)]
mod tests;

use crate::small_file;
use crate::sync::{Mutex, RwLock};
use crate::sys;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

/// From one check of the files to the next, if not chosen.
pub const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// A file that changed more recently may be incomplete, and may change again without its
/// times showing it: file systems count in steps of up to two seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// So many checks without a change mean the same for a file whose times cannot be trusted.
const QUIET_CHECKS: u32 = 3;
/// For how many checks a change waits for that: a program that keeps writing the files cannot keep it
/// from counting for ever.
const WAITS_MAX: u32 = 30;

/// A file as it was read.
pub struct FileContent {
    /// Its path, as it was given.
    pub path: PathBuf,
    /// Its bytes. [`io::ErrorKind::FileTooLarge`] when there are more than may be read.
    pub bytes: io::Result<Vec<u8>>,
}

/// Which files to watch, and how the log calls what is loaded from them.
pub struct WatchedFiles {
    /// The files, in the order in which the loader gets them.
    pub paths: Vec<PathBuf>,
    /// The largest file that is read, in bytes.
    pub bytes_max: usize,
    /// What is loaded from them: `the certificate in cert.pem`.
    pub subject: String,
    /// What happens when it cannot be loaded: `keeping the old certificate`.
    pub otherwise: &'static str,
}

type Loader<T, E> = Box<dyn Fn(&[FileContent]) -> Result<T, E> + Send + Sync>;

/// A value that is loaded from files, renewed with them.
pub struct Watched<T, E = String> {
    current: RwLock<Arc<T>>,
    load: Loader<T, E>,
    files: Mutex<WatchState>,
    started: Instant,
    /// Milliseconds from `started` to the next check.
    next_check: AtomicU64,
    check_pause: Duration,
}

/// The files, and what is known of them.
struct WatchState {
    watched: WatchedFiles,
    /// The stamps of what was read last, once nothing can change without changing them.
    seen: Option<Stamps>,
    /// The stamps at the last check.
    last: Stamps,
    /// How many checks in a row have found them.
    quiet_checks: u32,
    /// For how many checks a change has waited.
    waits: u32,
    /// The hash of what `current` was loaded from.
    used: [u8; 32],
    /// The hash of what could not be loaded, and has been logged.
    rejected: Option<[u8; 32]>,
}

/// What distinguishes two states of a file without reading it.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    /// Where the path leads, symbolic links followed.
    resolved: PathBuf,
    modified: Option<SystemTime>,
    length: u64,
    identity: (u64, u64),
}

/// One of each file; `None` for one that cannot be found.
type Stamps = Vec<Option<Stamp>>;

impl<T, E: fmt::Display> Watched<T, E> {
    /// Reads the files and loads the value from them; they are checked again after `check_pause` at the earliest. The error is
    /// that of `load`.
    pub fn open(
        watched: WatchedFiles,
        check_pause: Duration,
        load: impl Fn(&[FileContent]) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Watched<T, E>, E> {
        let last = watched.stamps();
        let contents = watched.read();
        let loaded = load(&contents)?;
        let files = WatchState {
            watched,
            seen: None,
            last,
            quiet_checks: 0,
            waits: 0,
            used: hash(&contents),
            rejected: None,
        };
        Ok(Watched {
            current: RwLock::new(Arc::new(loaded)),
            load: Box::new(load),
            files: Mutex::new(files),
            started: Instant::now(),
            next_check: AtomicU64::new(milliseconds(check_pause)),
            check_pause,
        })
    }

    /// The current value, after a check of the files when one is due.
    pub fn current(&self) -> Arc<T> {
        if self.is_check_due() {
            // One caller checks, the others use the current value: a slow disk stalls one of them.
            if let Some(mut files) = self.files.try_lock() {
                self.check(&mut files);
            }
        }
        let current = self.current.read();
        Arc::clone(&current)
    }

    /// Whether a check is due, which it is for one caller only.
    fn is_check_due(&self) -> bool {
        let now = milliseconds(self.started.elapsed());
        let due = self.next_check.load(Relaxed);
        let next = now.saturating_add(milliseconds(self.check_pause));
        let exchange = |due| {
            self.next_check
                .compare_exchange(due, next, Relaxed, Relaxed)
        };
        now >= due && exchange(due).is_ok()
    }

    fn check(&self, files: &mut WatchState) {
        let Some(contents) = files.changed() else {
            return;
        };
        let hash = hash(&contents);
        let subject = &files.watched.subject;
        if hash == files.used {
            if files.rejected.take().is_some() {
                log::info!("reloaded {subject}: it is unchanged");
            }
            return;
        }
        if files.rejected == Some(hash) {
            return;
        }
        match (self.load)(&contents) {
            Ok(loaded) => {
                log::info!("reloaded {subject}");
                *self.current.write() = Arc::new(loaded);
                files.used = hash;
                files.rejected = None;
            }
            Err(why) => {
                let otherwise = files.watched.otherwise;
                log::error!("cannot reload {subject}, {otherwise}: {why}");
                files.rejected = Some(hash);
            }
        }
    }
}

impl WatchState {
    /// The contents of the files; `None` while they are unchanged, and while they are being written.
    fn changed(&mut self) -> Option<Vec<FileContent>> {
        let stamps = self.watched.stamps();
        if self.seen.as_ref() == Some(&stamps) {
            return None;
        }
        let is_settled = is_settled(&stamps);
        let is_same = stamps == self.last;
        self.quiet_checks = if is_same { self.quiet_checks + 1 } else { 0 };
        self.last = stamps;
        self.waits += 1;
        let counts = is_settled || self.quiet_checks >= QUIET_CHECKS || self.waits > WAITS_MAX;
        if !counts {
            return None;
        }
        let contents = self.watched.read();
        // That says nothing about these files: the next check tries again.
        let out_of_files =
            |content: &FileContent| content.bytes.as_ref().is_err_and(sys::is_out_of_files);
        if contents.iter().any(out_of_files) {
            return None;
        }
        let after = self.watched.stamps();
        if after != self.last && self.waits <= WAITS_MAX {
            return None;
        }
        self.waits = 0;
        // What is not settled is read at the next check too.
        self.seen = is_settled.then_some(after);
        Some(contents)
    }
}

impl WatchedFiles {
    fn stamps(&self) -> Stamps {
        self.paths.iter().map(|path| stamp(path)).collect()
    }

    fn read(&self) -> Vec<FileContent> {
        let content = |path: &PathBuf| FileContent {
            path: path.clone(),
            bytes: small_file::read(path, self.bytes_max),
        };
        self.paths.iter().map(content).collect()
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp {
        // Some volumes of Windows containers do not know it: the rest of the stamp must do there.
        resolved: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        modified: metadata.modified().ok(),
        length: metadata.len(),
        identity: sys::file_identity(&metadata),
    })
}

/// Whether all files changed long enough ago. A time in the future says nothing about the next
/// change, and a file that is missing may be about to appear.
fn is_settled(stamps: &Stamps) -> bool {
    let now = SystemTime::now();
    stamps.iter().all(|stamp| {
        let modified = stamp.as_ref().and_then(|stamp| stamp.modified);
        let age = modified.and_then(|modified| now.duration_since(modified).ok());
        age.is_some_and(|age| age >= SETTLED_AFTER)
    })
}

/// Files may contain keys: nothing but this hash of them is kept.
fn hash(contents: &[FileContent]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for content in contents {
        let part: [u8; 32] = match &content.bytes {
            Ok(bytes) => Sha256::digest(bytes).into(),
            Err(error) => Sha256::digest(format!("error {error}")).into(),
        };
        hash.update(part);
    }
    hash.finalize().into()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
