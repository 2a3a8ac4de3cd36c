//! Memory that clients can make the guard hold: bodies that are read whole before the decision, heads beyond a small
//! size, and of answers that are decided on what has not been read yet. It is counted as it is taken, for each
//! user and for all, so that one user who fills their share keeps only themselves waiting.
//!
//! Who waits longer than [`ROOM_WAIT`] for more gives up what they hold: many half-read requests that all wait for each
//! other come to an end.

use crate::{caller::Holder, limits::ROOM_WAIT};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use wharden_docker::Refusal;

/// The whole room and the shares of users.
#[derive(Clone, Debug)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max_per_user: usize,
    all: Arc<Semaphore>,
    users: Mutex<HashMap<Holder, Arc<Semaphore>>>,
}

/// What one connection holds. Gives it back when dropped.
#[derive(Debug)]
pub struct Holding {
    room: Room,
    holder: Holder,
    taken: Option<Taken>,
}

#[derive(Debug)]
struct Taken {
    user: Arc<Semaphore>,
    mine: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    #[error(
        "requests of your user that are still being sent, and lists that are still to be read, hold all {0} bytes that \
         one user may fill: finish or close some and try again, or raise limits.buffered_bytes_per_user"
    )]
    User(usize),
    #[error(
        "requests that are still being sent, and lists that are still to be read, hold all the memory there is for \
         them: try again in a moment"
    )]
    All,
}

impl Full {
    /// Of the answer that says so.
    pub fn status(self) -> u16 {
        if self == Self::All { 503 } else { 429 }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        Self::with(full.status(), full.to_string())
    }
}

impl Room {
    /// Room for `max` bytes, of which one user may take `max_per_user`.
    pub fn new(max: usize, max_per_user: usize) -> Self {
        Self(Arc::new(Inner {
            max_per_user: max_per_user.min(max).min(Semaphore::MAX_PERMITS),
            all: Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))),
            users: Mutex::default(),
        }))
    }

    /// A connection of this user, which holds nothing yet.
    pub fn holding(&self, holder: Holder) -> Holding {
        Holding { room: self.clone(), holder, taken: None }
    }

    /// Bytes that nobody holds.
    pub fn free(&self) -> usize {
        self.0.all.available_permits()
    }

    fn users(&self) -> MutexGuard<'_, HashMap<Holder, Arc<Semaphore>>> {
        // The map is whole after a panic.
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holding {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.taken.as_ref().map_or(0, |taken| taken.all.num_permits())
    }

    /// Holds so many bytes from now on, in place of those held before. Waits for room; cancelling changes nothing.
    ///
    /// # Errors
    /// [`Full`] when there was no room for [`ROOM_WAIT`]. Then nothing is held any more: the caller has to let go of the
    /// memory.
    pub async fn hold(&mut self, bytes: usize) -> Result<(), Full> {
        let held = self.bytes();
        if bytes == 0 {
            self.release();
        } else if bytes > held {
            let grown = self.take(bytes - held).await;
            if grown.is_err() {
                self.release();
            }
            return grown;
        } else if let Some(taken) = &mut self.taken {
            drop((taken.mine.split(held - bytes), taken.all.split(held - bytes)));
        }
        Ok(())
    }

    /// Holds nothing from now on.
    pub fn release(&mut self) {
        if let Some(Taken { user, mine, all }) = self.taken.take() {
            drop((mine, all));
            self.leave(&user);
        }
    }

    async fn take(&mut self, more: usize) -> Result<(), Full> {
        let user = match &self.taken {
            Some(taken) => Arc::clone(&taken.user),
            None => {
                let share = || Arc::new(Semaphore::new(self.room.0.max_per_user));
                Arc::clone(self.room.users().entry(self.holder.clone()).or_insert_with(share))
            }
        };
        let (got, user) = {
            // Leaves, should this wait be cancelled.
            let mut visit = Visit { holding: self, user: Some(user) };
            (visit.wait(more).await, visit.user.take())
        };
        match (got, &mut self.taken) {
            (Ok((mine, all)), Some(taken)) => {
                taken.mine.merge(mine);
                taken.all.merge(all);
            }
            (Ok((mine, all)), None) => self.taken = user.map(|user| Taken { user, mine, all }),
            (Err(full), _) => {
                if let Some(user) = user {
                    self.leave(&user);
                }
                return Err(full);
            }
        }
        Ok(())
    }

    /// Forgets the user's share once nobody uses it.
    fn leave(&self, user: &Arc<Semaphore>) {
        let mut users = self.room.users();
        // The map's own and this one.
        if Arc::strong_count(user) <= 2 {
            users.remove(&self.holder);
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.release();
    }
}

