//! The built program while it serves: signals, exit codes, what survives a kill, memory.
#![cfg(unix)]

mod paused;

use crate::util::effort::effort;
use crate::util::image::{bytes, sha256};
use crate::util::program::{Program, command, slashed, stop_signals};
use crate::util::raw::Raw;
use crate::util::tree::quick_directory;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

/// A configuration with the data below a directory, on a free port.
fn text(directory: &Path, more: &str) -> String {
    let data = directory.join("data");
    format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
         http: {{addr: '127.0.0.1:0', draintimeout: 20s}}\n{more}",
        data.display()
    )
}

fn start(directory: &Path) -> Program {
    Program::start(directory, &text(directory, ""), &[])
}

/// Starts an upload session; gives its path.
fn session(client: &mut Raw) -> String {
    client.send("POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 202);
    response.header("Location").unwrap().to_owned()
}

fn put_head(location: &str, content: &[u8]) -> String {
    let digest = sha256(content);
    let length = content.len();
    format!(
        "PUT {location}&digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn push(client: &mut Raw, content: &[u8]) {
    let location = session(client);
    client.send(put_head(&location, content)).send(content);
    assert_eq!(client.response().status, 201);
}

#[test]
fn a_request_in_flight_is_finished_after_a_signal_and_the_exit_code_is_0() {
    for signal in stop_signals() {
        let directory = quick_directory();
        let mut program = start(directory.path());
        let address = program.address();
        let mut client = Raw::connect(address);
        let content = bytes(1, 100_000);
        let location = session(&mut client);
        // The server asks for the body, so it is at work on the request when the signal comes.
        let head = put_head(&location, &content);
        client.send(head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
        assert_eq!(client.response().status, 100);
        client.send(&content[..50_000]);
        program.ask_to_stop(signal, address);
        client.send(&content[50_000..]);
        let response = client.response();
        assert_eq!(response.status, 201, "{signal}");
        assert_eq!(response.header("Connection"), Some("close"));
        assert!(program.end().success());
        program.wait_for("stopped");
        let cut = program
            .lines
            .iter()
            .find(|line| line.contains("still active"));
        assert_eq!(cut, None);
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_an_upload_goes_on() {
    let directory = quick_directory();
    let (content, whole) = (bytes(1, 300_000), bytes(2, 400_000));
    let mut program = start(directory.path());
    let mut client = Raw::connect(program.address());
    push(&mut client, &content);
    let location = session(&mut client);
    let head = format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 250000\r\n\r\n");
    client.send(head).send(&whole[..250_000]);
    assert_eq!(client.response().status, 202);
    let unfinished = session(&mut client);
    client
        .send(put_head(&unfinished, &whole))
        .send(&whole[..200_000]);
    program.signal("KILL");
    assert!(!program.end().success());

    let mut program = start(directory.path());
    let mut client = Raw::connect(program.address());
    client.request(&format!("/v2/a/blobs/{}", sha256(&content)));
    assert!(client.response().body == content);
    let digest = sha256(&whole);
    client.request(&format!("/v2/a/blobs/{digest}"));
    assert_eq!(
        client.response().status,
        404,
        "what was never acknowledged is not seen"
    );
    client.request(&location);
    assert_eq!(client.response().header("Range"), Some("0-249999"));
    let head = format!(
        "PUT {location}&digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Range: 250000-399999\r\n\
         Content-Length: 150000\r\n\r\n"
    );
    client.send(head).send(&whole[250_000..]);
    assert_eq!(client.response().status, 201);
    client.request(&format!("/v2/a/blobs/{digest}"));
    assert!(client.response().body == whole);
}

#[test]
fn a_port_in_use_is_named_and_ends_the_program_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = quick_directory();
    let text = text(directory.path(), "");
    let mut program = Program::start(directory.path(), &text, &[("REGISTRY_HTTP_ADDR", &address)]);
    program.wait_for(&address);
    assert_eq!(program.end().code(), Some(1));
    assert!(
        !directory.path().join("data").exists(),
        "what cannot start makes nothing"
    );
}

#[test]
fn a_data_folder_that_is_a_file_is_named_and_ends_the_program_with_1() {
    let directory = quick_directory();
    fs::write(directory.path().join("data"), "").unwrap();
    let mut program = start(directory.path());
    let line = program.wait_for("rootdirectory");
    let data = directory.path().join("data");
    assert!(
        slashed(&line).contains(&slashed(data.to_str().unwrap())),
        "{line}"
    );
    assert_eq!(program.end().code(), Some(1));
}

#[test]
fn variables_of_the_environment_reach_the_registry() {
    let directory = quick_directory();
    let variables = [("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true")];
    let text = text(
        directory.path(),
        "log: {formatter: json, fields: {service: hub}}\n",
    );
    let mut program = Program::start(directory.path(), &text, &variables);
    let line = program.wait_for("listening on ");
    let record: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(record["level"], "info");
    assert_eq!(record["service"], "hub");
    let mut client = Raw::connect(program.address());
    client.send("POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 405);
    assert!(response.text().contains("read-only"), "{}", response.text());
    program.wait_for("\"POST /v2/a/blobs/uploads/ HTTP/1.1\" 405 ");
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    let directory = quick_directory();
    let path = directory.path().join("registry.sock");
    let text = text(directory.path(), "");
    let address = path.to_str().unwrap();
    let variables = [
        ("REGISTRY_HTTP_NET", "unix"),
        ("REGISTRY_HTTP_ADDR", address),
    ];
    let mut program = Program::start(directory.path(), &text, &variables);
    program.wait_for("listening on ");
    let mut client = UnixStream::connect(&path).unwrap();
    client
        .write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    program.signal("TERM");
    assert!(program.end().success());
    assert!(!path.exists());
}

#[test]
#[cfg(target_os = "linux")]
fn idle_memory_is_small_and_idle_connections_add_little() {
    registry::sys::raise_open_files_limit().unwrap();
    let directory = quick_directory();
    let mut program = start(directory.path());
    let address = program.address();
    let idle = program.resident_kib();
    assert!(idle < 12 * 1024, "{idle} KiB when idle");
    let count = effort(500, 1000);
    let clients: Vec<Raw> = (0..count)
        .map(|_| {
            let mut client = Raw::connect(address);
            client.request("/v2/");
            assert_eq!(client.response().status, 200);
            client
        })
        .collect();
    let added = program.resident_kib() - idle;
    assert!(
        added < 40 * count,
        "{added} KiB for {} idle connections",
        clients.len()
    );
    eprintln!(
        "{idle} KiB idle, {added} KiB for {} connections",
        clients.len()
    );
}

#[test]
fn who_finds_all_files_taken_is_told_to_try_again() {
    let directory = quick_directory();
    let path = directory.path().join("config.yml");
    fs::write(&path, text(directory.path(), "")).unwrap();
    let program = command();
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 48 && exec \"$@\"", "sh"])
        .arg(program.get_program())
        .arg("serve")
        .arg(&path);
    let mut program = Program::of(&mut limited);
    let address = program.address();
    let digest = {
        let mut client = Raw::connect(address);
        push(&mut client, b"content");
        sha256(b"content")
    };
    // Those that rest make room for newcomers, not for a file that a newcomer asks for.
    let mut resting = Vec::new();
    let response = loop {
        let mut client = Raw::connect(address);
        let first = client.request("/v2/").response().status;
        let response = client.request(&format!("/v2/a/blobs/{digest}")).response();
        match (first, response.status) {
            (200, 200) => resting.push(client),
            _ => break response,
        }
        assert!(resting.len() < 200, "the files do not run out");
    };
    assert_eq!(response.status, 503, "{}", response.text());
    assert!(
        response.text().contains("UNAVAILABLE"),
        "{}",
        response.text()
    );
    assert_eq!(response.header("Retry-After"), Some("1"));
    drop(resting);
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0));
}

/// The program with a short queue for its log, and nobody who reads it.
fn unread(directory: &Path) -> (Program, SocketAddr, Box<dyn FnOnce()>) {
    let path = directory.join("config.yml");
    fs::write(&path, text(directory, "log: {queuebytes: 64KiB}\n")).unwrap();
    Program::unread(command().arg("serve").arg(path))
}

/// More lines than a pipe and the queue of either log hold together.
const FLOOD: usize = 1300;

/// As many requests, each with a line in both logs, and each is answered.
fn flood(address: SocketAddr) {
    let mut client = Raw::connect(address);
    let agent = "a".repeat(200);
    for _ in 0..FLOOD {
        client.send(format!(
            "PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\nContent-Length: 2\r\n\r\n{{}}"
        ));
        assert_eq!(client.answer_to("PUT").status, 400);
    }
}

#[test]
fn where_nobody_reads_the_logs_clients_are_answered_and_a_signal_ends_it() {
    for signal in stop_signals() {
        let directory = quick_directory();
        let (mut program, address, _not_read) = unread(directory.path());
        flood(address);
        program.signal(signal);
        assert_eq!(program.end().code(), Some(0));
    }
}

#[test]
fn who_reads_the_logs_again_is_told_how_many_lines_were_lost() {
    let directory = quick_directory();
    let (mut program, address, read_on) = unread(directory.path());
    flood(address);
    read_on();
    program.wait_for(" lines of the access log: ");
    program.wait_for(" lines of the log: ");
    Raw::connect(address).request("/the-end").response();
    program.wait_for("\"GET /the-end HTTP/1.1\"");
    program.signal(stop_signals()[0]);
    assert_eq!(program.end().code(), Some(0));
    program.read_all();
    // What was not lost is there, and the two add up.
    let counts = [
        ("of the access log", " HTTP/1.1\" 400 "),
        ("of the log", "MANIFEST_INVALID"),
    ];
    for (told, kept) in counts {
        let those_with = |text: &str| {
            let lines = program.lines.iter();
            lines
                .filter(|line| line.contains(text))
                .cloned()
                .collect::<Vec<_>>()
        };
        let lost = those_with(&format!(" lines {told}: "));
        let number = |line: &String| {
            let (before, _) = line.split_once(" lines ").unwrap();
            before
                .rsplit(['"', ' '])
                .next()
                .unwrap()
                .parse::<usize>()
                .unwrap()
        };
        let lost: usize = lost.iter().map(number).sum();
        assert_eq!(lost + those_with(kept).len(), FLOOD, "{told}");
    }
}

#[test]
fn the_end_writes_everything_that_was_logged() {
    let directory = quick_directory();
    let mut program = start(directory.path());
    let mut client = Raw::connect(program.address());
    for number in 0..500 {
        client.request(&format!("/v2/{number}")).response();
    }
    program.signal(stop_signals()[0]);
    assert_eq!(program.end().code(), Some(0));
    program.read_all();
    let lines = program.lines.iter();
    let told: Vec<&String> = lines.filter(|line| line.contains("\"GET /v2/")).collect();
    assert_eq!(told.len(), 500);
    for (number, line) in told.iter().enumerate() {
        assert!(
            line.contains(&format!("\"GET /v2/{number} HTTP/1.1\" 404 ")),
            "{line}"
        );
    }
    assert!(
        program
            .lines
            .iter()
            .any(|line| line.contains("msg=\"stopped\""))
    );
}
