//! A request's turn to write to an upload session.
//!
//! The newest request on a session has the turn. It holds no lock while it waits for its client, so one whose client
//! went silent holds nobody up: the next request takes the turn, and the older ends at its next step.

use super::Part;
use super::session::{Mark, Session, State};
use crate::driver::{self, Driver, FileState, Key, Sink};
use crate::memory::Budget;
use crate::spec::{Algorithm, Digest, Hasher, Name, UploadId};
use crate::storage::{Error, Result, layout};
use std::io::{self, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};

/// Bytes that are read, hashed and written in one step, where there is memory for them.
const BUFFER_BYTES: usize = 256 * 1024;

/// Where the bytes of a session are kept.
#[derive(Clone, Copy)]
pub struct Store<'s> {
    pub driver: &'s dyn Driver,
    pub memory: &'s Arc<Budget>,
    pub name: &'s Name,
    pub id: &'s UploadId,
}

impl Store<'_> {
    pub(super) fn data(&self) -> Key {
        layout::upload_data(self.name, self.id)
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::Driver(driver::Error::new(&self.data(), error))
    }
}

/// A request's turn to write to a session; it may be taken from it at any time.
pub struct Turn<'s> {
    session: &'s Session,
    pub(super) store: Store<'s>,
    stop: Arc<AtomicBool>,
    /// Where its bytes begin.
    start: u64,
    /// Open from the first byte on: a request that sends none changes nothing.
    sink: Option<Box<dyn Sink>>,
    is_begun: bool,
    written: u64,
}

