//! A request's turn to write to an upload session.
//!
//! The newest request on a session has the turn. It holds no lock while it waits for its client, so a silent client blocks
//! nobody: the next request takes the turn, and the older one ends at its next step.

use super::Chunk;
use super::hash::hash_object;
use super::helpers::Helpers;
use super::session::{Mark, Session, SessionState};
use crate::driver::{self, Driver, Key, Upload, UploadNote, UploadState, Write};
use crate::memory::Budget;
use crate::spec::{Algorithm, Digest, Hasher, Name, UploadId};
use crate::storage::{Error, Result, layout};
use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};

/// Where the bytes of a session are kept.
#[derive(Clone, Copy)]
pub struct Store<'s> {
    pub driver: &'s dyn Driver,
    pub memory: &'s Arc<Budget>,
    pub helpers: &'s Helpers,
    pub name: &'s Name,
    pub id: &'s UploadId,
}

impl Store<'_> {
    pub(super) fn key(&self) -> Key {
        layout::upload(self.name, self.id)
    }

    pub(super) fn failed(&self, error: io::Error) -> Error {
        Error::Driver(driver::Error::new(&self.key(), error))
    }
}

/// A request's turn to write to a session; another request may take it at any time.
pub struct Turn<'s> {
    pub(super) session: &'s Session,
    pub(super) store: Store<'s>,
    stop: Arc<AtomicBool>,
    /// Where its bytes begin.
    start: u64,
    /// It has sent its first byte; without one it changes nothing.
    is_begun: bool,
    pub(super) written: u64,
}

