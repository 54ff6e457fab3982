//! Upload sessions: bytes that arrive in any number of requests and become a blob at the end.
//!
//! A session is a folder on disk, so it outlives the server; its running hash lives in memory (`session`), for as many
//! sessions as there may be (`sessions`). A session that is found on disk only, ours or distribution's, is copied and hashed
//! when it goes on (`takeover`).

mod hash;
mod session;
mod sessions;
mod takeover;
mod turn;

pub use sessions::{Sessions, UploadLimits};

use super::links::Link;
use super::{Error, Result, Storage, layout};
use crate::driver::{self, Change, FileState};
use crate::spec::{Algorithm, Digest, Name, UploadId};
use crate::time::format_rfc_3339;
use hash::hash_file;
use session::Session;
use sessions::Place;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime};
use turn::{Store, Turn};

/// What one request adds to a session.
pub struct Part<'a> {
    /// The bytes.
    pub body: &'a mut dyn Read,
    /// Where the client says they start.
    pub offset: Offset,
    /// How many the client says there are.
    pub length: Option<u64>,
    /// Set when another request takes the turn: nobody waits for the rest of the body any more.
    pub stop: Arc<AtomicBool>,
}

/// What a request says of where its bytes belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// Nothing: behind those that are there.
    Unstated,
    /// The `Content-Range` begins here.
    Range(u64),
    /// The `Location` it was sent to is one that was given for this offset.
    Location(u64),
}

impl Offset {
    fn is_at_least(self, other: u64) -> bool {
        match self {
            Offset::Unstated => true,
            Offset::Range(offset) | Offset::Location(offset) => offset >= other,
        }
    }
}

impl Part<'_> {
    /// Whether the client says that it adds nothing.
    fn is_empty(&self) -> bool {
        self.length == Some(0)
    }
}

impl Storage {
    /// Starts a session for a client; `algorithm` is the one it means to commit with. [`Error::TooManyUploads`] when
    /// there are as many as there may be.
    pub fn start_upload(
        &self,
        name: &Name,
        algorithm: Algorithm,
        client: Option<IpAddr>,
    ) -> Result<UploadId> {
        let id = new_upload_id()?;
        let place = (name.clone(), id);
        self.know(&place, Session::new(algorithm, client))?;
        if let Err(error) = self.note_start(&place) {
            self.end_upload(&place);
            return Err(error);
        }
        Ok(place.1)
    }

    fn note_start(&self, (name, id): &Place) -> Result<()> {
        let started_at = layout::upload_started_at(name, id);
        let now = format_rfc_3339(SystemTime::now());
        let mut sink = self.driver.create(&started_at)?;
        sink.write_all(now.as_bytes())
            .map_err(|error| driver::Error::new(&started_at, error))?;
        Ok(())
    }

    /// How many bytes a session has. Never waits for a request that is adding some.
    pub fn upload_length(&self, name: &Name, id: &UploadId) -> Result<u64> {
        let place = (name.clone(), id.clone());
        let session = self.session(&place)?;
        let length = session.length(|| self.on_disk(&place));
        self.tidy(&place, &session);
        length
    }

    /// Adds a part and returns the new length. A request that was adding one before ends with [`Error::Superseded`].
    ///
    /// On [`Error::Body`] what came of it is kept; after any other error the session has the length that it had before.
    pub fn append_upload(&self, name: &Name, id: &UploadId, mut part: Part<'_>) -> Result<u64> {
        let place = (name.clone(), id.clone());
        let session = self.session(&place)?;
        let turn = Turn::begin(&session, self.store(&place), &part, || self.on_disk(&place));
        let outcome = turn.and_then(|mut turn| turn.append(&mut part));
        self.tidy(&place, &session);
        outcome
    }

    /// Adds a last part (it may be empty), checks the digest and makes the bytes a blob of the repository. After any
    /// error the session has the length that it had before.
    pub fn commit_upload(
        &self,
        name: &Name,
        id: &UploadId,
        digest: &Digest,
        part: Part<'_>,
    ) -> Result<()> {
        let place = (name.clone(), id.clone());
        let session = self.session(&place)?;
        let on_disk = || self.on_disk(&place);
        let outcome = self.commit_session(&place, &session, digest, part, on_disk);
        self.tidy(&place, &session);
        outcome
    }

    /// Makes a body a blob of the repository in one go. On any error nothing stays.
    pub fn put_blob(&self, name: &Name, digest: &Digest, part: Part<'_>) -> Result<()> {
        let place = (name.clone(), new_upload_id()?);
        let session = Session::new(digest.algorithm(), None);
        let outcome = self.commit_session(&place, &session, digest, part, || Ok(None));
        self.driver.discard(&layout::upload(name, &place.1));
        outcome
    }

