//! One upload session in memory: how far it is, and which request may write to it.
//!
//! The newest request on a session has the turn. It writes without holding a lock while it waits for its client, so a
//! request whose client went silent holds nobody up: the next one takes the turn, and the older ends at its next step.
//!
//! The client is told an offset with every answer, and says with its next request which one it has heard of. Bytes
//! behind the newest offset it is known to have heard of may be replaced: it never learned that they arrived, and may
//! send them again. Bytes before it are never replaced.

use super::hash::hash_file;
use super::{Offset, Part};
use crate::driver::{self, Driver, Key, Sink};
use crate::spec::{Algorithm, Digest, Hasher};
use crate::storage::{Error, Result};
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that are read, hashed and written in one step.
const BUFFER_BYTES: usize = 256 * 1024;

/// [`Session::reached`] of a session that was found on disk and whose length nobody has asked for yet.
const UNREAD: u64 = u64::MAX;
/// [`Session::reached`] of a session that was committed or cancelled.
const ENDED: u64 = u64::MAX - 1;

/// A session that requests share.
pub struct Session {
    /// How many bytes it has, or [`UNREAD`] or [`ENDED`]: read without waiting for whoever writes.
    reached: AtomicU64,
    state: Mutex<State>,
    /// Who started it; `None` when it was found on disk, or came over a unix socket.
    pub(super) client: Option<IpAddr>,
}

#[derive(Default)]
struct State {
    /// Bytes that were written; nothing behind them counts.
    length: u64,
    /// The hash of those bytes; `None` when they have to be read again.
    hasher: Option<Hasher>,
    /// The newest offset that the client is known to have heard of.
    known: Mark,
    /// The request that may write.
    running: Option<Running>,
}

/// An offset, and the hash of the bytes before it if it was kept.
#[derive(Clone, Default)]
struct Mark {
    offset: u64,
    hasher: Option<Hasher>,
}

struct Running {
    stop: Arc<AtomicBool>,
    start: u64,
}

impl Session {
    /// A session without bytes, which is meant to be committed under `algorithm`.
    pub fn new(algorithm: Algorithm, client: Option<IpAddr>) -> Session {
        let hasher = Some(Hasher::new(algorithm));
        let known = Mark {
            offset: 0,
            hasher: hasher.clone(),
        };
        Session {
            reached: AtomicU64::new(0),
            state: Mutex::new(State {
                hasher,
                known,
                ..State::default()
            }),
            client,
        }
    }

    /// A session that is on disk. Which offsets its client has heard of is not known.
    pub fn found() -> Session {
        Session {
            reached: AtomicU64::new(UNREAD),
            state: Mutex::default(),
            client: None,
        }
    }

    /// How many bytes it has, without waiting for a request that is being read. `on_disk` says it for a session that
    /// was found there.
    pub fn length(&self, on_disk: impl FnOnce() -> Result<u64>) -> Result<u64> {
        match self.reached.load(Ordering::Acquire) {
            UNREAD => Ok(self.open(on_disk)?.length),
            ENDED => Err(Error::UploadUnknown),
            length => Ok(length),
        }
    }

