//! When the time of a file or a directory says that nothing has changed in it.

use std::time::{Duration, SystemTime};

/// Something that changed so shortly before it was read may change again without its time changing:
/// the clock of a file system ticks every few milliseconds, or every two seconds where it keeps no
/// fraction.
const SETTLED_FINE: Duration = Duration::from_millis(25);
const SETTLED_COARSE: Duration = Duration::from_secs(3);

/// Whether a file or a directory of this time cannot change any more without its time changing.
pub fn is_settled(modified: SystemTime) -> bool {
    let since_epoch = modified
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let coarse = since_epoch.subsec_nanos() == 0;
    let wait = if coarse { SETTLED_COARSE } else { SETTLED_FINE };
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age > wait)
}
