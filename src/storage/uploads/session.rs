//! One upload session in memory: how far it is, and which request may write to it.
//!
//! Every response states an offset, and the next request shows which of them the client has received. Bytes after the newest
//! offset that it is known to have received may be replaced: it may not have learned that they arrived, and send them
//! again. Bytes before that offset are never replaced.
//!
//! Other processes may serve the same store. What is in memory is valid as long as the store says that this process
//! owns the upload.

use super::{Chunk, Offset};
use crate::driver::{self, Upload, UploadState};
use crate::spec::{Algorithm, Hasher};
use crate::storage::{Error, Result};
use crate::sync::Mutex;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};

/// [`Session::reached`] of a session that was found in the store and whose length is not known yet.
const UNREAD: u64 = u64::MAX;
/// [`Session::reached`] of a session that was committed or cancelled.
const ENDED: u64 = u64::MAX - 1;

/// A session, which requests share.
pub struct Session {
    /// Its length in bytes, or [`UNREAD`] or [`ENDED`]; read without waiting for a request that writes.
    reached: AtomicU64,
    state: Mutex<State>,
    /// Who started it; `None` if it was found in the store, or came over a unix socket.
    pub(super) client: Option<IpAddr>,
}

/// What is behind a session's lock.
#[derive(Default)]
pub struct State {
    /// Its length in bytes; anything beyond does not count.
    pub length: u64,
    /// The hash of those bytes; `None` if they have to be read again.
    pub hasher: Option<Hasher>,
    /// The newest offset that the client is known to have received.
    pub known: Mark,
    /// The upload, if this process owns it. Another's has to be resumed before anything is known about its bytes, since
    /// that process may still write to it.
    pub upload: Option<Box<dyn Upload>>,
    /// The upload as it was found, if another process owns it.
    found: Option<UploadState>,
    /// The request that may write.
    running: Option<Running>,
}

/// An offset, and the hash of the bytes before it if that is known.
#[derive(Clone, Default)]
pub struct Mark {
    /// Bytes before it.
    pub offset: u64,
    /// Their hash.
    pub hasher: Option<Hasher>,
}

struct Running {
    stop: Arc<AtomicBool>,
    start: u64,
}

