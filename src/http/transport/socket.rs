//! One connected socket of either kind; what TLS makes of its bytes is in `tls`.
//!
//! A connection's own thread and the threads that may cut it share the socket, so everything here
//! takes `&self` and no file descriptor is ever duplicated.

use crate::sys;
use std::fs::File;
use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One connected socket.
pub(in crate::http) struct Socket {
    stream: Stream,
    /// This process shut both directions down.
    ended: AtomicBool,
}

enum Stream {
    Tcp(TcpStream),
    Local(sys::LocalStream),
}

impl Socket {
    /// A socket that was accepted over TCP.
    pub(in crate::http) fn from_tcp(stream: TcpStream) -> Socket {
        Socket::new(Stream::Tcp(stream))
    }

    /// A socket that was accepted on a path.
    pub(in crate::http) fn from_local(stream: sys::LocalStream) -> Socket {
        Socket::new(Stream::Local(stream))
    }

    fn new(stream: Stream) -> Socket {
        Socket {
            stream,
            ended: AtomicBool::new(false),
        }
    }

    /// Sets what holds for the whole life of the connection: see [`sys::set_ticks`].
    pub(in crate::http) fn prepare(&self, tick: Duration, patience: Duration) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => {
                stream.set_nodelay(true)?;
                sys::set_ticks(stream, tick, patience.max(tick))
            }
            Stream::Local(stream) => sys::set_ticks(stream, tick, patience.max(tick)),
        }
    }

    /// Reads some bytes; 0 at the end of the stream; [`sys::is_tick`] when a tick passed.
    pub(in crate::http) fn receive(&self, into: &mut [u8], tick: Duration) -> io::Result<usize> {
        let received = match &self.stream {
            Stream::Tcp(stream) => sys::receive(stream, into, tick),
            Stream::Local(stream) => sys::receive(stream, into, tick),
        };
        match received {
            // Windows does not wake a thread that waits for a socket that another thread has shut down.
            Err(error) if sys::is_tick(&error) && self.ended.load(Ordering::SeqCst) => Ok(0),
            other => other,
        }
    }

    /// Sends some bytes; `more` when others follow at once.
    pub(in crate::http) fn send(&self, bytes: &[u8], more: bool) -> io::Result<usize> {
        match &self.stream {
            Stream::Tcp(stream) => sys::send(stream, bytes, more),
            Stream::Local(stream) => sys::send(stream, bytes, more),
        }
    }

    /// Sends some bytes of these pieces, in order; `more` when others follow at once.
    pub(in crate::http) fn send_pieces(
        &self,
        pieces: &[IoSlice<'_>],
        more: bool,
    ) -> io::Result<usize> {
        match &self.stream {
            Stream::Tcp(stream) => sys::send_pieces(stream, pieces, more),
            Stream::Local(stream) => sys::send_pieces(stream, pieces, more),
        }
    }

    /// Sends some bytes of a file; `None` when that has to be done by a buffer.
    pub(in crate::http) fn send_file(
        &self,
        file: &File,
        offset: u64,
        length: usize,
    ) -> io::Result<Option<usize>> {
        match &self.stream {
            Stream::Tcp(stream) => sys::send_file(stream, file, offset, length),
            Stream::Local(stream) => sys::send_file(stream, file, offset, length),
        }
    }

    /// Whether [`Socket::shutdown`] ended both directions.
    pub(in crate::http) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Ends one or both directions, from any thread.
    pub(in crate::http) fn shutdown(&self, how: Shutdown) {
        if how == Shutdown::Both {
            self.ended.store(true, Ordering::SeqCst);
        }
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(how),
            Stream::Local(stream) => stream.shutdown(how),
        };
    }
}

/// Whether the system says that the other end is gone.
pub(in crate::http) fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionReset | UnexpectedEof => true,
        ConnectionAborted => error.raw_os_error().is_some(),
        _ => false,
    }
}
