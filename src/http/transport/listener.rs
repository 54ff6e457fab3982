//! Listening sockets of either kind: TCP, and local sockets with a path.

use super::socket::Socket;
use crate::sys;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
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

/// Where a server listens.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// The address and the port that were taken.
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
pub(in crate::http) enum Listener {
    Tcp(TcpListener),
    Local(sys::LocalListener, PathBuf),
}

impl Listener {
    /// Binds every socket that `listen` asks for. Errors name the address.
    pub(in crate::http) fn bind(listen: &Listen) -> io::Result<Vec<Listener>> {
        match listen {
            Listen::Tcp(address) => bind_tcp(address).map_err(|error| explain(error, address)),
            Listen::Unix(path) => bind_local(path)
                .map(|listener| vec![Listener::Local(listener, path.clone())])
                .map_err(|error| explain(error, &path.display())),
        }
    }

    /// Checks whether such sockets could be bound, without binding one.
    pub(in crate::http) fn check(listen: &Listen) -> io::Result<()> {
        match listen {
            Listen::Tcp(address) if address.starts_with(':') => Ok(()),
            Listen::Tcp(address) => {
                let found = address.to_socket_addrs();
                let found = found.and_then(|mut found| found.next().ok_or_else(sys::no_address));
                found.map(drop).map_err(|error| explain(error, address))
            }
            Listen::Unix(path) => {
                check_local(path).map_err(|error| explain(error, &path.display()))
            }
        }
    }

    /// Where it listens.
    pub(in crate::http) fn bound(&self) -> io::Result<Bound> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().map(Bound::Tcp),
            Listener::Local(_, path) => Ok(Bound::Unix(path.clone())),
        }
    }

    /// Waits for the next connection.
    pub(in crate::http) fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, remote) = listener.accept()?;
                // On a socket for both families an IPv4 address arrives as ::ffff:a.b.c.d.
                let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
                Ok((Socket::from_tcp(stream), Some(remote)))
            }
            Listener::Local(listener, _) => Ok((Socket::from_local(listener.accept()?.0), None)),
        }
    }

    /// Wakes the thread in [`Listener::accept`], which will find that the server is stopping.
    pub(in crate::http) fn interrupt(&self) {
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

fn explain(error: io::Error, address: &dyn fmt::Display) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}

fn bind_tcp(address: &str) -> io::Result<Vec<Listener>> {
    let listeners = match address.strip_prefix(':') {
        Some(port) => {
            let wrong = |_| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the port must be a number from 0 to 65535",
                )
            };
            sys::bind_all_interfaces(port.parse().map_err(wrong)?)?
        }
        None => vec![sys::bind(address)?],
    };
    Ok(listeners.into_iter().map(Listener::Tcp).collect())
}

/// Replaces a socket file only if nobody listens on it: never another kind of file, never a socket
/// in use.
fn bind_local(path: &Path) -> io::Result<sys::LocalListener> {
    if sys::is_socket(path) {
        match sys::LocalStream::connect(path) {
            Ok(_) => {
                let message = "another process is listening on it";
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

/// Whether a socket could be bound there: its directory exists and is writable, and nothing else
/// has its name.
fn check_local(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    if !std::fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    if path.symlink_metadata().is_ok() && !sys::is_socket(path) {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    sys::may_write(directory)
}

/// Opens and drops a connection to our own listener, to wake it from `accept`.
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
