//! A part for each user of what all share: places to be decided in. Whoever asks for more waits, and is overtaken by the others.

use crate::caller::Holder;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places of each user.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    each: usize,
    users: Mutex<HashMap<Holder, Arc<Semaphore>>>,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    visit: Visit,
}

/// Keeps a user's places in the map for as long as somebody has or waits for one.
#[derive(Debug)]
struct Visit {
    turns: Turns,
    holder: Holder,
    places: Arc<Semaphore>,
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
            let places = users.entry(holder.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.0.each)));
            Visit { turns: self.clone(), holder, places: Arc::clone(places) }
        };
        // Never closed, so that there is always a place in the end.
        let permit = Arc::clone(&visit.places).acquire_owned().await.ok();
        Turn { permit, visit }
    }

    fn users(&self) -> MutexGuard<'_, HashMap<Holder, Arc<Semaphore>>> {
        // The map is whole after a panic.
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Before the visit ends: the permit holds the places too.
        drop(self.permit.take());
        debug_assert!(Arc::strong_count(&self.visit.places) > 1, "the map has one");
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
            drop(other);
            assert_eq!(turns.users().len(), 1);
            let [first, second] = mine;
            drop(first);
            drop(third.await);
            drop(second);
        }
        assert!(turns.users().is_empty());
    }
}
