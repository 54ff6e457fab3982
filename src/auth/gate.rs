//! How many passwords are checked at once, and how many may wait for that: a flood of logins costs
//! some processors and a short line, never the whole server, and those of one address hold up nobody else.

use crate::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::MutexGuard;
use std::time::Duration;

/// Whose login it is: what a client is counted by. All who come over a unix socket are one.
pub type Client = Option<IpAddr>;

/// The bounds of a [`Gate`].
#[derive(Clone, Copy)]
pub struct Bounds {
    /// How many are inside at once, at least one.
    pub places: usize,
    /// How many wait.
    pub waiting_max: usize,
    /// How many of one client wait.
    pub waiting_per_client_max: usize,
    /// How long each waits.
    pub patience: Duration,
}

/// A semaphore with a line for each client. Clients take turns, whatever the length of their lines.
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    bounds: Bounds,
}

/// Nobody waits while a place is free.
struct State {
    free: usize,
    /// The lines in the order of their turns; none is empty.
    lines: VecDeque<(Client, VecDeque<u64>)>,
    waiting: usize,
    /// Who was given a place and has not woken up yet.
    called: Vec<u64>,
    next_number: u64,
}

/// A place in the gate, given back when dropped.
pub struct Pass<'a>(&'a Gate);

impl Gate {
    /// An empty one.
    pub fn new(bounds: Bounds) -> Gate {
        Gate {
            state: Mutex::new(State {
                free: bounds.places.max(1),
                lines: VecDeque::new(),
                waiting: 0,
                called: Vec::new(),
                next_number: 0,
            }),
            changed: Condvar::new(),
            bounds,
        }
    }

