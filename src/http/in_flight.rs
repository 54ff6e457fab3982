//! Requests in flight of clients whom trusted proxies name: many come over one connection, so connections cannot be
//! counted for them.

use crate::sync::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::MutexGuard;

/// How many each client has.
pub(super) struct InFlight {
    per_client_max: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// One of them; it counts until this is dropped.
pub(super) struct Counted<'t> {
    all: &'t InFlight,
    client: IpAddr,
}

impl InFlight {
    /// None, with the most that one client may have.
    pub(super) fn new(per_client_max: usize) -> InFlight {
        InFlight {
            per_client_max,
            counts: Mutex::default(),
        }
    }

    /// Counts one more; `None` when the client has too many.
    pub(super) fn begin(&self, client: IpAddr) -> Option<Counted<'_>> {
        let mut counts = self.counts();
        let own = counts.entry(client).or_default();
        if *own >= self.per_client_max {
            return None;
        }
        *own += 1;
        Some(Counted { all: self, client })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock()
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        count_down(&mut self.all.counts(), self.client);
    }
}

/// Counts one less, and forgets who has none.
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
    fn each_client_has_its_own_count_and_nothing_stays_of_who_left() {
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
