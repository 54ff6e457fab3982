//! A semaphore that is fair to clients, for the checks of passwords: a flood of logins keeps a few processors busy and
//! fills a short queue, never the whole server, and a flood from one address delays nobody else.

use crate::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// What a client is counted by. All clients on a unix socket count as one.
pub type ClientKey = Option<IpAddr>;

/// The limits of a [`FairSemaphore`].
#[derive(Clone, Copy)]
pub struct SemaphoreLimits {
    /// How many hold a permit at once, at least one.
    pub permits: usize,
    /// How many may wait.
    pub waiting_max: usize,
    /// How many of one client may wait.
    pub waiting_per_client_max: usize,
    /// How long each waits.
    pub patience: Duration,
}

/// A semaphore with a queue for each client. Clients take turns, whatever the length of their queues.
pub struct FairSemaphore {
    queues: Mutex<Queues>,
    changed: Condvar,
    limits: SemaphoreLimits,
}

/// Who waits. Nobody does while a permit is free.
struct Queues {
    free: usize,
    /// The queues in the order of their turns; none is empty.
    queues: VecDeque<(ClientKey, VecDeque<u64>)>,
    waiting: usize,
    /// Those who were given a permit and have not woken up yet.
    called: Vec<u64>,
    next_number: u64,
}

/// A permit, given back when dropped.
pub struct Permit<'a>(&'a FairSemaphore);

impl FairSemaphore {
    /// A semaphore of which all permits are free.
    pub fn new(limits: SemaphoreLimits) -> FairSemaphore {
        FairSemaphore {
            queues: Mutex::new(Queues {
                free: limits.permits.max(1),
                queues: VecDeque::new(),
                waiting: 0,
                called: Vec::new(),
                next_number: 0,
            }),
            changed: Condvar::new(),
            limits,
        }
    }

    /// Waits for a permit; `None` when the queue is full, or the wait takes too long.
    pub fn acquire(&self, client: ClientKey) -> Option<Permit<'_>> {
        let mut queues = self.queues.lock();
        if let Some(free) = queues.free.checked_sub(1) {
            queues.free = free;
            return Some(Permit(self));
        }
        let number = queues.join(client, &self.limits)?;
        // Another may have had to make room.
        self.changed.notify_all();
        let waits = |queues: &mut Queues| queues.is_waiting(client, number);
        let patience = self.limits.patience;
        let (mut queues, _) = self.changed.wait_timeout_while(queues, patience, waits);
        match queues.called.iter().position(|called| *called == number) {
            Some(at) => {
                queues.called.swap_remove(at);
                Some(Permit(self))
            }
            None => {
                queues.leave(client, number);
                None
            }
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.queues.lock().waiting
    }
}

