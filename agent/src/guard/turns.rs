//! Places to be served in, so many for each user and so many for all. Whoever asks for more waits, and is overtaken by the others.

use crate::{caller::Holder, limits::LIST_STALL};
use std::{
    collections::HashMap,
    hash::Hash,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Places of each user, or of whatever else they are counted by.
#[derive(Clone, Debug)]
pub struct Turns<K: Eq + Hash = Holder>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K: Eq + Hash> {
    each: usize,
    all: Arc<Semaphore>,
    /// For a place of all.
    waiting: AtomicUsize,
    users: Mutex<HashMap<K, Arc<Places>>>,
}

/// Of one user.
#[derive(Debug)]
struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub struct Turn<K: Eq + Hash = Holder> {
    _permits: [Option<OwnedSemaphorePermit>; 2],
    visit: Visit<K>,
}

/// Keeps a user's places in the map for as long as somebody has or waits for one.
#[derive(Debug)]
struct Visit<K: Eq + Hash> {
    turns: Turns<K>,
    holder: K,
    places: Arc<Places>,
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// So many for each user, and so many for all.
    pub fn new(each: usize, all: usize) -> Self {
        let all = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { each, all, waiting: AtomicUsize::new(0), users: Mutex::default() }))
    }

    /// Waits for a place.
    pub async fn take(&self, holder: K) -> Turn<K> {
        self.take_some(holder, 1).await
    }

    /// Waits for all places of a user, of which the others are given back first. Later ones wait behind.
    pub async fn take_alone(&self, holder: K) -> Turn<K> {
        self.take_some(holder, self.0.each).await
    }

    async fn take_some(&self, holder: K, count: usize) -> Turn<K> {
        let visit = {
            let mut users = self.users();
            let places = users.entry(holder.clone()).or_insert_with(|| Arc::new(Places::new(self.0.each)));
            Visit { turns: Self(Arc::clone(&self.0)), holder, places: Arc::clone(places) }
        };
        // Never closed, so that there is always a place in the end.
        let take = async |places: &Arc<Semaphore>, count: usize, waiting| {
            let _waiting = Waiting::on(waiting);
            Arc::clone(places).acquire_many_owned(u32::try_from(count).unwrap_or(u32::MAX)).await.ok()
        };
        // The user's first: who waits for themselves is in nobody's way.
        let mine = take(&visit.places.free, count, &visit.places.waiting).await;
        let of_all = take(&self.0.all, 1, &self.0.waiting).await;
        Turn { _permits: [mine, of_all], visit }
    }
}

impl<K: Eq + Hash> Turns<K> {
    fn users(&self) -> MutexGuard<'_, HashMap<K, Arc<Places>>> {
        // The map is whole after a panic.
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Turn<K> {
    /// True while somebody waits for one: the same user, or anybody where all are taken.
    pub fn is_wanted(&self) -> bool {
        self.visit.places.waiting.load(Relaxed) > 0 || self.visit.turns.0.waiting.load(Relaxed) > 0
    }
}

/// What `doing` comes to; `None` when it takes longer than [`LIST_STALL`] and somebody waits for the turn.
pub async fn unless_wanted<T>(turn: Option<&Turn>, doing: impl Future<Output = T>) -> Option<T> {
    let Some(turn) = turn else { return Some(doing.await) };
    let mut doing = pin!(doing);
    loop {
        match timeout(LIST_STALL, &mut doing).await {
            Ok(done) => return Some(done),
            Err(_) if turn.is_wanted() => return None,
            Err(_) => {}
        }
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
    fn on(waiting: &'p AtomicUsize) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl<K: Eq + Hash> Drop for Visit<K> {
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
        let turns = Turns::new(2, 3);
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
            let last = turns.take(Holder::Uid(2)).await;
            {
                let beyond = turns.take(Holder::Uid(3));
                tokio::pin!(beyond);
                assert!(futures::poll!(&mut beyond).is_pending() && second.is_wanted(), "all are taken");
                drop(last);
                drop(beyond.await);
            }
            drop((second, third));
        }
        assert!(turns.users().is_empty());
    }

    #[tokio::test]
    async fn whoever_wants_all_places_waits_for_those_before_and_keeps_those_after_waiting() {
        let turns = Turns::new(2, usize::MAX);
        let before = turns.take("name").await;
        {
            let alone = turns.take_alone("name");
            let after = turns.take("name");
            tokio::pin!(alone, after);
            assert!(futures::poll!(&mut alone).is_pending() && futures::poll!(&mut after).is_pending());
            assert!(futures::poll!(std::pin::pin!(turns.take_alone("other"))).is_ready());
            drop(before);
            let alone = alone.await;
            assert!(futures::poll!(&mut after).is_pending() && alone.is_wanted());
            drop(alone);
            drop(after.await);
        }
        assert!(turns.users().is_empty());
    }
}
