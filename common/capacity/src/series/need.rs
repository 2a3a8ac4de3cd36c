//! What one container takes: smoothed, and at its peak of the last day.
//!
//! Four hundred thousand of these are kept, so a container has no hours of its own: the highest smoothed value of today and
//! that of yesterday stand for its day, 88 bytes in all.

use super::smooth::Smooth;
use wharden_model::{Timestamp, capacity::Amount};

/// The resources that a container is measured in: CPU, memory, disk, pids.
const MEASURED: usize = 4;

/// The use of one container over time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Need {
    smooth: [Smooth; MEASURED],
    day: u64,
    today: [u64; MEASURED],
    yesterday: [u64; MEASURED],
}

impl Need {
    /// Takes a sample.
    pub fn observe(&mut self, at: Timestamp, sample: Amount) {
        let day = at.as_secs() / 86_400;
        if day > self.day {
            self.yesterday = if day == self.day + 1 { self.today } else { [0; MEASURED] };
            self.today = [0; MEASURED];
            self.day = day;
        }
        for (i, value) in sample.to_array().into_iter().take(MEASURED).enumerate() {
            let smoothed = self.smooth[i].observe(at, value as f64) as u64;
            self.today[i] = self.today[i].max(smoothed);
        }
    }

    /// What it takes now, smoothed; it is one container.
    pub fn now(&self) -> Amount {
        let [cpu, memory, disk, pids] = self.smooth.map(|smooth| smooth.value() as u64);
        Amount::from_array([cpu, memory, disk, pids, 1])
    }

    /// The most that it has taken today and yesterday.
    pub fn peak(&self) -> Amount {
        let [cpu, memory, disk, pids] = std::array::from_fn(|i| self.today[i].max(self.yesterday[i]));
        Amount::from_array([cpu, memory, disk, pids, 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_remembered_for_a_day_and_then_forgotten() {
        let mut need = Need::default();
        let cpu = |millis| Amount { cpu_millis: millis, ..Amount::default() };
        let hour = |h: u64| Timestamp::from_secs(h * 3600);
        for (h, value) in [(0, 100), (12, 900), (23, 100), (30, 100)] {
            need.observe(hour(h), cpu(value));
        }
        assert!(need.peak().cpu_millis > 890);
        assert!((100..110).contains(&need.now().cpu_millis));
        need.observe(hour(49), cpu(100));
        assert!(need.peak().cpu_millis < 110);
        assert_eq!(need.now().containers, 1);
    }
}
