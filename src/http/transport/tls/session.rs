//! The TLS state of one connection: plain bytes on this side, records on the socket.
//!
//! It never waits by itself: each call makes at most one transfer, which blocks for a tick at most, so
//! that the deadlines of the connection hold as they do without TLS.

use super::super::buffer::{BUFFER_BYTES, ReceiveBuffer};
use super::super::socket::Socket;
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// Records are read up to this many bytes at once when much is expected.
const BULK_BYTES: usize = 64 * 1024;
/// Memory that a session takes while it receives that much at once: the records, and what was decrypted of them.
pub(in crate::http) const BULK_MEMORY_BYTES: usize = 2 * BULK_BYTES;
/// Plain bytes that are encrypted before they are sent: four full records, in one system call.
pub(in crate::http) const SEND_BYTES: usize = 64 * 1024;
/// The response to a client for which no connection is free: a fatal alert, "internal error" (RFC 8446 6).
pub(in crate::http) const TOO_MANY_CONNECTIONS_ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// One connection's state.
pub(in crate::http) struct TlsSession {
    connection: ServerConnection,
    /// Records that were received and not processed yet.
    input: ReceiveBuffer,
}

impl TlsSession {
    /// A connection from which only these bytes have arrived.
    pub(in crate::http) fn new(
        config: Arc<ServerConfig>,
        received: ReceiveBuffer,
    ) -> io::Result<TlsSession> {
        let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
        // What is given to `encrypt` is bounded already.
        connection.set_buffer_limit(None);
        Ok(TlsSession {
            connection,
            input: received,
        })
    }

    /// Receives some bytes and keeps them for later; 0 at the end of the stream.
    pub(in crate::http) fn fill(&mut self, socket: &Socket, tick: Duration) -> io::Result<usize> {
        let count = socket.receive(self.input.room(BUFFER_BYTES), tick)?;
        self.input.filled(count);
        Ok(count)
    }

    /// Whether the handshake is still in progress.
    pub(in crate::http) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether there are records that have to leave.
    pub(in crate::http) fn wants_flush(&self) -> bool {
        self.connection.wants_write()
    }

    /// Processes received records up to the first plain bytes. An error is the end of the
    /// connection; the alert that says why waits to be flushed.
    pub(in crate::http) fn process(&mut self) -> io::Result<()> {
        while !self.input.is_empty() {
            let mut bytes = self.input.bytes();
            let count = self.connection.read_tls(&mut bytes)?;
            self.input.consume(count);
            let state = self.connection.process_new_packets().map_err(broken)?;
            if state.plaintext_bytes_to_read() > 0 {
                break;
            }
        }
        Ok(())
    }

    /// Reads plain bytes: those already decrypted, otherwise those that one receive brings. 0 after an orderly end;
    /// `UnexpectedEof` after an end that anybody in between could have made (RFC 8446 6.1);
    /// [`crate::sys::is_tick`] when nothing came.
    pub(in crate::http) fn receive(
        &mut self,
        socket: &Socket,
        into: &mut [u8],
        tick: Duration,
    ) -> io::Result<usize> {
        let mut filled = 0;
        let mut received = false;
        loop {
            let (_, rest) = into.split_at_mut(filled);
            match self.connection.reader().read(rest) {
                Ok(0) => return Ok(filled),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.input.is_empty() {
                        if filled > 0 {
                            return Ok(filled);
                        }
                        // Records without plain bytes are no progress.
                        if received {
                            return Err(error);
                        }
                        received = true;
                        self.receive_records(socket, into.len(), tick)?;
                    }
                    if let Err(error) = self.process() {
                        let _ = self.flush(socket, false);
                        return Err(error);
                    }
                    if self.wants_flush() {
                        let _ = self.flush(socket, false);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn receive_records(
        &mut self,
        socket: &Socket,
        wanted: usize,
        tick: Duration,
    ) -> io::Result<()> {
        let room = match wanted > BUFFER_BYTES {
            true => BULK_BYTES,
            false => BUFFER_BYTES,
        };
        let count = socket.receive(self.input.room(room), tick)?;
        self.input.filled(count);
        if count == 0 {
            self.connection.read_tls(&mut io::empty())?;
        }
        Ok(())
    }

    /// Encrypts some bytes; returns how many. They leave by [`TlsSession::flush`].
    pub(in crate::http) fn encrypt(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (some, _) = bytes.split_at(bytes.len().min(SEND_BYTES));
        self.connection.writer().write(some)
    }

    /// Sends records; returns how many bytes of them left.
    pub(in crate::http) fn flush(&mut self, socket: &Socket, more: bool) -> io::Result<usize> {
        self.connection.write_tls(&mut Records { socket, more })
    }

    /// Sends close_notify, if that can be done at once.
    pub(in crate::http) fn close(&mut self, socket: &Socket) {
        self.connection.send_close_notify();
        let _ = self.flush(socket, false);
    }

    /// Gives memory back when the connection becomes idle.
    pub(in crate::http) fn shrink(&mut self) {
        self.input.shrink();
    }
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Where records leave.
struct Records<'s> {
    socket: &'s Socket,
    more: bool,
}

impl Write for Records<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send(bytes, self.more)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.send_pieces(pieces, self.more)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