impl<'s> Turn<'s> {
    /// Gives the turn to a request, and takes it from the one before. `on_disk` says how long a session is that was
    /// found there.
    pub fn begin(
        session: &'s Session,
        store: Store<'s>,
        part: &Part<'_>,
        on_disk: impl FnOnce() -> Result<Option<FileState>>,
    ) -> Result<Turn<'s>> {
        let start = session.open(on_disk)?.give_turn(part)?;
        Ok(Turn {
            session,
            store,
            stop: Arc::clone(&part.stop),
            start,
            sink: None,
            is_begun: false,
            written: 0,
        })
    }

    /// Adds the part's bytes and gives the new length of the session. After [`Error::Body`] what came is kept; after any
    /// other error the session has the length that it had before.
    pub fn append(&mut self, part: &mut Part<'_>) -> Result<u64> {
        let outcome = self.take_in(part).and_then(|()| self.finish());
        if !matches!(outcome, Ok(_) | Err(Error::Body(_))) {
            self.undo();
        }
        outcome
    }

    /// Adds the part's bytes, all of them or none.
    pub fn append_whole(&mut self, part: &mut Part<'_>) -> Result<()> {
        let outcome = self.take_in(part);
        if outcome.is_err() {
            self.undo();
        }
        outcome
    }

    /// Checks the digest of all bytes, syncs them and has their file published, after which the session has ended. After an error
    /// it has the length that it had before.
    pub fn commit(
        mut self,
        digest: &Digest,
        publish: impl FnOnce(FileState) -> Result<()>,
    ) -> Result<()> {
        let outcome = self.publish(digest, publish);
        if outcome.is_err() {
            self.undo();
        }
        outcome
    }

    /// Takes the bytes of this request back, with the room they take on the disk.
    fn undo(&mut self) {
        self.sink = None;
        if !self.is_begun {
            return;
        }
        let Ok(mut state) = self.lock() else {
            return;
        };
        let Some(file) = state.file else {
            return;
        };
        let data = self.store.data();
        match self.store.driver.append(&data, self.start, file) {
            Ok(_) => {
                state.hasher = state.known.hasher.clone();
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

    fn take_in(&mut self, part: &mut Part<'_>) -> Result<()> {
        self.receive(part.body)?;
        match part.length {
            Some(announced) if announced != self.written => Err(Error::WrongLength {
                announced,
                received: self.written,
            }),
            _ => Ok(()),
        }
    }

    fn receive(&mut self, body: &mut dyn Read) -> Result<()> {
        let mut buffer = self.store.memory.buffer(BUFFER_BYTES, 0);
        loop {
            match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.write(buffer.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    // Why the body ended early, when another request ended it.
                    drop(self.lock()?);
                    return Err(Error::Body(error));
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        // Taken out, so that the session can be locked beside it.
        let mut sink = match self.sink.take() {
            Some(sink) => sink,
            None => self.open()?,
        };
        let mut state = self.lock()?;
        let written = sink.write_all(bytes);
        written.map_err(|error| self.store.failed(error))?;
        if let Some(hasher) = &mut state.hasher {
            hasher.update(bytes);
        }
        let length = state.length + bytes.len() as u64;
        self.session.set_length(&mut state, length);
        drop(state);
        self.written += bytes.len() as u64;
        self.sink = Some(sink);
        Ok(())
    }

    /// Opens the file where this request's bytes begin, and cuts off what lies behind.
    fn open(&mut self) -> Result<Box<dyn Sink>> {
        let (own, known) = {
            let state = self.lock()?;
            let known = match self.start == state.length {
                true => state.hasher.clone(),
                false => state.known.hasher.clone(),
            };
            (state.file, known)
        };
        let algorithm = known.as_ref().map_or(Algorithm::Sha256, Hasher::algorithm);
        let (hasher, sink) = match (own, known) {
            (None, _) => self.take_over(self.start, algorithm)?,
            (Some(file), known) => {
                let hasher = match known {
                    Some(hasher) => hasher,
                    None => self.hash(self.start, algorithm)?,
                };
                let mut state = self.lock()?;
                let sink = self
                    .store
                    .driver
                    .append(&self.store.data(), self.start, file);
                let sink = sink.map_err(|error| self.lost(error))?;
                self.go_on(&mut state, self.start, &hasher, &*sink);
                (hasher, sink)
            }
        };
        let mut state = self.lock()?;
        state.known = Mark {
            offset: self.start,
            hasher: Some(hasher),
        };
        drop(state);
        self.is_begun = true;
        Ok(sink)
    }

    /// Notes that the session has so many bytes, with this hash, in this file of ours.
    pub(super) fn go_on(&self, state: &mut State, length: u64, hasher: &Hasher, sink: &dyn Sink) {
        state.file = Some(sink.file());
        state.hasher = Some(hasher.clone());
        self.session.set_length(state, length);
    }

    fn publish(
        &mut self,
        digest: &Digest,
        publish: impl FnOnce(FileState) -> Result<()>,
    ) -> Result<()> {
        let (length, own, hasher) = {
            let state = self.lock()?;
            (state.length, state.file, state.hasher.clone())
        };
        let algorithm = digest.algorithm();
        let hasher = match (own, hasher.filter(|hasher| hasher.algorithm() == algorithm)) {
            (None, _) => {
                let (hasher, sink) = self.take_over(length, algorithm)?;
                self.sink = Some(sink);
                hasher
            }
            (Some(_), Some(hasher)) => hasher,
            (Some(_), None) => self.hash(length, algorithm)?,
        };
        let computed = hasher.digest();
        if computed != *digest {
            return Err(Error::DigestMismatch { computed });
        }
        let sink = self.sink.take();
        let mut state = self.lock()?;
        let mut sink = match (sink, state.file) {
            (Some(sink), _) => sink,
            (None, Some(file)) => {
                let sink = self.store.driver.append(&self.store.data(), length, file);
                sink.map_err(|error| self.lost(error))?
            }
            // It has been distrusted meanwhile.
            (None, None) => return Err(Error::Superseded { length }),
        };
        sink.sync().map_err(|error| self.store.failed(error))?;
        let file = sink.file();
        drop(sink);
        publish(FileState { file, length }).map_err(|error| match error {
            Error::Driver(error) if error.is_changed() => self.lost(error),
            error => error,
        })?;
        self.session.end_locked(&mut state);
        Ok(())
    }

    /// Ends the turn. What was written is acknowledged only where the session still has it; whoever comes from now on
    /// finds it there, and no longer takes its place.
    fn finish(&self) -> Result<u64> {
        let mut state = self.lock()?;
        let length = state.length;
        if self.is_begun {
            let found = self.store.driver.file_state(&self.store.data())?;
            let own = state.file.map(|file| FileState { file, length });
            if found != own {
                return Err(self.taken(found));
            }
        }
        state.end_turn(&self.stop);
        Ok(length)
    }

    /// The session's file is gone, or shorter than it was, or another's: another program did that. What is there is read
    /// by the next request.
    pub(super) fn lost(&self, error: driver::Error) -> Error {
        if error.is_changed() {
            let found = self.store.driver.file_state(&self.store.data());
            return self.taken(found.ok().flatten());
        }
        let is_short = [ErrorKind::InvalidData, ErrorKind::UnexpectedEof];
        if error.is_not_found() || is_short.contains(&error.source.kind()) {
            log::warn!("an upload session has lost bytes on the disk: {error}");
            self.session.distrust();
            return Error::UploadUnknown;
        }
        error.into()
    }

    /// Another process took the session over, with what it has there.
    fn taken(&self, found: Option<FileState>) -> Error {
        self.session.distrust();
        match found {
            Some(found) => Error::Superseded {
                length: found.length,
            },
            None => Error::UploadUnknown,
        }
    }

    /// Locks the session for a step, if it is still this request's turn.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, State>> {
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
