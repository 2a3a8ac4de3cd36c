//! What is on its way to disk, and the time before which nothing new will appear.
//!
//! Whoever pages through the events must know up to where all of them are there. So a store stamps what it takes with a
//! clock that never goes back, remembers what it has stamped and not stored yet, and once it has said "nothing before this"
//! ([`Pending::closed`]), it gives what comes later a later stamp.

use super::runs::RunKey;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

#[derive(Debug, Default)]
struct Open {
    /// No stamp is below it: somebody was told so.
    floor: u64,
    /// The highest that was given here.
    last: u64,
    next: u64,
    stamps: BTreeMap<u64, u64>,
    runs: BTreeMap<RunKey, usize>,
}

/// Shared by all that store.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending(Arc<Mutex<Open>>, watch::Sender<()>);

impl Pending {
    /// One whose clock is past this.
    pub fn after(stamp: u64) -> Self {
        let pending = Self::default();
        pending.advance(stamp);
        pending
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No stamp from now on is this or lower.
    pub fn advance(&self, stamp: u64) {
        let mut open = self.open();
        open.last = open.last.max(stamp);
    }

    /// A stamp for what is taken from an agent now.
    pub fn take(&self, now: u64, run: RunKey) -> Ticket {
        let mut open = self.open();
        // What is taken at one moment has stamps of its own.
        let stamp = open.floor.max(now).max(open.last.saturating_add(1));
        open.last = stamp;
        *open.runs.entry(run).or_default() += 1;
        self.ticket(open, stamp, stamp, Some(run))
    }

    /// The stamp for a copy that another controller stamped so: that one, unless it comes too late.
    pub fn copy(&self, stamp: u64) -> Ticket {
        let mut open = self.open();
        let given = stamp.max(open.floor);
        // The time before which all is there must pass it without waiting for this clock, which may be behind.
        open.last = open.last.max(given);
        self.ticket(open, given, stamp, None)
    }

    fn ticket(&self, mut open: MutexGuard<'_, Open>, stamp: u64, came: u64, run: Option<RunKey>) -> Ticket {
        let number = open.next;
        open.next += 1;
        open.stamps.insert(number, stamp);
        Ticket { stamp, came, number, run, of: self.clone() }
    }

    /// Wakes when something is not on its way any more.
    pub fn ended(&self) -> watch::Receiver<()> {
        self.1.subscribe()
    }

    /// Whether events of this run are being taken from their agent.
    pub fn takes(&self, run: RunKey) -> bool {
        self.open().runs.contains_key(&run)
    }

    /// Nothing with a lower stamp will be stored here from now on, but for copies of what others had before.
    pub fn closed(&self, now: u64) -> u64 {
        let mut open = self.open();
        let free = open.floor.max(now).max(open.last.saturating_add(1));
        let closed = open.stamps.values().copied().min().map_or(free, |first| first.min(free));
        open.floor = open.floor.max(closed);
        closed
    }
}

/// Holds a stamp open until it is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Ticket {
    pub stamp: u64,
    /// The stamp that a copy came with.
    pub came: u64,
    number: u64,
    run: Option<RunKey>,
    of: Pending,
}

impl Ticket {
    /// The clock goes past a stamp that another controller gave instead.
    pub fn pass(&self, stamp: u64) {
        self.of.advance(stamp);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.of.open();
        open.stamps.remove(&self.number);
        if let Some(run) = self.run
            && let Some(count) = open.runs.get_mut(&run)
        {
            *count -= 1;
            if *count == 0 {
                open.runs.remove(&run);
            }
        }
        drop(open);
        self.of.1.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_appears_before_what_was_said_to_be_closed() {
        let pending = Pending::after(99);
        let first = pending.take(50, (1, 1));
        assert_eq!((first.stamp, pending.closed(200)), (100, 100), "the clock was behind; it is on its way");
        let late = pending.copy(90);
        assert_eq!(late.stamp, 100, "too late for its own");
        let second = pending.take(200, (1, 1));
        let third = pending.take(200, (2, 1));
        assert_eq!((second.stamp, third.stamp), (200, 201));
        drop(first);
        assert!(pending.takes((1, 1)));
        drop((second, late));
        assert!(!pending.takes((1, 1)) && pending.takes((2, 1)));
        assert_eq!(pending.closed(150), 201);
        drop(third);
        assert_eq!(pending.closed(150), 202);
        assert_eq!(pending.closed(300), 300);
        assert_eq!((pending.copy(250).stamp, pending.copy(400).stamp), (300, 400));
        pending.advance(1000);
        assert_eq!(pending.closed(400), 1001, "another controller is ahead");
    }
}
