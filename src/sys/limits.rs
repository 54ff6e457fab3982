//! The limit of open files, and running out of them.

use std::fs::File;
use std::io;

/// Raises the soft limit of open files to the hard one and returns it; `None`
/// when there is none. Every connection needs one file, every blob in transit another.
#[cfg(unix)]
pub fn raise_open_files_limit() -> io::Result<Option<u64>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    Ok(limit.maximum)
}

/// Windows has no such limit.
#[cfg(windows)]
pub fn raise_open_files_limit() -> io::Result<Option<u64>> {
    Ok(None)
}

/// Lets every other thread go before this one.
#[cfg(target_os = "linux")]
pub fn lower_priority() {
    // On Linux it is that of the thread. If it stays, the work is done all the same.
    let _ = rustix::process::nice(19);
}

/// Not every system has priorities of threads.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn lower_priority() {}

#[cfg(windows)]
pub use super::windows::lower_priority;

/// Whether the process or the system ran out of file descriptors, or of memory for them: it may soon be
/// over.
#[cfg(unix)]
pub fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

/// Whether the process ran out of sockets, or of handles or memory for files: it may soon be over.
#[cfg(windows)]
pub fn is_out_of_files(error: &io::Error) -> bool {
    use windows_sys::Win32::Foundation::{
        ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY, ERROR_TOO_MANY_OPEN_FILES,
    };
    use windows_sys::Win32::Networking::WinSock::{WSAEMFILE, WSAENOBUFS};
    let code = error.raw_os_error();
    matches!(code, Some(WSAEMFILE | WSAENOBUFS))
        || matches!(
            code.map(i32::cast_unsigned),
            Some(ERROR_NO_SYSTEM_RESOURCES | ERROR_NOT_ENOUGH_MEMORY | ERROR_TOO_MANY_OPEN_FILES)
        )
}

/// A file descriptor to keep in reserve: with none left, no client could get a response.
#[cfg(unix)]
pub fn spare_file() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Windows has no such limit.
#[cfg(windows)]
pub fn spare_file() -> Option<File> {
    None
}
