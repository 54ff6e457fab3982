//! The table of open connections: who may come in, who has to go, who is waited for at the end.
//!
//! A connection's thread marks it idle between two requests. Whoever needs its place takes it by a
//! compare-and-swap from idle to closing, which an arriving request can lose but never share.

use super::head::Head;
use super::in_flight::{Counted, InFlight, count_down};
use super::socket::Socket;
use super::{Limits, TrustedProxies};
use crate::sync::{Condvar, Mutex};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

const IDLE: u8 = 0;
const BUSY: u8 = 1;
const CLOSING: u8 = 2;

/// The part of all connections that is not for proxies: one of so many.
const RESERVED_PART: usize = 8;

/// How long to wait for threads whose connection was cut at the end of the drain.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// How long a new connection is left to send its first byte before it may be closed for another: its
/// request may be there and its thread not have run yet.
const NEWCOMER_GRACE: Duration = Duration::from_millis(250);

/// One open connection, shared between its thread and the table.
pub(super) struct Entry {
    id: u64,
    pub(super) socket: Socket,
    pub(super) remote: Option<SocketAddr>,
    /// Whether the peer is a proxy that is believed what it says of its clients.
    pub(super) is_trusted: bool,
    /// Whether it counts for the address of its peer.
    is_counted: AtomicBool,
    state: AtomicU8,
    /// Microseconds since the table began; the smallest is closed first, and none of the future.
    idle_since: AtomicU64,
}

impl Entry {
    /// Who is at the other end, for the log.
    pub(super) fn peer(&self) -> String {
        peer(self.remote)
    }

    /// The address that it counts for, if any.
    fn counts_for(&self) -> Option<IpAddr> {
        let is_counted = self.is_counted.load(Ordering::Relaxed);
        self.remote
            .filter(|_| is_counted)
            .map(|remote| network(remote.ip()))
    }

    /// The bytes of a request came. `false`: the connection was taken away in the meantime.
    pub(super) fn wake(&self) -> bool {
        let swap = (Ordering::SeqCst, Ordering::SeqCst);
        let won = self
            .state
            .compare_exchange(IDLE, BUSY, swap.0, swap.1)
            .is_ok();
        self.idle_since.store(0, Ordering::Relaxed);
        won
    }

    /// Takes the connection away if it is idle.
    fn close_if_idle(&self) -> bool {
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
}

/// How many connections there are, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Open connections.
    pub open: usize,
    /// Those of them that wait for a request, or only for their end.
    pub idle: usize,
}

/// All open connections of a server.
pub(super) struct Table {
    connections_max: usize,
    per_address_max: usize,
    /// Connections of proxies that do not count for their address.
    of_proxies_max: usize,
    trusted: TrustedProxies,
    /// Requests in flight of clients that trusted proxies name.
    in_flight: InFlight,
    began: Instant,
    stopping: AtomicBool,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<u64, Arc<Entry>>,
    per_address: HashMap<IpAddr, usize>,
    of_proxies: usize,
    next_id: u64,
    /// Accept loops that run.
    accepting: usize,
    /// When what is in flight is cut; set by the first shutdown, only ever brought forward.
    cut_at: Option<Instant>,
}

