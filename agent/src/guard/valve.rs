//! What gives way before the agent's memory is used up. First, who has many connections gets no more; then whoever has most
//! loses the newest. Enforcement for everybody else goes on: without it the kernel would end the agent, and all streams with it.
//!
//! The limits of `limits.rs` bound what one connection takes. This is for the day on which thousands of them are at their most
//! expensive at once.

use super::Guard;
use crate::{
    caller::Holder,
    limits::{VALVE_CHECK, VALVE_CONNECTIONS, VALVE_CUT, VALVE_PART, VALVE_REST, VALVE_SHUT},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Notify, task::AbortHandle, time::sleep};

/// The tasks of all open connections, by user, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Valve(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: Mutex<Open>,
    /// There are many connections.
    many: Notify,
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
        if open.shut && open.users.get(&holder).is_some_and(|user| user.len() >= VALVE_CONNECTIONS) {
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

    /// Cuts off a part (1 / n) of the connections of whoever has most, the newest; says whose, and how many. Nobody who has
    /// fewer than `least` is disturbed.
    fn relieve(&self, least: usize, part: usize) -> Option<(Holder, usize)> {
        let open = self.open();
        let (holder, user) = open.users.iter().max_by_key(|(_, user)| user.len())?;
        if user.len() < least {
            return None;
        }
        let newest = user.values().rev().take(user.len() / part).flatten();
        Some((holder.clone(), newest.map(AbortHandle::abort).count()))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Whole after a panic.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.valve.open();
        open.count -= 1;
        if let Some(user) = open.users.get_mut(&self.holder) {
            user.remove(&self.number);
            if user.is_empty() {
                open.users.remove(&self.holder);
            }
        }
    }
}

/// Watches the agent's memory as long as there are many connections. `used` gives how much of its limit it has, in per cent;
/// `None` when the kernel does not say.
pub async fn watch(guard: Arc<Guard>, used: impl Fn() -> Option<u64>) {
    let Guard { valve, stats, .. } = guard.as_ref();
    loop {
        let used = used().unwrap_or_default();
        let many = {
            let mut open = valve.open();
            let many = open.count >= VALVE_CONNECTIONS;
            open.shut = many && used >= VALVE_SHUT;
            many
        };
        if !many {
            valve.0.many.notified().await;
        } else if used >= VALVE_CUT
            && let Some((holder, cut)) = valve.relieve(VALVE_CONNECTIONS, VALVE_PART)
        {
            tracing::warn!(used_percent = used, ?holder, cut, "connections were cut off before memory was used up");
            stats.cut_for_memory.inc_by(cut as u64);
            sleep(VALVE_REST).await;
        } else {
            sleep(VALVE_CHECK).await;
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
            pending().await
        });
        valve.begun(&ticket, task.abort_handle());
        task
    }

    #[tokio::test]
    async fn the_newest_of_whoever_has_most_are_cut_off_and_nobody_who_has_few() {
        let valve = Valve::default();
        let one = connect(&valve, 1);
        let mut many: Vec<_> = (0..8).map(|_| connect(&valve, 2)).collect();
        assert_eq!(valve.relieve(9, 4), None, "few");
        assert_eq!(valve.relieve(8, 4), Some((Holder::Uid(2), 2)));
        for cut in many.split_off(6) {
            assert!(cut.await.expect_err("cut off").is_cancelled());
        }
        assert_eq!(valve.relieve(7, 4), None, "six are left");
        assert!(!one.is_finished() && many.iter().all(|task| !task.is_finished()));
        many.push(one);
        for task in many {
            task.abort();
            assert!(task.await.is_err());
        }
        assert!(valve.open().users.is_empty() && valve.open().count == 0);
    }

    #[test]
    fn while_it_is_shut_who_has_many_gets_no_more() {
        let valve = Valve::default();
        valve.open().shut = true;
        let enter = |uid| valve.enter(Holder::Uid(uid)).map(|(entry, _)| entry);
        let mut many: Vec<_> = (0..VALVE_CONNECTIONS).map(|_| enter(1).expect("not yet many")).collect();
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
