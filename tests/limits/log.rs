//! What the access log is told: requests, and how they ended. What has no request line is none.

use super::{FILE_BYTES, Served, quick};
use registry::http::Limits;

#[test]
fn what_has_no_request_line_is_not_told() {
    let served = Served::new(quick());
    drop(served.connect());
    served.connect().finish().expect_end();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let mut client = served.connect();
    let response = client.send(hello).response();
    // What the clients of Go know plain HTTP by.
    assert_eq!(response.status, 400);
    assert!(
        response.text().contains("plain HTTP"),
        "{}",
        response.text()
    );
    client.expect_end();
    for garbage in [
        &b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n"[..],
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"nonsense\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\r\n\r\n\r\n\r\n\r\n\r\n",
        b"* OK IMAP4\n",
    ] {
        let mut client = served.connect();
        assert_eq!(client.send(garbage).response().status, 400);
        client.expect_end();
    }
    // A head that stops before the end of its request line, and a client that stops.
    let mut late = served.connect();
    assert_eq!(late.send("GET /late HT").response().status, 408);
    served.connect().send("GET /gone HT").finish().expect_end();
    assert_eq!(served.finish(), [""; 0]);
}

#[test]
fn what_is_refused_is_told_by_its_request_line() {
    let served = Served::new(Limits {
        target_bytes_max: 2000,
        ..quick()
    });
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(3000));
    let headers = format!("GET /f HTTP/1.1\r\nA: {}", "a".repeat(1 << 20));
    for (head, told) in [
        ("GET /b HTTP/1.1\r\nHost : x\r\n\r\n", "GET /b 400 "),
        ("GET /v HTTP/3.0\r\n\r\n", "GET /v 505 "),
        (
            "PUT /l HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "PUT /l 400 ",
        ),
        ("GET /t HTTP/1.1\r\nHost: x\r\n", "GET /t 408 "),
        (&*headers, "GET /f 431 "),
    ] {
        let mut client = served.connect();
        client.send(head).rest();
        let line = served.next_sent();
        assert!(line.starts_with(told), "{line}");
    }
    served.connect().send(long).rest();
    let line = served.next_sent();
    assert!(line.starts_with("GET /aaaa"), "{line}");
    assert!(line.contains("aaa... 414 ") && line.len() < 1100, "{line}");
}

#[test]
fn a_client_that_goes_away_in_its_body_is_told_from_a_wrong_one() {
    let served = Served::new(Limits::default());
    let length = "PUT /length HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc";
    let chunked = "PUT /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (request, end) in [
        (length, ""),
        (chunked, ""),
        (chunked, "3\r\nab"),
        (chunked, "3\r\nabc\r\n"),
        (chunked, "3\r\nabc\r\n0\r\n"),
    ] {
        let mut client = served.connect();
        client.send(request).send(end).finish();
        assert_eq!(client.answer_to("PUT").status, 400);
        let line = served.next_sent();
        assert!(line.starts_with("PUT /length 499 "), "{end:?}: {line}");
    }
    // With a reset.
    let mut client = served.connect();
    client.send("GET /bytes?100000 HTTP/1.1\r\nHost: x\r\n\r\n");
    client.wait_for_first_byte();
    assert_eq!(served.next_sent(), "GET /bytes?100000 200 100000");
    client.send(length);
    // What it has not read makes its end a reset.
    drop(client);
    assert!(served.next_sent().starts_with("PUT /length 499 "));
    // What is wrong stays wrong.
    let mut client = served.connect();
    client.send(chunked).send("3\r\nabcd");
    assert_eq!(client.answer_to("PUT").status, 400);
    let line = served.next_sent();
    assert!(line.starts_with("PUT /length 400 "), "{line}");
}

#[test]
fn an_answer_that_nobody_takes_is_told_by_what_left() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    client.request("/file").take(100);
    drop(client);
    let line = served.next_sent();
    let bytes = line.strip_prefix("GET /file 200 ").unwrap();
    assert!(bytes.parse::<usize>().unwrap() < FILE_BYTES, "{line}");
    // It went away before the response was there.
    let mut client = served.connect();
    client.request("/bytes?100000").request("/hold");
    assert_eq!(served.next_sent(), "GET /bytes?100000 200 100000");
    served.wait_entered();
    drop(client);
    served.release.send(()).unwrap();
    assert_eq!(served.next_sent(), "GET /hold 499 0");
}
