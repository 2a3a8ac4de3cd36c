use crate::caller::Holder;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections over the limit that are told so at one time.
const COURTESIES_MAX: usize = 64;

/// Connections that wait at one time until this host knows who they are.
const NEWCOMERS_MAX: usize = 16;

/// Counts open connections, all and for each user.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: usize,
    max_per_user: usize,
    open: Mutex<Open>,
    courtesies: Arc<Semaphore>,
    newcomers: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_user: HashMap<Holder, usize>,
}

/// One open connection; ends its count when dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    holder: Holder,
}

impl Slots {
    /// At most `max` connections, and `max_per_user` of one user.
    pub fn new(max: usize, max_per_user: usize) -> Self {
        Self(Arc::new(Inner {
            max,
            max_per_user,
            open: Mutex::default(),
            courtesies: Arc::new(Semaphore::new(COURTESIES_MAX)),
            newcomers: Arc::new(Semaphore::new(NEWCOMERS_MAX)),
        }))
    }

    /// Takes a slot, or says whose limit is reached.
    ///
    /// # Errors
    /// For people.
    pub fn take(&self, holder: Holder) -> Result<Slot, String> {
        let mut open = self.open();
        if open.all >= self.0.max {
            return Err(format!("all {} connections are in use: close some, or raise limits.connections", self.0.max));
        }
        let mine = open.by_user.entry(holder.clone()).or_default();
        if *mine >= self.0.max_per_user {
            return Err(format!(
                "your user has all of its {} connections in use: close some, or raise limits.connections_per_user",
                self.0.max_per_user
            ));
        }
        *mine += 1;
        open.all += 1;
        Ok(Slot { slots: self.clone(), holder })
    }

    /// Leave to tell one connection over the limit why it is not served; `None` when many are being told.
    pub fn courtesy(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.courtesies).try_acquire_owned().ok()
    }

    /// Leave to wait until this host knows somebody; `None` when many wait.
    pub fn newcomer(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.newcomers).try_acquire_owned().ok()
    }

    /// Connections that are open.
    pub fn open_connections(&self) -> usize {
        self.open().all
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open();
        open.all = open.all.saturating_sub(1);
        if let Some(mine) = open.by_user.get_mut(&self.holder) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                open.by_user.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_take_the_slots_of_all() {
        let slots = Slots::new(3, 2);
        let remote = || Holder::User("ann".parse().expect("name"));
        let mine = [slots.take(remote()).expect("free"), slots.take(remote()).expect("free")];
        assert!(slots.take(remote()).expect_err("limit").contains("your user"));
        let other = slots.take(Holder::Uid(2)).expect("free");
        assert!(slots.take(Holder::Uid(3)).expect_err("full").contains("all 3"));
        drop(other);
        drop(mine);
        assert_eq!(slots.open_connections(), 0);
        assert!(slots.open().by_user.is_empty());
    }
}
