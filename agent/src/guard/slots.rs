use crate::caller::Holder;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wharden_runtime::places::{Place, Places};

/// Connections over the limit that are told so at one time.
const COURTESIES_MAX: usize = 64;

/// Connections that wait at one time until this host knows who they are.
const NEWCOMERS_MAX: usize = 16;

/// So many of something at one time: of all users, and of each, so that one cannot take what all have.
#[derive(Debug)]
pub struct Slots {
    max: usize,
    max_per_user: usize,
    /// Kept for users who have fewer than the second number.
    reserve: (usize, usize),
    /// Of each user, and under no name of all.
    taken: Places<Option<Holder>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    _of_all: Place<Option<Holder>>,
    _of_user: Place<Option<Holder>>,
}

/// Whose limit is reached, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSlot {
    All(usize),
    User(usize),
}

impl Slots {
    /// At most `max`, and `max_per_user` of one user.
    pub fn new(max: usize, max_per_user: usize) -> Self {
        Self { max, max_per_user, reserve: (0, 0), taken: Places::default() }
    }

    /// The same, of which some are kept for users who have fewer than `few`.
    #[must_use]
    pub fn with_reserve(self, kept: usize, few: usize) -> Self {
        Self { reserve: (kept, few), ..self }
    }

    /// Takes one.
    ///
    /// # Errors
    /// [`NoSlot`].
    pub fn take(&self, holder: Holder) -> Result<Slot, NoSlot> {
        let (kept, few) = self.reserve;
        let open = self.max.saturating_sub(kept);
        // Of a few that there are altogether, nothing is kept.
        let is_scarce = kept > 0 && open > kept && self.count() >= open;
        if is_scarce && self.taken.count(&Some(holder.clone())) >= few {
            return Err(NoSlot::All(open));
        }
        self.take_up_to(Some(holder), |_| self.max_per_user)
    }

    /// How many one user has, and how many are taken.
    pub fn of_user_and_all(&self, holder: Holder) -> [usize; 2] {
        [self.taken.count(&Some(holder)), self.count()]
    }

    /// Takes one of few, that are held for long: a user may have half of what others leave, and one at least, so that there is
    /// another for whoever comes next.
    ///
    /// # Errors
    /// [`NoSlot`].
    pub fn take_share(&self, holder: Holder) -> Result<Slot, NoSlot> {
        self.take_up_to(Some(holder), |holder| {
            // This one is among all, and not yet among the user's.
            let of_others = self.taken.count(&None).saturating_sub(1 + self.taken.count(holder));
            (self.max.saturating_sub(of_others) / 2).max(1).min(self.max_per_user)
        })
    }

    /// Takes one, of which the user may have so many: asked once there is one for anybody.
    fn take_up_to(&self, holder: Option<Holder>, share: impl FnOnce(&Option<Holder>) -> usize) -> Result<Slot, NoSlot> {
        let of_all = self.taken.take(None, self.max).ok_or(NoSlot::All(self.max))?;
        let share = share(&holder);
        let of_user = self.taken.take(holder, share).ok_or(NoSlot::User(share))?;
        Ok(Slot { _of_all: of_all, _of_user: of_user })
    }

    /// How many are taken.
    pub fn count(&self) -> usize {
        self.taken.count(&None)
    }
}

/// Connections that are turned away or waited for: few at one time.
#[derive(Debug)]
pub struct Doorway {
    courtesies: Arc<Semaphore>,
    newcomers: Arc<Semaphore>,
}

impl Default for Doorway {
    fn default() -> Self {
        Self {
            courtesies: Arc::new(Semaphore::new(COURTESIES_MAX)),
            newcomers: Arc::new(Semaphore::new(NEWCOMERS_MAX)),
        }
    }
}

impl Doorway {
    /// Leave to tell one connection over the limit why it is not served; `None` when many are being told.
    pub fn courtesy(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.courtesies).try_acquire_owned().ok()
    }

    /// Leave to wait until this host knows somebody; `None` when many wait.
    pub fn newcomer(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.newcomers).try_acquire_owned().ok()
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
        assert_eq!(slots.take(remote()).expect_err("limit"), NoSlot::User(2));
        let other = slots.take(Holder::Uid(2)).expect("free");
        assert_eq!(slots.take(Holder::Uid(3)).expect_err("full"), NoSlot::All(3));
        assert_eq!(slots.count(), 3);
        drop((mine, other));
        assert_eq!(slots.count(), 0);
    }

    #[test]
    fn some_are_kept_for_those_who_have_few() {
        let slots = Slots::new(10, 10).with_reserve(4, 2);
        let take = |uid| slots.take(Holder::Uid(uid));
        let mut held: Vec<_> = (0..6).map(|_| take(1).expect("free")).collect();
        assert_eq!(take(1).expect_err("the rest is kept"), NoSlot::All(6));
        held.extend([take(2).expect("kept"), take(2).expect("kept")]);
        assert_eq!(take(2).expect_err("has two"), NoSlot::All(6));
        held.extend([take(3).expect("kept"), take(4).expect("kept")]);
        assert_eq!(take(5).expect_err("full"), NoSlot::All(10));
    }

    #[test]
    fn there_is_one_for_whoever_comes_next() {
        let slots = Slots::new(8, 3);
        let take = |uid| slots.take_share(Holder::Uid(uid));
        let mut held: Vec<_> = (0..3).map(|_| take(1).expect("free")).collect();
        assert_eq!(take(1).expect_err("limit"), NoSlot::User(3));
        held.extend((0..2).map(|_| take(2).expect("half of the others' five")));
        assert_eq!(take(2).expect_err("half"), NoSlot::User(2));
        held.extend([take(3).expect("half of three"), take(4).expect("one of two"), take(5).expect("the last one")]);
        assert_eq!(take(6).expect_err("full"), NoSlot::All(8));
        drop(held);
        assert_eq!(slots.count(), 0);
    }
}
