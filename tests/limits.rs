//! What the HTTP engine stands: every bound, every malformed byte, every rude client. Raw sockets
//! against a server in this process, with a small program behind it.

mod bodies;
mod capacity;
mod deadlines;
mod files;
mod framing;
mod log;
mod responses;
mod shutdown;

use crate::util::image::sha256;
use crate::util::raw::Raw;
use registry::http::{
    Body, Bound, Control, Exchange, Handler, Limits, Listen, Request, Response, Segment, Server,
};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of the file behind `/file`: more than any socket buffer holds.
const FILE_BYTES: usize = 8 * 1024 * 1024;

/// Limits with deadlines that a test can wait for.
fn quick() -> Limits {
    Limits {
        head_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_millis(500),
        body_rate_min_bytes_per_second: 1000,
        body_grace: Duration::from_millis(500),
        response_rate_min_bytes_per_second: 1_000_000,
        response_grace: Duration::from_millis(500),
        linger_timeout: Duration::from_millis(500),
        ..Limits::default()
    }
}

/// The program behind the engine.
struct Program {
    /// A line for each finished exchange goes here: `method target status bytes`.
    sent: Mutex<Sender<String>>,
    /// The note of each finished exchange goes here.
    noted: Mutex<Sender<String>>,
    file: Arc<std::fs::File>,
    /// `/hold` says here that it was entered ...
    entered: Mutex<Sender<()>>,
    /// ... and responses when something comes here.
    release: Mutex<Receiver<()>>,
}

impl Handler for Program {
    /// The path, as the handler saw it.
    type Note = String;

    fn handle(&self, request: &mut Request<'_>, note: &mut String) -> Response {
        request.path().clone_into(note);
        let length = request.query().parse().unwrap_or(0_usize);
        match request.path() {
            "/echo" => self.echo(request),
            "/length" => self.length(request),
            "/refuse" => Response::new(401).body(Body::Bytes(b"no".to_vec())),
            "/bytes" => Response::new(200).body(Body::Bytes(pattern(length))),
            "/shared" => Response::new(200).body(Body::Shared(pattern(length).into())),
            "/file" => self.file(0, FILE_BYTES),
            "/some" => self.file(1, length),
            "/unreadable" => unreadable(length),
            "/parts" => self.parts(),
            "/reader" => {
                let reader = std::io::Cursor::new(pattern(length));
                Response::new(200).body(Body::Stream(Box::new(reader), Some(length as u64)))
            }
            "/stream" => {
                let reader = std::io::Cursor::new(pattern(length));
                Response::new(200).body(Body::Stream(Box::new(reader), None))
            }
            "/short" => {
                let reader = std::io::Cursor::new(pattern(length / 2));
                Response::new(200).body(Body::Stream(Box::new(reader), Some(length as u64)))
            }
            "/break" => Response::new(200).body(Body::Stream(Box::new(Breaks), None)),
            "/endless" => {
                let endless = Box::new(std::io::repeat(b'x'));
                Response::new(200).body(Body::Stream(endless, None))
            }
            "/status" => Response::new(length as u16).body(Body::Bytes(b"body".to_vec())),
            "/empty" => Response::new(200),
            "/liar" => Response::new(200)
                .header("Content-Length", "999")
                .header("X-Split", "a\r\nSet-Cookie: b"),
            "/panic" => panic!("asked for"),
            "/hold" => {
                self.entered.lock().unwrap().send(()).unwrap();
                self.release.lock().unwrap().recv().unwrap();
                Response::new(200).body(Body::Bytes(b"held".to_vec()))
            }
            _ => self.describe(request),
        }
    }

    fn sent(&self, exchange: &Exchange<'_>, note: &String) {
        let _ = self.noted.lock().unwrap().send(note.clone());
        let line = format!(
            "{} {} {} {}",
            exchange.method, exchange.target, exchange.status, exchange.body_bytes
        );
        let _ = self.sent.lock().unwrap().send(line);
    }
}

/// A file that can be opened and not read, neither by the kernel on its way to a socket nor otherwise.
fn unreadable(length: usize) -> Response {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&pattern(FILE_BYTES)).unwrap();
    let file = std::fs::File::options().write(true).open(file.path());
    Response::new(200).body(Body::Segments(vec![Segment::File {
        file: Arc::new(file.unwrap()),
        offset: 0,
        length: length as u64,
    }]))
}

/// A body's reader that fails half-way.
struct Breaks;

impl Read for Breaks {
    fn read(&mut self, _into: &mut [u8]) -> std::io::Result<usize> {
        panic!("asked for")
    }
}

