//! How long to wait before trying again: exponential with full jitter, so that many who failed at one moment do not all
//! come back at one moment.

use std::time::Duration;

/// Grows with each failure until it is reset by a success.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits are drawn from zero to `base`, then twice that, and so on up to `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, failures: 0 }
    }

    /// Counts a failure and says how long to wait.
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(rand::random_range(0..=nanos))
    }

    /// The longest that the next wait can be.
    pub fn ceiling(&self) -> Duration {
        let factor = 2_u32.checked_pow(self.failures).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// Failures since the last success.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// After a success.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ceiling_doubles_to_the_cap_and_starts_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let ceilings: Vec<_> = (0..6)
            .map(|_| {
                let ceiling = backoff.ceiling();
                assert!(backoff.next_wait() <= ceiling);
                ceiling.as_millis()
            })
            .collect();
        assert_eq!(ceilings, [100, 200, 400, 800, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.ceiling().as_millis(), 100);
    }

    proptest! {
        #[test]
        fn no_wait_is_above_the_cap(base in 0_u64..10_000, cap in 0_u64..1_000_000, failures in 0_usize..80) {
            let mut backoff = Backoff::new(Duration::from_millis(base), Duration::from_millis(cap));
            for _ in 0..failures {
                prop_assert!(backoff.next_wait() <= Duration::from_millis(cap));
            }
        }
    }
}
