//! What a server's connections have in common.

use super::table::Table;
use super::{Handler, Limits, Tls};
use std::sync::Arc;
use std::time::Duration;

/// What all connections of a server share.
pub(super) struct Shared {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) limits: Limits,
    /// Every connection speaks TLS when there is one.
    pub(super) tls: Option<Tls>,
    pub(super) table: Table,
    /// See [`Limits::tick`].
    pub(super) tick: Duration,
}

impl Shared {
    pub(super) fn new(
        handler: Arc<dyn Handler>,
        limits: Limits,
        tls: Option<Tls>,
        table: Table,
    ) -> Shared {
        let tick = limits.tick();
        Shared {
            handler,
            limits,
            tls,
            table,
            tick,
        }
    }
}
