//! How tests wait: they look, leave the processor to what they wait for, and look again, but not for ever.

use std::time::{Duration, Instant};

const BREATH: Duration = Duration::from_millis(5);

/// What has not come in this time will not come, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A breath between one look and the next.
pub fn breathe() {
    std::thread::sleep(BREATH);
}

/// A longer one, for who makes the registry compute with each look.
pub fn rest() {
    std::thread::sleep(5 * BREATH);
}

/// Looks until it is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        breathe();
    }
}