impl Session {
    /// A session for an empty upload that is expected to be committed with `algorithm`.
    pub fn new(algorithm: Algorithm, client: Option<IpAddr>, upload: Box<dyn Upload>) -> Session {
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
                upload: Some(upload),
                ..State::default()
            }),
            client,
        }
    }

    /// A session that was found in the store. Which offsets its client has received is not known.
    pub fn found() -> Session {
        Session {
            reached: AtomicU64::new(UNREAD),
            state: Mutex::default(),
            client: None,
        }
    }

    /// Its length in bytes. Never waits: while a request is in the middle of a step, it is what that has written so far.
    pub fn length(&self, stored: impl FnOnce() -> Result<UploadState>) -> Result<u64> {
        if let Some(mut state) = self.state.try_lock() {
            self.look(&mut state, stored())?;
            return Ok(state.length);
        }
        let stored = stored()?;
        match self.reached.load(Ordering::Acquire) {
            ENDED => Err(Error::UploadUnknown),
            UNREAD => Ok(stored.length),
            reached => Ok(reached),
        }
    }

    /// Ends the session: later requests find it gone, and a running one ends. `false` if it had already ended.
    pub fn end(&self) -> bool {
        let mut state = self.lock();
        self.end_locked(&mut state)
    }

    /// The same after its files were removed, while nothing is written. It does not end if they cannot be removed, unless that is
    /// because a running request has them open, on a system where that matters: that request removes them then.
    pub fn end_after(&self, remove: impl FnOnce() -> driver::Result<()>) -> Result<()> {
        let mut state = self.lock();
        if self.has_ended() {
            return Err(Error::UploadUnknown);
        }
        // A directory is not empty as long as a removed file in it is still open.
        let is_held = |error: &driver::Error| {
            error.is_in_use() || error.source.kind() == io::ErrorKind::DirectoryNotEmpty
        };
        match remove() {
            Err(error) if is_held(&error) && state.running.is_some() => {}
            removed => removed?,
        }
        self.end_locked(&mut state);
        Ok(())
    }

    /// The same, for a caller that holds the lock.
    pub fn end_locked(&self, state: &mut State) -> bool {
        state.stop_running();
        state.upload = None;
        self.reached.swap(ENDED, Ordering::AcqRel) != ENDED
    }

    /// Whether it was committed or cancelled.
    pub fn has_ended(&self) -> bool {
        self.reached.load(Ordering::Acquire) == ENDED
    }

    /// Sets its length; the caller holds the lock.
    pub fn set_length(&self, state: &mut State, length: u64) {
        state.length = length;
        self.reached.store(length, Ordering::Release);
    }

    /// Its length, as far as it is known.
    pub fn reached(&self) -> u64 {
        match self.reached.load(Ordering::Acquire) {
            UNREAD | ENDED => 0,
            reached => reached,
        }
    }

    /// Discards what is in memory: the next request looks at the store.
    pub fn distrust(&self) {
        self.reached.store(UNREAD, Ordering::Release);
    }

    /// Locks a session that has not ended. `stored` looks it up in the store: if another process has ended it, it
    /// ends here as well, and if another has taken it over, the store is right.
    pub fn open(
        &self,
        stored: impl FnOnce() -> Result<UploadState>,
    ) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        if self.has_ended() {
            return Err(Error::UploadUnknown);
        }
        self.look(&mut state, stored())?;
        Ok(state)
    }

    /// Compares what is in memory with what the store has.
    fn look(&self, state: &mut State, stored: Result<UploadState>) -> Result<()> {
        if self.has_ended() {
            return Err(Error::UploadUnknown);
        }
        let found = stored.inspect_err(|error| {
            if matches!(error, Error::UploadUnknown) {
                self.end_locked(state);
            }
        })?;
        if self.reached.load(Ordering::Acquire) == UNREAD || !state.agrees_with(&found) {
            state.stop_running();
            let length = found.length;
            *state = State {
                found: Some(found),
                known: Mark {
                    offset: 0,
                    hasher: Some(Hasher::new(Algorithm::Sha256)),
                },
                ..State::default()
            };
            self.set_length(state, length);
        }
        Ok(())
    }

    /// Locks it, whatever its state.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Whether the upload in the store is what this session knows.
    fn agrees_with(&self, found: &UploadState) -> bool {
        match &self.upload {
            // A running request may have written bytes that it has yet to remove or to acknowledge.
            Some(own) => {
                own.version() == found.version
                    && (self.running.is_some() || self.length == found.length)
            }
            None => self.found.as_ref() == Some(found),
        }
    }

    /// Gives the turn to a request, takes it from the previous one, and returns where the bytes of the new one start.
    pub fn give_turn(&mut self, chunk: &Chunk<'_>) -> Result<u64> {
        let start = self.start(chunk);
        // A request that does not know the state of the session is late or misdirected: it must not end another.
        if start.is_some() || chunk.offset.is_at_least(self.known.offset) {
            self.stop_running();
        }
        let start = start.ok_or(Error::WrongOffset {
            length: self.length,
        })?;
        self.running = Some(Running {
            stop: Arc::clone(&chunk.stop),
            start,
        });
        if !chunk.is_empty() {
            self.learn(start);
        }
        Ok(start)
    }

    /// Notes that a request has ended.
    pub fn end_turn(&mut self, stop: &Arc<AtomicBool>) {
        let is_own = |running: &Running| Arc::ptr_eq(&running.stop, stop);
        if self.running.as_ref().is_some_and(is_own) {
            self.running = None;
        }
    }

    /// Where a request may start to write; `None` if what it says about the session is wrong.
    fn start(&self, chunk: &Chunk<'_>) -> Option<u64> {
        let running = self.running.as_ref().map(|running| running.start);
        match chunk.offset {
            // It adds nothing: the digest shows whether it means the right bytes.
            _ if chunk.is_empty() => Some(self.length),
            // The bytes of a request that is still running were not acknowledged.
            Offset::Unstated => Some(running.unwrap_or(self.length)),
            Offset::Range(offset) => {
                (offset == self.length || running == Some(offset)).then_some(offset)
            }
            Offset::Location(offset) => (self.known.offset..=self.length)
                .contains(&offset)
                .then_some(offset),
        }
    }

    /// The client has received this offset.
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
