//! Connected sockets: waiting no longer than a tick, sending without a copy, and local sockets.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

#[cfg(windows)]
pub use super::windows::{LocalListener, LocalStream};
#[cfg(unix)]
pub use std::os::unix::net::{UnixListener as LocalListener, UnixStream as LocalStream};

/// Makes a blocked `accept` of this listening socket return an error, now and for ever; `false`
/// where the system does not support it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn interrupt_accept(listener: &impl std::os::fd::AsFd) -> bool {
    rustix::net::shutdown(listener, rustix::net::Shutdown::Both).is_ok()
}

/// Not supported on this system: connect to it instead.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn interrupt_accept<L>(_listener: &L) -> bool {
    false
}

/// Sets how long one [`receive`] or [`send`] may block before it returns `WouldBlock`: at most `tick`,
/// so that the caller can check its own deadlines. Sends on Windows get `patience`, because there a
/// send that timed out leaves the connection in an unknown state and must be its end.
#[cfg(unix)]
pub fn set_ticks(stream: &impl Timeouts, tick: Duration, _patience: Duration) -> io::Result<()> {
    stream.set_timeouts(tick, tick)
}

/// See the twin.
#[cfg(windows)]
pub fn set_ticks(stream: &impl Timeouts, tick: Duration, patience: Duration) -> io::Result<()> {
    stream.set_timeouts(tick, patience)
}

/// A stream socket that supports timeouts.
pub trait Timeouts {
    /// Sets the timeouts of reads and writes.
    fn set_timeouts(&self, read: Duration, write: Duration) -> io::Result<()>;
}

impl Timeouts for TcpStream {
    fn set_timeouts(&self, read: Duration, write: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(read))?;
        self.set_write_timeout(Some(write))
    }
}

impl Timeouts for LocalStream {
    fn set_timeouts(&self, read: Duration, write: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(read))?;
        self.set_write_timeout(Some(write))
    }
}

/// Whether the error means that a tick of [`set_ticks`] passed without a byte.
pub fn is_tick(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Reads what has arrived, waiting at most the tick set by [`set_ticks`].
#[cfg(unix)]
pub fn receive<S>(stream: &S, into: &mut [u8], _tick: Duration) -> io::Result<usize>
where
    for<'a> &'a S: io::Read,
{
    io::Read::read(&mut &*stream, into)
}

/// On Windows a receive that times out may lose bytes: wait first, then read what is there.
#[cfg(windows)]
pub fn receive<S>(stream: &S, into: &mut [u8], tick: Duration) -> io::Result<usize>
where
    for<'a> &'a S: io::Read,
    S: std::os::windows::io::AsRawSocket,
{
    super::windows::wait_readable(stream, tick)?;
    io::Read::read(&mut &*stream, into)
}

/// Sends some of `bytes`; `more` says that the next bytes follow at once, so that the system need
/// not send a small packet (a hint; ignored where it is not supported).
#[cfg(unix)]
pub fn send<S: std::os::fd::AsFd>(stream: &S, bytes: &[u8], more: bool) -> io::Result<usize> {
    Ok(rustix::net::send(stream, bytes, send_flags(more))?)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn send_flags(more: bool) -> rustix::net::SendFlags {
    use rustix::net::SendFlags;
    match more {
        true => SendFlags::NOSIGNAL | SendFlags::MORE,
        false => SendFlags::NOSIGNAL,
    }
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn send_flags(_more: bool) -> rustix::net::SendFlags {
    rustix::net::SendFlags::empty()
}

/// See the twin. A send that timed out is the end of the connection here: see [`set_ticks`].
#[cfg(windows)]
pub fn send<S>(stream: &S, bytes: &[u8], _more: bool) -> io::Result<usize>
where
    for<'a> &'a S: io::Write,
{
    io::Write::write(&mut &*stream, bytes).map_err(stopped_reading)
}

#[cfg(windows)]
fn stopped_reading(error: io::Error) -> io::Error {
    match is_tick(&error) {
        true => io::Error::new(io::ErrorKind::ConnectionAborted, "the peer stopped reading"),
        false => error,
    }
}

/// As [`send`], of several pieces in order and in one call.
#[cfg(unix)]
pub fn send_pieces<S: std::os::fd::AsFd>(
    stream: &S,
    pieces: &[io::IoSlice<'_>],
    more: bool,
) -> io::Result<usize> {
    let mut nothing = rustix::net::SendAncillaryBuffer::default();
    let flags = send_flags(more);
    Ok(rustix::net::sendmsg(stream, pieces, &mut nothing, flags)?)
}

/// See the twin.
#[cfg(windows)]
pub fn send_pieces<S>(stream: &S, pieces: &[io::IoSlice<'_>], _more: bool) -> io::Result<usize>
where
    for<'a> &'a S: io::Write,
{
    io::Write::write_vectored(&mut &*stream, pieces).map_err(stopped_reading)
}

/// Sends up to `length` bytes of `file` from `offset` to a socket inside the kernel. `Ok(None)`: this
/// system or this file does not support it; the caller copies through a buffer. `Ok(Some(0))`: the file ends.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn send_file<S: std::os::fd::AsFd>(
    stream: &S,
    file: &File,
    offset: u64,
    length: usize,
) -> io::Result<Option<usize>> {
    use rustix::io::Errno;
    let mut offset = offset;
    match rustix::fs::sendfile(stream, file, Some(&mut offset), length) {
        Ok(sent) => Ok(Some(sent)),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(None),
        // A volume on the network that does not respond, and no tick: a socket says EAGAIN.
        Err(Errno::TIMEDOUT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// No such call on this system: copy.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn send_file<S>(
    _stream: &S,
    _file: &File,
    _offset: u64,
    _length: usize,
) -> io::Result<Option<usize>> {
    Ok(None)
}

/// Whether there is a socket at `path` (not followed when it is a symbolic link).
#[cfg(unix)]
pub fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Local sockets are not supported on Windows.
#[cfg(windows)]
pub fn is_socket(_path: &Path) -> bool {
    false
}
