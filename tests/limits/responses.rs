//! Answers: each kind of body, HEAD, HTTP/1.0, keep-alive and pipelining, handlers that fail.

use super::{FILE_BYTES, Served, pattern, quick};
use crate::util::server_log;
use registry::http::Limits;

#[test]
fn every_kind_of_body_arrives_whole_on_one_connection() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let sizes = [0, 1, 16_000, 16_384, 20_000, 262_144, 262_145, 3_000_000];
    for path in ["/bytes", "/shared", "/reader", "/stream"] {
        for size in sizes {
            let response = client.request(&format!("{path}?{size}")).response();
            assert_eq!(response.status, 200);
            assert!(response.body == pattern(size), "{path} {size}");
        }
    }
    for size in sizes {
        let response = client.request(&format!("/some?{size}")).response();
        assert!(response.body == pattern(size + 1)[1..], "file {size}");
    }
    let response = client.request("/file").response();
    assert!(response.body == pattern(FILE_BYTES));
    let empty = client.request("/empty").response();
    assert_eq!(empty.header("Content-Length"), Some("0"));
    assert!(empty.header("Date").is_some());
}

#[test]
fn pieces_of_files_and_text_between_them_leave_in_order() {
    let served = Served::new(Limits::default());
    let response = served.connect().request("/parts").response();
    let whole = pattern(2_000_000);
    let parts = [b"<<", &whole[5..15], b"|", &whole[1_000_000..], b">>"].concat();
    assert_eq!(response.header("Content-Length"), Some("1000015"));
    assert!(response.body == parts);
}

#[test]
fn head_is_answered_with_the_length_and_no_bytes() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    for (path, length) in [("/bytes?5", "5"), ("/file", "8388608"), ("/reader?7", "7")] {
        let head = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let response = client.send(head).answer_to("HEAD");
        assert_eq!(response.header("Content-Length"), Some(length), "{path}");
    }
    assert_eq!(client.request("/bytes?1").response().body, [0]);
    drop(client);
    let log = served.finish();
    assert_eq!(log[0], "HEAD /bytes?5 200 0");
    assert_eq!(log[3], "GET /bytes?1 200 1");
}

#[test]
fn statuses_that_allow_no_body_have_none() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    for status in [204, 304] {
        let response = client.request(&format!("/status?{status}")).response();
        assert_eq!(response.status, status);
        assert_eq!(response.header("Content-Length"), None);
        assert_eq!(response.header("Transfer-Encoding"), None);
    }
    assert_eq!(client.request("/status?404").response().body, b"body");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let mut requests = Vec::new();
    for at in 0..500 {
        let body = format!("body {at}");
        let length = body.len();
        requests.extend_from_slice(
            format!("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
                .as_bytes(),
        );
        requests.extend_from_slice(
            format!("PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n").as_bytes(),
        );
    }
    client.send(&requests);
    for at in 0..500 {
        assert_eq!(client.response().text(), format!("body {at}"));
        assert_eq!(client.response().text(), format!("body {at}"));
    }
}

#[test]
fn connection_close_is_obeyed() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    client.send("GET /bytes?3 HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n");
    let response = client.response();
    assert_eq!(response.header("Connection"), Some("close"));
    assert_eq!(response.body, [0, 1, 2]);
    client.expect_end();
}

#[test]
fn http_1_0_closes_by_default_and_is_kept_when_asked() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    client.send("GET /bytes?3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!(response.header("Connection"), Some("keep-alive"));
    let response = client
        .send("GET /stream?300000 HTTP/1.0\r\n\r\n")
        .response();
    assert_eq!(response.header("Transfer-Encoding"), None);
    assert_eq!(response.header("Connection"), Some("close"));
    assert!(response.body == pattern(300_000));
}

#[test]
fn an_unknown_length_closes_http_1_0_even_when_it_asked_to_be_kept() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    client.send("GET /stream?5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!(response.header("Connection"), Some("close"));
    assert_eq!(response.body, pattern(5));
}

#[test]
fn the_note_of_a_handler_reaches_the_report_and_is_empty_for_what_it_never_saw() {
    let served = Served::new(Limits::default());
    for (request, noted) in [
        ("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n", "/empty"),
        ("GET /panic HTTP/1.1\r\nHost: x\r\n\r\n", "/panic"),
        ("GET /empty HTTP/1.1\r\n\r\n", ""),
        ("GET /empty HTTP/3.0\r\nHost: x\r\n\r\n", ""),
    ] {
        let mut client = served.connect();
        client.send(request);
        client.response();
        let sent = served.next_sent();
        assert_eq!(served.noted.recv().unwrap(), noted, "{sent}");
    }
}

#[test]
fn a_panic_is_answered_500_and_the_server_lives() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let response = client.request("/panic").response();
    assert_eq!(response.status, 500);
    assert_eq!(response.header("Connection"), Some("close"));
    client.expect_end();
    assert_eq!(served.connect().request("/empty").response().status, 200);
    assert_eq!(served.finish()[0], "GET /panic 500 56");
}

#[test]
fn a_source_that_fails_cuts_the_answer_so_that_the_client_sees_it() {
    let served = Served::new(quick());
    for path in ["/break", "/short?100000", "/short?10", "/some?8388608"] {
        let mut client = served.connect();
        let rest = client.request(path).rest();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{path}");
        assert!(rest.len() < FILE_BYTES + 100, "{path}");
    }
    assert_eq!(served.connect().request("/empty").response().status, 200);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_a_client_that_goes_away_is_none() {
    server_log::keep();
    let served = Served::new(Limits::default());
    // In one write with the head, and by sendfile.
    for bytes in [1000, FILE_BYTES] {
        let path = format!("/unreadable?{bytes}");
        let mut client = served.connect();
        let rest = client.request(&path).rest();
        assert!(rest.len() < 1000, "{}", rest.len());
        let line = server_log::wait_for(&path);
        let told = "ERROR cannot read the body of the response to GET /unreadable?";
        assert!(line.starts_with(told), "{line}");
        assert!(served.next_sent().starts_with(&format!("GET {path} 200 0")));
    }
    let path = format!("/some?{}", FILE_BYTES - 7);
    let mut client = served.connect();
    client.request(&path).take(100);
    drop(client);
    let line = server_log::wait_for(&path);
    assert!(
        line.starts_with("DEBUG cannot send the response to GET /some?"),
        "{line}"
    );
}

#[test]
fn a_handlers_fields_cannot_break_the_framing() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let response = client.request("/liar").response();
    assert_eq!(response.header("Content-Length"), Some("0"));
    assert_eq!(response.header("X-Split"), Some("aSet-Cookie: b"));
    assert_eq!(client.request("/bytes?1").response().body, [0]);
}

#[test]
fn every_exchange_is_reported_once() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    client.request("/bytes?5").response();
    client.request("/stream?6").response();
    client.request("/some?20000").response();
    client.send("BREW / HTTP/9.9\r\n\r\n").response();
    drop(client);
    let log = served.finish();
    let expected = [
        "GET /bytes?5 200 5",
        "GET /stream?6 200 6",
        "GET /some?20000 200 20000",
    ];
    assert_eq!(log[..3], expected);
    assert!(log[3].starts_with("BREW / 505 "));
    assert_eq!(log.len(), 4);
}
