//! Requests in flight from clients that trusted proxies name: one connection carries many of them, so connections cannot
//! be counted instead.

use crate::sync::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::MutexGuard;

/// How many requests each client has in flight.
pub(super) struct InFlight {
    per_client_max: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// One request in flight; it counts until this is dropped.
pub(super) struct CountedRequest<'t> {
    all: &'t InFlight,
    client: IpAddr,
}

impl InFlight {
    /// No requests, and the most that one client may have.
    pub(super) fn new(per_client_max: usize) -> InFlight {
        InFlight {
            per_client_max,
            counts: Mutex::default(),
        }
    }

    /// Counts one more; `None` when the client has too many.
    pub(super) fn begin(&self, client: IpAddr) -> Option<CountedRequest<'_>> {
        let mut counts = self.counts();
        let own = counts.entry(client).or_default();
        if *own >= self.per_client_max {
            return None;
        }
        *own += 1;
        Some(CountedRequest { all: self, client })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock()
    }
}

impl Drop for CountedRequest<'_> {
    fn drop(&mut self) {
        count_down(&mut self.all.counts(), self.client);
    }
}

/// Counts one less, and forgets addresses that have none.
pub(super) fn count_down(counts: &mut HashMap<IpAddr, usize>, address: IpAddr) {
    if let Some(count) = counts.get_mut(&address) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_count_and_nothing_is_kept_after_the_last() {
        let all = InFlight::new(2);
        let [one, two] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let held = [all.begin(one), all.begin(one), all.begin(two)];
        assert!(held.iter().all(Option::is_some));
        assert!(all.begin(one).is_none() && all.begin(two).is_some());
        drop(held);
        assert!(all.counts().is_empty());
        assert!(all.begin(one).is_some());
    }
}
