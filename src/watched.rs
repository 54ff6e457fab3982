//! What is made of small files, and made again when they change: a certificate and its key, a list of
//! users.
//!
//! The files are looked at by those who use them, at most once a second, by their stamps (times, length,
//! identity of what the paths lead to). No system's notification service is needed, so it works in
//! every container and on every volume. All files are read together and what is made of them takes the
//! place of the old in one step; what cannot be used is logged once, and the old stays.
//!
//! A file that is written in place is empty or half for a while. So a change counts once the files have
//! been left alone for three seconds.

#[cfg(test)]
mod tests;

use crate::sync::{Mutex, RwLock};
use crate::sys;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

/// From one look at the files to the next.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// A file that changed this short a time ago may be half-written, and may change again without its
/// times showing it: file systems count in steps of up to two seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// As many looks without a change say the same of a file whose times cannot be trusted.
const QUIET_LOOKS: u32 = 3;
/// How many looks a change waits for that: whoever writes the files again and again cannot keep it
/// from counting for ever.
const WAITS_MAX: u32 = 30;

/// A file as it was found.
pub struct Content {
    /// Its path, as it was given.
    pub path: PathBuf,
    /// What is in it. [`io::ErrorKind::FileTooLarge`] where that is more than is read.
    pub bytes: io::Result<Vec<u8>>,
}

/// Which files, and how the log names what is made of them.
pub struct Source {
    /// The files, in the order in which they are given to whoever makes something of them.
    pub paths: Vec<PathBuf>,
    /// The largest file that is read, in bytes.
    pub bytes_max: usize,
    /// What is made of them: `the certificate in cert.pem`.
    pub subject: String,
    /// What happens when it cannot be: `the old certificate is kept`.
    pub otherwise: &'static str,
}

type Make<T> = Box<dyn Fn(&[Content]) -> Result<T, String> + Send + Sync>;

/// What was made of files, renewed with them.
pub struct Watched<T> {
    current: RwLock<Arc<T>>,
    make: Make<T>,
    files: Mutex<Files>,
    started: Instant,
    /// Milliseconds from `started` to the next look.
    next_look: AtomicU64,
    look_pause: Duration,
}

/// The files, and what is known of them.
struct Files {
    source: Source,
    /// The stamps of what was read last, once nothing can change without changing them.
    seen: Option<Stamps>,
    /// The stamps at the last look.
    last: Stamps,
    /// How many looks in a row have found them.
    quiet_looks: u32,
    /// How many looks a change has waited.
    waits: u32,
    /// The hash of what `current` was made of.
    used: [u8; 32],
    /// The hash of what could not be used, and has been complained of.
    refused: Option<[u8; 32]>,
}

/// What tells one state of a file from another without reading it.
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

