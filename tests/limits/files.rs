//! More clients than a process has file descriptors for, and what they cost in memory: against a server in a
//! process of its own, whose limit and memory nobody else shares.
#![cfg(target_os = "linux")]

use super::{Served, quick};
use crate::util::effort::effort;
use crate::util::pace::wait_until;
use crate::util::program::{resident_kib, started};
use crate::util::raw::Raw;
use registry::http::Limits;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The variable that makes this very binary serve in a process of its own.
const CHILD: &str = "ENGINE_TEST_OPEN_FILES";

/// A server in another process that may open that many files.
struct Elsewhere {
    child: Child,
    address: SocketAddr,
    /// Kept open: the child writes to it until it ends.
    _output: BufReader<ChildStdout>,
}

impl Elsewhere {
    fn start(open_files: u64) -> Elsewhere {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "limits::files::serves_as_a_child", "--nocapture"])
            .env(CHILD, open_files.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = started(|| command.spawn());
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.by_ref().lines();
        let address = lines.by_ref().map(Result::unwrap).find_map(|line| {
            let (_, address) = line.split_once("ADDRESS ")?;
            address.trim().parse().ok()
        });
        Elsewhere {
            child,
            address: address.unwrap(),
            _output: output,
        }
    }

    /// Resident memory in KiB.
    fn resident_kib(&self) -> u64 {
        resident_kib(self.child.id())
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Not a test by itself: the server of [`Elsewhere`]. Does nothing unless asked by the variable.
#[test]
fn serves_as_a_child() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let Ok(open_files) = std::env::var(CHILD) else {
        return;
    };
    let open_files = Some(open_files.parse().unwrap());
    let limit = Rlimit {
        current: open_files,
        maximum: open_files,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let limits = Limits {
        // Also on a busy machine the files run out sooner.
        head_timeout: Duration::from_secs(3),
        idle_timeout: Duration::from_secs(60),
        connections_per_address_max: 4096,
        ..quick()
    };
    let served = Served::new(limits);
    println!("ADDRESS {}", served.address);
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn running_out_of_files_is_survived() {
    let server = Elsewhere::start(64);
    // Idle ones make room for newcomers.
    let mut idle: Vec<Raw> = Vec::new();
    for _ in 0..150 {
        let mut newcomer = Raw::connect(server.address);
        assert_eq!(newcomer.request("/empty").response().status, 200);
        idle.push(newcomer);
    }
    idle[0].expect_end();
    // Busy ones do not, but their deadlines do.
    let mut busy: Vec<Raw> = (0..150).map(|_| Raw::connect(server.address)).collect();
    for client in &mut busy {
        client.send("GET / HT");
    }
    // Until then newcomers are told.
    let mut refused = 0;
    let last = loop {
        let response = Raw::connect(server.address).request("/empty").response();
        match response.status {
            503 => assert_eq!(response.header("Retry-After"), Some("1")),
            _ => break response,
        }
        refused += 1;
    };
    assert_eq!(last.status, 200);
    let told = |client: &mut Raw| client.rest().starts_with(b"HTTP/1.1 503 ");
    refused += busy
        .iter_mut()
        .filter_map(|client| told(client).then_some(()))
        .count();
    assert!(refused > 0, "nobody was told");
    drop((idle, busy));
    wait_until("there is room again", || {
        let response = Raw::connect(server.address).request("/empty").response();
        assert!([200, 503].contains(&response.status), "{}", response.status);
        response.status == 200
    });
}

#[test]
fn idle_connections_cost_less_than_40_kb_each() {
    let server = Elsewhere::start(4096);
    // What the program itself takes, which grows with every crate, is no cost of connections.
    let before = server.resident_kib();
    let count = effort(500, 1000);
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Raw::connect(server.address);
        let body = vec![b'x'; 20_000];
        client.send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n");
        assert!(client.send(&body).response().body == body);
        clients.push(client);
    }
    let cost = server.resident_kib().saturating_sub(before);
    eprintln!("{cost} KiB for {count} connections");
    // And what the allocator sets aside for threads at all.
    assert!(cost < 36 * count + 4096, "{cost} KiB, over {before}");
}
