//! Upload sessions: bytes that arrive in any number of requests and become a blob at the end.
//!
//! A session is in the store, so it outlives the server; its running hash lives in memory (`session`), for as many
//! sessions as there may be (`sessions`). A session that is found in the store only, ours or distribution's, is resumed as the
//! driver can, and hashed as far as nothing is known of its bytes (`rehash`).

mod hash;
mod helpers;
mod receive;
mod rehash;
mod session;
mod sessions;
mod turn;

pub use sessions::{Sessions, UploadLimits};

use super::links::Link;
use super::{Error, Result, Storage, layout};
use crate::driver::{self, Lock, UploadState};
use crate::spec::{Algorithm, Digest, Hasher, Name, UploadId};
use session::Session;
use sessions::SessionKey;
use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use turn::{Store, Turn, note};

/// What one request adds to a session.
pub struct Chunk<'a> {
    /// The bytes.
    pub body: &'a mut dyn Read,
    /// Where the client says they start.
    pub offset: Offset,
    /// How many the client says there are.
    pub length: Option<u64>,
    /// Set when another request takes the turn: the rest of the body is not awaited any longer.
    pub stop: Arc<AtomicBool>,
}

/// What a request says about where its bytes belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// Nothing: they are appended.
    Unstated,
    /// The `Content-Range` starts here.
    Range(u64),
    /// It was sent to the `Location` for this offset.
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

