//! Heads: what is refused, with which status, and that nothing after a refusal is ever served.

use super::Served;
use registry::http::Limits;

/// Sends a head and a second request behind it: one refusal, then the end.
fn assert_refused(served: &Served, head: &[u8], status: u16) {
    let shown = String::from_utf8_lossy(&head[..head.len().min(120)]).into_owned();
    let mut client = served.connect();
    client.send(head);
    client.send("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, status, "{shown:?}: {}", response.text());
    assert_eq!(response.header("Connection"), Some("close"), "{shown:?}");
    assert_eq!(
        response.header("Content-Type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(response.text().ends_with(".\n"), "{}", response.text());
    client.expect_end();
    // Told by its request line if it has one; nothing else is.
    let told: Vec<String> = served.sent.try_iter().collect();
    let is_right = |line: &String| line.contains(&format!(" {status} "));
    assert!(told.len() <= 1 && told.iter().all(is_right), "{told:?}");
}

#[test]
fn ambiguous_lengths_are_refused() {
    let served = Served::new(Limits::default());
    let table = [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
        ("Content-Length: 5\r\nContent-Length: 6", 400),
        ("Content-Length: 5\r\ncontent-length: 5", 400),
        ("Content-Length: 5, 5", 400),
        ("Content-Length: 5,6", 400),
        ("Content-Length: +5", 400),
        ("Content-Length: -5", 400),
        ("Content-Length: 5 5", 400),
        ("Content-Length: 0x5", 400),
        ("Content-Length: 5.0", 400),
        ("Content-Length: abc", 400),
        ("Content-Length:", 400),
        ("Content-Length: 9223372036854775808", 400),
        ("Content-Length: 99999999999999999999999999", 400),
        ("Transfer-Encoding: gzip, chunked", 501),
        ("Transfer-Encoding: chunked, chunked", 501),
        ("Transfer-Encoding: identity", 501),
        ("Transfer-Encoding: xchunked", 501),
        ("Transfer-Encoding: chunked;q=1", 501),
        ("Transfer-Encoding:", 501),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            400,
        ),
        ("Transfer-Encoding : chunked", 400),
        ("Content-Length : 5", 400),
    ];
    for (headers, status) in table {
        let head = format!("PUT /echo HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\nhello");
        assert_refused(&served, head.as_bytes(), status);
    }
    let old = b"PUT /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_refused(&served, old, 400);
}

#[test]
fn malformed_lines_are_refused() {
    let served = Served::new(Limits::default());
    let table: &[&[u8]] = &[
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\nContent-Length: 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x01c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x7fc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA\t: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA\xc3\xa4: b\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
        b" GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        b"GET / http/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1\r\nHost: x\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET\r\n\r\n",
        b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03",
    ];
    for head in table {
        assert_refused(&served, head, 400);
    }
    for version in ["2.0", "0.9", "1.2", "3.0"] {
        let head = format!("GET / HTTP/{version}\r\nHost: x\r\n\r\n");
        assert_refused(&served, head.as_bytes(), 505);
    }
}

#[test]
fn targets_and_hosts_are_checked() {
    let served = Served::new(Limits::default());
    for target in [
        "*",
        "x",
        "x:80",
        "ftp://x/",
        "http:///a",
        "http://x?a",
        "/a#b",
        "/\u{e4}",
        "http:/a",
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_refused(&served, head.as_bytes(), 400);
    }
    for host in [
        "",
        "Host: x\r\nHost: x\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: a@b\r\n",
    ] {
        let head = format!("GET / HTTP/1.1\r\n{host}\r\n");
        assert_refused(&served, head.as_bytes(), 400);
    }
}

#[test]
fn sizes_of_heads_are_bounded() {
    let served = Served::new(Limits::default());
    let many = "A: b\r\n".repeat(100);
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert_refused(&served, head.as_bytes(), 431);
    let long = "b".repeat(256 * 1024);
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {long}\r\n\r\n");
    assert_refused(&served, head.as_bytes(), 431);
    let head = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(64 * 1024));
    assert_refused(&served, head.as_bytes(), 414);
    let endless = format!("GET /{}", "a".repeat(200 * 1024));
    assert_refused(&served, endless.as_bytes(), 414);
}

#[test]
fn a_header_line_of_64_mib_is_cut_off_early() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    client.send("GET / HTTP/1.1\r\nHost: x\r\nA: ");
    let piece = vec![b'a'; 1024 * 1024];
    for _ in 0..64 {
        client.send(&piece);
    }
    assert_eq!(client.response().status, 431);
    client.expect_end();
}

#[test]
fn heads_up_to_their_bounds_are_served() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let many = "A: b\r\n".repeat(99);
    client.send(format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"));
    assert_eq!(client.response().status, 200);
    let bare = "GET / HTTP/1.1\r\nHost: x\r\nA: \r\n\r\n".len();
    let long = "b".repeat(256 * 1024 - bare);
    client.send(format!("GET / HTTP/1.1\r\nHost: x\r\nA: {long}\r\n\r\n"));
    assert_eq!(client.response().status, 200);
    let target = format!("/{}", "a".repeat(64 * 1024 - 1));
    client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert!(client.response().text().contains(&target));
}

#[test]
fn every_form_of_a_good_head_is_understood() {
    let served = Served::new(Limits::default());
    let mut client = served.connect();
    let table = [
        (
            "GET /a?b=%20 HTTP/1.1\r\nhOST:x\r\n\r\n",
            "GET /a?b=%20 Some(\"x\") Some(0)",
        ),
        (
            "GET /a HTTP/1.1\r\nHost: \t x:1 \t \r\n\r\n",
            "GET /a Some(\"x:1\") Some(0)",
        ),
        (
            "GET /a HTTP/1.1\r\nHost:\r\n\r\n",
            "GET /a Some(\"\") Some(0)",
        ),
        (
            "GET /a HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n",
            "GET /a Some(\"[::1]:5000\") Some(0)",
        ),
        (
            "GET http://y/a?b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a?b Some(\"y\") Some(0)",
        ),
        (
            "GET HTTPS://y HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / Some(\"y\") Some(0)",
        ),
        (
            "BREW /a HTTP/1.1\r\nHost: x\r\n\r\n",
            "BREW /a Some(\"x\") Some(0)",
        ),
        (
            "\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a Some(\"x\") Some(0)",
        ),
        (
            "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 007\r\n\r\n1234567",
            "PUT /a Some(\"x\") Some(7)",
        ),
        (
            "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
            "PUT /a Some(\"x\") None",
        ),
        (
            "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "GET /a None Some(0)",
        ),
    ];
    for (head, expected) in table {
        assert_eq!(client.send(head).response().text(), expected, "{head:?}");
    }
    for cut in 1..table[0].0.len() {
        let (first, second) = table[0].0.split_at(cut);
        client.send(first).send(second);
        assert_eq!(client.response().text(), table[0].1, "{cut}");
    }
}
