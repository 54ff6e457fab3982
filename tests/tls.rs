//! The registry over TLS: what is served, to whom, and what clients of bad manners get.

mod clients;
mod files;
mod reload;
mod terms;

use crate::util::image::{bytes, sha256};
#[cfg(unix)]
use crate::util::program::{Program, stop_signals};
use crate::util::raw::Raw;
use crate::util::registry::{Settings, TestRegistry};
use crate::util::secure::{Client, Identity};
use crate::util::tree::quick_directory;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use tempfile::TempDir;

/// A registry with a new certificate of its own.
struct Served {
    registry: TestRegistry,
    identity: Identity,
    _folder: TempDir,
}

impl Served {
    fn start(settings: impl FnOnce(Settings) -> Settings) -> Served {
        let directory = quick_directory();
        let identity = Identity::new(directory.path(), "own");
        let registry = settings(Settings::default().secure(&identity)).start();
        Served {
            registry,
            identity,
            _folder: directory,
        }
    }

    fn client(&self) -> Client {
        Client::new(&[&self.identity])
    }
}

/// The text of a configuration that serves over TLS with the data below a directory.
pub fn text(directory: &Path, identity: &Identity) -> String {
    format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
         http: {{addr: '127.0.0.1:0', draintimeout: 20s, {}}}\n",
        directory.join("data").display(),
        identity.section()
    )
}

#[test]
fn large_blobs_go_in_and_come_out_byte_for_byte() {
    let served = Served::start(|settings| settings);
    let registry = &served.registry;
    let content = bytes(7, 20_000_003);
    let digest = sha256(&content);
    let location = registry.post("/v2/a/blobs/uploads/").expect(202);
    let put = format!("{}&digest={digest}", location.header("Location"));
    registry.put(&put, &[], &content).expect(201);
    let path = format!("/v2/a/blobs/{digest}");
    assert!(registry.get(&path).expect(200).body == content);

    let location = registry.post("/v2/b/blobs/uploads/").expect(202);
    let chunked = registry.stream("PATCH", location.header("Location"), &mut &content[..]);
    let put = format!("{}&digest={digest}", chunked.expect(202).header("Location"));
    registry.put(&put, &[], b"").expect(201);
    let path = format!("/v2/b/blobs/{digest}");
    let range = [("Range", "bytes=16383-10000000")];
    let part = registry.call("GET", &path, &range, None).expect(206);
    assert!(part.body == content[16_383..=10_000_000]);
}