    /// Waits for a place; `None` when there is no room to wait, or the line does not move.
    pub fn enter(&self, client: Client) -> Option<Pass<'_>> {
        let mut state = self.state();
        if let Some(free) = state.free.checked_sub(1) {
            state.free = free;
            return Some(Pass(self));
        }
        let number = state.join(client, &self.bounds)?;
        // One may have had to leave.
        self.changed.notify_all();
        let waits = |state: &mut State| state.is_waiting(client, number);
        let patience = self.bounds.patience;
        let (mut state, _) = self.changed.wait_timeout_while(state, patience, waits);
        match state.called.iter().position(|called| *called == number) {
            Some(at) => {
                state.called.swap_remove(at);
                Some(Pass(self))
            }
            None => {
                state.leave(client, number);
                None
            }
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.state().waiting
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// The end of a client's line. Where all lines together are full, the last of the longest one makes room
    /// for a client whose own is shorter.
    fn join(&mut self, client: Client, bounds: &Bounds) -> Option<u64> {
        let is_own = |line: &&mut (Client, VecDeque<u64>)| line.0 == client;
        let own = self.lines.iter_mut().find(is_own);
        let own = own.map_or(0, |(_, line)| line.len());
        if own >= bounds.waiting_per_client_max {
            return None;
        }
        if self.waiting >= bounds.waiting_max {
            let (_, longest) = self.lines.iter_mut().max_by_key(|(_, line)| line.len())?;
            if longest.len() <= own + 1 {
                return None;
            }
            longest.pop_back();
            self.waiting -= 1;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.waiting += 1;
        match self.lines.iter_mut().find(is_own) {
            Some((_, line)) => line.push_back(number),
            None => self.lines.push_back((client, VecDeque::from([number]))),
        }
        Some(number)
    }

    fn is_waiting(&self, client: Client, number: u64) -> bool {
        let mut own = self.lines.iter().filter(|(other, _)| *other == client);
        own.any(|(_, line)| line.contains(&number))
    }

    /// Takes one out of the line, who may have left it already.
    fn leave(&mut self, client: Client, number: u64) {
        for (_, line) in self.lines.iter_mut().filter(|line| line.0 == client) {
            let before = line.len();
            line.retain(|waiting| *waiting != number);
            self.waiting -= before - line.len();
        }
        self.lines.retain(|(_, line)| !line.is_empty());
    }

    /// Gives a place that became free to the first of the line whose turn it is.
    fn call_next(&mut self) {
        let Some((client, mut line)) = self.lines.pop_front() else {
            self.free += 1;
            return;
        };
        if let Some(number) = line.pop_front() {
            self.waiting -= 1;
            self.called.push(number);
        }
        if !line.is_empty() {
            self.lines.push_back((client, line));
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.state().call_next();
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::thread::{Scope, yield_now};

    const LONG: Duration = Duration::from_secs(60);

    fn gate(waiting_max: usize, waiting_per_client_max: usize) -> Gate {
        Gate::new(Bounds {
            places: 1,
            waiting_max,
            waiting_per_client_max,
            patience: LONG,
        })
    }

    fn client(last: u8) -> Client {
        Some([192, 0, 2, last].into())
    }

    /// Lets one more wait. What comes of it is sent, with a text, before its place is free again.
    fn wait<'s>(
        (scope, gate): (&'s Scope<'s, '_>, &'s Gate),
        client: Client,
        (text, done): (&'static str, &Sender<(&'static str, bool)>),
    ) {
        let (before, done) = (gate.waiting(), done.clone());
        scope.spawn(move || {
            let pass = gate.enter(client);
            done.send((text, pass.is_some())).unwrap();
        });
        while gate.waiting() == before {
            yield_now();
        }
    }

    #[test]
    fn the_line_has_an_end() {
        let gate = gate(1, 1);
        let inside = gate.enter(None).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| gate.enter(None).is_some());
            while gate.waiting() == 0 {
                yield_now();
            }
            assert!(gate.enter(None).is_none());
            drop(inside);
            assert!(waits.join().unwrap());
        });
        assert!(gate.enter(None).is_some());
    }

    #[test]
    fn nobody_waits_for_ever() {
        let gate = Gate::new(Bounds {
            places: 1,
            waiting_max: 8,
            waiting_per_client_max: 8,
            patience: Duration::ZERO,
        });
        let inside = gate.enter(None).unwrap();
        assert!(gate.enter(None).is_none());
        assert_eq!(gate.waiting(), 0);
        drop(inside);
        assert!(gate.enter(None).is_some());
    }

    #[test]
    fn the_line_of_one_client_is_short_and_clients_take_turns() {
        let gate = gate(8, 3);
        let inside = gate.enter(client(1)).unwrap();
        let (done, told) = channel();
        std::thread::scope(|scope| {
            let at = (scope, &gate);
            for text in ["1a", "1b", "1c"] {
                wait(at, client(1), (text, &done));
            }
            assert!(gate.enter(client(1)).is_none(), "its own line is full");
            wait(at, client(2), ("2a", &done));
            wait(at, None, ("3a", &done));
            wait(at, client(2), ("2b", &done));
            drop(inside);
        });
        drop(done);
        let expected = ["1a", "2a", "3a", "1b", "2b", "1c"].map(|text| (text, true));
        assert_eq!(told.iter().collect::<Vec<_>>(), expected);
        assert_eq!(gate.waiting(), 0);
    }

    #[test]
    fn where_all_lines_are_full_the_last_of_the_longest_makes_room() {
        let gate = gate(3, 3);
        let inside = gate.enter(client(1)).unwrap();
        let (done, told) = channel();
        std::thread::scope(|scope| {
            let at = (scope, &gate);
            for text in ["1a", "1b", "1c"] {
                wait(at, client(1), (text, &done));
            }
            let newcomer = done.clone();
            scope.spawn(|| {
                let pass = gate.enter(client(2));
                newcomer.send(("2a", pass.is_some())).unwrap();
                drop(newcomer);
            });
            assert_eq!(told.recv().unwrap(), ("1c", false));
            // No line is longer than this one would be.
            assert!(gate.enter(client(2)).is_none());
            assert!(gate.enter(client(1)).is_none());
            drop(inside);
        });
        drop(done);
        let expected = ["1a", "2a", "1b"].map(|text| (text, true));
        assert_eq!(told.iter().collect::<Vec<_>>(), expected);
    }
}
