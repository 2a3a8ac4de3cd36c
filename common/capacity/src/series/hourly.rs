//! Two weeks of one value, hour by hour, in 672 bytes.
//!
//! Of each hour the highest smoothed value is kept, in thousandths: room is needed for the peak, and means of an hour would
//! hide one of twenty minutes.

use crate::limits::HOURS_KEPT;
use std::collections::VecDeque;
use wharden_model::Timestamp;

const MISSING: u16 = u16::MAX;

/// Hours of one value, the oldest first, without gaps in time; an hour without a sample is known to be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hourly {
    /// Hours since 1970 of the first one.
    first: u64,
    values: VecDeque<u16>,
}

/// The hour that a time is in, since 1970.
pub const fn hour_of(at: Timestamp) -> u64 {
    at.as_secs() / 3600
}

impl Hourly {
    /// Takes a smoothed value. One that is older than what is kept is dropped.
    pub fn observe(&mut self, at: Timestamp, permille: u16) {
        let hour = hour_of(at);
        let value = permille.min(MISSING - 1);
        let next = self.first + self.values.len() as u64;
        if self.values.is_empty() || hour >= next + HOURS_KEPT as u64 {
            self.first = hour;
            self.values = VecDeque::from([value]);
            return;
        }
        if hour < self.first {
            return;
        }
        for _ in next..=hour {
            if self.values.len() == HOURS_KEPT {
                self.values.pop_front();
                self.first += 1;
            }
            self.values.push_back(MISSING);
        }
        let slot = &mut self.values[(hour - self.first) as usize];
        *slot = if *slot == MISSING { value } else { value.max(*slot) };
    }

    /// The hours that are known, as (hour since 1970, thousandths), the oldest first.
    pub fn known(&self) -> impl DoubleEndedIterator<Item = (u64, u16)> {
        self.values.iter().enumerate().filter(|(_, v)| **v != MISSING).map(|(i, v)| (self.first + i as u64, *v))
    }

    /// The value of one hour.
    pub fn at(&self, hour: u64) -> Option<u16> {
        let index = usize::try_from(hour.checked_sub(self.first)?).ok()?;
        self.values.get(index).copied().filter(|v| *v != MISSING)
    }

    /// The highest of the last 24 hours up to and with `hour`.
    pub fn highest_of_day(&self, hour: u64) -> Option<u16> {
        (hour.saturating_sub(23)..=hour).filter_map(|h| self.at(h)).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u64) -> Timestamp {
        Timestamp::from_secs(hour * 3600 + 7)
    }

    #[test]
    fn an_hour_keeps_its_highest_value_and_gaps_stay_gaps() {
        let mut hourly = Hourly::default();
        for (hour, value) in [(10, 100), (10, 300), (10, 200), (13, 50), (9, 999)] {
            hourly.observe(at(hour), value);
        }
        assert_eq!(hourly.known().collect::<Vec<_>>(), [(10, 300), (13, 50)]);
        assert_eq!(hourly.at(12), None);
        assert_eq!(hourly.highest_of_day(33), Some(300));
        assert_eq!(hourly.highest_of_day(34), Some(50));
    }

    #[test]
    fn no_more_than_two_weeks_are_kept_and_a_longer_silence_starts_anew() {
        let mut hourly = Hourly::default();
        for hour in 0..1000 {
            hourly.observe(at(hour), 1);
        }
        assert_eq!(hourly.known().count(), HOURS_KEPT);
        assert_eq!(hourly.known().next(), Some((1000 - HOURS_KEPT as u64, 1)));
        hourly.observe(at(10_000), 2);
        assert_eq!(hourly.known().collect::<Vec<_>>(), [(10_000, 2)]);
    }

    #[test]
    fn an_absurd_value_is_not_taken_for_a_missing_one() {
        let mut hourly = Hourly::default();
        hourly.observe(at(1), u16::MAX);
        assert_eq!(hourly.at(1), Some(u16::MAX - 1));
    }
}