impl Table {
    /// An empty table with its bounds, at least 1 each.
    pub(super) fn new(limits: &Limits) -> Table {
        let connections_max = limits.connections_max.max(1);
        let per_address_max = limits.connections_per_address_max.max(1);
        // What a proxy has beyond them counts for its address, as a client's: an eighth stays for others.
        let of_proxies_max = connections_max - connections_max / RESERVED_PART;
        Table {
            connections_max,
            per_address_max,
            of_proxies_max: of_proxies_max.saturating_sub(per_address_max),
            trusted: limits.trusted_proxies.clone(),
            in_flight: InFlight::new(per_address_max),
            began: Instant::now(),
            stopping: AtomicBool::new(false),
            inner: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Takes a newcomer in, closing the longest idle connection for it where a bound is reached;
    /// gives the socket back when none is idle.
    pub(super) fn admit(
        &self,
        socket: Socket,
        remote: Option<SocketAddr>,
    ) -> Result<Arc<Entry>, Socket> {
        let mut inner = self.lock();
        let address = remote.map(|remote| remote.ip());
        let network = address.map(network);
        let arrived = Instant::now();
        let now = self.stamp(arrived);
        if let Some(network) = network {
            let open = inner.per_address.get(&network).copied().unwrap_or(0);
            if open >= self.per_address_max && !inner.close_oldest_idle(now, Some(network)) {
                return Err(socket);
            }
        }
        if inner.entries.len() >= self.connections_max && !inner.close_oldest_idle(now, None) {
            return Err(socket);
        }
        let id = inner.next_id;
        inner.next_id += 1;
        let entry = Arc::new(Entry {
            id,
            socket,
            remote,
            is_trusted: self.trusted.trusts(address),
            is_counted: AtomicBool::new(true),
            state: AtomicU8::new(IDLE),
            idle_since: AtomicU64::new(self.stamp(arrived + NEWCOMER_GRACE)),
        });
        if let Some(network) = network {
            *inner.per_address.entry(network).or_default() += 1;
        }
        inner.entries.insert(id, Arc::clone(&entry));
        Ok(entry)
    }

    /// Counts a request of a client whom a trusted proxy names, as long as what is given lives; `None` when that
    /// client has too many in flight. From the first on the connection does not count for its peer, as long as
    /// there is a place among those of proxies: many clients come over it.
    pub(super) fn begin(&self, entry: &Entry, client: IpAddr) -> Option<Counted<'_>> {
        if entry.remote.is_some() && entry.is_counted.load(Ordering::Relaxed) {
            self.lock().exempt(entry, self.of_proxies_max);
        }
        self.in_flight.begin(network(client))
    }

    /// The client for whom a peer sends a request with these fields; `None` when that is the peer itself.
    pub(super) fn forwarded_client(&self, entry: &Entry, head: &Head) -> Option<IpAddr> {
        let client = || self.trusted.client(|| head.fields());
        entry.is_trusted.then(client)?
    }

    /// Closes the connection that has been idle longest; `false` when none is.
    pub(super) fn close_oldest_idle(&self) -> bool {
        let now = self.stamp(Instant::now());
        self.lock().close_oldest_idle(now, None)
    }

    /// A connection ended.
    pub(super) fn release(&self, entry: &Entry) {
        self.lock().remove(entry);
        if self.stopping() {
            self.changed.notify_all();
        }
    }

    /// Marks a connection as idle since `now`; `false` when the server is stopping and it should
    /// close instead.
    pub(super) fn rest(&self, entry: &Entry, now: Instant) -> bool {
        // Of a newcomer the end of its grace stays.
        let now = self.stamp(now);
        entry.idle_since.fetch_max(now, Ordering::Relaxed);
        entry.state.store(IDLE, Ordering::SeqCst);
        !self.stopping()
    }

    /// Marks a connection that only lingers after its last answer: the first to go.
    pub(super) fn give_up(&self, entry: &Entry) {
        entry.idle_since.store(0, Ordering::Relaxed);
        entry.state.store(IDLE, Ordering::SeqCst);
    }

    fn stamp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.began);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// Counts the connections.
    pub(super) fn load(&self) -> Load {
        let inner = self.lock();
        let idle = |entry: &&Arc<Entry>| entry.state.load(Ordering::SeqCst) == IDLE;
        Load {
            open: inner.entries.len(),
            idle: inner.entries.values().filter(idle).count(),
        }
    }

    /// Whether a shutdown has begun.
    pub(super) fn stopping(&self) -> bool {
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
        for entry in inner.entries.values() {
            entry.close_if_idle();
        }
        drop(inner);
        self.changed.notify_all();
    }

    /// An accept loop begins.
    pub(super) fn accepting(&self) {
        self.lock().accepting += 1;
    }

