//! Smoothing of samples that come at uneven times.
//!
//! An exponentially weighted moving average whose weight depends on the time that has passed:
//! `s ← s + (1 − e^(−Δt/τ)) · (x − s)`. With even Δt it is the usual one; after a gap of many τ the new sample counts almost
//! alone (A. Eckner, "Algorithms for Unevenly Spaced Time Series: Moving Averages and Other Rolling Operators", 2019,
//! §3, EMA with the last point). The first sample is taken as it is.

use crate::limits::SMOOTHING_S;
use wharden_model::Timestamp;

/// One smoothed value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Smooth {
    value: f64,
    at: Option<Timestamp>,
}

impl Smooth {
    /// Takes a sample and says the value after it. A sample that is older than the last one changes nothing.
    pub fn observe(&mut self, at: Timestamp, sample: f64) -> f64 {
        match self.at {
            None => (self.value, self.at) = (sample, Some(at)),
            Some(last) if at > last => {
                let passed = at.millis_since(last) as f64 / 1000.0;
                let weight = 1.0 - (-passed / SMOOTHING_S as f64).exp();
                self.value += weight * (sample - self.value);
                self.at = Some(at);
            }
            Some(_) => {}
        }
        self.value
    }

    /// Puts something on top, as if it had been there all along.
    pub fn raise(&mut self, by: f64) {
        self.value += by;
    }

    /// The value as of the last sample; 0 before the first.
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// When the last sample was taken.
    pub const fn at(&self) -> Option<Timestamp> {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_followed_to_95_percent_after_three_time_constants_however_it_is_sampled() {
        for every in [5, 30, 300] {
            let mut smooth = Smooth::default();
            smooth.observe(Timestamp(0), 0.0);
            for at in (every..=3 * SMOOTHING_S).step_by(every as usize) {
                smooth.observe(Timestamp::from_secs(at), 100.0);
            }
            assert!((smooth.value() - 95.0).abs() < 0.1, "{every}: {}", smooth.value());
        }
    }

    #[test]
    fn a_late_sample_changes_nothing_and_after_a_long_gap_the_new_one_counts() {
        let mut smooth = Smooth::default();
        smooth.observe(Timestamp::from_secs(100), 10.0);
        assert_eq!(smooth.observe(Timestamp::from_secs(50), 99.0).to_bits(), 10.0_f64.to_bits());
        assert!(smooth.observe(Timestamp::from_secs(100_000), 50.0) > 49.999);
    }
}
