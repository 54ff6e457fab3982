//! Calls of a disk that fail: each once, in one way.

use crate::util::chance::Chance;
use crate::util::driver::Watch;
use crate::util::effort::is_thorough;
use registry::driver::Key;
use std::io;
use std::sync::Mutex;

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
pub static FAULTS: [Fault; 4] = [
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

/// One call that fails, in one way.
#[derive(Clone, Copy)]
pub struct Failure {
    pub fault: &'static Fault,
    pub moment: Moment,
    /// How many calls go well before it.
    pub calls_before: usize,
}

/// Lets one call fail, if any, and counts them.
#[derive(Default)]
pub struct OneFault(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    is_armed: bool,
    failure: Option<Failure>,
    /// Calls of each moment since it was armed.
    counts: [usize; 2],
    /// The call that failed.
    hit: Option<String>,
}

impl OneFault {
    pub fn arm(&self, failure: Option<Failure>) {
        *self.0.lock().unwrap() = Calls {
            is_armed: true,
            failure,
            ..Calls::default()
        };
    }

    /// Ends it; gives how many calls there were of each moment, and which has failed, if one has.
    pub fn disarm(&self) -> ([usize; 2], Option<String>) {
        let calls = std::mem::take(&mut *self.0.lock().unwrap());
        (calls.counts, calls.hit)
    }

    fn call(&self, moment: Moment, operation: &str, key: &Key) -> io::Result<()> {
        let mut calls = self.0.lock().unwrap();
        if !calls.is_armed {
            return Ok(());
        }
        let count = &mut calls.counts[moment as usize];
        *count += 1;
        let number = *count;
        let fails =
            |failure: &Failure| (failure.moment, failure.calls_before + 1) == (moment, number);
        let Some(failure) = calls.failure.filter(fails) else {
            return Ok(());
        };
        calls.hit = Some(format!("{operation} {key}"));
        Err(io::Error::from_raw_os_error(failure.fault.number))
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

/// Where tests are thorough every call fails in every way. Otherwise one in so many calls fails in a way by turns; which ones do is another choice in every run.
pub const EVERY: usize = 12;

/// Where the turns begin in this run.
pub fn first_turn() -> usize {
    Chance::of_this_run().below(1000) as usize
}

/// What fails where so many calls are made of each moment: all of it, or of `every` calls in a row one. The turns go on
/// from there the next time.
pub fn failures(counts: [usize; 2], every: usize, turn: &mut usize) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (moment, count) in [Moment::Before, Moment::After].into_iter().zip(counts) {
        for calls_before in 0..count {
            let at = *turn;
            *turn += 1;
            let mut add = |fault| {
                failures.push(Failure {
                    fault,
                    moment,
                    calls_before,
                });
            };
            match is_thorough() {
                true => FAULTS.iter().for_each(add),
                false if at.is_multiple_of(every) => add(&FAULTS[at / every % FAULTS.len()]),
                false => {}
            }
        }
    }
    failures
}
