//! The server: bind, accept for ever, shut down in order.
//!
//! One thread a connection, at most [`Limits::connections_max`]. No accept error ends the loop: it is
//! logged, waited out for a short and growing time, and survived.

use super::connection;
use super::refusal::Refusal;
use super::shared::Shared;
use super::socket::{Bound, Listen, Listener, Socket};
use super::table::{Load, Table, peer};
use super::tls::NO_PLACE;
use super::{Handler, Limits, Tls};
use crate::memory::Budget;
use crate::sys;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// Stack of a connection's thread. Only what is touched costs memory; 64-bit address space is free.
const STACK_BYTES: usize = 512 * 1024;
/// The first and the longest pause after an accept error.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// How often accept errors are logged at most.
const LOG_PAUSE: Duration = Duration::from_secs(1);
/// How many refused newcomers may wait to have read their 503.
const REFUSED_MAX: usize = 64;
/// How long one of them may take.
const REFUSED_LINGER: Duration = Duration::from_millis(250);
/// How often an accept loop is interrupted while it does not end.
const INTERRUPT_PAUSE: Duration = Duration::from_millis(20);

/// A client that was answered 503, and until when it is read.
type Refused = (Socket, Instant);

/// A server that listens but does not accept yet.
pub struct Server<H> {
    listeners: Vec<Arc<Listener>>,
    address: Bound,
    shared: Arc<Shared>,
    handler: Arc<H>,
}

/// Watches and stops a [`Server`] from another thread.
#[derive(Clone)]
pub struct Control {
    /// Weak: the port is free as soon as the server stops accepting, however long this lives.
    listeners: Vec<Weak<Listener>>,
    shared: Arc<Shared>,
}

/// Sockets that listen and that nobody accepts from yet: whoever connects waits.
pub struct Listening(Vec<Listener>);

impl Listening {
    /// Looks whether there could be such an address, without taking it: whether another program has it is
    /// not asked. Errors name it.
    pub fn look(listen: &Listen) -> io::Result<()> {
        Listener::look(listen)
    }

    /// Takes the address. Errors name it.
    pub fn open(listen: &Listen) -> io::Result<Listening> {
        Listener::bind(listen).map(Listening)
    }
}

impl<H: Handler> Server<H> {
    /// Listens; connections are accepted from [`Server::run`] on. Errors name the address.
    pub fn bind(listen: &Listen, limits: Limits, handler: Arc<H>) -> io::Result<Server<H>> {
        let memory = Budget::new(limits.memory_bytes_max);
        Server::new(Listening::open(listen)?, limits, None, handler, &memory)
    }

    /// A server on sockets that listen; every connection speaks TLS when there is a [`Tls`]. What it holds
    /// for clients it takes of `memory`, which the handler may have a part in.
    pub fn new(
        Listening(listeners): Listening,
        limits: Limits,
        tls: Option<Tls>,
        handler: Arc<H>,
        memory: &Arc<Budget>,
    ) -> io::Result<Server<H>> {
        let none = || io::Error::new(io::ErrorKind::AddrNotAvailable, "nowhere to listen");
        let address = listeners.first().ok_or_else(none)?.bound()?;
        let table = Table::new(&limits);
        let shared = Arc::new(Shared::new(limits, tls, table, memory));
        Ok(Server {
            listeners: listeners.into_iter().map(Arc::new).collect(),
            address,
            shared,
            handler,
        })
    }

    /// Where it listens: with port 0 the port that was taken.
    pub fn address(&self) -> Bound {
        self.address.clone()
    }

