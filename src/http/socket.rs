//! Listening and connected sockets of either kind; what TLS makes of their bytes is in `tls`.
//!
//! A connection's own thread and the threads that may cut it share the socket, so everything here
//! takes `&self` and no file descriptor is ever doubled.

use crate::sys;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where to listen.
#[derive(Clone, Debug, PartialEq)]
pub enum Listen {
    /// `host:port`, `[v6]:port`, or `:port` for every interface (IPv6 and IPv4 where the system has
    /// both). Port 0 takes a free port.
    Tcp(String),
    /// A unix socket at this path. A socket left there by a dead process is replaced; the file is
    /// removed at shutdown.
    Unix(PathBuf),
}

/// Where a server does listen.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// The address and the port that were really taken.
    Tcp(SocketAddr),
    /// The path of the unix socket.
    Unix(PathBuf),
}

impl Bound {
    /// The TCP address; `None` on a unix socket.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            Bound::Tcp(address) => Some(*address),
            Bound::Unix(_) => None,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Tcp(address) => address.fmt(formatter),
            Bound::Unix(path) => path.display().fmt(formatter),
        }
    }
}

/// One listening socket.
pub(super) enum Listener {
    Tcp(TcpListener),
    Local(sys::LocalListener, PathBuf),
}

impl Listener {
    /// Binds every socket that `listen` asks for. Errors name the address and what would help.
    pub(super) fn bind(listen: &Listen) -> io::Result<Vec<Listener>> {
        match listen {
            Listen::Tcp(address) => bind_tcp(address).map_err(|error| explain(error, address)),
            Listen::Unix(path) => bind_local(path)
                .map(|listener| vec![Listener::Local(listener, path.clone())])
                .map_err(|error| explain(error, &path.display())),
        }
    }

    /// Looks whether there could be such sockets, without making one.
    pub(super) fn look(listen: &Listen) -> io::Result<()> {
        match listen {
            Listen::Tcp(address) if address.starts_with(':') => Ok(()),
            Listen::Tcp(address) => {
                let found = address.to_socket_addrs();
                let found = found.and_then(|mut found| found.next().ok_or_else(sys::no_address));
                found.map(drop).map_err(|error| explain(error, address))
            }
            Listen::Unix(path) => look_local(path).map_err(|error| explain(error, &path.display())),
        }
    }

    /// Where it listens.
    pub(super) fn bound(&self) -> io::Result<Bound> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().map(Bound::Tcp),
            Listener::Local(_, path) => Ok(Bound::Unix(path.clone())),
        }
    }

    /// Waits for the next connection.
    pub(super) fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, remote) = listener.accept()?;
                // On a socket for both families IPv4 comes as ::ffff:a.b.c.d.
                let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
                Ok((Socket::new(Stream::Tcp(stream)), Some(remote)))
            }
            Listener::Local(listener, _) => {
                Ok((Socket::new(Stream::Local(listener.accept()?.0)), None))
            }
        }
    }
}