impl<T> Watched<T> {
    /// Reads the files and makes what is made of them. The error is that of `make`.
    pub fn open(
        source: Source,
        make: impl Fn(&[Content]) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Watched<T>, String> {
        Watched::with_pause(source, LOOK_PAUSE, make)
    }

    /// The same with another time between looks.
    pub fn with_pause(
        source: Source,
        look_pause: Duration,
        make: impl Fn(&[Content]) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Watched<T>, String> {
        let last = source.stamps();
        let contents = source.read();
        let made = make(&contents)?;
        let files = Files {
            source,
            seen: None,
            last,
            quiet_looks: 0,
            waits: 0,
            used: hash(&contents),
            refused: None,
        };
        Ok(Watched {
            current: RwLock::new(Arc::new(made)),
            make: Box::new(make),
            files: Mutex::new(files),
            started: Instant::now(),
            next_look: AtomicU64::new(milliseconds(look_pause)),
            look_pause,
        })
    }

    /// What the files hold, after a look at them when it is time for one.
    pub fn current(&self) -> Arc<T> {
        if self.is_time() {
            // One looks, the others go on with what there is: a slow disk stalls one of them.
            if let Some(mut files) = self.files.try_lock() {
                self.look(&mut files);
            }
        }
        let current = self.current.read();
        Arc::clone(&current)
    }

    /// Whether a look is due, which it is for one caller only.
    fn is_time(&self) -> bool {
        let now = milliseconds(self.started.elapsed());
        let due = self.next_look.load(Relaxed);
        let next = now.saturating_add(milliseconds(self.look_pause));
        let exchange = |due| self.next_look.compare_exchange(due, next, Relaxed, Relaxed);
        now >= due && exchange(due).is_ok()
    }

    fn look(&self, files: &mut Files) {
        let Some(contents) = files.changed() else {
            return;
        };
        let hash = hash(&contents);
        let subject = &files.source.subject;
        if hash == files.used {
            if files.refused.take().is_some() {
                log::info!("{subject} has been read again and is what it was");
            }
            return;
        }
        if files.refused == Some(hash) {
            return;
        }
        match (self.make)(&contents) {
            Ok(made) => {
                log::info!("{subject} has been read again");
                *self.current.write() = Arc::new(made);
                files.used = hash;
                files.refused = None;
            }
            Err(why) => {
                let otherwise = files.source.otherwise;
                log::error!("{subject} has changed and cannot be used, {otherwise}: {why}");
                files.refused = Some(hash);
            }
        }
    }
}

impl Files {
    /// What is in the files; `None` while they are as they were, and while they are being written.
    fn changed(&mut self) -> Option<Vec<Content>> {
        let stamps = self.source.stamps();
        if self.seen.as_ref() == Some(&stamps) {
            return None;
        }
        let is_settled = is_settled(&stamps);
        let is_same = stamps == self.last;
        self.quiet_looks = if is_same { self.quiet_looks + 1 } else { 0 };
        self.last = stamps;
        self.waits += 1;
        let counts = is_settled || self.quiet_looks >= QUIET_LOOKS || self.waits > WAITS_MAX;
        if !counts {
            return None;
        }
        let contents = self.source.read();
        // That says nothing about these files: the next look tries again.
        let out_of_files =
            |content: &Content| content.bytes.as_ref().is_err_and(sys::is_out_of_files);
        if contents.iter().any(out_of_files) {
            return None;
        }
        let after = self.source.stamps();
        if after != self.last && self.waits <= WAITS_MAX {
            return None;
        }
        self.waits = 0;
        // What is not settled is read at the next look too.
        self.seen = is_settled.then_some(after);
        Some(contents)
    }
}

impl Source {
    fn stamps(&self) -> Stamps {
        self.paths.iter().map(|path| stamp(path)).collect()
    }

    fn read(&self) -> Vec<Content> {
        let content = |path: &PathBuf| Content {
            path: path.clone(),
            bytes: read(path, self.bytes_max),
        };
        self.paths.iter().map(content).collect()
    }
}

/// Names the user who is not let in: in a container it is rarely the one who made the file.
fn with_user(error: io::Error) -> io::Error {
    match (error.kind(), sys::user_and_group()) {
        (io::ErrorKind::PermissionDenied, Some((user, _))) => {
            let text = format!(
                "{error}; user {user} must be able to read it, and to reach it through the folders above"
            );
            io::Error::new(error.kind(), text)
        }
        _ => error,
    }
}

/// Reads a file that should be small: one of more than `bytes_max` bytes is
/// [`io::ErrorKind::FileTooLarge`]. What is no regular file is an error and is not waited for.
pub fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let (file, _) = sys::open_regular(path, File::options().read(true)).map_err(with_user)?;
    read_all(file, bytes_max)
}

/// The same for what is read only once, at the start, and may come through a pipe: `/dev/stdin`, `<(decrypt FILE)`.
pub fn read_once(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            read_all(File::open(path).map_err(with_user)?, bytes_max)
        }
        _ => read(path, bytes_max),
    }
}

fn read_all(file: File, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() > bytes_max {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {bytes_max} bytes"),
        )),
        false => Ok(bytes),
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp {
        // Some volumes of Windows containers cannot tell: the rest of the stamp must do there.
        resolved: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        modified: metadata.modified().ok(),
        length: metadata.len(),
        identity: sys::file_identity(&metadata),
    })
}

/// Whether all files changed long enough ago. A time in the future says nothing about the next
/// change, and a file that is missing may be on its way.
fn is_settled(stamps: &Stamps) -> bool {
    let now = SystemTime::now();
    stamps.iter().all(|stamp| {
        let modified = stamp.as_ref().and_then(|stamp| stamp.modified);
        let age = modified.and_then(|modified| now.duration_since(modified).ok());
        age.is_some_and(|age| age >= SETTLED_AFTER)
    })
}

/// Files may hold keys: no more of them than this is kept.
fn hash(contents: &[Content]) -> [u8; 32] {
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
