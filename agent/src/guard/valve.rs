//! What gives way before the agent's memory is used up. First, who has many connections gets no more; then those who have most
//! lose the newest. Enforcement for everybody else goes on: without it the kernel would end the agent, and all streams with it.
//!
//! The limits of `limits.rs` bound what one connection takes. This is for the day on which thousands of them are at their most
//! expensive at once. It has a thread of its own, since then tasks wait long for their turn.

use super::Stats;
use crate::{
    caller::Holder,
    limits::{VALVE_AIM, VALVE_CHECK, VALVE_CONNECTIONS, VALVE_CUT, VALVE_FLOOR, VALVE_PAUSE, VALVE_SHUT},
};
use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};
use tokio::{task::AbortHandle, time::sleep};

/// The tasks of all open connections, by user, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Valve(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: Mutex<Open>,
    /// Memory is nearly used up.
    tight: AtomicBool,
    /// There are many connections.
    many: Condvar,
}

#[derive(Debug, Default)]
struct Open {
    /// How many there are, and how many there have been.
    count: usize,
    last: u64,
    /// Memory is scarce.
    shut: bool,
    users: HashMap<Holder, BTreeMap<u64, Option<AbortHandle>>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Entry {
    valve: Valve,
    holder: Holder,
    number: u64,
}

/// Names an entry.
#[derive(Debug)]
pub struct Ticket(Holder, u64);

impl Valve {
    /// A connection whose task is about to begin. `None` while memory is scarce, for somebody who has many.
    pub fn enter(&self, holder: Holder) -> Option<(Entry, Ticket)> {
        let mut open = self.open();
        // With few, nobody looks whether it is still so.
        let scarce = open.shut && open.count >= VALVE_CONNECTIONS;
        if scarce && open.users.get(&holder).is_some_and(|user| user.len() >= VALVE_FLOOR) {
            return None;
        }
        open.last += 1;
        open.count += 1;
        if open.count == VALVE_CONNECTIONS {
            self.0.many.notify_one();
        }
        let number = open.last;
        open.users.entry(holder.clone()).or_default().insert(number, None);
        Some((Entry { valve: self.clone(), holder: holder.clone(), number }, Ticket(holder, number)))
    }

    /// Its task has begun, and may have ended already.
    pub fn begun(&self, ticket: &Ticket, task: AbortHandle) {
        if let Some(entry) = self.open().users.get_mut(&ticket.0).and_then(|user| user.get_mut(&ticket.1)) {
            *entry = Some(task);
        }
    }

    /// Waits while memory is nearly used up, for somebody who has many connections: what is cut off comes to its end meanwhile.
    pub async fn pass(&self, holder: impl Fn() -> Holder) {
        while self.0.tight.load(Relaxed)
            && self.open().users.get(&holder()).is_some_and(|user| user.len() >= VALVE_FLOOR)
        {
            sleep(VALVE_PAUSE).await;
        }
    }

    /// Those that have connections.
    pub fn holders(&self) -> Vec<Holder> {
        self.open().users.keys().cloned().collect()
    }

    /// Ends all connections of somebody, and says how many there were.
    pub fn cut(&self, holder: &Holder) -> usize {
        let open = self.open();
        let tasks = open.users.get(holder).into_iter().flat_map(BTreeMap::values).flatten();
        tasks.filter(|task| !task.is_finished()).map(AbortHandle::abort).count()
    }

    /// Watches the agent's memory as long as there are many connections, on a thread that ends with the process. `used` gives how
    /// much of its limit it has, in per cent; `None` when the kernel does not say.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn watch(&self, stats: Stats, used: impl Fn() -> Option<u64> + Send + 'static) -> io::Result<()> {
        let valve = self.clone();
        let watch = move || {
            loop {
                let few = |open: &mut Open| open.count < VALVE_CONNECTIONS;
                let waited = valve.0.many.wait_while(valve.open(), few);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
                let cut = valve.look(used().unwrap_or_default());
                stats.cut_for_memory.inc_by(cut as u64);
                thread::sleep(VALVE_CHECK);
            }
        };
        thread::Builder::new().name("memory".to_owned()).spawn(watch).map(drop)
    }