    /// What stops it; may be cloned and sent to any thread.
    pub fn control(&self) -> Control {
        Control {
            listeners: self.listeners.iter().map(Arc::downgrade).collect(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Serves until [`Control::shutdown`] was called and every connection ended or was cut.
    pub fn run(self) {
        let (refused, refusals) = sync_channel(REFUSED_MAX);
        let lingering = thread::Builder::new().stack_size(STACK_BYTES);
        if let Err(error) = lingering.spawn(move || see_off(&refusals)) {
            log::warn!("cannot start the thread that sees refused connections off: {error}");
        }
        thread::scope(|scope| {
            let mut listeners = self.listeners.into_iter();
            let first = listeners.next();
            for listener in listeners {
                let (shared, handler, refused) = (&self.shared, &self.handler, refused.clone());
                let accept = move || accept_all(listener, shared, handler, &refused);
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, accept) {
                    log::error!(
                        "one of the addresses of http.addr is not served: no thread can be started: {error}"
                    );
                }
            }
            if let Some(listener) = first {
                accept_all(listener, &self.shared, &self.handler, &refused);
            }
        });
        let cut = self.shared.table.drain();
        if cut > 0 {
            log::warn!("shutdown: {cut} connections were still busy at the end of the drain, cut");
        }
    }
}

impl Control {
    /// How many connections there are at this moment; walks the table, so not for every request.
    pub fn load(&self) -> Load {
        self.shared.table.load()
    }

    /// Stops accepting, closes idle connections at once, lets what is in flight end within `drain`
    /// (zero: cuts it at once), cuts the rest; then [`Server::run`] returns. This call itself returns
    /// when nothing is accepted any more. May be called again, to bring the end forward.
    pub fn shutdown(&self, drain: Duration) {
        let table = &self.shared.table;
        table.stop(drain);
        while !table.wait_not_accepting(Duration::ZERO) {
            for listener in self.listeners.iter().filter_map(Weak::upgrade) {
                listener.interrupt();
            }
            table.wait_not_accepting(INTERRUPT_PAUSE);
        }
    }
}

fn accept_all<H: Handler>(
    listener: Arc<Listener>,
    shared: &Arc<Shared>,
    handler: &Arc<H>,
    refused: &SyncSender<Refused>,
) {
    shared.table.accepting();
    let (mut spare, mut is_spare_used) = (sys::spare_file(), false);
    let mut pause = BACKOFF.0;
    let mut logged: Option<Instant> = None;
    while !shared.table.stopping() {
        match listener.accept() {
            Ok(_) if shared.table.stopping() => break,
            Ok((socket, remote)) => {
                pause = BACKOFF.0;
                if is_spare_used {
                    spare = sys::spare_file();
                    is_spare_used = spare.is_none();
                }
                match is_spare_used {
                    false => welcome((shared, handler), socket, remote, refused),
                    true => turn_away(shared, socket, remote, refused),
                }
            }
            Err(_) if shared.table.stopping() => break,
            Err(error) => {
                if logged.is_none_or(|then| then.elapsed() >= LOG_PAUSE) {
                    logged = Some(Instant::now());
                    log::error!("cannot accept a connection: {error}; trying again");
                }
                if sys::is_out_of_files(&error) {
                    if shared.table.close_oldest_idle() {
                        pause = BACKOFF.0;
                    } else if spare.take().is_some() {
                        // Nobody makes room: the next client is at least told so.
                        is_spare_used = true;
                        continue;
                    }
                }
                shared.table.pause(pause);
                pause = (pause * 2).min(BACKOFF.1);
            }
        }
    }
    close(listener);
    shared.table.accepted();
}

/// Closes a listener, which removes the file of a unix socket. Whoever interrupts it holds it for a moment
/// as well, and the process may end before that is over.
fn close(mut listener: Arc<Listener>) {
    while let Err(held) = Arc::try_unwrap(listener) {
        listener = held;
        thread::yield_now();
    }
}

/// Gives a newcomer a thread, or an answer that says why not.
fn welcome<H: Handler>(
    (shared, handler): (&Arc<Shared>, &Arc<H>),
    socket: Socket,
    remote: Option<SocketAddr>,
    refused: &SyncSender<Refused>,
) {
    let entry = match shared.table.admit(socket, remote) {
        Ok(entry) => entry,
        Err(socket) => return turn_away(shared, socket, remote, refused),
    };
    let (for_thread, shared_too) = (Arc::clone(&entry), Arc::clone(shared));
    let handler = Arc::clone(handler);
    let thread = thread::Builder::new().stack_size(STACK_BYTES);
    if let Err(error) = thread.spawn(move || connection::serve(shared_too, for_thread, handler)) {
        log::error!("cannot start a thread for a connection: {error}; it is refused");
        shared.table.release(&entry);
        if let Some(entry) = Arc::into_inner(entry) {
            turn_away(shared, entry.socket, remote, refused);
        }
    }
}

/// Answers 503, or over TLS an alert, without a thread. The few bytes fit the socket's buffer, so this does not block; the
/// client's request is read and dropped by another thread, so that the answer is not lost to a reset.
fn turn_away(
    shared: &Shared,
    socket: Socket,
    remote: Option<SocketAddr>,
    refused: &SyncSender<Refused>,
) {
    let answer = match shared.tls {
        Some(_) => NO_PLACE.to_vec(),
        None => Refusal::overloaded().to_bytes(),
    };
    let _ = socket.send(&answer, false);
    socket.shutdown(Shutdown::Write);
    let _ = refused.try_send((socket, Instant::now() + REFUSED_LINGER));
    if let Some(told) = shared.turned_away.note(Instant::now(), || peer(remote)) {
        log::warn!(
            "no place for another connection ({told}); http.limits.connections and \
             http.limits.connectionsperaddress say how many there may be"
        );
    }
}

/// Reads and drops what refused clients still send, for a short time that begins with their answer: however
/// many they are, they keep their file descriptors no longer.
fn see_off(refusals: &Receiver<Refused>) {
    let mut scratch = [0; 4096];
    for (socket, end) in refusals {
        let tick = REFUSED_LINGER / 4;
        if socket.prepare(tick, REFUSED_LINGER).is_err() {
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
