//! How many may come in at one time, and when those who may not are to come again.
//!
//! Who is refused is told a turn of its own: turns lie evenly behind each other, at the pace that a controller is good for,
//! and are drawn a little apart. So a fleet that comes at once comes back as a stream, and nobody waits here for long.

use super::{
    limits::{
        ENROLMENT_WAIT, ENROLMENTS_MAX, ENROLMENTS_PER_SECOND, RETRY_MAX, RETRY_SPREAD, SYNCS_MAX, SYNCS_PER_SECOND,
    },
    refusal::Refusal,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// The doors of one controller.
pub(super) struct Admission {
    syncs: Arc<Semaphore>,
    enrolments: Arc<Semaphore>,
    sync_turns: Turns,
    enrolment_turns: Turns,
}

impl Default for Admission {
    fn default() -> Self {
        Self::with(SYNCS_MAX, ENROLMENTS_MAX)
    }
}

impl Admission {
    /// With room for so many at one time.
    pub fn with(syncs: usize, enrolments: usize) -> Self {
        Self {
            syncs: Arc::new(Semaphore::new(syncs)),
            enrolments: Arc::new(Semaphore::new(enrolments)),
            sync_turns: Turns::new(SYNCS_PER_SECOND),
            enrolment_turns: Turns::new(ENROLMENTS_PER_SECOND),
        }
    }

    /// A place for a host that opens its session; it gives the place back once it holds its bundle.
    ///
    /// # Errors
    /// [`Refusal::Busy`], at once.
    pub fn sync(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = Arc::clone(&self.syncs).try_acquire_owned();
        place.map_err(|_| Refusal::Busy { retry_after: self.sync_turns.next(Instant::now()) })
    }

    /// A place for an enrolment.
    ///
    /// # Errors
    /// [`Refusal::Busy`] after a moment: it has cost a handshake to get here.
    pub async fn enrolment(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = timeout(ENROLMENT_WAIT, Arc::clone(&self.enrolments).acquire_owned()).await;
        place
            .map_err(|_| Refusal::Busy { retry_after: self.enrolment_turns.next(Instant::now()) })?
            .map_err(|_| Refusal::Stopping)
    }
}

/// Turns at a pace.
struct Turns {
    between: Duration,
    free: Mutex<Option<Instant>>,
}

impl Turns {
    fn new(per_second: u32) -> Self {
        Self { between: Duration::from_secs(1) / per_second, free: Mutex::default() }
    }

    /// How long the one who asks now has to wait.
    fn next(&self, now: Instant) -> Duration {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = free.map_or(now, |free| free.max(now));
        // Behind the last turn that is given, all get the same one: it is far away, and most will not come.
        if turn < now + RETRY_MAX {
            *free = Some(turn + self.between);
        }
        turn - now + RETRY_SPREAD.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_refused_come_back_evenly_and_none_waits_for_ever() {
        let (turns, now) = (Turns::new(100), Instant::now());
        let waits: Vec<Duration> = (0..1000).map(|_| turns.next(now)).collect();
        for (n, wait) in (0_u32..).zip(&waits) {
            let turn = Duration::from_millis(10) * n;
            assert!((turn..=turn + RETRY_SPREAD).contains(wait), "{n}: {wait:?}");
        }
        assert!(turns.next(now + Duration::from_secs(60)) <= RETRY_SPREAD, "the wave is over");
        let slow = Turns::new(1);
        assert!((0..10_000).all(|_| slow.next(now) <= RETRY_MAX + Duration::from_secs(1) + RETRY_SPREAD));
    }

    #[tokio::test]
    async fn places_are_given_back() {
        let admission = Admission::with(1, 1);
        let place = admission.sync().expect("free");
        assert!(matches!(admission.sync(), Err(Refusal::Busy { .. })));
        drop(place);
        assert!(admission.sync().is_ok() && admission.enrolment().await.is_ok());
    }
}