    /// An accept loop ended.
    pub(super) fn accepted(&self) {
        let mut inner = self.lock();
        inner.accepting = inner.accepting.saturating_sub(1);
        drop(inner);
        self.changed.notify_all();
    }

    /// Waits until no accept loop runs, `patience` at most; `true` when none does.
    pub(super) fn wait_not_accepting(&self, patience: Duration) -> bool {
        let inner = self.lock();
        let are_there = |inner: &mut Inner| inner.accepting > 0;
        self.changed
            .wait_timeout_while(inner, patience, are_there)
            .1
    }

    /// Sleeps, but not into a shutdown.
    pub(super) fn pause(&self, duration: Duration) {
        let running = |_: &mut Inner| !self.stopping();
        let inner = self.lock();
        drop(self.changed.wait_timeout_while(inner, duration, running));
    }

    /// Waits until every connection ended; cuts those still there at the end of the drain. Gives how
    /// many were cut.
    pub(super) fn drain(&self) -> usize {
        let mut inner = self.lock();
        while !inner.entries.is_empty() {
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
        let cut = inner.entries.len();
        for entry in inner.entries.values() {
            entry.state.store(CLOSING, Ordering::SeqCst);
            entry.socket.shutdown(Shutdown::Both);
        }
        let rest = self
            .changed
            .wait_timeout_while(inner, CUT_GRACE, |inner| !inner.entries.is_empty());
        drop(rest);
        cut
    }
}

impl Inner {
    fn close_oldest_idle(&mut self, now: u64, of: Option<IpAddr>) -> bool {
        loop {
            let oldest = self
                .entries
                .values()
                .filter(|entry| entry.state.load(Ordering::SeqCst) == IDLE)
                .filter(|entry| entry.idle_since.load(Ordering::Relaxed) <= now)
                .filter(|entry| of.is_none() || entry.counts_for() == of)
                .min_by_key(|entry| entry.idle_since.load(Ordering::Relaxed))
                .map(Arc::clone);
            match oldest {
                None => return false,
                Some(entry) if entry.close_if_idle() => {
                    self.remove(&entry);
                    return true;
                }
                Some(_) => {} // A request arrived in this very moment: look again.
            }
        }
    }

    fn remove(&mut self, entry: &Entry) {
        if self.entries.remove(&entry.id).is_none() {
            return;
        }
        match entry.counts_for() {
            Some(network) => count_down(&mut self.per_address, network),
            None if entry.remote.is_some() => self.of_proxies = self.of_proxies.saturating_sub(1),
            None => {}
        }
    }

    /// Counts a connection for no address any more, if there is a place among those of proxies.
    fn exempt(&mut self, entry: &Entry, of_proxies_max: usize) {
        // One that was taken away in this moment is counted nowhere.
        if self.of_proxies >= of_proxies_max || !self.entries.contains_key(&entry.id) {
            return;
        }
        if let Some(network) = entry.counts_for() {
            entry.is_counted.store(false, Ordering::Relaxed);
            count_down(&mut self.per_address, network);
            self.of_proxies += 1;
        }
    }
}

/// Who is at the other end, for the log.
pub(super) fn peer(remote: Option<SocketAddr>) -> String {
    let remote = remote.map(|remote| remote.to_string());
    remote.unwrap_or("a local client".to_owned())
}

/// What one client is counted by: an IPv4 address, or the /64 of an IPv6 address, because one host
/// may use all of that.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_is_an_ipv4_address_or_an_ipv6_slash_64() {
        let of = |text: &str| network(text.parse::<SocketAddr>().unwrap().ip());
        assert_eq!(of("[2001:db8:1:2:3::4]:1"), of("[2001:db8:1:2::]:9"));
        assert_ne!(of("[2001:db8:1:2::]:1"), of("[2001:db8:1:3::]:1"));
        assert_eq!(of("[::ffff:192.0.2.1]:1"), of("192.0.2.1:2"));
        assert_ne!(of("192.0.2.2:1"), of("192.0.2.1:1"));
    }
}
