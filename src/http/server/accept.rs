//! Accepting connections. No accept error ends the loop: it is logged, waited out for a short and growing
//! time, and survived. A client for which no connection is free is turned away with a 503.

use super::super::message::rejection::Rejection;
use super::super::transport::listener::Listener;
use super::super::transport::socket::Socket;
use super::super::transport::tls::TOO_MANY_CONNECTIONS_ALERT;
use super::handler::Handler;
use super::open_connection::peer_name;
use super::serve::serve;
use super::shared::ServerState;
use crate::sys;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// Stack of a connection's thread. Only what is touched costs memory; 64-bit address space is free.
pub(super) const STACK_BYTES: usize = 512 * 1024;
/// How many clients that were turned away may wait to read their response.
pub(super) const REJECTED_MAX: usize = 64;
/// The first and the longest pause after an accept error.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// The shortest time between two log lines about accept errors.
const LOG_PAUSE: Duration = Duration::from_secs(1);
/// How long a client that was turned away may take to read its response.
const LINGER: Duration = Duration::from_millis(250);

/// A client that was turned away, and until when it may still send.
pub(super) type RejectedClient = (Socket, Instant);

/// Accepts connections until the server is stopped, then closes the listener.
pub(super) fn accept_all<H: Handler>(
    listener: Arc<Listener>,
    server: &Arc<ServerState>,
    handler: &Arc<H>,
    rejected: &SyncSender<RejectedClient>,
) {
    server.table.accept_started();
    let (mut spare, mut is_spare_used) = (sys::spare_file(), false);
    let mut pause = BACKOFF.0;
    let mut logged: Option<Instant> = None;
    while !server.table.is_stopping() {
        match listener.accept() {
            Ok(_) if server.table.is_stopping() => break,
            Ok((socket, remote)) => {
                pause = BACKOFF.0;
                if is_spare_used {
                    spare = sys::spare_file();
                    is_spare_used = spare.is_none();
                }
                match is_spare_used {
                    false => admit((server, handler), socket, remote, rejected),
                    true => turn_away(server, socket, remote, rejected),
                }
            }
            Err(_) if server.table.is_stopping() => break,
            Err(error) => {
                if logged.is_none_or(|then| then.elapsed() >= LOG_PAUSE) {
                    logged = Some(Instant::now());
                    log::error!("cannot accept connections: {error}; retrying");
                }
                if sys::is_out_of_files(&error) {
                    if server.table.close_oldest_idle() {
                        pause = BACKOFF.0;
                    } else if spare.take().is_some() {
                        // No connection can be closed: the next client at least gets a response.
                        is_spare_used = true;
                        continue;
                    }
                }
                server.table.pause(pause);
                pause = (pause * 2).min(BACKOFF.1);
            }
        }
    }
    close(listener);
    server.table.accept_ended();
}

/// Closes a listener, which removes the file of a unix socket. A thread that interrupts it holds it for a moment
/// as well, and the process may end before that is over.
fn close(mut listener: Arc<Listener>) {
    while let Err(held) = Arc::try_unwrap(listener) {
        listener = held;
        thread::yield_now();
    }
}

/// Gives a newcomer a thread, or a response that says why not.
fn admit<H: Handler>(
    (server, handler): (&Arc<ServerState>, &Arc<H>),
    socket: Socket,
    remote: Option<SocketAddr>,
    rejected: &SyncSender<RejectedClient>,
) {
    let open = match server.table.admit(socket, remote) {
        Ok(open) => open,
        Err(socket) => return turn_away(server, socket, remote, rejected),
    };
    let (its_handler, its_server) = (Arc::clone(handler), Arc::clone(server));
    let its_entry = Arc::clone(&open);
    let thread = thread::Builder::new().stack_size(STACK_BYTES);
    let life = move || serve(&*its_handler, &its_server, &its_entry);
    if let Err(error) = thread.spawn(life) {
        log::error!("cannot start a thread for a connection: {error}; turning it away");
        server.table.release(&open);
        if let Some(open) = Arc::into_inner(open) {
            turn_away(server, open.socket, remote, rejected);
        }
    }
}

/// Sends a 503, or over TLS an alert, without a thread. The few bytes fit the socket's buffer, so this does not block; the
/// client's request is read and dropped by another thread, so that the response is not lost to a reset.
fn turn_away(
    server: &ServerState,
    socket: Socket,
    remote: Option<SocketAddr>,
    rejected: &SyncSender<RejectedClient>,
) {
    let response = match server.transport.tls {
        Some(_) => TOO_MANY_CONNECTIONS_ALERT.to_vec(),
        None => Rejection::TOO_MANY_CONNECTIONS.to_bytes(),
    };
    let _ = socket.send(&response, false);
    socket.shutdown(Shutdown::Write);
    let _ = rejected.try_send((socket, Instant::now() + LINGER));
    let peer = || peer_name(remote);
    if let Some(occurrence) = server.turned_away.count(Instant::now(), peer) {
        log::warn!(
            "turned a connection away ({occurrence}): http.limits.connections or \
             http.limits.connectionsperaddress is reached"
        );
    }
}

/// Reads and drops what clients that were turned away still send, for a short time after their response: however
/// many they are, they keep their file descriptors no longer.
pub(super) fn drain_rejected(rejected: &Receiver<RejectedClient>) {
    let mut scratch = [0; 4096];
    for (socket, end) in rejected {
        let tick = LINGER / 4;
        if socket.prepare(tick, LINGER).is_err() {
            continue;
        }
        while Instant::now() < end {
            match socket.receive(&mut scratch, tick) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if sys::is_tick(&error) => {}
                Err(_) => break,
            }
        }
    }
}
