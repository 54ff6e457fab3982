//! A connection as its own thread sees it: the socket under deadlines, the bytes read too far, and the
//! bytes about to leave.
//!
//! Sockets block for a short tick only (set once, no system call a request); after each tick and each
//! transfer a [`Patience`] decides whether the peer is still worth waiting for.

use super::buffer::{BUFFER_BYTES, ReceiveBuffer};
use super::patience::{Patience, wait};
use super::socket::Socket;
use super::tls::{BULK_MEMORY_BYTES, Tls, TlsSession};
use crate::memory::{Budget, Share, Use};
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// What all connections of a server have in common here.
pub(in crate::http) struct TransportSettings {
    /// Every connection speaks TLS when there is one.
    pub(in crate::http) tls: Option<Tls>,
    /// How long one read or write may block before deadlines are checked.
    pub(in crate::http) tick: Duration,
    /// What may be held for clients; the handler takes from the same budget.
    pub(in crate::http) memory: Arc<Budget>,
}

/// Bytes that a client may send in a handshake before they are counted: only its own certificates take more.
const HANDSHAKE_BYTES: usize = 16 * 1024;

/// One connection's socket and buffers.
pub(in crate::http) struct Wire<'c> {
    settings: &'c TransportSettings,
    pub(in crate::http) socket: &'c Socket,
    /// Read and not used yet.
    pub(in crate::http) buffer: ReceiveBuffer,
    /// The head and small body about to leave; reused.
    pub(in crate::http) out: Vec<u8>,
    /// What `buffer` and the parsed head take beyond the usual.
    share: Share,
    /// Bytes of the next request were dropped, because there was no memory for them.
    pub(in crate::http) has_lost: bool,
    /// What the state of TLS takes beyond the usual, while much is received.
    bulk: Option<Share>,
    /// Set after the handshake, where TLS is spoken.
    tls: Option<Box<TlsSession>>,
}

/// How a connection starts.
pub(in crate::http) enum Secured {
    /// The handshake is complete, or there is no TLS here.
    Done,
    /// The client speaks HTTP without TLS.
    PlainHttp,
}

