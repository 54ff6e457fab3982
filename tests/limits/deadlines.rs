//! Slow and silent clients: each kind is let go by its own deadline.

use super::{Served, length_and_digest, quick};
use crate::util::raw::Raw;
use registry::http::Limits;
use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

/// The pace of a client that drips: many of these pass before a deadline does.
const DRIP: Duration = Duration::from_millis(40);
/// A client that may drip so often was not stopped.
const DRIPS_MAX: usize = 500;

/// Sends a byte now and then until the server has finished the exchange.
fn drip(served: &Served, client: &mut Raw) -> String {
    for _ in 0..DRIPS_MAX {
        if let Ok(line) = served.sent.try_recv() {
            return line;
        }
        client.send("A");
        sleep(DRIP);
    }
    panic!("the server let a client drip for ever");
}

#[test]
fn a_head_that_stops_is_answered_408() {
    let served = Served::new(quick());
    for head in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA"] {
        let mut client = served.connect();
        let response = client.send(head).response();
        assert_eq!(
            (response.status, response.header("Connection")),
            (408, Some("close"))
        );
        client.expect_end();
    }
}

#[test]
fn a_head_that_drips_is_answered_408() {
    let served = Served::new(quick());
    let mut client = served.connect();
    client.send("GET /drip HTTP/1.1\r\n");
    assert!(drip(&served, &mut client).starts_with("GET /drip 408 "));
    assert!(client.rest().starts_with(b"HTTP/1.1 408 "));
}

#[test]
fn silent_connections_are_closed_without_a_word() {
    let served = Served::new(quick());
    let mut fresh = served.connect();
    let mut used = served.connect();
    used.request("/empty").response();
    let mut empty_lines = served.connect();
    empty_lines.request("/empty").response();
    empty_lines.send("\r\n");
    fresh.expect_end();
    used.expect_end();
    empty_lines.expect_end();
    assert_eq!(served.finish().len(), 2);
}

#[test]
fn three_hundred_half_open_clients_are_let_go() {
    let served = Served::new(quick());
    let half_open = |at: usize| {
        let mut client = served.connect();
        client.send(match at % 3 {
            0 => "",
            1 => "GET / HT",
            _ => "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
        });
        client
    };
    let mut clients: Vec<_> = (0..300).map(half_open).collect();
    for (at, client) in clients.iter_mut().enumerate() {
        let rest = String::from_utf8(client.rest()).unwrap();
        match at % 3 {
            0 => assert_eq!(rest, ""),
            1 => assert!(rest.starts_with("HTTP/1.1 408 "), "{rest}"),
            _ => assert!(rest.contains("TimedOut"), "{rest}"),
        }
    }
    assert_eq!(served.connect().request("/empty").response().status, 200);
}

#[test]
fn a_body_that_stops_is_an_error_to_the_handler() {
    let served = Served::new(quick());
    let mut client = served.connect();
    client.send("PUT /length HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello");
    let response = client.response();
    assert_eq!(response.text(), "TimedOut after 5");
    assert_eq!(response.header("Connection"), Some("close"));
    client.expect_end();
}

#[test]
fn a_body_that_drips_is_an_error_to_the_handler_and_one_that_flows_is_not() {
    let served = Served::new(quick());
    let mut client = served.connect();
    client.send("PUT /length HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    drip(&served, &mut client);
    let rest = String::from_utf8(client.rest()).unwrap();
    assert!(rest.contains("TimedOut after"), "{rest}");

    let mut client = served.connect();
    client.send("PUT /length HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    for _ in 0..25 {
        client.send(vec![1; 4000]);
        sleep(DRIP);
    }
    assert_eq!(client.response().text(), length_and_digest(&[1; 100_000]));
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let served = Served::new(Limits {
        memory_bytes_max: 1024 * 1024 * 1024,
        ..quick()
    });
    for path in ["/endless", "/file", "/bytes?80000000"] {
        let client = served.connect();
        let mut client = client;
        for _ in 0..10 {
            client.request(path);
        }
        let mut cut = false;
        while !cut {
            let line = served.next_sent();
            // Where the system takes nothing of an response before it takes all, none of it left.
            let is_told = line.starts_with(&format!("GET {path} 200 "));
            assert!(is_told || line == format!("GET {path} 499 0"), "{line}");
            cut = !line.ends_with(" 8388608") && !line.ends_with(" 80000000");
        }
    }
    assert_eq!(served.connect().request("/empty").response().status, 200);
}

#[test]
fn a_client_that_sends_on_after_a_refusal_is_cut() {
    let served = Served::new(quick());
    let mut client = served.connect();
    client.send("PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n");
    assert_eq!(served.next_sent(), "PUT /refuse 401 2");
    let cut = (0..DRIPS_MAX).any(|_| {
        sleep(DRIP);
        client.stream.write_all(b"A").is_err()
    });
    assert!(cut);
}
