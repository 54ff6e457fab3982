//! More clients than there is room for: connections in all and of one address, and the memory of heads.

use super::{FILE_BYTES, Served, length_and_digest, pattern};
use crate::util::pace::breathe;
use crate::util::raw::Raw;
use registry::http::{Limits, Listen, Load, TrustedProxies};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Limits without deadlines in sight.
fn room_for(connections: usize, per_address: usize) -> Limits {
    Limits {
        connections_max: connections,
        connections_per_address_max: per_address,
        ..Limits::default()
    }
}

/// Does one request and waits until the server counts that many idle connections.
fn make_idle(served: &Served, client: &mut Raw, idle: usize) {
    assert_eq!(client.request("/empty").response().status, 200);
    assert_eq!(served.next_sent(), "GET /empty 200 0");
    wait_idle(served, idle);
}

fn wait_idle(served: &Served, idle: usize) {
    wait_for_load(served, |load| load.idle == idle);
}

fn wait_for_load(served: &Served, is_reached: impl Fn(&Load) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let load = served.control.load();
        if is_reached(&load) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{} of {} are idle",
            load.idle,
            load.open
        );
        breathe();
    }
}

fn assert_overloaded(client: &mut Raw) {
    let response = client.response();
    assert_eq!(response.status, 503);
    assert_eq!(response.header("Retry-After"), Some("1"));
    assert_eq!(response.header("Connection"), Some("close"));
    client.expect_end();
}

#[test]
fn at_the_cap_the_oldest_idle_connection_goes_and_then_newcomers_are_refused() {
    let served = Served::new(room_for(3, 100));
    let mut clients: Vec<Raw> = (0..3).map(|_| served.connect()).collect();
    // The middle one rests longest, whatever the order they came in.
    for at in [1, 0, 2] {
        wait_idle(&served, 3);
        make_idle(&served, &mut clients[at], 3);
    }
    let mut newcomer = served.connect();
    clients[1].expect_end();
    newcomer.request("/hold");
    served.wait_entered();
    clients[0].request("/hold");
    served.wait_entered();
    clients[2].request("/hold");
    served.wait_entered();
    for _ in 0..3 {
        let mut refused = served.connect();
        assert_overloaded(refused.request("/empty"));
    }
    // Nobody read what they asked for.
    assert!(served.sent.try_recv().is_err());
    for _ in 0..3 {
        served.release.send(()).unwrap();
    }
    assert_eq!(newcomer.response().text(), "held");
    assert_eq!(clients[0].response().text(), "held");
    assert_eq!(clients[2].response().text(), "held");
    wait_idle(&served, 3);
    assert_eq!(served.connect().request("/empty").response().status, 200);
}

/// Refused clients that are tried at most: what they may still send they may only send for a moment.
const REFUSED_MAX: usize = 10;

#[test]
fn a_refused_client_that_still_sends_reads_why_and_is_not_reset() {
    let served = Served::new(room_for(1, 100));
    let mut busy = served.connect();
    busy.request("/hold");
    served.wait_entered();
    let piece = [b'x'; 4096];
    let is_heard = |_| {
        let mut refused = served.connect();
        assert_eq!(refused.request("/empty").response().status, 503);
        // The first to a closed connection is reset, and the next fails.
        let sent = (0..4).all(|_| refused.stream.write_all(&piece).is_ok());
        sent && refused.stream.read(&mut [0]).is_ok_and(|count| count == 0)
    };
    assert!((0..REFUSED_MAX).any(is_heard));
    served.release.send(()).unwrap();
    assert_eq!(busy.response().text(), "held");
}

