//! A part for each user of what all share: places to be decided in. Whoever asks for more waits, and is overtaken by the others.

use crate::caller::Holder;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places of each user.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    each: usize,
    users: Mutex<HashMap<Holder, Arc<Places>>>,
}

/// Of one user.
#[derive(Debug)]
struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
    visit: Visit,
}

/// Keeps a user's places in the map for as long as somebody has or waits for one.
#[derive(Debug)]
struct Visit {
    turns: Turns,
    holder: Holder,
    places: Arc<Places>,
}

impl Turns {
    /// So many for each user.
    pub fn new(each: usize) -> Self {
        Self(Arc::new(Inner { each, users: Mutex::default() }))
    }

    /// Waits for a place.
    pub async fn take(&self, holder: Holder) -> Turn {
        let visit = {
            let mut users = self.users();
            let places = users.entry(holder.clone()).or_insert_with(|| Arc::new(Places::new(self.0.each)));
            Visit { turns: self.clone(), holder, places: Arc::clone(places) }
        };
        // Never closed, so that there is always a place in the end.
        let permit = {
            let _waiting = Waiting::on(&visit.places);
            Arc::clone(&visit.places.free).acquire_owned().await.ok()
        };
        Turn { _permit: permit, visit }
    }

    fn users(&self) -> MutexGuard<'_, HashMap<Holder, Arc<Places>>> {
        // The map is whole after a panic.
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// True while the same user waits for another one.
    pub fn is_wanted(&self) -> bool {
        self.visit.places.waiting.load(Relaxed) > 0
    }
}

impl Places {
    fn new(each: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(each)), waiting: AtomicUsize::new(0) }
    }
}

/// Counted until it is dropped, should the wait be cancelled too.
struct Waiting<'p>(&'p AtomicUsize);

impl<'p> Waiting<'p> {
    fn on(places: &'p Places) -> Self {
        places.waiting.fetch_add(1, Relaxed);
        Self(&places.waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut users = self.turns.users();
        // The map's own and this one.
        if Arc::strong_count(&self.places) <= 2 {
            users.remove(&self.holder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_user_waits_for_themselves_and_not_for_others() {
        let turns = Turns::new(2);
        let mine = [turns.take(Holder::Uid(1)).await, turns.take(Holder::Uid(1)).await];
        {
            let third = turns.take(Holder::Uid(1));
            tokio::pin!(third);
            assert!(futures::poll!(&mut third).is_pending());
            let other = turns.take(Holder::Uid(2)).await;
            assert!(futures::poll!(&mut third).is_pending());
            assert!(!other.is_wanted());
            drop(other);
            assert_eq!(turns.users().len(), 1);
            let [first, second] = mine;
            assert!(second.is_wanted());
            drop(first);
            let third = third.await;
            assert!(!third.is_wanted());
            {
                let given_up = turns.take(Holder::Uid(1));
                tokio::pin!(given_up);
                assert!(futures::poll!(&mut given_up).is_pending() && second.is_wanted());
            }
            assert!(!second.is_wanted(), "nobody waits any more");
            drop((second, third));
        }
        assert!(turns.users().is_empty());
    }
}
