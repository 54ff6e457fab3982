//! Hashing of bytes that are already in the store.

use crate::driver::{self, Driver, Key, ObjectReader};
use crate::spec::{Algorithm, Digest, Hasher};
use crate::storage::{Error, Result};
use std::io::{self, Read};

/// Bytes that are read in one step.
const BUFFER_BYTES: usize = 64 * 1024;

/// Hashes everything that a reader returns. `each` is called before every step; its error stops the work.
pub fn hash(
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
