//! A listening socket that uses its port exclusively.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::os::windows::io::AsRawSocket;
use windows_sys::Win32::Networking::WinSock::{SO_EXCLUSIVEADDRUSE, SOL_SOCKET, setsockopt};

/// Listens on an address; the unspecified IPv6 address accepts IPv4 as well.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpStream};
    use windows_sys::Win32::Networking::WinSock::getsockopt;

    #[test]
    fn nobody_else_gets_the_port_even_one_who_wants_to_share_it() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let address = listen(address, 10).unwrap().local_addr().unwrap();
        // The port is free again when nothing listens on it any more.
        let first = listen(address, 10).unwrap();
        assert!(listen(address, 10).is_err());
        assert!(TcpListener::bind(address).is_err());
        let greedy = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        greedy.set_reuse_address(true).unwrap();
        let taken = greedy
            .bind(&address.into())
            .and_then(|()| greedy.listen(10));
        assert!(taken.is_err());
        // Linux, below Wine, lets nobody share: there only this tells that the port was asked for alone.
        assert!(is_alone(&first));
        assert!(!is_alone(&greedy));
    }

    fn is_alone(socket: &impl AsRawSocket) -> bool {
        let (handle, mut value) = (socket.as_raw_socket() as usize, [0; 4]);
        let mut length = value.len() as i32;
        // SAFETY: the socket is open; the value and its length are alive.
        let done = unsafe {
            getsockopt(
                handle,
                SOL_SOCKET,
                SO_EXCLUSIVEADDRUSE,
                value.as_mut_ptr(),
                &mut length,
            )
        };
        assert_eq!(done, 0);
        i32::from_ne_bytes(value) != 0
    }

    #[test]
    fn one_socket_takes_both_families() {
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let listener = listen(everywhere, 10).unwrap();
        let port = listener.local_addr().unwrap().port();
        for address in [
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        ] {
            let _client = TcpStream::connect(address).unwrap();
            let (_, remote) = listener.accept().unwrap();
            assert_eq!(remote.ip().to_canonical(), address.ip());
        }
    }
}
