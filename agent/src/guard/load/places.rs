use super::super::slots::{NoSlot, Slot, Slots};
use crate::caller::Holder;
use tokio::{
    sync::Notify,
    time::{Duration, Instant, sleep_until},
};

/// Places for image archives on their way to the engine. Few, and held for as long as a client likes: so a client that
/// brings nothing gives its place up once somebody else is turned away.
#[derive(Debug)]
pub struct LoadPlaces {
    slots: Slots,
    max_per_user: usize,
    silence: Duration,
    /// Somebody was turned away for what others hold.
    wanted: Notify,
}

impl LoadPlaces {
    /// At most `max`, and `max_per_user` of one user; `silence` is how long one may bring nothing.
    pub fn new(max: usize, max_per_user: usize, silence: Duration) -> Self {
        Self { slots: Slots::new(max, max_per_user), max_per_user, silence, wanted: Notify::new() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// [`NoSlot`].
    pub fn take(&self, holder: Holder) -> Result<Slot, NoSlot> {
        let taken = self.slots.take_share(holder);
        // Who has all that one may have waits for itself.
        if taken.as_ref().is_err_and(|full| *full != NoSlot::User(self.max_per_user)) {
            self.wanted.notify_waiters();
        }
        taken
    }

    /// Until somebody is turned away who comes so long after an archive has last come on.
    pub async fn wanted_from(&self, came_on: Instant) {
        sleep_until(came_on + self.silence).await;
        self.wanted.notified().await;
    }

    /// How long an archive may bring nothing.
    pub const fn silence(&self) -> Duration {
        self.silence
    }

    /// How many are taken.
    pub fn count(&self) -> usize {
        self.slots.count()
    }
}
