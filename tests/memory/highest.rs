//! The highest resident size of the built program while it is asked for as much memory as hundreds of clients can ask
//! for together.

use super::{MIB, padded, put_head};
use crate::util::effort::effort;
use crate::util::image::sha256;
use crate::util::program::Program;
use crate::util::raw::Raw;
use crate::util::tree::quick_directory;
use registry::memory::BYTES_DEFAULT;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;

/// What a container with 512 MiB survives, and a thousand connections of any kind stay below.
const HIGHEST_MIB: u64 = 256;

/// An index that names as many manifests, none of which is there: 34,000 are 4 MB. Put together as text, which takes a
/// tenth of the time.
fn all_missing(count: usize) -> Vec<u8> {
    let mut index = String::from("{\"schemaVersion\":2,\"manifests\":[");
    for number in 0..count {
        let comma = if number == 0 { "" } else { "," };
        let child = format!(
            "{comma}{{\"digest\":\"sha256:{number:064x}\",\"size\":1,\"urls\":[\"\",\"\"]}}"
        );
        index.push_str(&child);
    }
    index.push_str("]}");
    index.into_bytes()
}

/// Sends a request on each of so many connections, from a few threads, and keeps them open. With `awaits` each waits
/// for the first bytes of its response, of which it reads no more.
fn open(address: SocketAddr, count: usize, request: &[u8], awaits: bool) -> Vec<Raw> {
    let opened = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in 0..count.min(32) {
            let opened = &opened;
            scope.spawn(move || {
                for _ in (worker..count).step_by(32) {
                    let mut raw = Raw::connect(address);
                    raw.send(request);
                    if awaits {
                        let status = raw.take(12);
                        let status = String::from_utf8_lossy(&status).into_owned();
                        let is_right = ["HTTP/1.1 200", "HTTP/1.1 400", "HTTP/1.1 503"];
                        assert!(is_right.contains(&status.as_str()), "{status}");
                    }
                    opened.lock().unwrap().push(raw);
                }
            });
        }
    });
    opened.into_inner().unwrap()
}

/// Pushes the parts of `image(1)` and a manifest of it of that length.
fn push(address: SocketAddr, manifest: &[u8]) {
    for part in [crate::util::image::config(1), crate::util::image::layer(1)] {
        let (digest, length) = (sha256(&part), part.len());
        let mut raw = Raw::connect(address);
        raw.send(format!(
            "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        ));
        assert_eq!(raw.send(&part).response().status, 201);
    }
    let mut raw = Raw::connect(address);
    raw.send(put_head("large", manifest.len())).send(manifest);
    assert_eq!(raw.response().status, 201);
}

#[test]
fn the_program_stays_below_256_mib_whatever_its_clients_do() {
    let directory = quick_directory();
    // As usual all of it in a smaller size: the memory that requests may have, and what clients ask for.
    let parts = effort(2, 1);
    let limits = match parts {
        1 => String::new(),
        parts => format!(
            ", limits: {{memory: {}MiB, manifestbytes: {}MiB}}",
            BYTES_DEFAULT / MIB / parts as usize,
            4 / parts
        ),
    };
    let text = format!(
        "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\nhttp: {{addr: '127.0.0.1:0'{limits}}}\n\
         storage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
        directory.path().join("data").display()
    );
    let highest_mib = HIGHEST_MIB / parts;
    let parts = parts as usize;
    let length = 4 * MIB / parts;
    let mut program = Program::start(directory.path(), &text, &[]);
    let address = program.address();
    push(address, &padded(length));

    // All at once, and each until the end: half heads, bodies that stop, responses that nobody reads.
    let half_heads = open(
        address,
        150 / parts,
        &[b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; 3000]].concat(),
        false,
    );
    let digest = sha256(b"never");
    let upload = format!(
        "POST /v2/a/blobs/uploads/?digest={digest}{} HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n",
        "&a".repeat(30_000 / parts)
    );
    let upload = [upload.into_bytes(), vec![b'x'; 500_000]].concat();
    let uploads = open(address, 50, &upload, false);
    let read = b"GET /v2/a/manifests/large HTTP/1.1\r\nHost: x\r\n\r\n";
    let readers = open(address, 72, read, true);
    let stopped = [put_head("x", length).into_bytes(), padded(length - 1)].concat();
    let writers = open(address, 40, &stopped, false);
    let body = all_missing(34_000 / parts);
    let missing = [put_head("y", body.len()).into_bytes(), body].concat();
    let missing = open(address, 8, &missing, true);
    let highest = program.highest_resident_kib() / 1024;
    eprintln!("the most that it had: {highest} MiB");
    assert!(highest < highest_mib, "{highest} MiB");
    drop((half_heads, uploads, readers, writers, missing));
    let mut raw = Raw::connect(address);
    assert_eq!(raw.request("/v2/").response().status, 200, "it lives");
}