#[test]
fn one_address_cannot_take_every_place() {
    let served = Served::on(&Listen::Tcp(":0".to_owned()), room_for(100, 1));
    let at = |ip| TcpStream::connect(SocketAddr::new(ip, served.address.port())).map(Raw::over);
    let mut busy = at(Ipv4Addr::LOCALHOST.into()).unwrap();
    busy.request("/hold");
    served.wait_entered();
    assert_overloaded(&mut at(Ipv4Addr::LOCALHOST.into()).unwrap());
    if let Ok(mut other) = at(Ipv6Addr::LOCALHOST.into()) {
        assert_eq!(other.request("/empty").response().status, 200);
    }
    served.release.send(()).unwrap();
    assert_eq!(busy.response().text(), "held");
    wait_for_load(&served, |load| load.idle == load.open);
    let mut next = at(Ipv4Addr::LOCALHOST.into()).unwrap();
    assert_eq!(next.request("/empty").response().status, 200);
    busy.expect_end();
}

/// Asks in the name of a client, as a proxy does.
fn hold_for(served: &Served, client: &str) -> Raw {
    let mut connection = served.connect();
    connection.send(format!(
        "GET /hold HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n"
    ));
    connection
}

#[test]
fn behind_a_trusted_proxy_each_client_has_its_own_limit() {
    let served = Served::new(room_for(100, 2));
    let mut held = Vec::new();
    // More than the proxy's address could have.
    for client in [
        "192.0.2.1",
        "192.0.2.1",
        "192.0.2.2",
        "2001:db8::1",
        "2001:db8::2",
        "192.0.2.3",
    ] {
        held.push(hold_for(&served, client));
        served.wait_entered();
    }
    for (client, other) in [
        ("192.0.2.1", "192.0.2.2"),
        ("198.51.100.9, 192.0.2.1", "192.0.2.3"),
        ("2001:db8::3", "192.0.2.4"),
    ] {
        let mut refused = hold_for(&served, client);
        let response = refused.response();
        assert_eq!(response.status, 429, "{client}");
        assert_eq!(response.header("Retry-After"), Some("1"));
        // Another client's request comes over the same connection; each time of one whose last request has surely ended.
        let next = format!("GET /empty HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {other}\r\n\r\n");
        assert_eq!(refused.send(next).response().status, 200);
    }
    for _ in &held {
        served.release.send(()).unwrap();
    }
    for client in &mut held {
        assert_eq!(client.response().text(), "held");
    }
    // Those that were refused may still be going.
    wait_for_load(&served, |load| load.idle == load.open);
    let mut again = hold_for(&served, "192.0.2.1");
    served.wait_entered();
    served.release.send(()).unwrap();
    assert_eq!(again.response().text(), "held");
}

#[test]
fn a_peer_that_names_no_client_or_is_not_trusted_keeps_its_limit() {
    let nobody = TrustedProxies(Vec::new());
    for (trusted, client) in [
        (TrustedProxies::default(), "unknown"),
        (nobody, "192.0.2.1"),
    ] {
        let served = Served::new(Limits {
            trusted_proxies: trusted,
            ..room_for(100, 2)
        });
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(hold_for(&served, client));
            served.wait_entered();
        }
        assert_overloaded(&mut hold_for(&served, client));
        for _ in &held {
            served.release.send(()).unwrap();
        }
        for connection in &mut held {
            assert_eq!(connection.response().text(), "held");
        }
    }
}

#[test]
fn a_proxy_leaves_places_to_others() {
    let served = Served::on(&Listen::Tcp(":0".to_owned()), room_for(16, 2));
    let proxy = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), served.address.port());
    let mut held = Vec::new();
    for number in 0..14 {
        let mut connection = Raw::connect(proxy);
        connection.send(format!(
            "GET /hold HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.{number}\r\n\r\n"
        ));
        served.wait_entered();
        held.push(connection);
    }
    assert_overloaded(&mut Raw::connect(proxy));
    let other = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), served.address.port());
    if let Ok(other) = TcpStream::connect(other) {
        assert_eq!(Raw::over(other).request("/empty").response().status, 200);
    }
    for _ in &held {
        served.release.send(()).unwrap();
    }
    for connection in &mut held {
        assert_eq!(connection.response().text(), "held");
    }
}

