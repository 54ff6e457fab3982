//! A disk whose calls fail: once, in one way.

use crate::util::driver::Watch;
use registry::driver::Key;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// What a call fails with: name, number of the system's error, and the status and code of the answer.
pub struct Fault {
    pub name: &'static str,
    pub number: i32,
    pub answer: (u16, &'static str),
}

/// EIO, ENOSPC, EROFS and EMFILE, or what Windows says instead.
const NUMBERS: [i32; 4] = match cfg!(windows) {
    true => [1117, 112, 19, 4],
    false => [5, 28, 30, 24],
};
pub const FAULTS: [Fault; 4] = [
    Fault {
        name: "EIO",
        number: NUMBERS[0],
        answer: (500, "UNKNOWN"),
    },
    Fault {
        name: "ENOSPC",
        number: NUMBERS[1],
        answer: (507, "UNAVAILABLE"),
    },
    Fault {
        name: "EROFS",
        number: NUMBERS[2],
        answer: (503, "UNAVAILABLE"),
    },
    Fault {
        name: "EMFILE",
        number: NUMBERS[3],
        answer: (503, "UNAVAILABLE"),
    },
];

/// The moment of a fault: before the call does anything, or after it has done it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    Before,
    After,
}

/// Lets one call fail.
#[derive(Default)]
pub struct OneFault {
    /// Calls until then; `usize::MAX` for never.
    left: AtomicUsize,
    armed: Mutex<Option<(Moment, i32)>>,
    /// The call that failed.
    hit: Mutex<Option<String>>,
}

impl OneFault {
    pub fn arm(&self, number: i32, moment: Moment, calls_before: usize) {
        self.left.store(calls_before, SeqCst);
        *self.hit.lock().unwrap() = None;
        *self.armed.lock().unwrap() = Some((moment, number));
    }

    /// Ends it; which call has failed, if one has.
    pub fn disarm(&self) -> Option<String> {
        *self.armed.lock().unwrap() = None;
        self.hit.lock().unwrap().take()
    }

    fn call(&self, moment: Moment, operation: &str, key: &Key) -> io::Result<()> {
        let Some((armed, number)) = *self.armed.lock().unwrap() else {
            return Ok(());
        };
        if armed != moment || self.left.fetch_sub(1, SeqCst) != 0 {
            return Ok(());
        }
        let mut hit = self.hit.lock().unwrap();
        assert!(hit.is_none());
        *hit = Some(format!("{operation} {key}"));
        Err(io::Error::from_raw_os_error(number))
    }
}

impl Watch for OneFault {
    fn before(&self, operation: &'static str, key: &Key, _bytes: usize) -> io::Result<()> {
        self.call(Moment::Before, operation, key)
    }

    fn after(&self, operation: &'static str, key: &Key) -> io::Result<()> {
        self.call(Moment::After, operation, key)
    }
}

/// With this variable set, every call fails in every way; otherwise the ways take turns.
const COMPLETE: &str = "REGISTRY_TEST_ALL_FAULTS";

/// Of how many calls that could fail in a way one does, unless all do: what is above the driver is the same on all systems.
pub const EVERY: usize = match cfg!(windows) {
    true => 4,
    false => 1,
};

/// Every fault, with its moment, the first call that fails in this way, and how many calls further the next one is: of `length`
/// calls in a row one does.
pub fn ways(length: usize) -> impl Iterator<Item = (&'static Fault, Moment, usize, usize)> {
    let is_complete = std::env::var_os(COMPLETE).is_some();
    let length = length * EVERY;
    let moments = [Moment::Before, Moment::After].into_iter().enumerate();
    moments.flat_map(move |(shift, moment)| {
        FAULTS.iter().enumerate().map(move |(number, fault)| {
            let first = number * length / FAULTS.len() + shift * (length / FAULTS.len() / 2);
            match is_complete {
                true => (fault, moment, 0, 1),
                false => (fault, moment, first, length),
            }
        })
    })
}
