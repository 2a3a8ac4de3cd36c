//! What one container takes: smoothed, and at its peak of the last day.
//!
//! Four hundred thousand of these are kept, so a container has no hours of its own: the highest smoothed value of today and
//! that of yesterday stand for its day, 184 bytes in all.

use super::smooth::Smooth;
use crate::limits::SMOOTHING_S;
use wharden_model::{Timestamp, capacity::Amount};

/// The resources that a container is measured in: CPU, memory, disk, pids.
const MEASURED: usize = 4;

/// The use of one container over time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Need {
    /// The last sample of its host that did not have it yet; `None` where all have it.
    since: Option<Timestamp>,
    smooth: [Smooth; MEASURED],
    day: u64,
    today: [u64; MEASURED],
    yesterday: [u64; MEASURED],
}

impl Need {
    /// Of a container that the samples of its host have in them since then, or all of them.
    pub fn since(since: Option<Timestamp>) -> Self {
        Self { since, ..Self::default() }
    }

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

    /// What it has brought to the smoothed values of its host. Nothing while it is younger than the smoothing: those that come
    /// and go are what the host is used for, and no loss.
    pub fn contributed(&self) -> [f64; 5] {
        let age_s = |since| self.smooth[0].at().map_or(0.0, |at| at.millis_since(since) as f64 / 1000.0);
        let age = self.since.map_or(f64::INFINITY, age_s) / SMOOTHING_S as f64;
        let share = if age < 1.0 { 0.0 } else { 1.0 - (-age).exp() };
        self.now().to_array().map(|value| value as f64 * share)
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

    #[test]
    fn it_contributes_what_the_smoothing_has_let_in_of_it() {
        let used = Amount { cpu_millis: 1000, ..Amount::default() };
        let after = |since: Option<u64>, second| {
            let mut need = Need::since(since.map(Timestamp::from_secs));
            need.observe(Timestamp::from_secs(second), used);
            need.contributed()[0].round()
        };
        let contributed = [(Some(0), 299), (Some(0), 300), (Some(0), 900), (None, 30)].map(|(s, at)| after(s, at));
        assert_eq!(contributed, [0.0, 632.0, 950.0, 1000.0]);
    }
}
