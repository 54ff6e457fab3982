//! One upload session in memory: how far it is, and which request may write to it.
//!
//! The client is told an offset with every response, and says with its next request which one it has heard of. Bytes
//! behind the newest offset it is known to have heard of may be replaced: it never learned that they arrived, and may
//! send them again. Bytes before it are never replaced.
//!
//! Other processes may serve the same store. What is in memory counts as long as the store says that the upload is still
//! the one that this process writes to.

use super::{Chunk, Offset};
use crate::driver::{self, Upload, UploadState};
use crate::spec::{Algorithm, Hasher};
use crate::storage::{Error, Result};
use crate::sync::Mutex;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};

/// [`Session::reached`] of a session that was found on disk and whose length nobody has asked for yet.
const UNREAD: u64 = u64::MAX;
/// [`Session::reached`] of a session that was committed or cancelled.
const ENDED: u64 = u64::MAX - 1;

/// A session that requests share.
pub struct Session {
    /// How many bytes it has, or [`UNREAD`] or [`ENDED`]: read without waiting for a request that writes.
    reached: AtomicU64,
    state: Mutex<State>,
    /// Who started it; `None` when it was found on disk, or came over a unix socket.
    pub(super) client: Option<IpAddr>,
}

/// What a session's lock guards.
#[derive(Default)]
pub struct State {
    /// Bytes that were written; nothing behind them counts.
    pub length: u64,
    /// The hash of those bytes; `None` when they have to be read again.
    pub hasher: Option<Hasher>,
    /// The newest offset that the client is known to have heard of.
    pub known: Mark,
    /// The upload, if this process writes to it. Another's has to be resumed before anything is known of its bytes, since
    /// that process may still write to it.
    pub upload: Option<Box<dyn Upload>>,
    /// The upload as it was found, if it is another's.
    found: Option<UploadState>,
    /// The request that may write.
    running: Option<Running>,
}

/// An offset, and the hash of the bytes before it if it was kept.
#[derive(Clone, Default)]
pub struct Mark {
    /// How many bytes there are before it.
    pub offset: u64,
    /// Their hash.
    pub hasher: Option<Hasher>,
}

struct Running {
    stop: Arc<AtomicBool>,
    start: u64,
}

impl Session {
    /// A session over an upload without bytes, which is meant to be committed under `algorithm`.
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

    /// A session that is on disk. Which offsets its client has heard of is not known.
    pub fn found() -> Session {
        Session {
            reached: AtomicU64::new(UNREAD),
            state: Mutex::default(),
            client: None,
        }
    }

    /// How many bytes it has. Waits for nobody: while a request is in the middle of a step it is what that has written so far.
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

    /// Ends the session for good: whoever comes finds it gone, and a request that is running ends. `false` when it had
    /// ended already.
    pub fn end(&self) -> bool {
        let mut state = self.lock();
        self.end_locked(&mut state)
    }

    /// The same, once its files have been removed; nothing is written meanwhile. It does not end where they cannot be,
    /// unless a request has them open, on a system where that keeps them: whoever has them removes them then.
    pub fn end_after(&self, remove: impl FnOnce() -> driver::Result<()>) -> Result<()> {
        let mut state = self.lock();
        if self.has_ended() {
            return Err(Error::UploadUnknown);
        }
        // A folder is not empty while a file in it is on its way out, because it is still open.
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

    /// Sets how far the session is; the caller holds the lock.
    pub fn set_length(&self, state: &mut State, length: u64) {
        state.length = length;
        self.reached.store(length, Ordering::Release);
    }

    /// How far it was when anybody last knew.
    pub fn reached(&self) -> u64 {
        match self.reached.load(Ordering::Acquire) {
            UNREAD | ENDED => 0,
            reached => reached,
        }
    }

    /// What is in memory is no longer what the store has: the next request looks there.
    pub fn distrust(&self) {
        self.reached.store(UNREAD, Ordering::Release);
    }

    /// Locks a session that has not ended. `stored` says how the store has it: where another process has ended it, it
    /// ends here, and where another took it over, that is what counts.
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

    /// Locks it, whatever has become of it.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Whether an upload in the store is the one that this session is known to be.
    fn agrees_with(&self, found: &UploadState) -> bool {
        match &self.upload {
            // What a request that is running failed to write is there until it takes it back.
            Some(own) => {
                own.version() == found.version
                    && (self.running.is_some() || self.length == found.length)
            }
            None => self.found.as_ref() == Some(found),
        }
    }

    /// Gives the turn to a request, takes it from the one before, and says where the bytes of the new one begin.
    pub fn give_turn(&mut self, chunk: &Chunk<'_>) -> Result<u64> {
        let start = self.start(chunk);
        // A request that does not know how far the session is came too late, or from elsewhere: it ends no other.
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

    /// Where a request may begin to write; `None` when what it says of the session is not so.
    fn start(&self, chunk: &Chunk<'_>) -> Option<u64> {
        let running = self.running.as_ref().map(|running| running.start);
        match chunk.offset {
            // It adds nothing: the digest says whether it means the right bytes.
            _ if chunk.is_empty() => Some(self.length),
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
