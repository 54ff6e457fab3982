//! The server: bind, accept for ever, shut down in order.
//!
//! One thread a connection, at most [`Limits::connections_max`].

mod accept;
mod connection;
mod exchange;
pub(super) mod handler;
mod in_flight;
pub(super) mod limits;
mod occasional;
mod open_connection;
pub(super) mod proxies;
mod rejected;
mod serve;
mod shared;
pub(super) mod table;

use super::transport::listener::{Bound, Listen, Listener};
use super::transport::tls::Tls;
use crate::memory::Budget;
use accept::{REJECTED_MAX, STACK_BYTES, accept_all, drain_rejected};
use handler::Handler;
use limits::Limits;
use shared::ServerState;
use std::io;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;
use table::Load;

/// How often an accept loop is interrupted until it ends.
const INTERRUPT_PAUSE: Duration = Duration::from_millis(20);

/// A server that listens but does not accept yet.
pub struct Server<H> {
    listeners: Vec<Arc<Listener>>,
    address: Bound,
    state: Arc<ServerState>,
    handler: Arc<H>,
}

/// Watches and stops a [`Server`] from another thread.
#[derive(Clone)]
pub struct Control {
    /// Weak: the port is free as soon as the server stops accepting, however long this lives.
    listeners: Vec<Weak<Listener>>,
    state: Arc<ServerState>,
}

/// Sockets that listen, but from which nothing is accepted yet: clients that connect wait.
pub struct Listening(Vec<Listener>);

impl Listening {
    /// Checks whether the address could be bound, without binding it: whether another program has it is
    /// not checked. Errors name it.
    pub fn check(listen: &Listen) -> io::Result<()> {
        Listener::check(listen)
    }

    /// Binds the address. Errors name it.
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
    /// for clients it takes from `memory`, which it may share with the handler.
    pub fn new(
        Listening(listeners): Listening,
        limits: Limits,
        tls: Option<Tls>,
        handler: Arc<H>,
        memory: &Arc<Budget>,
    ) -> io::Result<Server<H>> {
        let none = || io::Error::new(io::ErrorKind::AddrNotAvailable, "no address to listen on");
        let address = listeners.first().ok_or_else(none)?.bound()?;
        Ok(Server {
            listeners: listeners.into_iter().map(Arc::new).collect(),
            address,
            state: Arc::new(ServerState::new(limits, tls, memory)),
            handler,
        })
    }

    /// Where it listens: for port 0, the port that was taken.
    pub fn address(&self) -> Bound {
        self.address.clone()
    }

    /// What stops it; may be cloned and sent to any thread.
    pub fn control(&self) -> Control {
        Control {
            listeners: self.listeners.iter().map(Arc::downgrade).collect(),
            state: Arc::clone(&self.state),
        }
    }

    /// Serves until [`Control::shutdown`] was called and every connection has ended or was cut.
    pub fn run(self) {
        let (rejected, to_drain) = sync_channel(REJECTED_MAX);
        let draining = thread::Builder::new().stack_size(STACK_BYTES);
        if let Err(error) = draining.spawn(move || drain_rejected(&to_drain)) {
            log::warn!(
                "cannot start the thread that drains connections that are turned away: {error}"
            );
        }
        thread::scope(|scope| {
            let mut listeners = self.listeners.into_iter();
            let first = listeners.next();
            for listener in listeners {
                let (state, handler, rejected) = (&self.state, &self.handler, rejected.clone());
                let accept = move || accept_all(listener, state, handler, &rejected);
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, accept) {
                    log::error!(
                        "cannot start a thread for one of the addresses of http.addr, which is not served: {error}"
                    );
                }
            }
            if let Some(listener) = first {
                accept_all(listener, &self.state, &self.handler, &rejected);
            }
        });
        let cut = self.state.table.drain();
        if cut > 0 {
            log::warn!("shutdown: closed {cut} connections still active after the drain timeout");
        }
    }
}

impl Control {
    /// How many connections there are now; walks the table, so not for every request.
    pub fn load(&self) -> Load {
        self.state.table.load()
    }

    /// Stops accepting, closes idle connections at once, lets what is in flight end within `drain`
    /// (zero: cuts it at once), cuts the rest; then [`Server::run`] returns. This call itself returns
    /// when no more connections are accepted. May be called again, to bring the end forward.
    pub fn shutdown(&self, drain: Duration) {
        let table = &self.state.table;
        table.stop(drain);
        while !table.wait_not_accepting(Duration::ZERO) {
            for listener in self.listeners.iter().filter_map(Weak::upgrade) {
                listener.interrupt();
            }
            table.wait_not_accepting(INTERRUPT_PAUSE);
        }
    }
}
