//! The digest of bytes that are on the disk already.

use crate::driver::{self, Driver, Key};
use crate::spec::{Algorithm, Hasher};
use crate::storage::Result;
use std::io::{self, Read};

/// Bytes that are read in one step.
const BUFFER_BYTES: usize = 64 * 1024;

/// Hashes the first `length` bytes of a file. `each` is given the bytes of every step; its error ends the work.
pub fn hash_file(
    driver: &dyn Driver,
    key: &Key,
    length: u64,
    algorithm: Algorithm,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<Hasher> {
    let mut hasher = Hasher::new(algorithm);
    if length == 0 {
        return Ok(hasher);
    }
    let content = driver.open(key)?;
    let mut reader = content.reader().take(length);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = length;
    while left > 0 {
        let count = reader
            .read(&mut buffer)
            .map_err(|error| driver::Error::new(key, error))?;
        if count == 0 {
            let error = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(driver::Error::new(key, error).into());
        }
        let bytes = buffer.get(..count).unwrap_or_default();
        each(bytes)?;
        hasher.update(bytes);
        left -= count as u64;
    }
    Ok(hasher)
}
