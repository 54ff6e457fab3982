//! A keep-alive HTTP/1.1 client that costs next to nothing, so that what is timed is the server.
//!
//! A request leaves in one write with TCP_NODELAY on: a client that sends in pieces waits 40 ms for
//! the other side's delayed acknowledgement and hides every difference (RFC 896, RFC 1122 4.2.3.2).
//! Bodies are measured, not read: where it can be done they are thrown away inside the kernel, unless they are to be copied.

mod secure;

pub use secure::Server;

use secure::Stream;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Anything that ends a measurement; its text says what was asked and what came.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long one read or write may stand still before the measurement is given up.
const STALL_SECONDS_MAX: u64 = 60;
/// The room for a response's head, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// The most of a body that is thrown away at once, in bytes.
const DISCARD_BYTES: usize = 1024 * 1024;
/// A body up to this size leaves in the same write as its head, in bytes.
const JOINED_BODY_BYTES_MAX: usize = 64 * 1024;
/// The length of a chunk of a streamed body, as docker sends them, in bytes.
const CHUNK_BYTES: usize = 32 * 1024;

/// What a request carries.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// Nothing, as a GET or HEAD does.
    None,
    /// These bytes, after a Content-Length.
    Bytes(&'a [u8]),
    /// These bytes, with chunked coding.
    Stream(&'a [u8]),
}

/// What one request asks.
pub struct Request<'a> {
    /// The method in upper case.
    pub method: &'a str,
    /// The target with its query: `/v2/`.
    pub target: &'a str,
    /// Further header lines, each with its CRLF; Host and Content-Length are added.
    pub headers: &'a str,
    /// The body.
    pub body: Body<'a>,
}

/// What came back; the body is gone unread.
pub struct RawResponse {
    /// The status code.
    pub status: u16,
    /// The Location header without scheme and host, where there was one.
    pub location: Option<String>,
    /// The body's length in bytes, as it came.
    pub body_bytes: u64,
}

/// One connection, opened again when the server closes it between two requests.
pub struct Connection {
    server: Server,
    stream: BufReader<Stream>,
    outgoing: Vec<u8>,
    discard: Vec<u8>,
    closing: bool,
}

/// The headers of a response's head that decide how its body is read.
#[derive(Default)]
struct Head {
    status: u16,
    length: u64,
    chunked: bool,
    location: Option<String>,
    close: bool,
}

impl Connection {
    /// Connects.
    pub fn open(server: &Server) -> Outcome<Self> {
        Ok(Self {
            server: server.clone(),
            stream: connect(server)?,
            outgoing: Vec::new(),
            discard: vec![0; DISCARD_BYTES],
            closing: false,
        })
    }

    /// Connects again.
    pub fn reopen(&mut self) -> Outcome<()> {
        self.stream = connect(&self.server)?;
        Ok(())
    }

    /// Sends one request and reads its response whole.
    pub fn ask(&mut self, request: &Request) -> Outcome<RawResponse> {
        if self.closing {
            self.stream = connect(&self.server)?;
            self.closing = false;
        }
        self.send(request)?;
        let head = self.read_head()?;
        let bodiless = request.method == "HEAD" || head.status == 204 || head.status == 304;
        let body_bytes = match head.chunked {
            _ if bodiless => 0,
            true => self.skip_chunks()?,
            false if head.close && self.is_secure() => self.skip_records(head.length)?,
            false => self.skip_body(head.length)?,
        };
        self.closing = head.close;
        Ok(RawResponse {
            status: head.status,
            location: head.location,
            body_bytes,
        })
    }

    fn send(&mut self, request: &Request) -> Outcome<()> {
        let Request {
            method,
            target,
            headers,
            body,
        } = request;
        self.outgoing.clear();
        write!(
            self.outgoing,
            "{method} {target} HTTP/1.1\r\nHost: {}\r\n{}{headers}",
            self.server.address, self.server.authorization
        )?;
        match body {
            Body::None => {}
            Body::Bytes(bytes) => write!(self.outgoing, "Content-Length: {}\r\n", bytes.len())?,
            Body::Stream(_) => write!(self.outgoing, "Transfer-Encoding: chunked\r\n")?,
        }
        self.outgoing.extend_from_slice(b"\r\n");
        match *body {
            Body::Bytes(bytes) if bytes.len() <= JOINED_BODY_BYTES_MAX => {
                self.outgoing.extend_from_slice(bytes);
                self.write_outgoing()
            }
            Body::Bytes(bytes) => {
                self.write_outgoing()?;
                Ok(self.stream.get_mut().write_all(bytes)?)
            }
            Body::Stream(bytes) => {
                for chunk in bytes.chunks(CHUNK_BYTES) {
                    write!(self.outgoing, "{:x}\r\n", chunk.len())?;
                    self.outgoing.extend_from_slice(chunk);
                    self.outgoing.extend_from_slice(b"\r\n");
                    self.write_outgoing()?;
                }
                self.outgoing.extend_from_slice(b"0\r\n\r\n");
                self.write_outgoing()
            }
            Body::None => self.write_outgoing(),
        }
    }

