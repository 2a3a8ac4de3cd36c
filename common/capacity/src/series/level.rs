//! How much of something there is, smoothed, where parts of it may go for good.
//!
//! The smoothed value is the sum of what each part has contributed to it, so what a part that went had contributed is
//! held against it, and fades as it fades in the value itself. Never below the newest sample: whatever went, so much is
//! there.

use super::smooth::Smooth;
use wharden_model::Timestamp;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    all: Smooth,
    gone: Smooth,
    newest: f64,
}

impl Level {
    /// Takes a sample.
    pub fn observe(&mut self, at: Timestamp, sample: f64) {
        self.all.observe(at, sample);
        self.gone.observe(at, 0.0);
        self.newest = sample;
    }

    /// A part went that had contributed so much.
    pub fn went(&mut self, contribution: f64) {
        self.gone.raise(contribution);
    }

    /// The value as of the last sample; 0 before the first.
    pub fn value(&self) -> f64 {
        let all = self.all.value();
        (all - self.gone.value()).max(all.min(self.newest))
    }

    /// When the last sample was taken.
    pub const fn at(&self) -> Option<Timestamp> {
        self.all.at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::SMOOTHING_S, series::Need};
    use proptest::prelude::*;
    use wharden_model::capacity::Amount;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_secs(second)
    }

    #[test]
    fn what_went_is_off_at_once_and_comes_off_only_once() {
        let mut level = Level::default();
        level.observe(at(0), 900.0);
        level.went(300.0);
        assert!((level.value() - 900.0).abs() < 0.1, "so much was there just now");
        for second in (30..3600).step_by(30) {
            level.observe(at(second), 600.0);
            assert!((level.value() - 600.0).abs() < 0.1, "{second}: {}", level.value());
        }
        level.observe(at(3600), 500.0);
        assert!(level.value() > 590.0, "what nobody says is gone is smoothed as ever: {}", level.value());
    }

    proptest! {
        /// However many containers come and go on a host that is as busy as ever, its value is what is there.
        #[test]
        fn short_lived_containers_leave_the_value_of_a_busy_host_as_it_is(
            lives in prop::collection::vec((1..60_u64, 0..900_u64), 1..80),
        ) {
            const BUSY: u64 = 1000;
            let (mut level, mut second) = (Level::default(), 0);
            level.observe(at(0), BUSY as f64);
            for (looks, memory_bytes) in lives {
                let mut need = Need::since(level.at());
                for _ in 0..looks {
                    second += 30;
                    need.observe(at(second), Amount { memory_bytes, ..Amount::default() });
                    level.observe(at(second), BUSY as f64);
                    prop_assert!((level.value() - BUSY as f64).abs() < 0.001, "{}", level.value());
                }
                level.went(need.contributed()[1]);
                prop_assert!((level.value() - BUSY as f64).abs() < 0.001, "{}", level.value());
            }
        }

        /// Also where samples are taken while none of them is there: what lives for less than the time constant is no loss.
        #[test]
        fn a_sample_between_two_short_lived_containers_is_one_sample(
            lives in prop::collection::vec(2..SMOOTHING_S / 30, 20..80),
        ) {
            let (mut level, mut plain, mut second) = (Level::default(), Smooth::default(), 0);
            level.observe(at(0), 900.0);
            plain.observe(at(0), 900.0);
            for looks in lives {
                let mut need = Need::since(level.at());
                for look in 0..looks {
                    second += 30;
                    let sample = if look == 0 { 600.0 } else { 900.0 };
                    need.observe(at(second), Amount { memory_bytes: 300, ..Amount::default() });
                    level.observe(at(second), sample);
                    plain.observe(at(second), sample);
                    prop_assert!((level.value() - plain.value()).abs() < 0.001);
                }
                level.went(need.contributed()[1]);
            }
        }
    }
}