impl<'c> Wire<'c> {
    /// A connection on a socket, from which nothing has been read.
    pub(in crate::http) fn new(settings: &'c TransportSettings, socket: &'c Socket) -> Wire<'c> {
        let share = Share::new(&settings.memory, Use::Client);
        Wire {
            settings,
            socket,
            share,
            has_lost: false,
            bulk: None,
            buffer: ReceiveBuffer::new(),
            out: Vec::with_capacity(512),
            tls: None,
        }
    }

    /// Does the handshake, where TLS is spoken. `InvalidData`: it failed, and an alert told the client why.
    pub(in crate::http) fn secure(&mut self, patience: &mut dyn Patience) -> io::Result<Secured> {
        let Some(tls) = &self.settings.tls else {
            return Ok(Secured::Done);
        };
        let (socket, tick) = (self.socket, self.settings.tick);
        let gone = || io::Error::new(io::ErrorKind::UnexpectedEof, "the client went away");
        // A client that only connects does not cost the state of a handshake.
        let room = self.buffer.room(BUFFER_BYTES);
        let count = wait(patience, || socket.receive(room, tick))?;
        self.buffer.filled(count);
        match self.buffer.bytes().first() {
            None => return Err(gone()),
            Some(letter) if letter.is_ascii_alphabetic() => return Ok(Secured::PlainHttp),
            Some(_) => {}
        }
        let first = std::mem::replace(&mut self.buffer, ReceiveBuffer::new());
        let mut session = Box::new(TlsSession::new(tls.config(), first)?);
        let mut received = count;
        loop {
            let processed = session.process();
            while session.wants_flush() {
                wait(patience, || session.flush(socket, false))?;
            }
            processed?;
            if !session.is_handshaking() {
                break;
            }
            let count = wait(patience, || session.fill(socket, tick))?;
            if count == 0 {
                return Err(gone());
            }
            // Incomplete messages are held: what arrived is counted as far as it is more than usual.
            received += count;
            if received > HANDSHAKE_BYTES && !self.share.set(received) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        self.share.set(0);
        self.tls = Some(session);
        Ok(Secured::Done)
    }

    /// The memory that is counted for clients.
    pub(in crate::http) fn memory(&self) -> &'c Arc<Budget> {
        &self.settings.memory
    }

    /// Whether TLS is spoken.
    pub(in crate::http) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads some bytes straight into `into`; 0 at the end of the stream.
    pub(in crate::http) fn receive(
        &mut self,
        into: &mut [u8],
        patience: &mut dyn Patience,
    ) -> io::Result<usize> {
        let (socket, tick) = (self.socket, self.settings.tick);
        match &mut self.tls {
            None => wait(patience, || socket.receive(into, tick)),
            Some(session) => {
                let most = match into.len() > BUFFER_BYTES
                    && !has_bulk(&mut self.bulk, &self.settings.memory)
                {
                    true => BUFFER_BYTES,
                    false => into.len(),
                };
                let (into, _) = into.split_at_mut(most);
                wait(patience, || session.receive(socket, into, tick))
            }
        }
    }

    /// Counts what was read beyond a body: it stays while the response is sent. Without memory for it, it is
    /// dropped, and the next request with it.
    pub(in crate::http) fn count_rest(&mut self) {
        if !self.share.grow(self.buffer.grown()) {
            self.buffer = ReceiveBuffer::new();
            self.has_lost = true;
        }
    }

    /// Whether there is memory for the buffer as it is and a parsed head of that many bytes. Costs nothing
    /// while both are as small as usual.
    pub(in crate::http) fn has_memory(&mut self, head_bytes: usize) -> bool {
        let head = head_bytes.saturating_sub(BUFFER_BYTES);
        self.share.set(self.buffer.grown().saturating_add(head))
    }

    /// Reads some bytes into the buffer, which may grow to `bytes_max`; 0 at the end of the stream or
    /// when the buffer is full. `OutOfMemory`: all heads together are too large for it to grow.
    pub(in crate::http) fn fill(
        &mut self,
        bytes_max: usize,
        patience: &mut dyn Patience,
    ) -> io::Result<usize> {
        let (socket, tick) = (self.socket, self.settings.tick);
        let bytes_max = bytes_max.max(BUFFER_BYTES);
        let grown = self.buffer.grown_for_room(bytes_max);
        if grown > self.buffer.grown() && !self.share.set(grown) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let room = self.buffer.room(bytes_max);
        let count = match &mut self.tls {
            None => wait(patience, || socket.receive(room, tick))?,
            Some(session) => {
                // So few at once that the records take no more memory than when idle.
                let some = room.len().min(BUFFER_BYTES);
                let (room, _) = room.split_at_mut(some);
                wait(patience, || session.receive(socket, room, tick))?
            }
        };
        self.buffer.filled(count);
        Ok(count)
    }

    /// Sends all of `bytes`; adds to `sent` what left, also when it fails half-way.
    pub(in crate::http) fn send_all(
        &mut self,
        bytes: &[u8],
        more: bool,
        patience: &mut dyn Patience,
        sent: &mut u64,
    ) -> io::Result<()> {
        let mut rest = bytes;
        let socket = self.socket;
        while !rest.is_empty() {
            let count = match &mut self.tls {
                None => wait(patience, || socket.send(rest, more))?,
                Some(session) => {
                    let count = session.encrypt(rest)?;
                    while session.wants_flush() {
                        wait(patience, || {
                            session.flush(socket, more || count < rest.len())
                        })?;
                    }
                    count
                }
            };
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *sent = sent.saturating_add(u64::try_from(count).unwrap_or(0));
            (_, rest) = rest.split_at(count);
        }
        Ok(())
    }

    /// Sends some bytes of a file inside the kernel; `None` when that has to be done by a buffer, as
    /// under TLS; 0 at the end of the file.
    pub(in crate::http) fn send_file(
        &mut self,
        file: &std::fs::File,
        offset: u64,
        length: usize,
        patience: &mut dyn Patience,
    ) -> io::Result<Option<usize>> {
        if self.tls.is_some() {
            return Ok(None);
        }
        wait(patience, || self.socket.send_file(file, offset, length))
    }

    /// Over TLS, sends close_notify, so that the end is known not to be cut; does not wait.
    pub(in crate::http) fn close_notify(&mut self) {
        if let Some(session) = &mut self.tls {
            session.close(self.socket);
        }
    }

    /// Ends the sending side. What is received from now on is not decrypted.
    pub(in crate::http) fn end_sending(&mut self) {
        self.close_notify();
        self.tls = None;
        self.socket.shutdown(Shutdown::Write);
    }

    /// Gives memory back when the connection becomes idle.
    pub(in crate::http) fn shrink(&mut self) {
        self.buffer.shrink();
        self.bulk = None;
        self.has_memory(0);
        if let Some(session) = &mut self.tls {
            session.shrink();
        }
        if self.out.capacity() > BUFFER_BYTES {
            self.out = Vec::with_capacity(512);
        }
    }
}

/// Whether there is memory for the large buffers of TLS, which are given back when the connection becomes idle.
fn has_bulk(bulk: &mut Option<Share>, memory: &Arc<Budget>) -> bool {
    bulk.get_or_insert_with(|| Share::new(memory, Use::Speed))
        .set(BULK_MEMORY_BYTES)
}