#[test]
fn a_storm_of_connections_beyond_the_cap_leaves_the_server_well() {
    let served = Served::new(room_for(8, 100));
    let address = served.address;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(move || {
                for _ in 0..100 {
                    let mut client = Raw::connect(address);
                    let rest = client
                        .send("GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                        .rest();
                    let fine = rest.is_empty()
                        || rest.starts_with(b"HTTP/1.1 200 ")
                        || rest.starts_with(b"HTTP/1.1 503 ");
                    assert!(fine, "{}", String::from_utf8_lossy(&rest));
                }
            });
        }
    });
    assert_eq!(served.connect().request("/empty").response().status, 200);
}

/// A GET with a header of that many bytes.
fn large_head(path: &str, bytes: usize) -> String {
    let token = "t".repeat(bytes);
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n")
}

#[test]
fn large_heads_share_a_bounded_memory_and_small_ones_need_none() {
    const KIB: usize = 1024;
    let served = Served::new(Limits {
        // A head is there twice while it is parsed; then an eighth of what is left must be as much.
        memory_bytes_max: 2030 * KIB,
        ..Limits::default()
    });
    // While it is parsed it is there twice, and once until it is answered.
    let mut first = served.connect();
    first.send(large_head("/hold", 100 * KIB));
    served.wait_entered();
    let mut second = served.connect();
    let mut small = served.connect();
    for _ in 0..2 {
        second = served.connect();
        assert_overloaded(second.send(large_head("/empty", 100 * KIB)));
        assert_eq!(small.request("/empty").response().status, 200);
        assert_eq!(
            small.send(large_head("/empty", 3 * KIB)).response().status,
            200
        );
    }
    drop(second);
    served.release.send(()).unwrap();
    assert_eq!(first.response().text(), "held");
    drop(small);
    let alone = Load { open: 1, idle: 1 };
    wait_for_load(&served, |load| *load == alone);
    for _ in 0..3 {
        let mut other = served.connect();
        assert_eq!(
            other
                .send(large_head("/empty", 100 * KIB))
                .response()
                .status,
            200
        );
        assert_eq!(
            first.send(large_head("/empty", 3 * KIB)).response().status,
            200
        );
        other.send("GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(other.response().status, 200);
        other.expect_end();
    }
    // One that never ends is refused as soon as there is no room for more of it.
    let mut endless = served.connect();
    let head = large_head("/empty", 250 * KIB);
    assert_overloaded(endless.send(&head[..head.len() - 4]));
}

#[test]
fn what_follows_a_body_counts_as_a_head() {
    const KIB: usize = 1024;
    let served = Served::new(Limits {
        memory_bytes_max: 100 * KIB,
        ..Limits::default()
    });
    let mut client = served.connect();
    client.send("PUT /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let next = large_head("/empty", 200 * KIB);
    client.send(format!("1\r\na\r\n0\r\n\r\n{next}"));
    assert_eq!(client.answer_to("PUT").text(), length_and_digest(b"a"));
    assert_overloaded(&mut client);
}

#[test]
fn an_answer_for_which_there_is_no_memory_is_503_and_the_connection_goes_on() {
    const KIB: usize = 1024;
    let served = Served::new(Limits {
        memory_bytes_max: 400 * KIB,
        ..Limits::default()
    });
    let mut client = served.connect();
    for path in ["/bytes", "/shared"] {
        let refused = client.request(&format!("{path}?{}", 50 * KIB)).response();
        assert_eq!(refused.status, 503);
        assert_eq!(refused.header("Retry-After"), Some("1"));
        for size in [16 * KIB, 40 * KIB] {
            let response = client.request(&format!("{path}?{size}")).response();
            assert!(response.body == pattern(size), "{path} {size}");
        }
    }
    // What is read while it is sent takes a small buffer where there is no room for a large one.
    for path in ["/reader", "/stream"] {
        let response = client.request(&format!("{path}?3000000")).response();
        assert!(response.body == pattern(3_000_000), "{path}");
    }
    let response = client.request("/file").response();
    assert!(response.body == pattern(FILE_BYTES));
}
