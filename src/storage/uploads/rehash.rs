//! Hashing of bytes that are already in the store.

use super::turn::Turn;
use crate::driver::{self, Driver, Key, Note, ObjectReader, Replay, Upload};
use crate::spec::{Algorithm, Digest, Hasher};
use crate::storage::{Error, Result};
use std::io::{self, Read};
use std::ops::ControlFlow;

/// Bytes that are read in one step.
const BUFFER_BYTES: usize = 64 * 1024;

/// Hashes everything that a reader returns. `each` is called before every step; its error stops the work.
fn hash(
    reader: &mut ObjectReader,
    algorithm: Algorithm,
    each: impl Fn() -> Result<()>,
    failed: impl Fn(io::Error) -> Error,
) -> Result<Hasher> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        each()?;
        let count = reader.read(&mut buffer).map_err(&failed)?;
        if count == 0 {
            return Ok(hasher);
        }
        hasher.update(buffer.split_at(count).0);
    }
}

/// The digest of an object; `None` if it does not exist.
pub fn hash_object(driver: &dyn Driver, key: &Key, algorithm: Algorithm) -> Result<Option<Digest>> {
    let Some(object) = driver.open(key, 0)? else {
        return Ok(None);
    };
    let failed = |error| driver::Error::new(key, error).into();
    let hasher = hash(&mut object.reader(), algorithm, || Ok(()), failed)?;
    Ok(Some(hasher.digest()))
}

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
    fn restore(&mut self, length: u64, note: Note<'_>) -> bool {
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
