//! The built program over TLS: a signal during a request, memory, a unix socket.
#![cfg(unix)]

use super::text;
use crate::util::image::{bytes, sha256};
use crate::util::program::{Program, stop_signals};
use crate::util::raw::Raw;
use crate::util::secure::{Client, Identity};

#[test]
fn a_request_in_flight_is_finished_after_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::new(folder.path(), "own");
    let mut program = Program::start(folder.path(), &text(folder.path(), &identity), &[]);
    let address = program.address();
    let content = bytes(1, 100_000);
    let mut client = Client::new(&[&identity]).connect(address);
    client.send("POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    let location = client.answer().field("Location").unwrap().to_owned();
    // The server asks for the body, so it is at work on the request when the signal comes.
    client.send(format!(
        "PUT {location}?digest={} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\
         Expect: 100-continue\r\n\r\n",
        sha256(&content)
    ));
    assert_eq!(client.answer().status, 100);
    client.send(&content[..50_000]);
    program.signal(stop_signals()[0]);
    program.wait_for("asked to stop");
    client.send(&content[50_000..]);
    let answer = client.answer();
    assert_eq!(
        (answer.status, answer.field("Connection")),
        (201, Some("close"))
    );
    client.expect_orderly_end();
    assert!(program.end().success());
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_idle_connections_add_little_memory() {
    registry::sys::raise_open_files_limit().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::new(folder.path(), "own");
    let mut program = Program::start(folder.path(), &text(folder.path(), &identity), &[]);
    let address = program.address();
    let idle = program.resident_kib();
    let client = Client::new(&[&identity]);
    let clients: Vec<_> = (0..1000)
        .map(|_| {
            let mut connection = client.connect(address);
            assert_eq!(connection.request("/v2/").answer().status, 200);
            // Only the socket: other tests in this process measure its memory.
            connection.stream.sock.try_clone().unwrap()
        })
        .collect();
    let added = program.resident_kib() - idle;
    eprintln!(
        "{idle} KiB idle, {added} KiB for {} connections",
        clients.len()
    );
    assert!(added < 80 * 1024, "{added} KiB");
}

#[test]
fn a_unix_socket_may_speak_tls_too() {
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::new(folder.path(), "own");
    let path = folder.path().join("registry.sock");
    let variables = [
        ("REGISTRY_HTTP_NET", "unix"),
        ("REGISTRY_HTTP_ADDR", path.to_str().unwrap()),
    ];
    let text = text(folder.path(), &identity);
    let mut program = Program::start(folder.path(), &text, &variables);
    program.wait_for("listening on ");
    let config = std::sync::Arc::new(Client::new(&[&identity]).config);
    let name = "localhost".try_into().unwrap();
    let connection = rustls::ClientConnection::new(config, name).unwrap();
    let socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let mut client = Raw::new(rustls::StreamOwned::new(connection, socket));
    assert_eq!(client.request("/v2/").answer().status, 200);
}
