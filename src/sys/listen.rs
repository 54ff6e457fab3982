//! Listening on TCP: on every address or a given one, with a long queue of waiting connections.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// How many connections may wait to be accepted; the system reduces it to its own limit.
const BACKLOG: i32 = 4096;

/// Listens on every interface: one socket for IPv6 and IPv4 where the system supports it, only IPv4 where
/// there is no IPv6. Port 0 takes a free one.
pub fn bind_all_interfaces(port: u16) -> io::Result<Vec<TcpListener>> {
    match listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Ok(listener) => Ok(vec![listener]),
        Err(error) if is_taken(&error) => Err(error),
        Err(_) => Ok(vec![listen(SocketAddr::from((
            Ipv4Addr::UNSPECIFIED,
            port,
        )))?]),
    }
}

/// Listens on `host:port`: on the first address of the host that can be bound.
pub fn bind(address: &str) -> io::Result<TcpListener> {
    let mut found = Err(no_address());
    for address in std::net::ToSocketAddrs::to_socket_addrs(address)? {
        found = listen(address);
        if found.is_ok() {
            break;
        }
    }
    found
}

/// The error for a host that exists and has no address.
pub fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address")
}

/// Whether another program uses the port. If it uses it exclusively, Windows reports a missing
/// permission.
fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
        || (cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied)
}

/// One socket; the unspecified IPv6 address accepts IPv4 as well, whatever the system's default.
#[cfg(unix)]
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// See the twin. The port is used exclusively: otherwise Windows lets another
/// program listen on it as well, and either may get the connections.
#[cfg(windows)]
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    super::windows::listen(address, BACKLOG).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "another program uses the port",
            io::ErrorKind::PermissionDenied => {
                "another program uses the port exclusively, or Windows reserves it (netsh interface ipv4 \
                 show excludedportrange protocol=tcp)"
            }
            _ => return error,
        };
        io::Error::new(error.kind(), format!("{why}: {error}"))
    })
}
