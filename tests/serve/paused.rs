//! The program is stopped where it is and goes on later (`docker pause`, Ctrl-Z, a debugger): whoever was being served is
//! not harmed, whatever was interrupted by that.

use super::{put_head, session, text};
use crate::util::image::{bytes, sha256};
use crate::util::program::Program;
use crate::util::raw::Raw;
use crate::util::secure::{Client, Identity};
use crate::util::tree::quick_directory;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;

/// More than the buffers of two sockets hold, so whoever sends it waits for whoever reads.
const LAYER_BYTES: usize = 24 * 1024 * 1024;
/// Into so many pieces is divided what is sent or read, with a pause before each.
const PIECES: usize = 8;

/// Sends bytes in pieces. The program waits for each when it is stopped, and the start of each arrives while it is.
fn send_in_pieces<S: Read + Write>(program: &Program, client: &mut Raw<S>, sent: &[u8]) {
    for piece in sent.chunks(sent.len().div_ceil(PIECES)) {
        let (start, rest) = piece.split_at(piece.len().min(2));
        program.pause(|| {
            client.send(start);
        });
        client.send(rest);
    }
}

/// A push and a pull with pauses in the middle of everything. Gives what the client is left with: a connection at rest.
fn be_served<S: Read + Write>(program: &Program, client: &mut Raw<S>, layer: &[u8]) {
    let digest = sha256(layer);
    client.request("/v2/");
    assert_eq!(client.response().status, 200);
    let location = {
        let head =
            "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n";
        send_in_pieces(program, client, head.as_bytes());
        let response = client.response();
        assert_eq!(response.status, 202, "in the middle of a head");
        response.header("Location").unwrap().to_owned()
    };
    client.send(put_head(&location, layer));
    send_in_pieces(program, client, layer);
    let response = client.response();
    assert_eq!(
        response.status,
        201,
        "in the middle of a body: {}",
        response.text()
    );
    client.request(&format!("/v2/a/blobs/{digest}"));
    let mut pulled = client.head_of(200);
    while pulled.len() < layer.len() {
        program.pause(|| ());
        let count = (layer.len() - pulled.len()).min(layer.len() / PIECES);
        pulled.extend(client.take(count));
    }
    assert!(pulled == layer, "in the middle of a pull");
    for _ in 0..PIECES {
        program.pause(|| ());
    }
    client.request("/v2/");
    assert_eq!(client.response().status, 200, "between two requests");
}

/// A client's time is not what is tried, so it has plenty.
const PATIENT: &str = "limits: {headtimeout: 1h, grace: 1h, answergrace: 1h}";

fn start(directory: &Path, more: &str) -> (Program, SocketAddr) {
    let text = text(directory, "").replace("draintimeout: 20s", &format!("{PATIENT}, {more}"));
    let mut program = Program::start(directory, &text, &[]);
    let address = program.address();
    (program, address)
}

#[test]
fn a_program_that_is_stopped_and_goes_on_harms_no_client() {
    let directory = quick_directory();
    let (program, address) = start(directory.path(), "draintimeout: 20s");
    let mut other = Raw::connect(address);
    let untouched = session(&mut other);
    be_served(&program, &mut Raw::connect(address), &bytes(1, LAYER_BYTES));
    // A client that did nothing meanwhile is served as well.
    other.send(put_head(&untouched, b"content")).send("content");
    assert_eq!(other.response().status, 201);
}

#[test]
fn nor_does_one_that_serves_over_tls() {
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "identity");
    let (program, address) = start(directory.path(), &identity.section());
    let mut client = Client::new(&[&identity]).connect(address);
    be_served(&program, &mut client, &bytes(2, LAYER_BYTES / 4));
}
