//! Upload sessions: bytes that arrive in any number of requests and become a blob at the end.
//!
//! A session is a folder on disk, so it outlives the server; its running hash lives in memory. A
//! session that is found on disk only, ours or distribution's, is hashed again when it goes on.
//! Requests on one session are served one after the other.

use super::{Error, Result, Storage, layout};
use crate::driver::{self, Change, Driver, Key, Sink};
use crate::spec::timestamp::format_rfc_3339;
use crate::spec::{Algorithm, Digest, Hasher, Name, UploadId};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Bytes that are read, hashed and written in one step.
const BUFFER_BYTES: usize = 256 * 1024;

/// What one request adds to a session.
pub struct Part<'a> {
    /// The bytes.
    pub body: &'a mut dyn Read,
    /// Where the client says they start.
    pub offset: Option<u64>,
    /// How many the client says there are.
    pub length: Option<u64>,
}

/// The sessions whose hash is in memory.
pub struct Sessions {
    open: Mutex<HashMap<Place, Shared>>,
    open_max: usize,
}

/// Where a session belongs.
type Place = (Name, UploadId);

/// A session that requests share.
type Shared = Arc<Mutex<Session>>;

/// A session in memory. `hasher` has seen exactly the first `length` bytes; without it they have to
/// be read again.
struct Session {
    length: u64,
    hasher: Option<Hasher>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// It was found on disk; its length is still to be read, by the first who has it locked.
    Unread,
    Open,
    /// It was committed or cancelled while another request waited for it.
    Ended,
}

impl Sessions {
    /// Room for `open_max` sessions.
    pub fn new(open_max: usize) -> Sessions {
        Sessions {
            open: Mutex::default(),
            open_max: open_max.max(1),
        }
    }

    /// Keeps a session; when there are too many, one that no request works on is given up to the
    /// disk.
    fn insert(&self, name: &Name, id: &UploadId, session: Session) -> Shared {
        let mut open = lock(&self.open);
        if open.len() >= self.open_max {
            let idle = open
                .iter()
                .find(|(_, session)| Arc::strong_count(session) == 1);
            if let Some(key) = idle.map(|(key, _)| key.clone()) {
                open.remove(&key);
            }
        }
        let key = (name.clone(), id.clone());
        Arc::clone(
            open.entry(key)
                .or_insert_with(|| Arc::new(Mutex::new(session))),
        )
    }

    fn find(&self, name: &Name, id: &UploadId) -> Option<Shared> {
        lock(&self.open).get(&(name.clone(), id.clone())).cloned()
    }

    fn remove(&self, name: &Name, id: &UploadId) {
        lock(&self.open).remove(&(name.clone(), id.clone()));
    }
}

impl Storage {
    /// Starts a session; `algorithm` is the one the client means to commit with.
    pub fn start_upload(&self, name: &Name, algorithm: Algorithm) -> Result<UploadId> {
        let id = new_upload_id()?;
        let started_at = layout::upload_started_at(name, &id);
        let now = format_rfc_3339(SystemTime::now());
        let mut sink = self.driver.append(&started_at, 0)?;
        sink.write_all(now.as_bytes())
            .map_err(|error| driver::Error::new(&started_at, error))?;
        self.uploads.insert(name, &id, Session::new(algorithm));
        Ok(id)
    }

    /// How many bytes a session has.
    pub fn upload_length(&self, name: &Name, id: &UploadId) -> Result<u64> {
        let session = self.session(name, id)?;
        Ok(self.lock_live(name, id, &session)?.length)
    }

    /// Adds a part and returns the new length. On [`Error::Body`] what came of it is kept; after
    /// [`Error::WrongOffset`] and [`Error::WrongLength`] the session is as it was.
    pub fn append_upload(&self, name: &Name, id: &UploadId, part: Part<'_>) -> Result<u64> {
        let session = self.session(name, id)?;
        let mut session = self.lock_live(name, id, &session)?;
        session.append(&*self.driver, &layout::upload_data(name, id), part)?;
        Ok(session.length)
    }

