//! The table of open connections: which are admitted, which are closed for others, which are waited for at the end.

use super::super::message::client::client_network;
use super::super::message::head::Head;
use super::super::transport::socket::Socket;
use super::in_flight::{CountedRequest, InFlight, count_down};
use super::limits::Limits;
use super::open_connection::OpenConnection;
use super::proxies::TrustedProxies;
use crate::sync::{Condvar, Mutex};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

/// One in this many connections is not available to proxies.
const RESERVED_PART: usize = 8;

/// How long to wait for threads whose connection was cut at the end of the drain.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// How long a new connection has to send its first byte before it may be closed for another: its
/// request may have arrived and its thread not have run yet.
const NEWCOMER_GRACE: Duration = Duration::from_millis(250);

/// How many connections there are, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Open connections.
    pub open: usize,
    /// Those that wait for a request, or only for their end.
    pub idle: usize,
}

/// All open connections of a server.
pub(super) struct ConnectionTable {
    connections_max: usize,
    per_address_max: usize,
    /// Connections of proxies that do not count for their address.
    of_proxies_max: usize,
    trusted: TrustedProxies,
    /// Requests in flight from clients that trusted proxies name.
    in_flight: InFlight,
    created: Instant,
    stopping: AtomicBool,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    connections: HashMap<u64, Arc<OpenConnection>>,
    per_address: HashMap<IpAddr, usize>,
    of_proxies: usize,
    next_id: u64,
    /// Accept loops that are running.
    accepting: usize,
    /// When what is in flight is cut; set by the first shutdown, only ever brought forward.
    cut_at: Option<Instant>,
}

impl ConnectionTable {
    /// An empty table with its bounds, at least 1 each.
    pub(super) fn new(limits: &Limits) -> ConnectionTable {
        let connections_max = limits.connections_max.max(1);
        let per_address_max = limits.connections_per_address_max.max(1);
        // Beyond them a proxy's connections count for its address, like a client's: an eighth is left to others.
        let of_proxies_max = connections_max - connections_max / RESERVED_PART;
        ConnectionTable {
            connections_max,
            per_address_max,
            of_proxies_max: of_proxies_max.saturating_sub(per_address_max),
            trusted: limits.trusted_proxies.clone(),
            in_flight: InFlight::new(per_address_max),
            created: Instant::now(),
            stopping: AtomicBool::new(false),
            inner: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Admits a newcomer, closing the longest idle connection for it where a bound is reached;
    /// gives the socket back when none is idle.
    pub(super) fn admit(
        &self,
        socket: Socket,
        remote: Option<SocketAddr>,
    ) -> Result<Arc<OpenConnection>, Socket> {
        let mut inner = self.lock();
        let address = remote.map(|remote| remote.ip());
        let network = address.map(client_network);
        let arrived = Instant::now();
        let now = self.stamp(arrived);
        if let Some(network) = network {
            let open = inner.per_address.get(&network).copied().unwrap_or(0);
            if open >= self.per_address_max && !inner.close_oldest_idle(now, Some(network)) {
                return Err(socket);
            }
        }
        if inner.connections.len() >= self.connections_max && !inner.close_oldest_idle(now, None) {
            return Err(socket);
        }
        let id = inner.next_id;
        inner.next_id += 1;
        let is_trusted = self.trusted.trusts(address);
        let idle_since = self.stamp(arrived + NEWCOMER_GRACE);
        let connection = OpenConnection::new(id, (socket, remote), is_trusted, idle_since);
        let connection = Arc::new(connection);
        if let Some(network) = network {
            *inner.per_address.entry(network).or_default() += 1;
        }
        inner.connections.insert(id, Arc::clone(&connection));
        Ok(connection)
    }

    /// Counts a request from a client that a trusted proxy names, until the returned value is dropped; `None` when that
    /// client has too many in flight. From the first one on the connection does not count for its peer, as far as
    /// the connections of proxies have room: it carries many clients.
    pub(super) fn begin_request(
        &self,
        connection: &OpenConnection,
        client: IpAddr,
    ) -> Option<CountedRequest<'_>> {
        if connection.is_counted() {
            self.lock().exempt(connection, self.of_proxies_max);
        }
        self.in_flight.begin(client_network(client))
    }

    /// The client for which a peer sends a request with this head; `None` when that is the peer itself.
    pub(super) fn forwarded_client(
        &self,
        connection: &OpenConnection,
        head: &Head,
    ) -> Option<IpAddr> {
        let client = || self.trusted.client(|| head.headers());
        connection.is_trusted.then(client)?
    }

    /// Closes the connection that has been idle longest; `false` when none is.
    pub(super) fn close_oldest_idle(&self) -> bool {
        let now = self.stamp(Instant::now());
        self.lock().close_oldest_idle(now, None)
    }

    /// A connection ended.
    pub(super) fn release(&self, connection: &OpenConnection) {
        self.lock().remove(connection);
        if self.is_stopping() {
            self.changed.notify_all();
        }
    }

    /// Marks a connection as idle since `now`; `false` when the server is stopping and it should
    /// close instead.
    pub(super) fn mark_idle(&self, connection: &OpenConnection, now: Instant) -> bool {
        connection.mark_idle(self.stamp(now));
        !self.is_stopping()
    }

    fn stamp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.created);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// Counts the connections.
    pub(super) fn load(&self) -> Load {
        let inner = self.lock();
        let is_idle = |connection: &&Arc<OpenConnection>| connection.idle_since().is_some();
        Load {
            open: inner.connections.len(),
            idle: inner.connections.values().filter(is_idle).count(),
        }
    }

