//! Hashing of the bytes that an upload already has, when it is resumed.

use super::hash::hash;
use super::turn::Turn;
use crate::driver::{Replay, Upload, UploadNote};
use crate::spec::{Algorithm, Hasher};
use crate::storage::{Error, Result};
use std::ops::ControlFlow;

/// Hashes what a driver replays of an upload, as long as the request has the turn.
struct Rehash<'t, 's> {
    turn: &'t Turn<'s>,
    hasher: Hasher,
    /// The algorithm of the note may be used instead of the hasher's.
    takes_any: bool,
    /// Why it was given up.
    ended: Option<Error>,
}

impl Replay for Rehash<'_, '_> {
    fn restore(&mut self, length: u64, note: UploadNote<'_>) -> bool {
        let Ok(algorithm) = note.kind.parse::<Algorithm>() else {
            return false;
        };
        if algorithm != self.hasher.algorithm() && !self.takes_any {
            return false;
        }
        match Hasher::from_state(algorithm, note.content) {
            Some((hasher, hashed)) if hashed == length => {
                self.hasher = hasher;
                true
            }
            _ => false,
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        match self.turn.lock() {
            Ok(state) => drop(state),
            Err(error) => {
                self.ended = Some(error);
                return ControlFlow::Break(());
            }
        }
        self.hasher.update(bytes);
        ControlFlow::Continue(())
    }
}

impl Turn<'_> {
    /// Resumes the first bytes of an upload that another process wrote to, or an earlier run of this one, and hashes them on the way,
    /// with the given algorithm or, by default, with the one of the upload's note. Stops when another request takes the turn.
    pub(super) fn resume(
        &self,
        length: u64,
        algorithm: Option<Algorithm>,
    ) -> Result<(Hasher, Box<dyn Upload>)> {
        let mut rehash = Rehash {
            turn: self,
            hasher: Hasher::new(algorithm.unwrap_or(Algorithm::Sha256)),
            takes_any: algorithm.is_none(),
            ended: None,
        };
        let key = self.store.key();
        let resumed = self.store.driver.resume(&key, length, &mut rehash);
        if let Some(error) = rehash.ended {
            return Err(error);
        }
        // A request that took the turn may have truncated the upload: that is not a failure of the store.
        drop(self.lock()?);
        match resumed.map_err(|error| self.lost(error))? {
            Some(upload) => Ok((rehash.hasher, upload)),
            None => {
                self.session.distrust();
                Err(Error::UploadUnknown)
            }
        }
    }

    /// Hashes the bytes of an upload of our own again. Stops when another request takes the turn.
    pub(super) fn hash(&self, length: u64, algorithm: Algorithm) -> Result<Hasher> {
        if length == 0 {
            return Ok(Hasher::new(algorithm));
        }
        let reader = match &mut self.lock()?.upload {
            Some(upload) => upload.reader(),
            // It has been distrusted meanwhile.
            None => return Err(Error::Superseded { length }),
        };
        let reader = reader.map_err(|error| self.lost(error))?;
        let mut reader = reader.take_first(length);
        let hashed = hash(
            &mut reader,
            algorithm,
            || self.lock().map(drop),
            |error| self.store.failed(error),
        );
        drop(self.lock()?);
        hashed.map_err(|error| match error {
            Error::Driver(error) => self.lost(error),
            error => error,
        })
    }
}
