//! One open connection as the table and its own thread see it: idle, busy or closing, and who it counts for.
//!
//! Its thread marks it idle between two requests. Whoever needs its slot takes it by a
//! compare-and-swap from idle to closing, which an arriving request can lose but never share.

use super::super::message::client::client_network;
use super::super::transport::socket::Socket;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

const IDLE: u8 = 0;
const BUSY: u8 = 1;
const CLOSING: u8 = 2;

/// One open connection, shared between its thread and the table.
pub(super) struct OpenConnection {
    pub(super) id: u64,
    pub(super) socket: Socket,
    pub(super) remote: Option<SocketAddr>,
    /// Whether the peer is a trusted proxy, which may name its clients.
    pub(super) is_trusted: bool,
    /// Whether it counts for the address of its peer.
    is_counted: AtomicBool,
    state: AtomicU8,
    /// Microseconds since the table was made; the smallest is closed first, and none in the future.
    idle_since: AtomicU64,
}

impl OpenConnection {
    /// A connection that counts for its peer, idle since that time.
    pub(super) fn new(
        id: u64,
        (socket, remote): (Socket, Option<SocketAddr>),
        is_trusted: bool,
        idle_since: u64,
    ) -> OpenConnection {
        OpenConnection {
            id,
            socket,
            remote,
            is_trusted,
            is_counted: AtomicBool::new(true),
            state: AtomicU8::new(IDLE),
            idle_since: AtomicU64::new(idle_since),
        }
    }

    /// The peer, for the log.
    pub(super) fn peer(&self) -> String {
        peer_name(self.remote)
    }

    /// Whether it may count for the address of its peer.
    pub(super) fn is_counted(&self) -> bool {
        self.remote.is_some() && self.is_counted.load(Ordering::Relaxed)
    }

    /// From now on it counts for no address.
    pub(super) fn exempt(&self) {
        self.is_counted.store(false, Ordering::Relaxed);
    }

    /// The address that it counts for, if any.
    pub(super) fn counts_for(&self) -> Option<IpAddr> {
        let is_counted = self.is_counted.load(Ordering::Relaxed);
        self.remote
            .filter(|_| is_counted)
            .map(|remote| client_network(remote.ip()))
    }

    /// When it became idle, if it is idle.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let is_idle = self.state.load(Ordering::SeqCst) == IDLE;
        is_idle.then(|| self.idle_since.load(Ordering::Relaxed))
    }

    /// It is idle since that time, or since a later one that it had already: the grace of a newcomer.
    pub(super) fn mark_idle(&self, since: u64) {
        self.idle_since.fetch_max(since, Ordering::Relaxed);
        self.state.store(IDLE, Ordering::SeqCst);
    }

    /// It only lingers after its last response: the first to be closed for another.
    pub(super) fn mark_lingering(&self) {
        self.idle_since.store(0, Ordering::Relaxed);
        self.state.store(IDLE, Ordering::SeqCst);
    }

    /// Bytes of a request arrived. `false`: the connection was closed for another in the meantime.
    pub(super) fn mark_busy(&self) -> bool {
        let swap = (Ordering::SeqCst, Ordering::SeqCst);
        let won = self
            .state
            .compare_exchange(IDLE, BUSY, swap.0, swap.1)
            .is_ok();
        self.idle_since.store(0, Ordering::Relaxed);
        won
    }

    /// Closes the connection if it is idle; whether it did.
    pub(super) fn close_if_idle(&self) -> bool {
        let swap = (Ordering::SeqCst, Ordering::SeqCst);
        let won = self
            .state
            .compare_exchange(IDLE, CLOSING, swap.0, swap.1)
            .is_ok();
        if won {
            self.socket.shutdown(Shutdown::Both);
        }
        won
    }

    /// Closes the connection, whatever it does.
    pub(super) fn cut(&self) {
        self.state.store(CLOSING, Ordering::SeqCst);
        self.socket.shutdown(Shutdown::Both);
    }
}

/// The peer, for the log.
pub(super) fn peer_name(remote: Option<SocketAddr>) -> String {
    let remote = remote.map(|remote| remote.to_string());
    remote.unwrap_or("a local client".to_owned())
}
