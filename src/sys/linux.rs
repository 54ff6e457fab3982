//! Calls that only Linux has and no safe interface covers.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;

/// Has the disk begin to write bytes of a file, and does not wait for it (`sync_file_range`). A file system that cannot do that
/// writes them when it likes; nothing is promised until the file is synced.
pub fn begin_write_back(file: &File, bytes: Range<u64>) {
    let offset = i64::try_from(bytes.start);
    let length = i64::try_from(bytes.end.saturating_sub(bytes.start));
    if let (Ok(offset), Ok(length)) = (offset, length) {
        // SAFETY: the descriptor is open as long as the file is borrowed, and no memory is passed.
        unsafe {
            libc::sync_file_range(
                file.as_raw_fd(),
                offset,
                length,
                libc::SYNC_FILE_RANGE_WRITE,
            );
        }
    }
}