    /// Does what is due at this part of the limit, and says how many were cut off. One whose task has not ended yet may be
    /// among those that are cut off again.
    fn look(&self, used: u64) -> usize {
        let mut open = self.open();
        let many = open.count >= VALVE_CONNECTIONS;
        open.shut = many && used >= VALVE_SHUT;
        self.0.tight.store(many && used >= VALVE_CUT, Relaxed);
        if !many || used < VALVE_CUT {
            return 0;
        }
        let percent = |part: u64| usize::try_from(part).unwrap_or(usize::MAX);
        let wanted = open.count - open.count * percent(VALVE_AIM) / percent(used);
        let cap = open.cap(wanted);
        let newest = open.users.values().flat_map(|user| user.values().rev().take(user.len().saturating_sub(cap)));
        let cut = newest.flatten().filter(|task| !task.is_finished()).map(AbortHandle::abort).count();
        tracing::warn!(used_percent = used, cut, each_keeps = cap, "connections are cut off before memory is used up");
        cut
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Whole after a panic.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// What each user may keep so that so many go: those who have most are made alike.
    fn cap(&self, wanted: usize) -> usize {
        let most = self.users.values().map(BTreeMap::len).max().unwrap_or_default();
        let beyond = |cap: usize| self.users.values().map(|user| user.len().saturating_sub(cap)).sum::<usize>();
        // The largest that is small enough.
        let (mut low, mut high) = (VALVE_FLOOR, most.max(VALVE_FLOOR));
        while low < high {
            let middle = (low + high).div_ceil(2);
            if beyond(middle) >= wanted { low = middle } else { high = middle - 1 }
        }
        low
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.valve.open();
        open.count -= 1;
        if open.count < VALVE_CONNECTIONS {
            // Nobody looks any more.
            self.valve.0.tight.store(false, Relaxed);
        }
        if let Some(user) = open.users.get_mut(&self.holder) {
            user.remove(&self.number);
            if user.is_empty() {
                open.users.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::task::JoinHandle;

    fn connect(valve: &Valve, uid: u32) -> JoinHandle<()> {
        let (entry, ticket) = valve.enter(Holder::Uid(uid)).expect("open");
        let task = tokio::spawn(async move {
            let _entry = entry;
            pending::<()>().await;
        });
        valve.begun(&ticket, task.abort_handle());
        task
    }

    #[tokio::test]
    async fn those_who_have_most_lose_the_newest_and_nobody_who_has_few() {
        let valve = Valve::default();
        let few: Vec<_> = (0..VALVE_FLOOR).map(|_| connect(&valve, 1)).collect();
        let some: Vec<_> = (0..100).map(|_| connect(&valve, 2)).collect();
        let many: Vec<_> = (0..200).map(|_| connect(&valve, 3)).collect();
        assert_eq!(valve.look(VALVE_CUT - 1), 0);
        let all = few.len() + some.len() + many.len();
        let cut = valve.look(100);
        let wanted = all * (100 - usize::try_from(VALVE_AIM).expect("small")) / 100;
        assert!((wanted..wanted + 3).contains(&cut), "{cut} of {all}");
        for _ in 0..all {
            tokio::task::yield_now().await;
        }
        let left = |tasks: &[JoinHandle<()>]| tasks.iter().filter(|task| !task.is_finished()).count();
        assert_eq!((left(&few), left(&some), left(&many)), (few.len(), 100, 200 - cut));
        assert!(!many[0].is_finished() && many[199].is_finished(), "the newest");
        assert_eq!(valve.open().cap(usize::MAX), VALVE_FLOOR, "whatever is wanted");
        for task in few.into_iter().chain(some).chain(many) {
            task.abort();
            assert!(task.await.is_err());
        }
        assert!(valve.open().users.is_empty() && valve.open().count == 0);
    }

    #[test]
    fn while_it_is_shut_who_has_many_gets_no_more() {
        let valve = Valve::default();
        let enter = |uid| valve.enter(Holder::Uid(uid)).map(|(entry, _)| entry);
        let _others: Vec<_> = (0..VALVE_CONNECTIONS).map(|_| enter(9).expect("open")).collect();
        valve.open().shut = true;
        let mut many: Vec<_> = (0..VALVE_FLOOR).map(|_| enter(1).expect("not yet many")).collect();
        assert!(enter(1).is_none() && enter(2).is_some());
        drop(many.pop());
        assert!(enter(1).is_some());
    }

    #[tokio::test]
    async fn a_connection_that_ends_at_once_leaves_nothing() {
        let valve = Valve::default();
        let (entry, ticket) = valve.enter(Holder::Uid(1)).expect("open");
        drop(entry);
        let task = tokio::spawn(pending::<()>());
        valve.begun(&ticket, task.abort_handle());
        assert!(valve.open().users.is_empty());
        task.abort();
    }
}
