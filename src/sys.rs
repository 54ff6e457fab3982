//! What differs between operating systems, in one place: only here and in the files of `sys/` there are
//! `cfg(unix)` / `cfg(windows)` twins, and only `sys/windows/` may hold `unsafe`.
//!
//! Every function here is small, keeps the same signature on both sides and says what the poorer
//! side does instead.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

#[cfg(unix)]
pub use std::os::unix::net::{UnixListener as LocalListener, UnixStream as LocalStream};

/// Raises the soft limit of open files to the hard one and gives the limit that holds now; `None`
/// where there is no such limit. Every connection needs one file, every blob on its way another.
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

/// Whether the process or the system ran out of file descriptors.
#[cfg(unix)]
pub fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

/// Whether the process ran out of sockets (`WSAEMFILE`, `WSAENOBUFS`).
#[cfg(windows)]
pub fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(10024 | 10055))
}

/// Makes a blocked `accept` of this listening socket return with an error, now and for ever; `false`
/// where the system cannot.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn interrupt_accept(listener: &impl std::os::fd::AsFd) -> bool {
    rustix::net::shutdown(listener, rustix::net::Shutdown::Both).is_ok()
}

/// Not here: connect to it instead.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn interrupt_accept<L>(_listener: &L) -> bool {
    false
}

/// Sets how long one [`receive`] or [`send`] may block before it says `WouldBlock`: `tick` at most,
/// so that the caller looks at its own deadlines. Sends on Windows get `patience`, because there a
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

/// Both kinds of stream socket take timeouts.
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

/// Whether the error says that a tick of [`set_ticks`] passed without a byte.
pub fn is_tick(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Reads what has come, waiting at most the tick set by [`set_ticks`].
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
    windows::wait_readable(stream, tick)?;
    io::Read::read(&mut &*stream, into)
}

/// Sends some of `bytes`; `more` says that the next bytes follow at once, so that the system need
/// not send a small packet (a hint; ignored where it is unknown).
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
/// system or this file cannot; the caller copies through a buffer. `Ok(Some(0))`: the file ends.
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
        Err(error) => Err(error.into()),
    }
}

/// No such call here: copy.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn send_file<S>(
    _stream: &S,
    _file: &File,
    _offset: u64,
    _length: usize,
) -> io::Result<Option<usize>> {
    Ok(None)
}

/// Reads some bytes of `file` from `offset`; the file's cursor is of no account.
#[cfg(unix)]
pub fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

/// Reads some bytes of `file` from `offset`; moves the file's cursor.
#[cfg(windows)]
pub fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, offset)
}

/// Creates a file that only its owner may read and write; fails when it is there.
#[cfg(unix)]
pub fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// Creates a file; fails when it is there. Who may read it is what the folder hands down.
#[cfg(windows)]
pub fn create_private(path: &Path) -> io::Result<File> {
    File::create_new(path)
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

mod disk;
mod listen;
pub mod service;
mod shutdown;
mod terminal;

pub use disk::{FOLDS_CASE, is_in_use, kept_name, literal, open_folder, sync_directory};
pub use listen::{bind, bind_all_interfaces};
pub use shutdown::on_shutdown_signal;
pub use terminal::{Shown, hide_typing, show_typing};

#[cfg(windows)]
pub use windows::{LocalListener, LocalStream};

#[cfg(windows)]
#[allow(unsafe_code)]
mod windows;

/// Two numbers that tell one file from another, and one state of it from the next: the file's number
/// and the time of its last change of any kind.
#[cfg(unix)]
pub fn file_identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let changed = metadata.ctime().wrapping_mul(1_000_000_000);
    let changed = changed.wrapping_add(metadata.ctime_nsec());
    (metadata.ino(), changed.cast_unsigned())
}

/// Windows gives no number of a file without opening it: the time of its making, which a file that
/// was renamed into place does not share.
#[cfg(windows)]
pub fn file_identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::windows::fs::MetadataExt;
    (metadata.creation_time(), metadata.last_write_time())
}

/// Gives a file the owner, group and permissions of another. An error when that is not allowed.
#[cfg(unix)]
pub fn copy_owner(file: &File, other: &std::fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (other.uid(), other.gid()) {
        fchown(file, Some(other.uid()), Some(other.gid()))?;
    }
    file.set_permissions(other.permissions())
}

/// Windows hands down from the folder who may read a file.
#[cfg(windows)]
pub fn copy_owner(_file: &File, _other: &std::fs::Metadata) -> io::Result<()> {
    Ok(())
}
