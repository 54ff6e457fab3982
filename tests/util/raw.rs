//! A client that sends exactly the bytes a test wrote and reads responses one by one.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// A test that waits longer than this for a byte has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection, plain or over TLS.
pub struct Raw<S = TcpStream> {
    pub stream: S,
    unread: Vec<u8>,
}

/// One response.
#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawResponse {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(same)
            .map(|header| header.1.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Raw {
        Raw::over(TcpStream::connect(address).unwrap())
    }

    pub fn over(stream: TcpStream) -> Raw {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Raw::new(stream)
    }

    /// Waits for the first byte of a response, and leaves it there.
    pub fn wait_for_first_byte(&self) {
        while let Err(error) = self.stream.peek(&mut [0]) {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
        }
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) -> &mut Raw {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }
}

impl<S: Read + Write> Raw<S> {
    /// Over a stream whose timeouts are set.
    pub fn new(stream: S) -> Raw<S> {
        Raw {
            stream,
            unread: Vec::new(),
        }
    }

    /// Sends all bytes. The server may have closed already: the response says why, so that is no error.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Raw<S> {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Sends a GET of that path on HTTP/1.1.
    pub fn request(&mut self, path: &str) -> &mut Raw<S> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    /// Reads the next response.
    pub fn response(&mut self) -> RawResponse {
        self.answer_to("GET")
    }

    /// Reads the next response to a request of that method; one to HEAD has no body.
    pub fn answer_to(&mut self, method: &str) -> RawResponse {
        let (status, headers) = self.head();
        let mut response = RawResponse {
            status,
            headers,
            body: Vec::new(),
        };
        let length = response
            .header("Content-Length")
            .map(|n| n.parse().unwrap());
        let chunked = response.header("Transfer-Encoding") == Some("chunked");
        response.body = match (status, length) {
            _ if method == "HEAD" => Vec::new(),
            (100..200 | 204 | 304, _) => Vec::new(),
            (_, Some(length)) => self.take(length),
            _ if chunked => self.chunks(),
            _ => self.rest(),
        };
        response
    }

    fn head(&mut self) -> (u16, Vec<(String, String)>) {
        let end = loop {
            match self.unread.windows(4).position(|at| at == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => assert!(self.more(), "the connection ended before an answer"),
            }
        };
        let head = String::from_utf8(self.take(end)).unwrap();
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap();
        assert!(status_line.starts_with("HTTP/1.1 "), "{status_line}");
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        (status, headers.collect())
    }

    /// Reads the head of the next response, which must have that status. Gives what has come of its body.
    #[cfg(unix)]
    pub fn head_of(&mut self, status: u16) -> Vec<u8> {
        assert_eq!(self.head().0, status);
        std::mem::take(&mut self.unread)
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match self.unread.windows(2).position(|at| at == b"\r\n") {
                    Some(at) => break at,
                    None => assert!(self.more(), "the connection ended inside a chunk"),
                }
            };
            let size = String::from_utf8(self.take(end)).unwrap();
            let size = usize::from_str_radix(&size, 16).unwrap();
            self.take(2);
            body.extend(self.take(size));
            assert_eq!(self.take(2), b"\r\n");
            if size == 0 {
                return body;
            }
        }
    }

    /// Exactly that many bytes.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.more(), "the connection ended inside an answer");
        }
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }

    /// Everything up to the end of the connection, orderly or not.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.unread)
    }

    /// As [`Raw::expect_end`], and the end must not be a reset, which could have cost a response.
    pub fn expect_orderly_end(&mut self) {
        assert!(self.unread.is_empty());
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{} bytes came instead", rest.len());
    }

    /// Waits for the end of the connection, orderly or not; nothing may come before it.
    pub fn expect_end(&mut self) {
        let rest = self.rest();
        let shown = String::from_utf8_lossy(&rest);
        assert!(rest.is_empty(), "instead of the end came {shown:?}");
    }

    /// Reads more; `false` at the end.
    fn more(&mut self) -> bool {
        let mut bytes = [0; 65536];
        loop {
            return match self.stream.read(&mut bytes) {
                Ok(0) => false,
                Ok(count) => {
                    self.unread.extend_from_slice(&bytes[..count]);
                    true
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
                // A signal came to this thread; nothing is lost.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => panic!("nothing arrived: {error}"),
            };
        }
    }
}