impl Queues {
    /// Puts a client at the end of its queue, and returns its number. When there are as many as may wait in all, the last of
    /// the longest queue makes room for a client whose own is shorter.
    fn join(&mut self, client: ClientKey, limits: &SemaphoreLimits) -> Option<u64> {
        let is_own = |queue: &&mut (ClientKey, VecDeque<u64>)| queue.0 == client;
        let own = self.queues.iter_mut().find(is_own);
        let own = own.map_or(0, |(_, queue)| queue.len());
        if own >= limits.waiting_per_client_max {
            return None;
        }
        if self.waiting >= limits.waiting_max {
            let (_, longest) = self
                .queues
                .iter_mut()
                .max_by_key(|(_, queue)| queue.len())?;
            if longest.len() <= own + 1 {
                return None;
            }
            longest.pop_back();
            self.waiting -= 1;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.waiting += 1;
        match self.queues.iter_mut().find(is_own) {
            Some((_, queue)) => queue.push_back(number),
            None => self.queues.push_back((client, VecDeque::from([number]))),
        }
        Some(number)
    }

    fn is_waiting(&self, client: ClientKey, number: u64) -> bool {
        let mut own = self.queues.iter().filter(|(other, _)| *other == client);
        own.any(|(_, queue)| queue.contains(&number))
    }

    /// Takes a number out of its queue, where it may no longer be.
    fn leave(&mut self, client: ClientKey, number: u64) {
        for (_, queue) in self.queues.iter_mut().filter(|queue| queue.0 == client) {
            let before = queue.len();
            queue.retain(|waiting| *waiting != number);
            self.waiting -= before - queue.len();
        }
        self.queues.retain(|(_, queue)| !queue.is_empty());
    }

    /// Gives a permit that became free to the first of the queue whose turn it is.
    fn call_next(&mut self) {
        let Some((client, mut queue)) = self.queues.pop_front() else {
            self.free += 1;
            return;
        };
        if let Some(number) = queue.pop_front() {
            self.waiting -= 1;
            self.called.push(number);
        }
        if !queue.is_empty() {
            self.queues.push_back((client, queue));
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.queues.lock().call_next();
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::thread::{Scope, yield_now};

    const LONG: Duration = Duration::from_secs(60);

    fn semaphore(waiting_max: usize, waiting_per_client_max: usize) -> FairSemaphore {
        FairSemaphore::new(SemaphoreLimits {
            permits: 1,
            waiting_max,
            waiting_per_client_max,
            patience: LONG,
        })
    }

    fn client(last: u8) -> ClientKey {
        Some([192, 0, 2, last].into())
    }

    /// Lets one more wait. What comes of it is sent, with a text, before its place is free again.
    fn wait<'s>(
        (scope, semaphore): (&'s Scope<'s, '_>, &'s FairSemaphore),
        client: ClientKey,
        (text, done): (&'static str, &Sender<(&'static str, bool)>),
    ) {
        let (before, done) = (semaphore.waiting(), done.clone());
        scope.spawn(move || {
            let permit = semaphore.acquire(client);
            done.send((text, permit.is_some())).unwrap();
        });
        while semaphore.waiting() == before {
            yield_now();
        }
    }

    #[test]
    fn the_line_has_an_end() {
        let semaphore = semaphore(1, 1);
        let inside = semaphore.acquire(None).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| semaphore.acquire(None).is_some());
            while semaphore.waiting() == 0 {
                yield_now();
            }
            assert!(semaphore.acquire(None).is_none());
            drop(inside);
            assert!(waits.join().unwrap());
        });
        assert!(semaphore.acquire(None).is_some());
    }

    #[test]
    fn nobody_waits_for_ever() {
        let semaphore = FairSemaphore::new(SemaphoreLimits {
            permits: 1,
            waiting_max: 8,
            waiting_per_client_max: 8,
            patience: Duration::ZERO,
        });
        let inside = semaphore.acquire(None).unwrap();
        assert!(semaphore.acquire(None).is_none());
        assert_eq!(semaphore.waiting(), 0);
        drop(inside);
        assert!(semaphore.acquire(None).is_some());
    }

    #[test]
    fn the_line_of_one_client_is_short_and_clients_take_turns() {
        let semaphore = semaphore(8, 3);
        let inside = semaphore.acquire(client(1)).unwrap();
        let (done, told) = channel();
        std::thread::scope(|scope| {
            let at = (scope, &semaphore);
            for text in ["1a", "1b", "1c"] {
                wait(at, client(1), (text, &done));
            }
            assert!(
                semaphore.acquire(client(1)).is_none(),
                "its own queue is full"
            );
            wait(at, client(2), ("2a", &done));
            wait(at, None, ("3a", &done));
            wait(at, client(2), ("2b", &done));
            drop(inside);
        });
        drop(done);
        let expected = ["1a", "2a", "3a", "1b", "2b", "1c"].map(|text| (text, true));
        assert_eq!(told.iter().collect::<Vec<_>>(), expected);
        assert_eq!(semaphore.waiting(), 0);
    }

    #[test]
    fn where_all_lines_are_full_the_last_of_the_longest_makes_room() {
        let semaphore = semaphore(3, 3);
        let inside = semaphore.acquire(client(1)).unwrap();
        let (done, told) = channel();
        std::thread::scope(|scope| {
            let at = (scope, &semaphore);
            for text in ["1a", "1b", "1c"] {
                wait(at, client(1), (text, &done));
            }
            let newcomer = done.clone();
            scope.spawn(|| {
                let permit = semaphore.acquire(client(2));
                newcomer.send(("2a", permit.is_some())).unwrap();
                drop(newcomer);
            });
            assert_eq!(told.recv().unwrap(), ("1c", false));
            // No queue is longer than this one would be.
            assert!(semaphore.acquire(client(2)).is_none());
            assert!(semaphore.acquire(client(1)).is_none());
            drop(inside);
        });
        drop(done);
        let expected = ["1a", "2a", "1b"].map(|text| (text, true));
        assert_eq!(told.iter().collect::<Vec<_>>(), expected);
    }
}
