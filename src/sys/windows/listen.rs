//! One listening socket that shares its port with nobody.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::os::windows::io::AsRawSocket;
use windows_sys::Win32::Networking::WinSock::{SO_EXCLUSIVEADDRUSE, SOL_SOCKET, setsockopt};

/// Listens on an address; the IPv6 address of every interface takes IPv4 as well.
pub fn listen(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    take_alone(&socket)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    // A positive number above 200 means 200; SOMAXCONN_HINT of ws2def.h is the negative one.
    socket.listen(-backlog)?;
    Ok(socket.into())
}

fn take_alone(socket: &Socket) -> io::Result<()> {
    let yes = 1_i32.to_ne_bytes();
    let (handle, length) = (socket.as_raw_socket() as usize, yes.len() as i32);
    // SAFETY: the socket is open, the option takes a 32-bit number, and that is alive.
    let done = unsafe {
        setsockopt(
            handle,
            SOL_SOCKET,
            SO_EXCLUSIVEADDRUSE,
            yes.as_ptr(),
            length,
        )
    };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
