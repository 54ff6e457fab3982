//! Request bodies: by length, chunked, awaited with `100 Continue`, unread, broken.

use super::{Served, length_and_digest, pattern};
use crate::util::raw::Raw;
use registry::http::Limits;

/// The chunked coding of `data` in chunks of that size.
fn chunked(data: &[u8], size: usize) -> Vec<u8> {
    let mut coded = Vec::new();
    for chunk in data.chunks(size) {
        coded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        coded.extend_from_slice(chunk);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(b"0\r\n\r\n");
    coded
}

fn put(client: &mut Raw, path: &str, headers: &str, body: impl AsRef<[u8]>) {
    client.send(format!(
        "PUT {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n"
    ));
    client.send(body);
}

const CHUNKED: &str = "Transfer-Encoding: chunked";

#[test]
fn bodies_of_every_size_arrive_whole() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    for size in [0, 1, 4095, 4096, 4097, 100_000, 3_000_000] {
        let data = pattern(size);
        put(
            &mut client,
            "/length",
            &format!("Content-Length: {size}"),
            &data,
        );
        assert_eq!(client.response().text(), length_and_digest(&data), "{size}");
        for chunk in [1000, 4096, 32 * 1024, 1_000_000] {
            put(&mut client, "/length", CHUNKED, chunked(&data, chunk));
            assert_eq!(
                client.response().text(),
                length_and_digest(&data),
                "{size} by {chunk}"
            );
        }
        if size <= 100_000 {
            put(&mut client, "/echo", CHUNKED, chunked(&data, 7));
            assert!(client.response().body == data, "{size}");
        }
    }
}

#[test]
fn a_hundred_thousand_tiny_chunks_arrive() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let data = pattern(100_000);
    put(&mut client, "/length", CHUNKED, chunked(&data, 1));
    assert_eq!(client.response().text(), length_and_digest(&data));
    assert_eq!(client.request("/bytes?1").response().body, [0]);
}

#[test]
fn extensions_and_trailers_are_read_over() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let body = "5;a=b;c=\"d\"\r\nhello\r\n01 ; x\r\n!\r\n000\r\nDigest: x\r\nHost: y\r\n\r\n";
    put(&mut client, "/echo", CHUNKED, body);
    assert_eq!(client.response().text(), "hello!");
    assert_eq!(client.request("/bytes?1").response().body, [0]);
}

#[test]
fn chunks_may_be_cut_anywhere() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let body = b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n";
    for cut in 0..body.len() {
        put(&mut client, "/echo", CHUNKED, &body[..cut]);
        client.send(&body[cut..]);
        assert_eq!(client.response().text(), "hello!", "{cut}");
    }
}

#[test]
fn broken_chunks_reach_the_handler_as_an_error_and_end_the_connection() {
    let served = Served::new(Limits::default());
    let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(300));
    let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(60_000));
    let table = [
        "x\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "-5\r\n",
        "ffffffffffffffff1\r\n",
        &long,
        &trailers,
    ];
    for body in table {
        let mut client = served.connect();
        put(&mut client, "/echo", CHUNKED, body);
        client.request("/smuggled");
        let response = client.response();
        assert!(
            response
                .text()
                .starts_with("InvalidData: malformed chunked coding"),
            "{}",
            response.text()
        );
        assert_eq!(response.header("Connection"), Some("close"));
        client.expect_end();
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_is_an_error_to_the_handler() {
    let served = Served::new(Limits::default());
    for (headers, body) in [
        ("Content-Length: 1000000000000", "half"),
        (CHUNKED, "ffffffffff\r\nhalf"),
    ] {
        let mut client = served.connect();
        put(&mut client, "/echo", headers, body);
        let response = client.finish().response();
        assert!(
            response.text().starts_with("UnexpectedEof"),
            "{}",
            response.text()
        );
        client.expect_end();
    }
}

#[test]
fn a_terabyte_that_is_refused_costs_nothing() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    put(
        &mut client,
        "/refuse",
        "Content-Length: 1000000000000",
        vec![b'x'; 2_000_000],
    );
    let response = client.response();
    assert_eq!((response.status, response.text()), (401, "no"));
    assert_eq!(response.header("Connection"), Some("close"));
    client.expect_end();
    assert_eq!(served.connect().request("/empty").response().status, 200);
}

#[test]
fn a_small_unread_body_is_drained_and_the_connection_kept() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let most = vec![b'x'; 64 * 1024];
    for _ in 0..3 {
        put(&mut client, "/refuse", "Content-Length: 65536", &most);
        let response = client.response();
        assert_eq!(
            (response.status, response.header("Connection")),
            (401, None)
        );
        put(&mut client, "/refuse", CHUNKED, chunked(&most, 1000));
        let response = client.response();
        assert_eq!(
            (response.status, response.header("Connection")),
            (401, None)
        );
    }
    assert_eq!(client.request("/bytes?1").response().body, [0]);
}

#[test]
fn a_large_unread_body_ends_the_connection_after_the_answer() {
    let served = Served::new(Limits::default());
    let large = vec![b'x'; 64 * 1024 + 1];
    let mut client = served.connect();
    put(&mut client, "/refuse", "Content-Length: 65537", &large);
    let response = client.response();
    assert_eq!(
        (response.status, response.header("Connection")),
        (401, Some("close"))
    );
    client.expect_orderly_end();
    let mut client = served.connect();
    put(
        &mut client,
        "/refuse",
        CHUNKED,
        chunked(&vec![b'x'; 1_000_000], 1000),
    );
    client.request("/smuggled");
    assert_eq!(client.response().status, 401);
    client.expect_orderly_end();
}

#[test]
fn continue_is_said_when_the_handler_reads_and_not_before() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    for headers in [
        "Content-Length: 5\r\nExpect: 100-continue",
        "expect: 100-Continue\r\nTransfer-Encoding: chunked",
    ] {
        put(&mut client, "/echo", headers, "");
        assert_eq!(client.response().status, 100);
        client.send(if headers.starts_with('C') {
            "hello"
        } else {
            "5\r\nhello\r\n0\r\n\r\n"
        });
        assert_eq!(client.response().text(), "hello");
    }
    put(
        &mut client,
        "/echo",
        "Content-Length: 0\r\nExpect: 100-continue",
        "",
    );
    assert_eq!(client.response().status, 200);
    put(
        &mut client,
        "/refuse",
        "Content-Length: 5\r\nExpect: 100-continue",
        "",
    );
    let response = client.response();
    assert_eq!(
        (response.status, response.header("Connection")),
        (401, Some("close"))
    );
    client.expect_end();
}

#[test]
fn other_expectations_are_refused() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    put(
        &mut client,
        "/echo",
        "Content-Length: 5\r\nExpect: a miracle",
        "hello",
    );
    assert_eq!(client.response().status, 417);
    client.expect_end();
}

#[test]
fn http_1_0_is_never_told_to_continue() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    client.send("PUT /echo HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    assert_eq!(client.response().text(), "hello");
}
