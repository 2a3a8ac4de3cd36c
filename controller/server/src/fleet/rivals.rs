//! Two machines with one host's key: each opens a session, which ends the other's. A host that starts anew replaces its
//! session too, but not again and again.

use super::limits::{RIVALS_CALM_MS, RIVALS_MAX, RIVALS_WINDOW_MS};
use wharden_model::Timestamp;

/// When sessions of a host were replaced while they were open.
#[derive(Clone, Debug, Default)]
pub(super) struct Rivals {
    times: [Timestamp; RIVALS_MAX],
    count: u64,
    /// When it was said last.
    contested: Option<Timestamp>,
}

impl Rivals {
    /// A session was replaced.
    pub fn replaced(&mut self, now: Timestamp) {
        let place = self.count % RIVALS_MAX as u64;
        if let Some(time) = usize::try_from(place).ok().and_then(|place| self.times.get_mut(place)) {
            *time = now;
        }
        self.count += 1;
    }

    /// It happens so often that two machines must be at it: the session that is open stays.
    pub fn contest(&mut self, now: Timestamp) -> bool {
        let recent = self.times.iter().all(|time| now.millis_since(*time) < RIVALS_WINDOW_MS);
        let contested = self.count >= RIVALS_MAX as u64 && recent;
        if contested {
            self.contested = Some(now);
        }
        contested
    }

    /// True once when it has not happened for a while.
    pub fn calm(&mut self, now: Timestamp) -> bool {
        self.contested.take_if(|at| now.millis_since(*at) >= RIVALS_CALM_MS).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_starts_anew_now_and_then_is_no_rival_of_itself() {
        let mut rivals = Rivals::default();
        for n in 0..100 {
            rivals.replaced(Timestamp(n * RIVALS_WINDOW_MS / 4));
            assert!(!rivals.contest(Timestamp(n * RIVALS_WINDOW_MS / 4)), "{n}");
        }
        let now = 1_000 * RIVALS_WINDOW_MS;
        for n in 1..RIVALS_MAX as u64 {
            rivals.replaced(Timestamp(now + n));
            assert!(!rivals.contest(Timestamp(now + n)));
        }
        rivals.replaced(Timestamp(now + 50));
        assert!(rivals.contest(Timestamp(now + 51)));
        assert!(!rivals.contest(Timestamp(now + RIVALS_WINDOW_MS + 51)), "it is over after a while");
        assert!(!rivals.calm(Timestamp(now + RIVALS_CALM_MS)));
        assert!(rivals.calm(Timestamp(now + RIVALS_CALM_MS + 51)));
        assert!(!rivals.calm(Timestamp(now + RIVALS_CALM_MS + 52)), "once");
    }
}