impl Listener {
    /// Wakes the thread in [`Listener::accept`], which will find that the server is stopping.
    pub(super) fn interrupt(&self) {
        let done = match self {
            Listener::Tcp(listener) => sys::interrupt_accept(listener),
            Listener::Local(listener, _) => sys::interrupt_accept(listener),
        };
        if !done && let Ok(bound) = self.bound() {
            let _ = knock(&bound);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Local(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn explain(error: io::Error, place: &dyn fmt::Display) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {place}: {error}"))
}

fn bind_tcp(address: &str) -> io::Result<Vec<Listener>> {
    let listeners = match address.strip_prefix(':') {
        Some(port) => {
            let wrong =
                |_| io::Error::new(io::ErrorKind::InvalidInput, "the port is not 0 to 65535");
            sys::bind_all_interfaces(port.parse().map_err(wrong)?)?
        }
        None => vec![sys::bind(address)?],
    };
    Ok(listeners.into_iter().map(Listener::Tcp).collect())
}

/// Replaces a socket file only if nobody answers there: never another kind of file, never a socket
/// in use.
fn bind_local(path: &Path) -> io::Result<sys::LocalListener> {
    if sys::is_socket(path) {
        match sys::LocalStream::connect(path) {
            Ok(_) => {
                let message = "another process listens there";
                return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
            }
            Err(error) => return Err(error),
        }
    }
    sys::LocalListener::bind(path)
}

/// Whether a socket could be made there: its folder is there and may be written to, and nothing else
/// has its name.
fn look_local(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !std::fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    if path.symlink_metadata().is_ok() && !sys::is_socket(path) {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    sys::may_write(folder)
}

/// Opens and drops a connection to one's own listener, to wake it from `accept`.
fn knock(bound: &Bound) -> io::Result<()> {
    match bound {
        Bound::Tcp(address) => {
            let mut address = *address;
            if address.ip().is_unspecified() {
                address.set_ip(match address {
                    SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                    SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
                });
            }
            TcpStream::connect_timeout(&address, Duration::from_millis(200)).map(drop)
        }
        Bound::Unix(path) => sys::LocalStream::connect(path).map(drop),
    }
}

/// One connected socket.
pub(super) struct Socket {
    stream: Stream,
    /// Both directions were ended by this process.
    ended: AtomicBool,
}

enum Stream {
    Tcp(TcpStream),
    Local(sys::LocalStream),
}

impl Socket {
    fn new(stream: Stream) -> Socket {
        Socket {
            stream,
            ended: AtomicBool::new(false),
        }
    }

    /// Sets what holds for the whole life of the connection: see [`sys::set_ticks`].
    pub(super) fn prepare(&self, tick: Duration, patience: Duration) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => {
                stream.set_nodelay(true)?;
                sys::set_ticks(stream, tick, patience.max(tick))
            }
            Stream::Local(stream) => sys::set_ticks(stream, tick, patience.max(tick)),
        }
    }

    /// Reads some bytes; 0 at the end of the stream; [`sys::is_tick`] when a tick passed.
    pub(super) fn receive(&self, into: &mut [u8], tick: Duration) -> io::Result<usize> {
        let received = match &self.stream {
            Stream::Tcp(stream) => sys::receive(stream, into, tick),
            Stream::Local(stream) => sys::receive(stream, into, tick),
        };
        match received {
            // Windows does not wake who waits for a socket that another thread has shut down.
            Err(error) if sys::is_tick(&error) && self.ended.load(Ordering::SeqCst) => Ok(0),
            other => other,
        }
    }

    /// Sends some bytes; `more` when others follow at once.
    pub(super) fn send(&self, bytes: &[u8], more: bool) -> io::Result<usize> {
        match &self.stream {
            Stream::Tcp(stream) => sys::send(stream, bytes, more),
            Stream::Local(stream) => sys::send(stream, bytes, more),
        }
    }

    /// Sends some bytes of these pieces, in order; `more` when others follow at once.
    pub(super) fn send_pieces(&self, pieces: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        match &self.stream {
            Stream::Tcp(stream) => sys::send_pieces(stream, pieces, more),
            Stream::Local(stream) => sys::send_pieces(stream, pieces, more),
        }
    }

    /// Sends some bytes of a file; `None` when that has to be done by a buffer.
    pub(super) fn send_file(
        &self,
        file: &File,
        offset: u64,
        length: usize,
    ) -> io::Result<Option<usize>> {
        match &self.stream {
            Stream::Tcp(stream) => sys::send_file(stream, file, offset, length),
            Stream::Local(stream) => sys::send_file(stream, file, offset, length),
        }
    }

    /// Whether [`Socket::shutdown`] ended both directions.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Ends one or both directions, from whatever thread.
    pub(super) fn shutdown(&self, how: Shutdown) {
        if how == Shutdown::Both {
            self.ended.store(true, Ordering::SeqCst);
        }
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(how),
            Stream::Local(stream) => stream.shutdown(how),
        };
    }
}