impl Chunk<'_> {
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
        let mut upload = self.driver.upload(&layout::upload(name, &id))?;
        let hasher = Hasher::new(algorithm);
        let begun = upload.checkpoint(note(&hasher, &hasher.state()));
        let key = (name.clone(), id);
        let session = Session::new(algorithm, client, upload);
        let known = begun.map_err(Error::from);
        if let Err(error) = known.and_then(|()| self.know(&key, session)) {
            self.driver.discard(&layout::upload(&key.0, &key.1));
            return Err(error);
        }
        Ok(key.1)
    }

    /// How many bytes a session has. Never waits for a request that is adding some.
    pub fn upload_length(&self, name: &Name, id: &UploadId) -> Result<u64> {
        let key = (name.clone(), id.clone());
        let session = self.session(&key)?;
        let length = session.length(|| self.stored(&key));
        self.tidy(&key, &session);
        length
    }

    /// Adds a chunk and returns the new length. A request that was adding one before ends with [`Error::Superseded`].
    ///
    /// On [`Error::Body`] what came of it is kept; after any other error the session has the length that it had before.
    pub fn append_upload(&self, name: &Name, id: &UploadId, mut chunk: Chunk<'_>) -> Result<u64> {
        let key = (name.clone(), id.clone());
        let session = self.session(&key)?;
        let turn = Turn::begin(&session, self.store(&key), &chunk, || self.stored(&key));
        let outcome = turn.and_then(|mut turn| turn.append(&mut chunk));
        self.tidy(&key, &session);
        outcome
    }

    /// Adds a last chunk (it may be empty), checks the digest and makes the bytes a blob of the repository. After any
    /// error the session has the length that it had before; but if a quota has no room for its bytes, they go, and it ends.
    pub fn commit_upload(
        &self,
        name: &Name,
        id: &UploadId,
        digest: &Digest,
        chunk: Chunk<'_>,
    ) -> Result<()> {
        let key = (name.clone(), id.clone());
        let session = self.session(&key)?;
        let stored = || self.stored(&key);
        let outcome = self.commit_session(&key, &session, digest, chunk, stored);
        if let Err(Error::QuotaExceeded(_)) = &outcome {
            // Clients do not try again with the same session: it would take space that the quota denies.
            let state = self.driver.upload_state(&layout::upload(name, id));
            if state.is_ok_and(|state| state.is_some_and(|state| state.length > 0)) {
                session.end();
            }
        }
        self.tidy(&key, &session);
        outcome
    }

    /// Makes a body a blob of the repository in one step. After an error nothing is left.
    pub fn put_blob(&self, name: &Name, digest: &Digest, chunk: Chunk<'_>) -> Result<()> {
        let key = (name.clone(), new_upload_id()?);
        let upload = self.driver.upload(&layout::upload(name, &key.1))?;
        let begun = UploadState {
            length: 0,
            version: upload.version(),
        };
        let session = Session::new(digest.algorithm(), None, upload);
        let outcome = self.commit_session(&key, &session, digest, chunk, || Ok(begun));
        drop(session);
        self.driver.discard(&layout::upload(name, &key.1));
        outcome
    }

    /// Cancels a session. A request that is adding to it ends. If its files cannot be removed, it stays.
    pub fn cancel_upload(&self, name: &Name, id: &UploadId) -> Result<()> {
        let key = (name.clone(), id.clone());
        let session = self.session(&key)?;
        session.end_after(|| self.driver.remove_below(&[&layout::upload(name, id)]))?;
        self.end_upload(&key);
        Ok(())
    }

    /// Removes a session, even if a request uses it.
    pub(super) fn abandon_upload(&self, name: &Name, id: &UploadId) {
        let key = (name.clone(), id.clone());
        if let Some(session) = self.uploads.find(&key) {
            session.end();
        }
        self.end_upload(&key);
    }

    fn commit_session(
        &self,
        key: &SessionKey,
        session: &Session,
        digest: &Digest,
        mut chunk: Chunk<'_>,
        stored: impl FnOnce() -> Result<UploadState>,
    ) -> Result<()> {
        self.wait_for_quota()?;
        let mut turn = Turn::begin(session, self.store(key), &chunk, stored)?;
        // What would not fit is not read.
        if let (Some(quota), Some(added)) = (&self.quota, chunk.length) {
            quota.check(&key.0, digest, turn.start().saturating_add(added))?;
        }
        turn.append_whole(&mut chunk)?;
        let link = Link::layer(&key.0, digest, digest).write();
        let content = layout::blob_data(digest);
        turn.commit(digest, |turn| {
            self.change_shared(&key.0, || {
                let _held = self.lock_content(digest, Lock::Shared)?;
                turn.publish(digest, &content, &[link])
            })
        })
    }

    /// After a request: if this or another request has ended the session, removes what is left of it. On some systems the
    /// other could not remove a file that this one had open.
    fn tidy(&self, key: &SessionKey, session: &Session) {
        if session.has_ended() {
            self.end_upload(key);
        }
    }

    /// Removes what is left of a session that has ended.
    fn end_upload(&self, key: &SessionKey) {
        // In this order, so that a request in between finds the ended session, not an incomplete directory.
        self.driver.discard(&layout::upload(&key.0, &key.1));
        self.uploads.remove(key);
    }

    /// The session, from memory or from the store.
    fn session(&self, key: &SessionKey) -> Result<Arc<Session>> {
        if let Some(session) = self.uploads.find(key) {
            return Ok(session);
        }
        self.stored(key)?;
        // The length is valid only if it is read under the session's lock: until then another
        // request may add to it.
        self.know(key, Session::found())
    }

    /// Keeps a session in memory; ends the one that has to go for it.
    fn know(&self, key: &SessionKey, session: Session) -> Result<Arc<Session>> {
        let (session, displaced) = self.uploads.insert(key.clone(), session, Instant::now())?;
        if let Some(((name, id), old)) = displaced {
            log::info!(
                "the upload session {id} of {name} was idle for long and made room for another"
            );
            old.end();
            self.driver.discard(&layout::upload(&name, &id));
        }
        Ok(session)
    }

    fn store<'s>(&'s self, (name, id): &'s SessionKey) -> Store<'s> {
        Store {
            driver: &*self.driver,
            memory: &self.memory,
            helpers: self.uploads.helpers(),
            name,
            id,
        }
    }

    /// Looks up a session in the store.
    fn stored(&self, (name, id): &SessionKey) -> Result<UploadState> {
        let found = self.driver.upload_state(&layout::upload(name, id))?;
        found.ok_or(Error::UploadUnknown)
    }
}

fn new_upload_id() -> Result<UploadId> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        driver::Error::new(&layout::repositories(), io::Error::other(error.to_string()))
    })?;
    Ok(UploadId::from_random(random))
}
