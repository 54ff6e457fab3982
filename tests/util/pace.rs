//! A breath between one look and the next, so that who waits leaves the processor to what it waits for.

use std::time::Duration;

const BREATH: Duration = Duration::from_millis(5);

pub fn breathe() {
    std::thread::sleep(BREATH);
}
