//! The only place with `unsafe` and with twins for the operating systems.

use std::io;
use std::path::Path;

/// Makes the entries of a folder survive a power loss.
#[cfg(unix)]
pub fn sync_directory(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// Makes the entries of a folder survive a power loss: NTFS journals them by itself, and a folder
/// cannot be flushed by a program without backup rights.
#[cfg(windows)]
pub fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}
