//! The end of a server, and where it listens.

use super::{Served, quick};
use registry::http::{Limits, Listen};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

#[test]
fn what_is_in_flight_ends_and_idle_connections_are_closed_at_once() {
    let mut served = Served::new(Limits::default());
    let mut idle = served.connect();
    idle.request("/empty").response();
    let mut fresh = served.connect();
    let mut busy = served.connect();
    busy.request("/hold");
    served.wait_entered();
    busy.request("/empty");
    served.control.shutdown(LONG);
    idle.expect_end();
    fresh.expect_end();
    assert!(TcpStream::connect(served.address).is_err());
    served.release.send(()).unwrap();
    let response = busy.response();
    assert_eq!(
        (response.text(), response.header("Connection")),
        ("held", Some("close"))
    );
    busy.expect_end();
    served.join();
}

#[test]
fn what_does_not_end_within_the_drain_is_cut() {
    let mut served = Served::new(Limits::default());
    let mut client = served.connect();
    client.send(
        "PUT /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.response().status, 100);
    served.control.shutdown(LONG);
    served.control.clone().shutdown(Duration::from_millis(1));
    client.expect_end();
    served.join();
    assert_eq!(served.next_sent().split(' ').nth(2), Some("400"));
}

#[test]
fn a_server_stopped_before_it_ran_returns() {
    struct Nothing;
    impl registry::http::Handler for Nothing {
        type Note = ();

        fn handle(
            &self,
            _: &mut registry::http::Request<'_>,
            (): &mut (),
        ) -> registry::http::Response {
            registry::http::Response::new(200)
        }
    }
    let listen = Listen::Tcp("127.0.0.1:0".to_owned());
    let server =
        registry::http::Server::bind(&listen, quick(), std::sync::Arc::new(Nothing)).unwrap();
    server.control().shutdown(LONG);
    server.run();
}

#[test]
fn a_port_alone_means_every_interface() {
    let served = Served::on(&Listen::Tcp(":0".to_owned()), Limits::default());
    let port = served.address.port();
    assert_ne!(port, 0);
    assert!(served.address.ip().is_unspecified());
    let mut reached = 0;
    for ip in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        if let Ok(stream) = TcpStream::connect(SocketAddr::new(ip, port)) {
            let mut client = crate::util::raw::Raw::over(stream);
            assert_eq!(client.request("/empty").response().status, 200);
            reached += 1;
        }
    }
    let has_ipv6 = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    assert_eq!(reached, if has_ipv6 { 2 } else { 1 });
}

#[test]
fn an_address_that_cannot_be_had_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap().to_string();
    for address in [
        taken_address.as_str(),
        ":99999",
        ":",
        "127.0.0.1",
        "127.0.0.1:x",
    ] {
        let listen = Listen::Tcp(address.to_owned());
        let failed = registry::http::Server::bind(&listen, quick(), std::sync::Arc::new(Never));
        let error = failed.err().unwrap().to_string();
        assert!(error.contains(address), "{error}");
    }
}

struct Never;

impl registry::http::Handler for Never {
    type Note = ();

    fn handle(&self, _: &mut registry::http::Request<'_>, (): &mut ()) -> registry::http::Response {
        unreachable!("nothing is bound")
    }
}

#[cfg(unix)]
#[test]
fn a_unix_socket_replaces_a_dead_one_and_nothing_else() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listen = Listen::Unix(path.clone());
    // As a killed server leaves it. One of our own would be alive in a program that another test starts, until that runs.
    mknodat(CWD, &path, FileType::Socket, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let served = Served::on(&listen, Limits::default());
    let second = registry::http::Server::bind(&listen, quick(), std::sync::Arc::new(Never));
    assert_eq!(second.err().unwrap().kind(), std::io::ErrorKind::AddrInUse);

    let mut client = UnixStream::connect(&path).unwrap();
    let request = b"GET /some?1000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    client.write_all(request).unwrap();
    let mut response = Vec::new();
    client.read_to_end(&mut response).unwrap();
    assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(response.ends_with(&super::pattern(1_000_001)[1..]));

    assert_eq!(served.finish(), ["GET /some?1000000 200 1000000"]);
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    let over_file = registry::http::Server::bind(&listen, quick(), std::sync::Arc::new(Never));
    assert!(over_file.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}