struct Visit<'h> {
    holding: &'h Holding,
    user: Option<Arc<Semaphore>>,
}

impl Visit<'_> {
    async fn wait(&self, more: usize) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Full> {
        let room = &self.holding.room.0;
        let mut full = Full::User(room.max_per_user);
        let (Some(user), Ok(n)) = (&self.user, u32::try_from(more)) else { return Err(full) };
        // The user's share first: who has none left does not stand in the way of others.
        let both = async {
            let mine = Arc::clone(user).acquire_many_owned(n).await.ok()?;
            full = Full::All;
            Some((mine, Arc::clone(&room.all).acquire_many_owned(n).await.ok()?))
        };
        match timeout(ROOM_WAIT, both).await {
            Ok(Some(both)) => Ok(both),
            Ok(None) | Err(_) => Err(full),
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if let Some(user) = self.user.take() {
            self.holding.leave(&user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn idle(room: &Room, max: usize) -> bool {
        room.free() == max && room.users().is_empty()
    }

    #[tokio::test(start_paused = true)]
    async fn one_user_cannot_take_the_room_of_all() {
        let room = Room::new(10, 5);
        let (mut mine, mut more, mut other) =
            (room.holding(Holder::Uid(1)), room.holding(Holder::Uid(1)), room.holding(Holder::Uid(2)));
        mine.hold(4).await.expect("room");
        assert_eq!(more.hold(2).await, Err(Full::User(5)));
        let start = Instant::now();
        other.hold(5).await.expect("room");
        assert_eq!(start.elapsed(), std::time::Duration::ZERO, "another user does not wait");
        let mut third = room.holding(Holder::Uid(3));
        third.hold(1).await.expect("room");
        assert_eq!(third.hold(3).await, Err(Full::All));
        assert_eq!(third.bytes(), 0, "who waited too long has given up");
        drop((mine, other));
        assert!(idle(&room, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_for_each_other_come_to_an_end() {
        let room = Room::new(8, 8);
        let mut waiting: Vec<_> = (0..4).map(|uid| room.holding(Holder::Uid(uid))).collect();
        for holding in &mut waiting {
            holding.hold(2).await.expect("room");
        }
        let grown = futures::future::join_all(waiting.iter_mut().map(|holding| holding.hold(4))).await;
        assert!(grown.iter().any(Result::is_err), "{grown:?}");
        let held: usize = waiting.iter().map(Holding::bytes).sum();
        assert_eq!(room.free(), 8 - held);
        drop(waiting);
        assert!(idle(&room, 8));
    }

    #[tokio::test(start_paused = true)]
    async fn shrinking_lets_others_in_and_a_cancelled_wait_leaves_nothing() {
        let room = Room::new(8, 8);
        let (mut first, mut second) = (room.holding(Holder::Uid(1)), room.holding(Holder::Uid(2)));
        first.hold(8).await.expect("room");
        {
            let wait = second.hold(3);
            tokio::pin!(wait);
            assert!(futures::poll!(&mut wait).is_pending());
        }
        assert_eq!(room.users().len(), 1, "only the first");
        first.hold(5).await.expect("less");
        second.hold(3).await.expect("room");
        assert_eq!((first.bytes(), second.bytes(), room.free()), (5, 3, 0));
        drop((first, second));
        assert!(idle(&room, 8));
    }
}