    /// Gives the turn to a request, and takes it from the one before.
    pub fn begin<'s>(
        &'s self,
        store: Store<'s>,
        part: &Part<'_>,
        on_disk: impl FnOnce() -> Result<u64>,
    ) -> Result<Turn<'s>> {
        let mut state = self.open(on_disk)?;
        let start = state.start(part);
        // Whoever does not know how far the session is has come too late, or from elsewhere: it ends nobody's request.
        if start.is_some() || part.offset.is_at_least(state.known.offset) {
            state.stop_running();
        }
        let start = start.ok_or(Error::WrongOffset {
            length: state.length,
        })?;
        state.running = Some(Running {
            stop: Arc::clone(&part.stop),
            start,
        });
        if !part.is_empty() {
            state.learn(start);
        }
        Ok(Turn {
            session: self,
            store,
            stop: Arc::clone(&part.stop),
            start,
            sink: None,
            is_begun: false,
            written: 0,
        })
    }

    /// Ends the session for good: whoever comes finds it gone, and a request that is running ends. `false` when it had
    /// ended already.
    pub fn end(&self) -> bool {
        let mut state = self.lock();
        self.end_locked(&mut state)
    }

    fn end_locked(&self, state: &mut State) -> bool {
        state.stop_running();
        self.reached.swap(ENDED, Ordering::AcqRel) != ENDED
    }

    /// Locks a session that has not ended, with its length read.
    fn open(&self, on_disk: impl FnOnce() -> Result<u64>) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        match self.reached.load(Ordering::Acquire) {
            ENDED => return Err(Error::UploadUnknown),
            UNREAD => {
                let length = on_disk()?;
                state.stop_running();
                *state = State {
                    length,
                    known: Mark {
                        offset: 0,
                        hasher: Some(Hasher::new(Algorithm::Sha256)),
                    },
                    ..State::default()
                };
                self.reached.store(length, Ordering::Release);
            }
            _ => {}
        }
        Ok(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Where a request may begin to write; `None` when what it says of the session is not so.
    fn start(&self, part: &Part<'_>) -> Option<u64> {
        let running = self.running.as_ref().map(|running| running.start);
        match part.offset {
            // It adds nothing: the digest says whether it means the right bytes.
            _ if part.is_empty() => Some(self.length),
            // Nobody was told of the bytes of a request that is still running.
            Offset::Unstated => Some(running.unwrap_or(self.length)),
            Offset::Range(offset) => {
                (offset == self.length || running == Some(offset)).then_some(offset)
            }
            Offset::Location(offset) => (self.known.offset..=self.length)
                .contains(&offset)
                .then_some(offset),
        }
    }

    /// The client has heard of this offset.
    fn learn(&mut self, offset: u64) {
        if offset == self.length {
            self.known = Mark {
                offset,
                hasher: self.hasher.clone(),
            };
        } else if offset != self.known.offset {
            self.known = Mark {
                offset,
                hasher: None,
            };
        }
    }

    fn stop_running(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.store(true, Ordering::Release);
        }
    }
}

/// Where the bytes of a session are kept.
#[derive(Clone, Copy)]
pub struct Store<'s> {
    pub driver: &'s dyn Driver,
    pub data: &'s Key,
}

impl Store<'_> {
    fn open(&self, offset: u64) -> driver::Result<Box<dyn Sink>> {
        self.driver.append(self.data, offset)
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::Driver(driver::Error::new(self.data, error))
    }
}

/// A request's turn to write to a session; it may be taken from it at any time.
pub struct Turn<'s> {
    session: &'s Session,
    store: Store<'s>,
    stop: Arc<AtomicBool>,
    /// Where its bytes begin.
    start: u64,
    /// Open from the first byte on: a request that sends none changes nothing.
    sink: Option<Box<dyn Sink>>,
    is_begun: bool,
    written: u64,
}

