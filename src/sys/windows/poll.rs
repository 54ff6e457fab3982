//! Waiting for bytes.

use std::io;
use std::os::windows::io::AsRawSocket;
use std::time::Duration;
use windows_sys::Win32::Networking::WinSock::{POLLRDBAND, POLLRDNORM, WSAPOLLFD, WSAPoll};

/// Waits until a read would not block; `WouldBlock` after `tick`.
pub fn wait_readable(stream: &impl AsRawSocket, tick: Duration) -> io::Result<()> {
    let mut descriptor = WSAPOLLFD {
        // 64 bits hold a 64-bit handle, 32 a 32-bit one.
        fd: stream.as_raw_socket() as usize,
        events: POLLRDNORM | POLLRDBAND,
        revents: 0,
    };
    let milliseconds = i32::try_from(tick.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one descriptor, as `count` says, alive and unshared during the call; the socket is
    // open as long as `stream` is borrowed.
    match unsafe { WSAPoll(&mut descriptor, 1, milliseconds) } {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        1.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
