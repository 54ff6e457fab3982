//! The slow verification: reads everything that is kept, at a rate that disturbs nobody, logs what is wrong and puts corrupt blobs
//! aside, so that a push heals them.
//!
//! When the last run ended is written down, so that restarts do not repeat it; how far one was that a restart cut short is not. Each
//! run therefore starts somewhere else among the blobs: a registry that is restarted often gets to all of them in time.

use super::Stopping;
use crate::config::BackgroundVerification;
use crate::storage::{RepairScope, Storage, Verification, VerificationReport};
use crate::sync::Mutex;
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

/// The longest time between two looks at whether a run is due.
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// The shortest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Bytes that are read in one step, where the rate is not lower.
const BUFFER_BYTES_MAX: u64 = 256 * 1024;
const BUFFER_BYTES_MIN: u64 = 4 * 1024;

/// A verification that is due begins at the start; others whenever the interval has passed since the last one ended.
pub fn run(
    storage: &Storage,
    options: &BackgroundVerification,
    is_writable: bool,
    stopping: &Stopping,
) {
    // Where nothing can be written, when the last one ended is only known here.
    let mut last_here = None;
    loop {
        let last = match is_writable {
            true => storage.last_verification(),
            false => Ok(last_here),
        };
        let outcome = last.and_then(|last| match is_due(last, options.interval) {
            true if is_writable => verify_alone(storage, options, stopping),
            true => {
                verify(storage, options, RepairScope::Nothing, stopping)?;
                last_here = Some(SystemTime::now());
                Ok(())
            }
            false => Ok(()),
        });
        if let Err(error) = outcome {
            log::warn!("the verification of all data failed and will be tried again: {error}");
        }
        if !stopping.pause(options.interval.clamp(PAUSE_MIN, PAUSE_MAX)) {
            return;
        }
    }
}

fn is_due(last: Option<SystemTime>, interval: Duration) -> bool {
    // After one in the future the clock was set back.
    let since = last.and_then(|last| SystemTime::now().duration_since(last).ok());
    since.is_none_or(|since| since >= interval)
}

/// Verifies, unless another registry on the same data does.
fn verify_alone(
    storage: &Storage,
    options: &BackgroundVerification,
    stopping: &Stopping,
) -> crate::storage::Result<()> {
    let Some(_held) = storage.lock_verification()? else {
        return Ok(());
    };
    verify(storage, options, RepairScope::Blobs, stopping)
}

fn verify(
    storage: &Storage,
    options: &BackgroundVerification,
    repair: RepairScope,
    stopping: &Stopping,
) -> crate::storage::Result<()> {
    let started = Instant::now();
    let rate = options.bytes_per_second;
    let mut first_byte = [0];
    // Without randomness it starts with the first.
    let _ = getrandom::fill(&mut first_byte);
    let [first_byte] = first_byte;
    let pace = Pace::new(rate);
    log::info!(
        "verifying all data in the background, at {rate} bytes a second, from the blobs {first_byte:02x} on"
    );
    let buffer_bytes = (rate / 4).clamp(BUFFER_BYTES_MIN, BUFFER_BYTES_MAX);
    let report = storage.verify(&Verification {
        repair,
        threads: 1,
        buffer_bytes: usize::try_from(buffer_bytes).unwrap_or_default(),
        first_byte,
        pace: &|bytes| match stopping.may_continue() && stopping.pause(pace.due_in(bytes)) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        },
        found: &|finding| storage.log_finding(finding),
    })?;
    if !report.is_cut_short {
        let noted = match repair {
            RepairScope::Nothing => Ok(()),
            _ => storage.note_verification(),
        };
        log_summary(&report, started.elapsed());
        noted?;
    }
    Ok(())
}

fn log_summary(report: &VerificationReport, elapsed: Duration) {
    let VerificationReport {
        blobs,
        bytes,
        repositories,
        errors,
        notes,
        repaired,
        ..
    } = report;
    let level = match errors {
        0 => log::Level::Info,
        _ => log::Level::Error,
    };
    let seconds = elapsed.as_secs();
    log::log!(
        level,
        "verified {blobs} blobs with {bytes} bytes and {repositories} repositories in {seconds} seconds: errors {errors}, \
         notes {notes}, corrupt blobs put aside {repaired} (storage.maintenance.verify)"
    );
}

/// Keeps to a rate.
struct Pace {
    bytes_per_second: u64,
    /// When the next bytes may be read.
    due: Mutex<Instant>,
}

impl Pace {
    fn new(bytes_per_second: u64) -> Pace {
        Pace {
            bytes_per_second: bytes_per_second.max(1),
            due: Mutex::new(Instant::now()),
        }
    }

    /// How long to wait after so many bytes were read. What was not read in time is not made up for.
    fn due_in(&self, bytes: u64) -> Duration {
        let (mut due, now) = (self.due.lock(), Instant::now());
        let milliseconds = bytes.saturating_mul(1000) / self.bytes_per_second;
        *due = (*due).max(now) + Duration::from_millis(milliseconds);
        due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_the_rate_allows() {
        let pace = Pace::new(1000);
        assert_eq!(pace.due_in(0), Duration::ZERO);
        let first = pace.due_in(500);
        let second = pace.due_in(500);
        assert!(first <= Duration::from_millis(500), "{first:?}");
        // Nobody has waited for the first.
        assert!(second > Duration::from_millis(900), "{second:?}");
    }
}
