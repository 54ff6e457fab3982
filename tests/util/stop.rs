//! The end of threads that work until a test is done, also when it fails: a scope waits for them.

use std::sync::atomic::{AtomicBool, Ordering};

/// Raises the flag when it is dropped.
pub struct Stop<'f>(pub &'f AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
