//! What tells one state of a file from every other, without opening it.

use std::fs::Metadata;
use std::io;
use std::path::Path;

/// Which file it is, its length, and when its bytes and it itself were last changed. Nobody can set the time of the last change of any
/// kind, so a file that was changed and got its old time of writing back has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    file: [u64; 2],
    length: u64,
    /// Seconds and nanoseconds.
    written: [i64; 2],
    changed: [i64; 2],
}

/// The state of a regular file that was opened. `None` where that cannot be found out again without opening it.
#[cfg(unix)]
pub fn stamp_of(metadata: &Metadata) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    metadata.is_file().then(|| Stamp {
        file: [metadata.dev(), metadata.ino()],
        length: metadata.len(),
        written: [metadata.mtime(), metadata.mtime_nsec()],
        changed: [metadata.ctime(), metadata.ctime_nsec()],
    })
}

/// Never on Windows, which opens a file to look at it.
#[cfg(not(unix))]
pub fn stamp_of(_metadata: &Metadata) -> Option<Stamp> {
    None
}

/// The state of the file at a path, `None` for anything but a regular one. A network file system asks its server, as it does when a file
/// is opened.
#[cfg(target_os = "linux")]
pub fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, StatxTimestamp, makedev, statx};
    let found = statx(
        CWD,
        path,
        AtFlags::STATX_FORCE_SYNC,
        StatxFlags::BASIC_STATS,
    )?;
    let time = |time: StatxTimestamp| [time.tv_sec, time.tv_nsec.into()];
    let kind = FileType::from_raw_mode(found.stx_mode.into());
    Ok((kind == FileType::RegularFile).then(|| Stamp {
        file: [
            makedev(found.stx_dev_major, found.stx_dev_minor),
            found.stx_ino,
        ],
        length: found.stx_size,
        written: time(found.stx_mtime),
        changed: time(found.stx_ctime),
    }))
}

/// The state of the file at a path, `None` for anything but a regular one.
#[cfg(not(target_os = "linux"))]
pub fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    Ok(stamp_of(&std::fs::metadata(path)?))
}

impl Stamp {
    /// When it was last changed in any way; `None` for a time that no clock shows.
    pub fn changed(&self) -> Option<std::time::SystemTime> {
        use std::time::{Duration, UNIX_EPOCH};
        let [seconds, nanoseconds] = self.changed;
        let seconds = Duration::from_secs(u64::try_from(seconds).ok()?);
        let nanoseconds = Duration::from_nanos(u64::try_from(nanoseconds).ok()?);
        UNIX_EPOCH.checked_add(seconds)?.checked_add(nanoseconds)
    }
}