impl Program {
    fn echo(&self, request: &mut Request<'_>) -> Response {
        let mut body = Vec::new();
        match request.body().read_to_end(&mut body) {
            Ok(_) => Response::new(200).body(Body::Bytes(body)),
            Err(error) => {
                let text = format!("{:?}: {error}", error.kind());
                Response::new(400).body(Body::Bytes(text.into_bytes()))
            }
        }
    }

    /// Counts and hashes the body by a large buffer, as a push does.
    fn length(&self, request: &mut Request<'_>) -> Response {
        let mut buffer = vec![0; 256 * 1024];
        let mut body = Vec::new();
        loop {
            match request.body().read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => body.extend_from_slice(&buffer[..read]),
                Err(error) => {
                    let text = format!("{:?} after {}", error.kind(), body.len());
                    return Response::new(400).body(Body::Bytes(text.into_bytes()));
                }
            }
        }
        Response::new(200).body(Body::Bytes(length_and_digest(&body).into_bytes()))
    }

    fn file(&self, offset: u64, length: usize) -> Response {
        Response::new(200).body(Body::Segments(vec![self.segment(offset, length)]))
    }

    fn segment(&self, offset: u64, length: usize) -> Segment {
        Segment::File {
            file: Arc::clone(&self.file),
            offset,
            length: length as u64,
        }
    }

    fn parts(&self) -> Response {
        Response::new(206).body(Body::Segments(vec![
            Segment::Bytes(b"<<".to_vec()),
            self.segment(5, 10),
            Segment::Bytes(b"|".to_vec()),
            self.segment(1_000_000, 1_000_000),
            Segment::Bytes(b">>".to_vec()),
        ]))
    }

    /// Says what the engine made of the head.
    fn describe(&self, request: &mut Request<'_>) -> Response {
        let text = format!(
            "{} {} {:?} {:?}",
            request.method(),
            request.target(),
            request.header("Host"),
            request.content_length()
        );
        Response::new(200).body(Body::Bytes(text.into_bytes()))
    }
}

/// What `/length` says of these bytes.
fn length_and_digest(bytes: &[u8]) -> String {
    format!("{} {}", bytes.len(), sha256(bytes))
}

/// Bytes that differ from their neighbours.
fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = (0..251).collect::<Vec<u8>>().repeat(length / 251 + 1);
    bytes.truncate(length);
    bytes
}

/// A running server; stopped when dropped.
struct Served {
    address: SocketAddr,
    control: Control,
    sent: Receiver<String>,
    /// The notes of finished exchanges; each is there before the exchange in `sent`.
    noted: Receiver<String>,
    entered: Receiver<()>,
    release: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn new(limits: Limits) -> Served {
        Served::on(&Listen::Tcp("127.0.0.1:0".to_owned()), limits)
    }

    fn on(listen: &Listen, limits: Limits) -> Served {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&pattern(FILE_BYTES)).unwrap();
        file.seek(SeekFrom::Start(77)).unwrap();
        let (entered_sender, entered) = channel();
        let (release, release_receiver) = channel();
        let (sent_sender, sent) = channel();
        let (noted_sender, noted) = channel();
        let program = Program {
            sent: Mutex::new(sent_sender),
            noted: Mutex::new(noted_sender),
            file: Arc::new(file),
            entered: Mutex::new(entered_sender),
            release: Mutex::new(release_receiver),
        };
        let server = Server::bind(listen, limits, Arc::new(program)).unwrap();
        let address = match server.address() {
            Bound::Tcp(address) => address,
            Bound::Unix(_) => ([127, 0, 0, 1], 0).into(),
        };
        Served {
            address,
            control: server.control(),
            sent,
            noted,
            entered,
            release,
            thread: Some(std::thread::spawn(move || server.run())),
        }
    }

    fn connect(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// Waits for the report of the next finished exchange, on a machine that does much else as well.
    fn next_sent(&self) -> String {
        self.sent.recv_timeout(Duration::from_secs(120)).unwrap()
    }

    /// Waits until somebody is in `/hold`.
    fn wait_entered(&self) {
        self.entered.recv_timeout(Duration::from_secs(20)).unwrap();
    }

    /// Waits until the server ended.
    fn join(&mut self) {
        self.thread.take().unwrap().join().unwrap();
    }

    /// Stops the server and gives its log: after that nothing more is written to it.
    fn finish(mut self) -> Vec<String> {
        self.control.shutdown(Duration::from_secs(20));
        self.join();
        self.sent.try_iter().collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.release.send(());
        self.control.shutdown(Duration::ZERO);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
