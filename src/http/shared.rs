//! What a server's connections have in common.

use super::occasional::Occasional;
use super::table::Table;
use super::{Limits, Tls};
use crate::memory::Budget;
use std::sync::Arc;
use std::time::Duration;

/// How often it is told that clients speak something else than HTTP.
const NO_HTTP_PAUSE: Duration = Duration::from_secs(600);
/// How often it is told that clients were turned away.
const TURNED_AWAY_PAUSE: Duration = Duration::from_secs(10);

/// What all connections of a server share.
pub(super) struct Shared {
    pub(super) limits: Limits,
    /// Every connection speaks TLS when there is one.
    pub(super) tls: Option<Tls>,
    pub(super) table: Table,
    /// See [`Limits::tick`].
    pub(super) tick: Duration,
    /// What may be held for clients; the handler takes of the same.
    pub(super) memory: Arc<Budget>,
    /// TLS clients on a plain HTTP port.
    pub(super) tls_hellos: Occasional,
    /// Bytes that have no request line.
    pub(super) no_requests: Occasional,
    /// Clients for which there was no place.
    pub(super) turned_away: Occasional,
}

impl Shared {
    pub(super) fn new(
        limits: Limits,
        tls: Option<Tls>,
        table: Table,
        memory: &Arc<Budget>,
    ) -> Shared {
        let tick = limits.tick();
        Shared {
            limits,
            tls,
            table,
            tick,
            memory: Arc::clone(memory),
            tls_hellos: Occasional::new(NO_HTTP_PAUSE),
            no_requests: Occasional::new(NO_HTTP_PAUSE),
            turned_away: Occasional::new(TURNED_AWAY_PAUSE),
        }
    }
}