impl Turn<'_> {
    /// Adds the part's bytes and gives the new length of the session. After [`Error::Body`] what came is kept; after any
    /// other error the session has the length that it had before.
    pub fn append(&mut self, part: &mut Part<'_>) -> Result<u64> {
        let outcome = self.take_in(part);
        if !matches!(outcome, Ok(_) | Err(Error::Body(_))) {
            self.undo();
        }
        outcome
    }

    /// Adds the part's bytes, all of them or none.
    pub fn append_whole(&mut self, part: &mut Part<'_>) -> Result<()> {
        let outcome = self.take_in(part).map(drop);
        if outcome.is_err() {
            self.undo();
        }
        outcome
    }

    /// Checks the digest of all bytes, syncs them and does `publish`, after which the session has ended. After an error
    /// it has the length that it had before.
    pub fn commit(mut self, digest: &Digest, publish: impl FnOnce() -> Result<()>) -> Result<()> {
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
        match self.store.open(self.start) {
            Ok(_) => {
                state.length = self.start;
                state.hasher = state.known.hasher.clone();
                self.session.reached.store(self.start, Ordering::Release);
            }
            Err(error) => {
                log::warn!(
                    "cannot shorten an upload session to {} bytes: {error}",
                    self.start
                );
                self.session.reached.store(UNREAD, Ordering::Release);
            }
        }
    }

    fn take_in(&mut self, part: &mut Part<'_>) -> Result<u64> {
        self.copy(part.body)?;
        let length = self.lock()?.length;
        match part.length {
            Some(announced) if announced != self.written => Err(Error::WrongLength {
                announced,
                received: self.written,
            }),
            _ => Ok(length),
        }
    }

    fn copy(&mut self, body: &mut dyn Read) -> Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
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
        state.length += bytes.len() as u64;
        self.session.reached.store(state.length, Ordering::Release);
        drop(state);
        self.written += bytes.len() as u64;
        self.sink = Some(sink);
        Ok(())
    }

    /// Opens the file where this request's bytes begin, and cuts off what lies behind.
    fn open(&mut self) -> Result<Box<dyn Sink>> {
        let known = {
            let state = self.lock()?;
            match self.start == state.length {
                true => state.hasher.clone(),
                false => state.known.hasher.clone(),
            }
        };
        let hasher = match known {
            Some(hasher) => hasher,
            None => self.hash(self.start, Algorithm::Sha256)?,
        };
        let mut state = self.lock()?;
        let sink = self
            .store
            .open(self.start)
            .map_err(|error| self.lost(error))?;
        state.length = self.start;
        state.hasher = Some(hasher.clone());
        state.known = Mark {
            offset: self.start,
            hasher: Some(hasher),
        };
        self.session.reached.store(self.start, Ordering::Release);
        drop(state);
        self.is_begun = true;
        Ok(sink)
    }

    fn publish(&mut self, digest: &Digest, publish: impl FnOnce() -> Result<()>) -> Result<()> {
        let (length, hasher) = {
            let state = self.lock()?;
            (state.length, state.hasher.clone())
        };
        let hasher = match hasher.filter(|hasher| hasher.algorithm() == digest.algorithm()) {
            Some(hasher) => hasher,
            None => self.hash(length, digest.algorithm())?,
        };
        let computed = hasher.digest();
        if computed != *digest {
            return Err(Error::DigestMismatch { computed });
        }
        let sink = self.sink.take();
        let mut state = self.lock()?;
        let mut sink = match sink {
            Some(sink) => sink,
            None => self.store.open(length).map_err(|error| self.lost(error))?,
        };
        sink.sync().map_err(|error| self.store.failed(error))?;
        drop(sink);
        publish()?;
        self.session.end_locked(&mut state);
        Ok(())
    }

    /// The hash of the first bytes on the disk; given up when another request takes the turn.
    fn hash(&self, length: u64, algorithm: Algorithm) -> Result<Hasher> {
        let go_on = || self.lock().map(drop);
        let (driver, data) = (self.store.driver, self.store.data);
        let hashed = hash_file(driver, data, length, algorithm, &go_on);
        // Whoever took the turn may have shortened the file meanwhile: that is no failure of the disk.
        go_on()?;
        hashed.map_err(|error| match error {
            Error::Driver(error) => self.lost(error),
            error => error,
        })
    }

    /// The session's file is gone, or shorter than it was: another program removed it. What is left is read again by
    /// the next request.
    fn lost(&self, error: driver::Error) -> Error {
        let is_short = [ErrorKind::InvalidData, ErrorKind::UnexpectedEof];
        if error.is_not_found() || is_short.contains(&error.source.kind()) {
            log::warn!("an upload session has lost bytes on the disk: {error}");
            self.session.reached.store(UNREAD, Ordering::Release);
            return Error::UploadUnknown;
        }
        error.into()
    }

    /// Locks the session for a step, if it is still this request's turn.
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.session.lock();
        if self.session.reached.load(Ordering::Acquire) == ENDED {
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
        let mut state = self.session.lock();
        let is_own = |running: &Running| Arc::ptr_eq(&running.stop, &self.stop);
        if state.running.as_ref().is_some_and(is_own) {
            state.running = None;
        }
    }
}
