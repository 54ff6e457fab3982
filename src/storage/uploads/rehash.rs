//! The digest of bytes that are in the store already.

use super::turn::Turn;
use crate::driver::{self, Driver, Key, Note, ObjectReader, Replay, Upload};
use crate::spec::{Algorithm, Digest, Hasher};
use crate::storage::{Error, Result};
use std::io::{self, Read};
use std::ops::ControlFlow;

/// Bytes that are read in one step.
const BUFFER_BYTES: usize = 64 * 1024;

/// Hashes all that a reader gives. `each` is asked before every step; its error ends the work.
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
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}

/// The digest of an object; `None` when there is none.
pub fn hash_object(driver: &dyn Driver, key: &Key, algorithm: Algorithm) -> Result<Option<Digest>> {
    let Some(object) = driver.open(key, 0)? else {
        return Ok(None);
    };
    let failed = |error| driver::Error::new(key, error).into();
    let hasher = hash(&mut object.reader(), algorithm, || Ok(()), failed)?;
    Ok(Some(hasher.digest()))
}

/// Hashes what a driver gives back of an upload, as long as a request has the turn.
struct Rehash<'t, 's> {
    turn: &'t Turn<'s>,
    hasher: Hasher,
    /// The algorithm of the note is as good as that of the hasher.
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
    /// Goes on with the first bytes of an upload that another process wrote to, or that was there before this process
    /// started, and hashes them on the way, by the algorithm that is asked for or by the one that it was begun with; given
    /// up when another request takes the turn.
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
        // Whoever took the turn may have shortened the upload meanwhile: that is no failure of the store.
        drop(self.lock()?);
        match resumed.map_err(|error| self.lost(error))? {
            Some(upload) => Ok((rehash.hasher, upload)),
            None => {
                self.session.distrust();
                Err(Error::UploadUnknown)
            }
        }
    }

    /// The hash of the bytes of an upload of our own; given up when another request takes the turn.
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