    /// Whether a shutdown has begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Begins the shutdown: idle connections are closed now, the others cut `drain` from now. A later
    /// call can only bring that forward.
    pub(super) fn stop(&self, drain: Duration) {
        self.stopping.store(true, Ordering::SeqCst);
        let now = Instant::now();
        let cut_at = now.checked_add(drain);
        let mut inner = self.lock();
        inner.cut_at = match (inner.cut_at, cut_at) {
            (Some(before), Some(cut_at)) => Some(before.min(cut_at)),
            (before, cut_at) => before.or(cut_at),
        };
        for connection in inner.connections.values() {
            connection.close_if_idle();
        }
        drop(inner);
        self.changed.notify_all();
    }

    /// An accept loop starts.
    pub(super) fn accept_started(&self) {
        self.lock().accepting += 1;
    }

    /// An accept loop ended.
    pub(super) fn accept_ended(&self) {
        let mut inner = self.lock();
        inner.accepting = inner.accepting.saturating_sub(1);
        drop(inner);
        self.changed.notify_all();
    }

    /// Waits until no accept loop is running, `patience` at most; `true` when none is.
    pub(super) fn wait_not_accepting(&self, patience: Duration) -> bool {
        let inner = self.lock();
        let are_running = |inner: &mut Inner| inner.accepting > 0;
        self.changed
            .wait_timeout_while(inner, patience, are_running)
            .1
    }

    /// Sleeps, but not into a shutdown.
    pub(super) fn pause(&self, duration: Duration) {
        let running = |_: &mut Inner| !self.is_stopping();
        let inner = self.lock();
        drop(self.changed.wait_timeout_while(inner, duration, running));
    }

    /// Waits until every connection has ended; cuts those still there at the end of the drain. Returns how
    /// many were cut.
    pub(super) fn drain(&self) -> usize {
        let mut inner = self.lock();
        while !inner.connections.is_empty() {
            let left = match inner.cut_at {
                Some(cut_at) => cut_at.saturating_duration_since(Instant::now()),
                None => Duration::MAX,
            };
            if left.is_zero() {
                break;
            }
            inner = match left {
                Duration::MAX => self.changed.wait(inner),
                left => self.changed.wait_timeout(inner, left),
            };
        }
        let cut = inner.connections.len();
        inner
            .connections
            .values()
            .for_each(|connection| connection.cut());
        let rest = self
            .changed
            .wait_timeout_while(inner, CUT_GRACE, |inner| !inner.connections.is_empty());
        drop(rest);
        cut
    }
}

impl Inner {
    fn close_oldest_idle(&mut self, now: u64, of: Option<IpAddr>) -> bool {
        loop {
            let candidates = self.connections.values().filter_map(|connection| {
                let idle_since = connection.idle_since().filter(|since| *since <= now)?;
                let is_meant = of.is_none() || connection.counts_for() == of;
                is_meant.then_some((idle_since, connection))
            });
            let oldest = candidates.min_by_key(|(idle_since, _)| *idle_since);
            match oldest.map(|(_, connection)| Arc::clone(connection)) {
                None => return false,
                Some(connection) if connection.close_if_idle() => {
                    self.remove(&connection);
                    return true;
                }
                Some(_) => {} // A request arrived at this very moment: look again.
            }
        }
    }

    fn remove(&mut self, connection: &OpenConnection) {
        if self.connections.remove(&connection.id).is_none() {
            return;
        }
        match connection.counts_for() {
            Some(network) => count_down(&mut self.per_address, network),
            None if connection.remote.is_some() => {
                self.of_proxies = self.of_proxies.saturating_sub(1)
            }
            None => {}
        }
    }

    /// No longer counts a connection for its address, if the connections of proxies have room.
    fn exempt(&mut self, connection: &OpenConnection, of_proxies_max: usize) {
        // One that was closed at this moment is counted nowhere.
        let is_open = self.connections.contains_key(&connection.id);
        if self.of_proxies >= of_proxies_max || !is_open {
            return;
        }
        if let Some(network) = connection.counts_for() {
            connection.exempt();
            count_down(&mut self.per_address, network);
            self.of_proxies += 1;
        }
    }
}
