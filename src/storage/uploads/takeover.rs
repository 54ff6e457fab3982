//! A session that another process wrote to, or that was there before this process started, becomes this one's.
//!
//! The other may still have the file open. So it is left to the other, and a copy takes its place, which is hashed while
//! it is written.

use super::hash::hash_file;
use super::new_upload_id;
use super::turn::Turn;
use crate::driver::{self, Key, Sink};
use crate::spec::{Algorithm, Hasher};
use crate::storage::{Error, Result, layout};
use std::io::{ErrorKind, Write};

impl Turn<'_> {
    /// Makes a file of our own of the first bytes of another process's, or a new one, and hashes them on the way; given up
    /// when another request takes the turn.
    pub(super) fn take_over(
        &self,
        length: u64,
        algorithm: Algorithm,
    ) -> Result<(Hasher, Box<dyn Sink>)> {
        let (driver, data) = (self.store.driver, self.store.data());
        if length == 0 {
            let mut state = self.lock()?;
            match driver.create(&data) {
                Err(error) if error.source.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
                Ok(sink) => {
                    let hasher = Hasher::new(algorithm);
                    self.go_on(&mut state, 0, &hasher, &*sink);
                    return Ok((hasher, sink));
                }
            }
        }
        let copy = layout::upload_copy(self.store.name, self.store.id, &new_upload_id()?);
        let taken = self.copy(&data, &copy, length, algorithm);
        if taken.is_err() {
            driver.discard(&copy);
        }
        taken
    }

    fn copy(
        &self,
        data: &Key,
        copy: &Key,
        length: u64,
        algorithm: Algorithm,
    ) -> Result<(Hasher, Box<dyn Sink>)> {
        let driver = self.store.driver;
        let mut sink = driver.create(copy)?;
        let hasher = self.hash_with(length, algorithm, &mut |bytes| {
            let written = sink.write_all(bytes);
            written.map_err(|error| driver::Error::new(copy, error).into())
        })?;
        let mut state = self.lock()?;
        driver.rename(copy, data)?;
        self.go_on(&mut state, length, &hasher, &*sink);
        Ok((hasher, sink))
    }

    /// The hash of the first bytes on the disk; given up when another request takes the turn.
    pub(super) fn hash(&self, length: u64, algorithm: Algorithm) -> Result<Hasher> {
        self.hash_with(length, algorithm, &mut |_| Ok(()))
    }

    fn hash_with(
        &self,
        length: u64,
        algorithm: Algorithm,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<Hasher> {
        let driver = self.store.driver;
        let mut failed_in_each = false;
        let hashed = hash_file(
            driver,
            &self.store.data(),
            length,
            algorithm,
            &mut |bytes| {
                drop(self.lock()?);
                each(bytes).inspect_err(|_| failed_in_each = true)
            },
        );
        // Whoever took the turn may have shortened the file meanwhile: that is no failure of the disk.
        drop(self.lock()?);
        hashed.map_err(|error| match error {
            Error::Driver(error) if !failed_in_each => self.lost(error),
            error => error,
        })
    }
}
