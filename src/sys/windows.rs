//! The Windows side's own pieces of `sys`: waiting for bytes and the mode of the console (the only
//! `unsafe`), and local sockets, which cannot exist there.

use std::io;
use std::net::Shutdown;
use std::os::windows::io::{AsRawHandle, AsRawSocket, RawHandle, RawSocket};
use std::path::Path;
use std::time::Duration;

#[repr(C)]
struct PollDescriptor {
    socket: RawSocket,
    events: i16,
    returned: i16,
}

/// `POLLRDNORM | POLLRDBAND` of winsock2.h.
const POLL_IN: i16 = 0x0300;

#[link(name = "ws2_32")]
unsafe extern "system" {
    fn WSAPoll(descriptors: *mut PollDescriptor, count: u32, timeout: i32) -> i32;
}

/// Waits until a read would not block; `WouldBlock` after `tick`.
pub fn wait_readable(stream: &impl AsRawSocket, tick: Duration) -> io::Result<()> {
    let mut descriptor = PollDescriptor {
        socket: stream.as_raw_socket(),
        events: POLL_IN,
        returned: 0,
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

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetConsoleMode(console: RawHandle, mode: *mut u32) -> i32;
    fn SetConsoleMode(console: RawHandle, mode: u32) -> i32;
}

/// How the console on standard input is set; an error when there is none.
pub fn console_mode() -> io::Result<u32> {
    let mut mode = 0;
    // SAFETY: the handle is that of standard input, which nobody closes; `mode` is alive.
    match unsafe { GetConsoleMode(io::stdin().as_raw_handle(), &mut mode) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(mode),
    }
}

/// Sets the console on standard input.
pub fn set_console_mode(mode: u32) -> io::Result<()> {
    // SAFETY: the handle is that of standard input, which nobody closes.
    match unsafe { SetConsoleMode(io::stdin().as_raw_handle(), mode) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn unsupported<T>() -> io::Result<T> {
    let message = "unix sockets are not supported on Windows; use host:port";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// A listener that cannot be made.
#[derive(Debug)]
pub enum LocalListener {}

/// A connection that cannot be made.
#[derive(Debug)]
pub enum LocalStream {}

impl LocalListener {
    /// Always an error.
    pub fn bind(_path: &Path) -> io::Result<LocalListener> {
        unsupported()
    }

    /// Never called.
    pub fn accept(&self) -> io::Result<(LocalStream, ())> {
        match *self {}
    }
}

impl LocalStream {
    /// Always an error.
    pub fn connect(_path: &Path) -> io::Result<LocalStream> {
        unsupported()
    }

    /// Never called.
    pub fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        match *self {}
    }

    /// Never called.
    pub fn set_read_timeout(&self, _timeout: Option<Duration>) -> io::Result<()> {
        match *self {}
    }

    /// Never called.
    pub fn set_write_timeout(&self, _timeout: Option<Duration>) -> io::Result<()> {
        match *self {}
    }
}

impl io::Read for &LocalStream {
    fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
        match **self {}
    }
}

impl io::Write for &LocalStream {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        match **self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match **self {}
    }
}

impl AsRawSocket for LocalStream {
    fn as_raw_socket(&self) -> RawSocket {
        match *self {}
    }
}