    /// Gives a session up. A request that was adding to it ends. Where its files cannot be removed it stays.
    pub fn cancel_upload(&self, name: &Name, id: &UploadId) -> Result<()> {
        let place = (name.clone(), id.clone());
        let session = self.session(&place)?;
        session.end_after(|| self.driver.remove(&layout::upload(name, id)))?;
        self.end_upload(&place);
        Ok(())
    }

    /// Removes a session, whoever works on it.
    pub(super) fn abandon_upload(&self, name: &Name, id: &UploadId) {
        let place = (name.clone(), id.clone());
        if let Some(session) = self.uploads.find(&place) {
            session.end();
        }
        self.end_upload(&place);
    }

    fn commit_session(
        &self,
        place: &Place,
        session: &Session,
        digest: &Digest,
        mut part: Part<'_>,
        on_disk: impl FnOnce() -> Result<Option<FileState>>,
    ) -> Result<()> {
        let (name, id) = place;
        let mut turn = Turn::begin(session, self.store(place), &part, on_disk)?;
        turn.append_whole(&mut part)?;
        turn.commit(digest, |state| {
            let link = || Link::layer(name, digest, digest).write();
            let blob = Change::Move {
                from: layout::upload_data(name, id),
                state,
                to: layout::blob_data(digest),
            };
            match self.driver.publish(&[blob, link()]) {
                // Somebody is pulling what is there, and this file system replaces no open file. It stays
                // if it is right.
                Err(error) if error.is_in_use() && self.holds(digest)? => {
                    Ok(self.driver.publish(&[link()])?)
                }
                other => Ok(other?),
            }
        })
    }

    /// Whether the stored bytes of a blob are what its digest says; all of them are read.
    fn holds(&self, digest: &Digest) -> Result<bool> {
        let key = layout::blob_data(digest);
        let Some(stat) = self.driver.stat(&key)? else {
            return Ok(false);
        };
        let (length, algorithm) = (stat.length, digest.algorithm());
        let hasher = hash_file(&*self.driver, &key, length, algorithm, &mut |_| Ok(()))?;
        Ok(hasher.digest() == *digest)
    }

    /// After a request: where the session has ended, by this one or by another meanwhile, nothing of it stays. The
    /// other could not remove a file that this one had open, on a system where that keeps it.
    fn tidy(&self, place: &Place, session: &Session) {
        if session.has_ended() {
            self.end_upload(place);
        }
    }

    /// Removes what is left of a session that has ended.
    fn end_upload(&self, place: &Place) {
        // In this order: whoever comes in between finds the ended session, not a folder half gone.
        self.driver.discard(&layout::upload(&place.0, &place.1));
        self.uploads.remove(place);
    }

    /// The session, from memory or from the disk.
    fn session(&self, place: &Place) -> Result<Arc<Session>> {
        if let Some(session) = self.uploads.find(place) {
            return Ok(session);
        }
        self.on_disk(place)?;
        // The length counts only when it is read under the session's lock: until then another
        // request may add to the file.
        self.know(place, Session::found())
    }

    /// Keeps a session in memory; ends the one whose place it takes.
    fn know(&self, place: &Place, session: Session) -> Result<Arc<Session>> {
        let (session, displaced) = self
            .uploads
            .insert(place.clone(), session, Instant::now())?;
        if let Some(((name, id), old)) = displaced {
            log::info!(
                "the upload session {id} of {name} was idle for long and gave its place to another"
            );
            old.end();
            self.driver.discard(&layout::upload(&name, &id));
        }
        Ok(session)
    }

    fn store<'s>(&'s self, (name, id): &'s Place) -> Store<'s> {
        Store {
            driver: &*self.driver,
            memory: &self.memory,
            name,
            id,
        }
    }

    /// The file that a session has on the disk; `None` before its first bytes.
    fn on_disk(&self, (name, id): &Place) -> Result<Option<FileState>> {
        let state = self.driver.file_state(&layout::upload_data(name, id))?;
        if state.is_none() {
            let started_at = self.driver.stat(&layout::upload_started_at(name, id))?;
            started_at.ok_or(Error::UploadUnknown)?;
        }
        Ok(state)
    }
}

fn new_upload_id() -> Result<UploadId> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        driver::Error::new(&layout::repositories(), io::Error::other(error.to_string()))
    })?;
    Ok(UploadId::from_random(random))
}
