//! What a server's connections have in common.

use super::super::transport::tls::Tls;
use super::super::transport::wire::TransportSettings;
use super::limits::Limits;
use super::occasional::Occasional;
use super::table::ConnectionTable;
use crate::memory::Budget;
use std::sync::Arc;
use std::time::Duration;

/// The shortest time between log lines about clients that do not speak HTTP.
const NO_HTTP_PAUSE: Duration = Duration::from_secs(600);
/// The shortest time between log lines about clients that were turned away.
const TURNED_AWAY_PAUSE: Duration = Duration::from_secs(10);

/// What all connections of a server share.
pub(super) struct ServerState {
    pub(super) limits: Limits,
    pub(super) transport: TransportSettings,
    pub(super) table: ConnectionTable,
    /// TLS clients on a plain HTTP port.
    pub(super) tls_hellos: Occasional,
    /// Bytes without a request line.
    pub(super) no_requests: Occasional,
    /// Clients for which no connection was free.
    pub(super) turned_away: Occasional,
}

impl ServerState {
    /// The state of a server without connections.
    pub(super) fn new(limits: Limits, tls: Option<Tls>, memory: &Arc<Budget>) -> ServerState {
        ServerState {
            transport: TransportSettings {
                tls,
                tick: limits.tick(),
                memory: Arc::clone(memory),
            },
            table: ConnectionTable::new(&limits),
            limits,
            tls_hellos: Occasional::new(NO_HTTP_PAUSE),
            no_requests: Occasional::new(NO_HTTP_PAUSE),
            turned_away: Occasional::new(TURNED_AWAY_PAUSE),
        }
    }
}