impl<'s> Turn<'s> {
    /// Gives the turn to a request, and takes it from the previous one. `stored` looks up the session in the store.
    pub fn begin(
        session: &'s Session,
        store: Store<'s>,
        chunk: &Chunk<'_>,
        stored: impl FnOnce() -> Result<UploadState>,
    ) -> Result<Turn<'s>> {
        let start = session.open(stored)?.give_turn(chunk)?;
        Ok(Turn {
            session,
            store,
            stop: Arc::clone(&chunk.stop),
            start,
            is_begun: false,
            written: 0,
        })
    }

    /// How many bytes the session has before those of this request.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Adds the chunk's bytes and returns the new length of the session. After [`Error::Body`] the received bytes are kept;
    /// after any other error the session has the length that it had before.
    pub fn append(&mut self, chunk: &mut Chunk<'_>) -> Result<u64> {
        match self.take_in(chunk) {
            Ok(()) => self.finish().inspect_err(|_| self.undo()),
            Err(error @ Error::Body(_)) => {
                // It can be resumed from here, unless another process has taken the session over.
                drop(self.finish());
                Err(error)
            }
            Err(error) => {
                self.undo();
                Err(error)
            }
        }
    }

    /// Adds the chunk's bytes, all of them or none.
    pub fn append_whole(&mut self, chunk: &mut Chunk<'_>) -> Result<()> {
        let outcome = self.take_in(chunk);
        if outcome.is_err() {
            self.undo();
        }
        outcome
    }

    /// Checks the digest of all bytes; then `publish` is to call [`Turn::publish`], under the locks for that. After an error
    /// the session has the length that it had before.
    pub fn commit(
        mut self,
        digest: &Digest,
        publish: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let outcome = self.verify(digest).and_then(|()| publish(&mut self));
        if outcome.is_err() {
            self.undo();
        }
        outcome
    }

    /// Removes the bytes of this request again, also from the store.
    fn undo(&mut self) {
        if !self.is_begun {
            return;
        }
        let Ok(mut state) = self.lock() else {
            return;
        };
        let SessionState { upload, known, .. } = &mut *state;
        let Some(upload) = upload else {
            return;
        };
        let hasher = known.hasher.clone();
        let undone = upload.rewind(self.start).and_then(|()| match &hasher {
            Some(hasher) => upload.checkpoint(note(hasher, &hasher.state())),
            None => Ok(()),
        });
        match undone {
            Ok(()) => {
                state.hasher = hasher;
                self.session.set_length(&mut state, self.start);
            }
            Err(error) if error.is_changed() || error.is_not_found() => self.session.distrust(),
            Err(error) => {
                log::warn!(
                    "cannot shorten an upload session to {} bytes: {error}",
                    self.start
                );
                self.session.distrust();
            }
        }
    }

    fn take_in(&mut self, chunk: &mut Chunk<'_>) -> Result<()> {
        self.receive(chunk.body)?;
        match chunk.length {
            Some(announced) if announced != self.written => Err(Error::WrongLength {
                announced,
                received: self.written,
            }),
            _ => Ok(()),
        }
    }

    /// Adds bytes to the session.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.is_begun {
            self.open()?;
        }
        let mut state = self.lock()?;
        let Some(upload) = &mut state.upload else {
            // It has been distrusted meanwhile.
            return Err(self.superseded(&state));
        };
        let written = upload.write_all(bytes);
        written.map_err(|error| self.store.failed(error))?;
        if let Some(hasher) = &mut state.hasher {
            hasher.update(bytes);
        }
        let length = state.length + bytes.len() as u64;
        self.session.set_length(&mut state, length);
        drop(state);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Prepares the upload for this request's bytes, and truncates it where they start.
    fn open(&mut self) -> Result<()> {
        let (is_own, known) = {
            let state = self.lock()?;
            let known = match self.start == state.length {
                true => state.hasher.clone(),
                false => state.known.hasher.clone(),
            };
            (state.upload.is_some(), known)
        };
        let (hasher, resumed) = match (is_own, known) {
            (false, _) => {
                let (hasher, upload) = self.resume(self.start, None)?;
                (hasher, Some(upload))
            }
            (true, Some(hasher)) => (hasher, None),
            (true, None) => (self.hash(self.start, Algorithm::Sha256)?, None),
        };
        let mut state = self.lock()?;
        self.continue_at(&mut state, &hasher, (self.start, resumed))?;
        state.known = Mark {
            offset: self.start,
            hasher: Some(hasher),
        };
        drop(state);
        self.is_begun = true;
        Ok(())
    }

    /// Truncates the session to a length whose hash is known; `resumed` is its upload if that was another process's.
    fn continue_at(
        &self,
        state: &mut SessionState,
        hasher: &Hasher,
        (length, resumed): (u64, Option<Box<dyn Upload>>),
    ) -> Result<()> {
        if resumed.is_some() {
            state.upload = resumed;
        }
        let rewound = match &mut state.upload {
            Some(upload) => upload.rewind(length),
            None => return Err(self.superseded(state)),
        };
        rewound.map_err(|error| self.lost(error))?;
        state.hasher = Some(hasher.clone());
        self.session.set_length(state, length);
        Ok(())
    }

    fn verify(&mut self, digest: &Digest) -> Result<()> {
        let (length, is_own, hasher) = {
            let state = self.lock()?;
            (state.length, state.upload.is_some(), state.hasher.clone())
        };
        let algorithm = digest.algorithm();
        let hasher = match hasher.filter(|hasher| hasher.algorithm() == algorithm) {
            Some(hasher) if is_own => hasher,
            None if is_own => self.hash(length, algorithm)?,
            _ => {
                let (hasher, upload) = self.resume(length, Some(algorithm))?;
                let mut state = self.lock()?;
                self.continue_at(&mut state, &hasher, (length, Some(upload)))?;
                hasher
            }
        };
        let computed = hasher.digest();
        match computed == *digest {
            true => Ok(()),
            false => Err(Error::DigestMismatch { computed }),
        }
    }

    /// Publishes the bytes, which were found to have this digest, with their links, after which the session has ended.
    pub fn publish(&mut self, digest: &Digest, to: &Key, links: &[Write<'_>]) -> Result<()> {
        let mut state = self.lock()?;
        let Some(upload) = &mut state.upload else {
            return Err(self.superseded(&state));
        };
        match upload.publish(to, links) {
            Ok(()) => {}
            // The existing blob is being pulled, and this file system cannot replace open files. It stays if it is right.
            Err(error) if error.is_in_use() && self.is_stored(to, digest)? => {
                self.store.driver.touch(to)?;
                self.store.driver.write(links)?;
            }
            Err(error) => return Err(self.lost(error)),
        }
        self.session.end_locked(&mut state);
        Ok(())
    }

    /// Whether the object of a key has that digest; all of it is read.
    fn is_stored(&self, key: &Key, digest: &Digest) -> Result<bool> {
        let stored = hash_object(self.store.driver, key, digest.algorithm())?;
        Ok(stored.as_ref() == Some(digest))
    }

    /// Ends the turn with a checkpoint: bytes are acknowledged only if the session still has them. Later requests find them
    /// and no longer supersede this one.
    fn finish(&self) -> Result<u64> {
        let mut state = self.lock()?;
        if self.is_begun {
            let SessionState { upload, hasher, .. } = &mut *state;
            let (Some(upload), Some(hasher)) = (upload, hasher) else {
                return Err(self.superseded(&state));
            };
            let made = upload.checkpoint(note(hasher, &hasher.state()));
            made.map_err(|error| self.lost(error))?;
        }
        state.end_turn(&self.stop);
        Ok(state.length)
    }

    /// Another process has removed, truncated or taken over the session. The next request reads the store again.
    pub(super) fn lost(&self, error: driver::Error) -> Error {
        if error.is_changed() {
            self.session.distrust();
            let found = self.store.driver.upload_state(&self.store.key());
            return match found.ok().flatten() {
                Some(found) => Error::Superseded {
                    length: found.length,
                },
                None => Error::UploadUnknown,
            };
        }
        if error.is_unsupported() {
            let length = self.session.reached();
            return Error::WrongOffset { length };
        }
        if error.is_not_found() || is_short(&error) {
            log::warn!("an upload session has lost bytes in the store: {error}");
            self.session.distrust();
            return Error::UploadUnknown;
        }
        error.into()
    }

    fn superseded(&self, state: &SessionState) -> Error {
        Error::Superseded {
            length: state.length,
        }
    }

    /// Locks the session for a step, if it is still this request's turn.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, SessionState>> {
        let state = self.session.lock();
        if self.session.has_ended() {
            return Err(Error::UploadUnknown);
        }
        if self.stop.load(Ordering::Acquire) {
            return Err(Error::Superseded {
                length: state.length,
            });
        }
        Ok(state)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.session.lock().end_turn(&self.stop);
    }
}

/// Whether bytes are missing.
fn is_short(error: &driver::Error) -> bool {
    [ErrorKind::InvalidData, ErrorKind::UnexpectedEof].contains(&error.source.kind())
}

/// What is needed to resume an upload at this point.
pub(super) fn note<'n>(hasher: &Hasher, state: &'n [u8]) -> UploadNote<'n> {
    UploadNote {
        kind: hasher.algorithm().name(),
        content: state,
    }
}