    fn write_outgoing(&mut self) -> Outcome<()> {
        self.stream.get_mut().write_all(&self.outgoing)?;
        self.outgoing.clear();
        Ok(())
    }

    fn read_line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(format!("{} closed the connection", self.server.address).into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    fn read_head(&mut self) -> Outcome<Head> {
        let first = self.read_line()?;
        let mut head = Head::default();
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        head.status = status.ok_or_else(|| format!("not a status line: {first:?}"))?;
        head.close = first.starts_with("HTTP/1.0");
        loop {
            let line = self.read_line()?;
            let Some((name, value)) = line.split_once(':') else {
                return if line.is_empty() {
                    Ok(head)
                } else {
                    Err("not a header line".into())
                };
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = value.parse()?,
                "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
                "connection" => head.close = value.eq_ignore_ascii_case("close"),
                "location" => head.location = Some(without_host(value)),
                _ => {}
            }
        }
    }

    fn skip_chunks(&mut self) -> Outcome<u64> {
        let mut total = 0;
        loop {
            let line = self.read_line()?;
            let size = line.split(';').next().unwrap_or_default();
            let length = u64::from_str_radix(size, 16)?;
            total += self.skip_body(length)?;
            self.read_line()?;
            if length == 0 {
                return Ok(total);
            }
        }
    }

    /// Whether it speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.stream.get_ref().is_secure()
    }

    /// Takes the records of a body of that length up to the connection's end, without decrypting them.
    fn skip_records(&mut self, length: u64) -> Outcome<u64> {
        let mut came = self.stream.buffer().len();
        loop {
            let socket = self.stream.get_mut().socket();
            match throw_away(socket, &mut self.discard)? {
                0 => break,
                count => came += count,
            }
        }
        // A record costs 22 bytes; those that came with the head are not counted again.
        let (least, most) = (
            length.saturating_sub(1 << 17),
            length + length / 256 + (1 << 17),
        );
        match u64::try_from(came)? {
            came if (least..=most).contains(&came) => Ok(length),
            came => Err(format!("{came} bytes of records came for a body of {length}").into()),
        }
    }

    fn skip_body(&mut self, length: u64) -> Outcome<u64> {
        let mut left = usize::try_from(length)?;
        let buffered = left.min(self.stream.buffer().len());
        self.stream.consume(buffered);
        left -= buffered;
        while left > 0 {
            let room = left.min(self.discard.len());
            let room = self.discard.get_mut(..room).unwrap_or_default();
            let count = match self.stream.get_mut() {
                Stream::Plain(stream) if !self.server.copies => throw_away(stream, room)?,
                stream => stream.read(room)?,
            };
            if count == 0 {
                return Err(format!("{left} of {length} bytes of a body are missing").into());
            }
            left -= count;
        }
        Ok(length)
    }
}

fn connect(server: &Server) -> Outcome<BufReader<Stream>> {
    let address = &server.address;
    let stream = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(STALL_SECONDS_MAX)))?;
    stream.set_write_timeout(Some(Duration::from_secs(STALL_SECONDS_MAX)))?;
    Ok(BufReader::with_capacity(HEAD_BYTES, server.speak(stream)?))
}

/// A Location may be absolute; the connection is already to its host.
fn without_host(location: &str) -> String {
    let path = location
        .split_once("://")
        .and_then(|(_, rest)| rest.find('/').map(|at| (rest, at)));
    path.and_then(|(rest, at)| rest.get(at..))
        .unwrap_or(location)
        .to_owned()
}

/// Takes up to `room` bytes off the socket. With MSG_TRUNC Linux drops them without a copy (tcp(7)).
#[cfg(target_os = "linux")]
fn throw_away(stream: &mut TcpStream, room: &mut [u8]) -> Outcome<usize> {
    use rustix::net::{RecvFlags, recv};
    let (count, _) = recv(stream, room, RecvFlags::TRUNC)?;
    Ok(count)
}

/// Takes up to `room` bytes off the socket.
#[cfg(not(target_os = "linux"))]
fn throw_away(stream: &mut TcpStream, room: &mut [u8]) -> Outcome<usize> {
    Ok(std::io::Read::read(stream, room)?)
}
