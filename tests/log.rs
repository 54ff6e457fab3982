//! What the built program writes of clients: each request once, and nothing that floods.

use crate::auth::line;
use crate::util::program::Program;
use crate::util::raw::Raw;
use crate::util::tree::quick_directory;
use std::fs;
use std::path::Path;

fn start(directory: &Path, more: &str) -> Program {
    let root = directory.join("data");
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
         http: {{addr: '127.0.0.1:0'}}\n{more}\n",
        root.display()
    );
    Program::start(directory, &text, &[])
}

/// Everything that the program wrote until now: on one connection one request is told after the other.
fn written(mut program: Program, connection: &mut Raw) -> Vec<String> {
    connection.request("/the-end").response();
    program.wait_for("\"GET /the-end HTTP/1.1\"");
    program.end_orderly();
    program.read_all();
    std::mem::take(&mut program.lines)
}

fn those_with<'l>(lines: &'l [String], text: &str) -> Vec<&'l String> {
    lines.iter().filter(|line| line.contains(text)).collect()
}

#[test]
fn a_tls_client_on_a_plain_port_is_said_in_words_and_once() {
    let directory = quick_directory();
    let mut program = start(directory.path(), "");
    let address = program.address();
    for _ in 0..20 {
        let mut client = Raw::connect(address);
        let response = client
            .send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            .response();
        assert_eq!(response.status, 400);
        client.expect_end();
        drop(Raw::connect(address));
    }
    let lines = written(program, &mut Raw::connect(address));
    let told = those_with(&lines, "a TLS client on a plain HTTP port");
    assert_eq!(told.len(), 1, "{lines:#?}");
    assert!(
        told[0].contains("level=info") && told[0].contains("(from 127.0.0.1:"),
        "{told:?}"
    );
    assert_eq!(those_with(&lines, "- - [").len(), 1, "{lines:#?}");
}

#[test]
fn ordinary_refusals_and_interruptions_stand_in_the_access_log_alone() {
    let directory = quick_directory();
    let users = directory.path().join("users");
    fs::write(&users, line("anna", "secret")).unwrap();
    let auth = format!(
        "auth: {{htpasswd: {{realm: r, path: '{}'}}}}",
        users.display()
    );
    let mut program = start(directory.path(), &auth);
    let mut client = Raw::connect(program.address());
    for _ in 0..3 {
        assert_eq!(client.request("/v2/").response().status, 401);
    }
    let lines = written(program, &mut client);
    assert_eq!(those_with(&lines, " 401 ").len(), 4, "{lines:#?}");
    assert_eq!(those_with(&lines, "\"GET /v2/ HTTP/1.1\" 401 ").len(), 3);

    let directory = quick_directory();
    let mut program = start(directory.path(), "");
    let address = program.address();
    let put = "PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\n";
    let mut client = Raw::connect(address);
    client
        .send(format!("{put}Content-Length: 9\r\n\r\n{{}}"))
        .finish();
    client.rest();
    let mut client = Raw::connect(address);
    client.send(format!("{put}Content-Length: 2\r\n\r\n{{}}"));
    assert_eq!(client.answer_to("PUT").status, 400);
    let lines = written(program, &mut client);
    let puts = those_with(&lines, "\"PUT /v2/a/manifests/v1 HTTP/1.1\"");
    assert_eq!(puts.len(), 2, "{lines:#?}");
    assert!(
        puts[0].contains("\" 499 ") && puts[1].contains("\" 400 "),
        "{puts:?}"
    );
    // Why a request was wrong is said beside it; that one was cut off is not.
    assert_eq!(those_with(&lines, "SIZE_INVALID").len(), 0, "{lines:#?}");
    assert_eq!(
        those_with(&lines, "MANIFEST_INVALID").len(),
        1,
        "{lines:#?}"
    );
}

#[test]
fn the_access_log_names_the_client_whom_a_trusted_proxy_names() {
    for (proxies, client) in [("[127.0.0.1]", "192.0.2.1"), ("[]", "127.0.0.1")] {
        let directory = quick_directory();
        let text = format!(
            "version: 0.1\nstorage: inmemory\nhttp: {{addr: '127.0.0.1:0', trustedproxies: {proxies}}}\n"
        );
        let mut program = Program::start(directory.path(), &text, &[]);
        let mut connection = Raw::connect(program.address());
        connection.send(
            "GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1, 192.0.2.1\r\n\r\n",
        );
        assert_eq!(connection.response().status, 200);
        let line = program.wait_for("\"GET /v2/ HTTP/1.1\" 200 ");
        assert!(line.starts_with(&format!("{client} - - [")), "{line}");
    }
}

#[test]
fn what_a_client_sends_stands_in_the_logs_in_part() {
    let directory = quick_directory();
    let mut program = start(directory.path(), "log: {level: debug}");
    let mut client = Raw::connect(program.address());
    let long = "x".repeat(7000);
    for target in [
        format!("/v2/{long}/tags/list"),
        format!("/v2/a/manifests/{long}"),
        format!("/v2/a/manifests/sha256:{long}"),
        format!("/v2/a/blobs/uploads/{long}"),
        format!("/v2/_catalog?n={long}"),
        format!("/v2/_catalog?last=%zz{long}"),
        format!("/{long}"),
    ] {
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nUser-Agent: {long}\r\nReferer: {long}\r\n\r\n"
        ));
        assert!(client.response().status >= 400, "{target}");
    }
    client.send(format!(
        "PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: {long}\r\nContent-Length: 2\r\n\r\n{{}}"
    ));
    assert_eq!(client.answer_to("PUT").status, 400);
    let lines = written(program, &mut client);
    let longest = lines.iter().map(String::len).max();
    assert!(longest < Some(4000), "{longest:?}");
    assert!(those_with(&lines, "xxx...").len() >= 14, "{lines:#?}");
}
