//! More clients than there is room for: connections, addresses, file descriptors, memory.

use super::{Served, quick};
use crate::util::raw::Raw;
use registry::http::{Limits, Listen, Load};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Limits without deadlines in sight.
fn room_for(connections: usize, per_address: usize) -> Limits {
    Limits {
        connections_max: connections,
        connections_per_address_max: per_address,
        ..Limits::default()
    }
}

/// Does one request and waits until the server counts that many idle connections.
fn make_idle(served: &Served, client: &mut Raw, idle: usize) {
    assert_eq!(client.request("/empty").answer().status, 200);
    assert_eq!(served.next_sent(), "GET /empty 200 0");
    wait_idle(served, idle);
}

fn wait_idle(served: &Served, idle: usize) {
    while served.control.load().idle != idle {
        std::thread::yield_now();
    }
}

fn assert_overloaded(client: &mut Raw) {
    let answer = client.answer();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.field("Retry-After"), Some("1"));
    assert_eq!(answer.field("Connection"), Some("close"));
    client.expect_end();
}

#[test]
fn at_the_cap_the_oldest_idle_connection_goes_and_then_newcomers_are_refused() {
    let served = Served::new(room_for(3, 100));
    let mut clients: Vec<Raw> = (0..3).map(|_| served.connect()).collect();
    // The middle one rests longest, whatever the order they came in.
    for at in [1, 0, 2] {
        wait_idle(&served, 3);
        make_idle(&served, &mut clients[at], 3);
    }
    let mut newcomer = served.connect();
    clients[1].expect_end();
    newcomer.request("/hold");
    served.wait_entered();
    clients[0].request("/hold");
    served.wait_entered();
    clients[2].request("/hold");
    served.wait_entered();
    for _ in 0..3 {
        let mut refused = served.connect();
        assert_overloaded(refused.request("/empty"));
        assert_eq!(served.next_sent(), "- - 503 59");
    }
    for _ in 0..3 {
        served.release.send(()).unwrap();
    }
    assert_eq!(newcomer.answer().text(), "held");
    assert_eq!(clients[0].answer().text(), "held");
    assert_eq!(clients[2].answer().text(), "held");
    wait_idle(&served, 3);
    assert_eq!(served.connect().request("/empty").answer().status, 200);
}

#[test]
fn one_address_cannot_take_every_place() {
    let served = Served::on(&Listen::Tcp(":0".to_owned()), room_for(100, 1));
    let at = |ip| TcpStream::connect(SocketAddr::new(ip, served.address.port())).map(Raw::over);
    let mut busy = at(Ipv4Addr::LOCALHOST.into()).unwrap();
    busy.request("/hold");
    served.wait_entered();
    assert_overloaded(&mut at(Ipv4Addr::LOCALHOST.into()).unwrap());
    if let Ok(mut other) = at(Ipv6Addr::LOCALHOST.into()) {
        assert_eq!(other.request("/empty").answer().status, 200);
    }
    served.release.send(()).unwrap();
    assert_eq!(busy.answer().text(), "held");
    let all_idle = |load: Load| load.idle == load.open;
    while !all_idle(served.control.load()) {
        std::thread::yield_now();
    }
    let mut next = at(Ipv4Addr::LOCALHOST.into()).unwrap();
    assert_eq!(next.request("/empty").answer().status, 200);
    busy.expect_end();
}

#[test]
fn a_storm_of_connections_beyond_the_cap_leaves_the_server_well() {
    let served = Served::new(room_for(8, 100));
    let address = served.address;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(move || {
                for _ in 0..100 {
                    let mut client = Raw::connect(address);
                    let rest = client
                        .send("GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                        .rest();
                    let fine = rest.is_empty()
                        || rest.starts_with(b"HTTP/1.1 200 ")
                        || rest.starts_with(b"HTTP/1.1 503 ");
                    assert!(fine, "{}", String::from_utf8_lossy(&rest));
                }
            });
        }
    });
    assert_eq!(served.connect().request("/empty").answer().status, 200);
}

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
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "limits::capacity::serves_as_a_child",
                "--nocapture",
            ])
            .env(CHILD, open_files.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
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
    #[cfg(target_os = "linux")]
    fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
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
#[cfg(target_os = "linux")]
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
        idle_timeout: Duration::from_secs(60),
        connections_per_address_max: 4096,
        ..quick()
    };
    let served = Served::new(limits);
    println!("ADDRESS {}", served.address);
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn running_out_of_files_is_survived() {
    let server = Elsewhere::start(64);
    // Idle ones make room for newcomers.
    let mut idle: Vec<Raw> = Vec::new();
    for _ in 0..150 {
        let mut newcomer = Raw::connect(server.address);
        assert_eq!(newcomer.request("/empty").answer().status, 200);
        idle.push(newcomer);
    }
    idle[0].expect_end();
    // Busy ones do not, but their deadlines do.
    let mut busy: Vec<Raw> = (0..150).map(|_| Raw::connect(server.address)).collect();
    for client in &mut busy {
        client.send("GET / HT");
    }
    let mut newcomer = Raw::connect(server.address);
    assert_eq!(newcomer.request("/empty").answer().status, 200);
    drop((idle, busy));
    assert_eq!(
        Raw::connect(server.address)
            .request("/empty")
            .answer()
            .status,
        200
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_idle_connections_cost_less_than_40_mb() {
    let server = Elsewhere::start(4096);
    // What the program itself takes, which grows with every crate, is no cost of connections.
    let before = server.resident_kib();
    let mut clients = Vec::new();
    for _ in 0..1000 {
        let mut client = Raw::connect(server.address);
        let body = vec![b'x'; 20_000];
        client.send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n");
        assert!(client.send(&body).answer().body == body);
        clients.push(client);
    }
    let cost = server.resident_kib().saturating_sub(before);
    assert!(cost < 40_000, "{cost} KiB, over {before}");
}
