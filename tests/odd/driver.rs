//! A driver of which single operations fail as a test says, and which notes what was looked at.

use crate::util::driver::{Watch, Watched};
use registry::driver::Key;
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::sync::{Arc, Mutex};

/// Says why an operation on a key fails, if it does.
type Fault = Box<dyn Fn(&str, &Key) -> Option<ErrorKind> + Send + Sync>;

#[derive(Default)]
struct Faults {
    fault: Mutex<Option<Fault>>,
    seen: Mutex<Vec<String>>,
}

impl Watch for Faults {
    fn before(&self, operation: &'static str, key: &Key, _bytes: usize) -> io::Result<()> {
        self.seen.lock().unwrap().push(key.to_string());
        let fault = self.fault.lock().unwrap();
        match fault.as_ref().and_then(|fault| fault(operation, key)) {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }
}

/// A disk in memory with faults. Clones share them.
#[derive(Clone)]
pub struct Faulty {
    pub driver: Arc<Watched>,
    faults: Arc<Faults>,
}

impl Default for Faulty {
    fn default() -> Faulty {
        let faults = Arc::new(Faults::default());
        Faulty {
            driver: Arc::new(Watched::new(faults.clone())),
            faults,
        }
    }
}

impl Deref for Faulty {
    type Target = Watched;

    fn deref(&self) -> &Watched {
        &self.driver
    }
}

impl Faulty {
    /// From now on `fault` decides; it is given the name of the operation.
    pub fn fail(&self, fault: impl Fn(&str, &Key) -> Option<ErrorKind> + Send + Sync + 'static) {
        *self.faults.fault.lock().unwrap() = Some(Box::new(fault));
    }

    pub fn heal(&self) {
        *self.faults.fault.lock().unwrap() = None;
    }

    /// The keys that were looked at since this was last asked.
    pub fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.faults.seen.lock().unwrap())
    }
}
