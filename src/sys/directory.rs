//! A directory that is held open, so that what is below it is found without a walk from the root each time.

use std::io;
use std::path::Path;
use std::time::SystemTime;

/// What an entry is.
pub struct Looked {
    /// Whether it is a regular file, itself or at the end of a link.
    pub is_file: bool,
    /// Its length in bytes.
    pub length: u64,
    /// When it was last written.
    pub modified: SystemTime,
}

/// An open directory.
#[cfg(unix)]
pub struct OpenDirectory(std::os::fd::OwnedFd);

#[cfg(unix)]
impl OpenDirectory {
    /// Opens a directory, which need not be readable where the system can do without.
    pub fn open(path: &Path) -> io::Result<OpenDirectory> {
        use rustix::fs::{Mode, OFlags};
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let flags = OFlags::PATH;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let flags = OFlags::RDONLY;
        let flags = flags | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(OpenDirectory(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Looks at what is at a path below it; links are followed.
    pub fn look(&self, below: &str) -> io::Result<Looked> {
        use rustix::fs::{AtFlags, FileType, statat};
        let stat = statat(&self.0, below, AtFlags::empty())?;
        Ok(Looked {
            is_file: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
            length: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: time_of(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
        })
    }

    /// When something was last changed in a directory below it. A link is an error, whatever it leads to.
    pub fn directory_modified(&self, below: &str) -> io::Result<SystemTime> {
        use rustix::fs::{AtFlags, FileType, statat};
        let stat = statat(&self.0, below, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(time_of(stat.st_mtime.into(), stat.st_mtime_nsec.into())),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }
}

/// The time of so many seconds after 1970, or before, and nanoseconds after those.
#[cfg(unix)]
fn time_of(seconds: i128, nanoseconds: i128) -> SystemTime {
    use std::time::Duration;
    let seconds_only =
        Duration::from_secs(u64::try_from(seconds.unsigned_abs()).unwrap_or_default());
    let whole = match seconds < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(seconds_only),
        false => SystemTime::UNIX_EPOCH.checked_add(seconds_only),
    };
    let rest = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or_default());
    whole
        .and_then(|time| time.checked_add(rest))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Its path: this system's standard library opens nothing from a handle.
#[cfg(windows)]
pub struct OpenDirectory(std::path::PathBuf);

#[cfg(windows)]
impl OpenDirectory {
    /// See the twin.
    pub fn open(path: &Path) -> io::Result<OpenDirectory> {
        Ok(OpenDirectory(path.to_owned()))
    }

    /// See the twin.
    pub fn look(&self, below: &str) -> io::Result<Looked> {
        let metadata = std::fs::metadata(self.0.join(below.replace('/', r"\")))?;
        Ok(Looked {
            is_file: metadata.is_file(),
            length: metadata.len(),
            modified: metadata.modified()?,
        })
    }

    /// See the twin.
    pub fn directory_modified(&self, below: &str) -> io::Result<SystemTime> {
        let metadata = std::fs::symlink_metadata(self.0.join(below.replace('/', r"\")))?;
        match metadata.is_dir() {
            true => metadata.modified(),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }
}