#[test]
fn a_whole_location_says_https_unless_a_proxy_says_otherwise() {
    let served = Served::start(|settings| settings.set("HTTP_RELATIVEURLS", "false"));
    let registry = &served.registry;
    let post = |headers: &[(&str, &str)]| {
        let response = registry.call("POST", "/v2/a/blobs/uploads/", headers, Some(b""));
        response.expect(202).header("Location").to_owned()
    };
    let own = format!("https://{}/v2/a/blobs/uploads/", registry.address);
    assert!(post(&[]).starts_with(&own));
    let proxied = [("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "a.b")];
    assert!(post(&proxied).starts_with("http://a.b/v2/a/blobs/uploads/"));
}

#[test]
fn plain_http_is_answered_in_words() {
    let served = Served::start(|settings| settings);
    let mut client = Raw::connect(served.registry.address);
    let response = client.request("/v2/").response();
    assert_eq!(response.status, 400);
    assert!(
        response.text().contains("This is an HTTPS port"),
        "{response:?}"
    );
    client.expect_orderly_end();
}

#[test]
fn what_is_neither_tls_nor_http_gets_an_alert() {
    let served = Served::start(|settings| settings);
    for junk in [
        &[0; 100][..],
        &[22, 3, 1, 0xff, 0xff, 1, 2],
        &[22, 3, 1, 0, 4, 9, 0, 0, 0],
    ] {
        let mut client = Raw::connect(served.registry.address);
        let response = client.send(junk).rest();
        assert_eq!(response.first(), Some(&21), "{response:?}");
    }
    served.registry.get("/v2/").expect(200);
}

#[test]
fn silent_and_half_clients_hold_nobody_up_and_are_let_go() {
    let served = Served::start(|settings| settings.set("HTTP_LIMITS_HEADTIMEOUT", "1s"));
    let address = served.registry.address;
    let mut clients: Vec<Raw> = (0..50).map(|_| Raw::connect(address)).collect();
    for client in clients.iter_mut().skip(25) {
        client.send([22, 3, 1, 2, 0, 1]);
    }
    served.registry.get("/v2/").expect(200);
    for client in &mut clients {
        client.expect_end();
    }
}

#[test]
fn a_client_without_a_place_is_told_by_an_alert() {
    let served = Served::start(|settings| settings.set("HTTP_LIMITS_CONNECTIONS", "1"));
    let address = served.registry.address;
    let mut busy = served.client().connect(address);
    busy.send("POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    let location = busy.response().header("Location").unwrap().to_owned();
    busy.send(format!(
        "PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(busy.response().status, 100);
    // "internal error", fatal.
    assert_eq!(Raw::connect(address).rest(), [21, 3, 3, 0, 2, 2, 80]);
    assert_eq!(busy.send("x").response().status, 202);
}

#[test]
fn requests_share_a_connection_and_it_ends_with_a_word() {
    let served = Served::start(|settings| settings);
    let mut client = served.client().connect(served.registry.address);
    client.request("/v2/").request("/v2/");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().status, 200);
    client.send("GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().status, 200);
    // An end without close_notify is an error of the read.
    client.expect_orderly_end();
}

#[test]
fn a_body_whose_connection_is_cut_is_not_taken_for_whole() {
    let served = Served::start(|settings| settings);
    let content = bytes(3, 100_000);
    let digest = sha256(&content);
    let location = served.registry.post("/v2/a/blobs/uploads/").expect(202);
    let location = location.header("Location").to_owned();
    let mut client = served.client().connect(served.registry.address);
    client.send(format!(
        "PUT {location}&digest={digest} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
         186A0\r\n"
    ));
    client.send(&content[..60_000]);
    client
        .stream
        .sock
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    let mut rest = Vec::new();
    let _ = client.stream.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP/1.1 201"));
    let path = format!("/v2/a/blobs/{digest}");
    served.registry.head(&path).expect(404);
}

#[test]
fn a_session_is_resumed() {
    let served = Served::start(|settings| settings);
    let client = served.client();
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut connection = client.connect(served.registry.address);
        assert_eq!(connection.request("/v2/").response().status, 200);
        kinds.push(connection.stream.conn.handshake_kind().unwrap());
    }
    let (full, resumed) = (rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed);
    assert_eq!(kinds, [full, resumed]);
}

#[test]
#[cfg(unix)]
fn a_request_in_flight_is_finished_after_a_signal() {
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "own");
    let mut program = Program::start(directory.path(), &text(directory.path(), &identity), &[]);
    let address = program.address();
    let content = bytes(1, 100_000);
    let mut client = Client::new(&[&identity]).connect(address);
    client.send("POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    let location = client.response().header("Location").unwrap().to_owned();
    // The server asks for the body, so it is at work on the request when the signal comes.
    client.send(format!(
        "PUT {location}&digest={} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\
         Expect: 100-continue\r\n\r\n",
        sha256(&content)
    ));
    assert_eq!(client.response().status, 100);
    client.send(&content[..50_000]);
    program.ask_to_stop(stop_signals()[0], address);
    client.send(&content[50_000..]);
    let response = client.response();
    assert_eq!(
        (response.status, response.header("Connection")),
        (201, Some("close"))
    );
    client.expect_orderly_end();
    assert!(program.end().success());
}

#[test]
#[cfg(target_os = "linux")]
fn idle_connections_add_little_memory() {
    registry::sys::raise_open_files_limit().unwrap();
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "own");
    let mut program = Program::start(directory.path(), &text(directory.path(), &identity), &[]);
    let address = program.address();
    let idle = program.resident_kib();
    let client = Client::new(&[&identity]);
    let count = crate::util::effort::effort(400, 1000);
    let clients: Vec<_> = (0..count)
        .map(|_| {
            let mut connection = client.connect(address);
            assert_eq!(connection.request("/v2/").response().status, 200);
            // Only the socket: other tests in this process measure its memory.
            connection.stream.sock.try_clone().unwrap()
        })
        .collect();
    let added = program.resident_kib() - idle;
    eprintln!(
        "{idle} KiB idle, {added} KiB for {} connections",
        clients.len()
    );
    assert!(added < 80 * count, "{added} KiB");
}

#[test]
#[cfg(unix)]
fn a_unix_socket_may_speak_tls_too() {
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "own");
    let path = directory.path().join("registry.sock");
    let variables = [
        ("REGISTRY_HTTP_NET", "unix"),
        ("REGISTRY_HTTP_ADDR", path.to_str().unwrap()),
    ];
    let text = text(directory.path(), &identity);
    let mut program = Program::start(directory.path(), &text, &variables);
    program.wait_for("listening on ");
    let config = std::sync::Arc::new(Client::new(&[&identity]).config);
    let name = "localhost".try_into().unwrap();
    let connection = rustls::ClientConnection::new(config, name).unwrap();
    let socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let mut client = Raw::new(rustls::StreamOwned::new(connection, socket));
    assert_eq!(client.request("/v2/").response().status, 200);
}

#[test]
fn a_client_that_trusts_another_certificate_stays_away() {
    let served = Served::start(|settings| settings);
    let directory = quick_directory();
    let other = Identity::new(directory.path(), "other");
    let mut client = Client::new(&[&other]).connect(served.registry.address);
    let local = client.stream.sock.local_addr().unwrap();
    let error = client.stream.write_all(b"GET").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let failed = format!("TLS handshake with {local} failed: ");
    let line = served.registry.wait_for_log(&failed);
    assert!(
        line.contains("it ended the handshake with the alert "),
        "{line}"
    );
}