    /// Adds a last part (it may be empty), checks the digest and makes the bytes a blob of the
    /// repository. After [`Error::DigestMismatch`] the session is gone; after any other it is
    /// still there.
    pub fn commit_upload(
        &self,
        name: &Name,
        id: &UploadId,
        digest: &Digest,
        part: Part<'_>,
    ) -> Result<()> {
        let session = self.session(name, id)?;
        let mut session = self.lock_live(name, id, &session)?;
        let outcome = self.commit_session(name, id, digest, part, &mut session);
        if matches!(outcome, Ok(()) | Err(Error::DigestMismatch { .. })) {
            self.end_upload(name, id, &mut session);
        }
        outcome
    }

    /// Makes a body a blob of the repository in one go. On any error nothing stays.
    pub fn put_blob(&self, name: &Name, digest: &Digest, part: Part<'_>) -> Result<()> {
        let id = new_upload_id()?;
        let mut session = Session::new(digest.algorithm());
        let outcome = self.commit_session(name, &id, digest, part, &mut session);
        self.driver.discard(&layout::upload(name, &id));
        outcome
    }

    /// Gives a session up.
    pub fn cancel_upload(&self, name: &Name, id: &UploadId) -> Result<()> {
        let session = self.session(name, id)?;
        let mut session = self.lock_live(name, id, &session)?;
        self.end_upload(name, id, &mut session);
        Ok(())
    }

    fn commit_session(
        &self,
        name: &Name,
        id: &UploadId,
        digest: &Digest,
        part: Part<'_>,
        session: &mut Session,
    ) -> Result<()> {
        let data = layout::upload_data(name, id);
        let mut sink = session.append(&*self.driver, &data, part)?;
        let computed = session.digest(&*self.driver, &data, digest.algorithm())?;
        if computed != *digest {
            return Err(Error::DigestMismatch { computed });
        }
        sink.sync()
            .map_err(|error| driver::Error::new(&data, error))?;
        drop(sink);
        let link = || {
            let key = layout::layer_link(name, digest);
            Change::Write(key, digest.as_str().as_bytes())
        };
        let place = Change::Move(data, layout::blob_data(digest));
        match self.driver.publish(&[place, link()]) {
            // Somebody is pulling what is there, and this file system replaces no open file. It stays
            // if it is right.
            Err(error) if error.is_in_use() && self.holds(digest)? => {
                self.driver.publish(&[link()])?;
            }
            other => other?,
        }
        Ok(())
    }

    /// Whether the stored bytes of a blob are what its digest says; all of them are read.
    fn holds(&self, digest: &Digest) -> Result<bool> {
        let key = layout::blob_data(digest);
        let Some(stat) = self.driver.stat(&key)? else {
            return Ok(false);
        };
        let hasher = hash_file(&*self.driver, &key, stat.length, digest.algorithm())?;
        Ok(hasher.digest() == *digest)
    }

    fn end_upload(&self, name: &Name, id: &UploadId, session: &mut Session) {
        session.state = State::Ended;
        // In this order: whoever comes in between finds the ended session, not a folder half gone.
        self.driver.discard(&layout::upload(name, id));
        self.uploads.remove(name, id);
    }

    /// The session, from memory or from the disk.
    fn session(&self, name: &Name, id: &UploadId) -> Result<Shared> {
        if let Some(session) = self.uploads.find(name, id) {
            return Ok(session);
        }
        self.length_on_disk(name, id)?;
        // The length counts only when it is read under the session's lock: until then another
        // request may add to the file, and the session leave memory again.
        Ok(self.uploads.insert(name, id, Session::unread()))
    }

