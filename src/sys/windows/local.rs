//! Local sockets, which are not supported on Windows.

use std::io;
use std::net::Shutdown;
use std::os::windows::io::{AsRawSocket, RawSocket};
use std::path::Path;
use std::time::Duration;

fn unsupported<T>() -> io::Result<T> {
    let message = "unix sockets are not supported on Windows; use host:port";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// A listener that cannot exist.
#[derive(Debug)]
pub enum LocalListener {}

/// A connection that cannot exist.
#[derive(Debug)]
pub enum LocalStream {}

impl LocalListener {
    /// Always an error.
    pub fn bind(_path: &Path) -> io::Result<LocalListener> {
        unsupported()
    }

    /// Never called.
    pub fn accept(&self) -> io::Result<(LocalStream, ())> {
        match *self {}
    }
}

impl LocalStream {
    /// Always an error.
    pub fn connect(_path: &Path) -> io::Result<LocalStream> {
        unsupported()
    }

    /// Never called.
    pub fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        match *self {}
    }

    /// Never called.
    pub fn set_read_timeout(&self, _timeout: Option<Duration>) -> io::Result<()> {
        match *self {}
    }

    /// Never called.
    pub fn set_write_timeout(&self, _timeout: Option<Duration>) -> io::Result<()> {
        match *self {}
    }
}

impl io::Read for &LocalStream {
    fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
        match **self {}
    }
}

impl io::Write for &LocalStream {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        match **self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match **self {}
    }
}

impl AsRawSocket for LocalStream {
    fn as_raw_socket(&self) -> RawSocket {
        match *self {}
    }
}