    /// Locks a session that has not ended meanwhile.
    fn lock_live<'s>(
        &self,
        name: &Name,
        id: &UploadId,
        session: &'s Mutex<Session>,
    ) -> Result<MutexGuard<'s, Session>> {
        let mut session = lock(session);
        if session.state == State::Unread {
            match self.length_on_disk(name, id) {
                Ok(length) => (session.length, session.state) = (length, State::Open),
                Err(error @ Error::UploadUnknown) => {
                    session.state = State::Ended;
                    self.uploads.remove(name, id);
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
        match session.state {
            State::Ended => Err(Error::UploadUnknown),
            _ => Ok(session),
        }
    }

    /// How many bytes the disk has of a session.
    fn length_on_disk(&self, name: &Name, id: &UploadId) -> Result<u64> {
        if let Some(data) = self.driver.stat(&layout::upload_data(name, id))? {
            return Ok(data.length);
        }
        let started_at = self.driver.stat(&layout::upload_started_at(name, id))?;
        started_at.map(|_| 0).ok_or(Error::UploadUnknown)
    }
}

impl Session {
    fn new(algorithm: Algorithm) -> Session {
        Session {
            length: 0,
            hasher: Some(Hasher::new(algorithm)),
            state: State::Open,
        }
    }

    fn unread() -> Session {
        Session {
            length: 0,
            hasher: None,
            state: State::Unread,
        }
    }

    /// Adds a part; gives the open file back, for its sync.
    fn append(&mut self, driver: &dyn Driver, data: &Key, part: Part<'_>) -> Result<Box<dyn Sink>> {
        if part.offset.is_some_and(|offset| offset != self.length) {
            return Err(Error::WrongOffset {
                length: self.length,
            });
        }
        let mut sink = driver.append(data, self.length)?;
        let start = self.length;
        let mut hasher = match self.hasher.take() {
            Some(hasher) => hasher,
            None => hash_file(driver, data, self.length, Algorithm::Sha256)?,
        };
        let before = hasher.clone();
        let outcome = copy(part.body, &mut *sink, &mut hasher, &mut self.length);
        // A write that failed half-way leaves bytes that the hash has not seen: the next part cuts
        // them off, since it starts at `length`.
        self.hasher = Some(hasher);
        outcome.map_err(|failure| match failure {
            Failure::Read(error) => Error::Body(error),
            Failure::Write(error) => Error::Driver(driver::Error::new(data, error)),
        })?;
        let received = self.length - start;
        match part.length {
            Some(announced) if announced != received => {
                (self.length, self.hasher) = (start, Some(before));
                // Also on disk, where the session may be found again by its length alone.
                driver.append(data, start)?;
                Err(Error::WrongLength {
                    announced,
                    received,
                })
            }
            _ => Ok(sink),
        }
    }

    /// The digest of all bytes. Another algorithm than the running one costs reading them again.
    fn digest(&self, driver: &dyn Driver, data: &Key, algorithm: Algorithm) -> Result<Digest> {
        match &self.hasher {
            Some(hasher) if hasher.algorithm() == algorithm => Ok(hasher.digest()),
            _ => Ok(hash_file(driver, data, self.length, algorithm)?.digest()),
        }
    }
}

enum Failure {
    Read(io::Error),
    Write(io::Error),
}

/// Copies all there is; `length` counts what was both written and hashed.
fn copy(
    body: &mut dyn Read,
    sink: &mut dyn Sink,
    hasher: &mut Hasher,
    length: &mut u64,
) -> std::result::Result<(), Failure> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Read(error)),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        sink.write_all(bytes).map_err(Failure::Write)?;
        hasher.update(bytes);
        *length += count as u64;
    }
}

/// Hashes the first `length` bytes of a file.
fn hash_file(driver: &dyn Driver, key: &Key, length: u64, algorithm: Algorithm) -> Result<Hasher> {
    let mut hasher = Hasher::new(algorithm);
    if length == 0 {
        return Ok(hasher);
    }
    let content = driver.open(key)?;
    let mut reader = content.reader().take(length);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = length;
    while left > 0 {
        let count = reader
            .read(&mut buffer)
            .map_err(|error| driver::Error::new(key, error))?;
        if count == 0 {
            let error = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(driver::Error::new(key, error).into());
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        left -= count as u64;
    }
    Ok(hasher)
}

fn new_upload_id() -> Result<UploadId> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        driver::Error::new(&layout::repositories(), io::Error::other(error.to_string()))
    })?;
    Ok(UploadId::from_random(random))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
