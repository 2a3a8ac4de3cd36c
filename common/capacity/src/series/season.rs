//! What a usual day looks like.
//!
//! For each hour of the day (UTC) the median, over the days, of how far the hour lay from the median of its own day. Taking
//! each day's own median out first keeps growth from day to day out of the pattern, and medians keep one odd day out: the
//! seasonal part of a robust decomposition (R. B. Cleveland and others, "STL: A Seasonal-Trend Decomposition Procedure Based on
//! Loess", 1990, §3.4 on why robust; here with medians in place of loess, which needs no iteration).

use super::{Hourly, median};
use crate::limits::{DAYS_FOR_PATTERN, USUAL_MARGIN_PERMILLE};

/// Hours that a day needs for its median to stand for it.
const HOURS_FOR_DAY: usize = 12;
/// Hours whose median, without the pattern, is the level of now: a change is believed after half of them.
const LEVEL_HOURS: u64 = 12;

/// The daily pattern of one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Season {
    /// Thousandths above (or below) the day's median, by hour of the day; all 0 while too few days are known.
    offsets: [f64; 24],
    known: bool,
}

impl Season {
    /// Learns from what is known.
    pub fn of(hourly: &Hourly) -> Self {
        let hours: Vec<(u64, u16)> = hourly.known().collect();
        let mut by_hour: [Vec<f64>; 24] = Default::default();
        let mut days = 0;
        for day in hours.chunk_by(|a, b| a.0 / 24 == b.0 / 24) {
            let mut values: Vec<f64> = day.iter().map(|(_, v)| f64::from(*v)).collect();
            if let (true, Some(middle)) = (values.len() >= HOURS_FOR_DAY, median(&mut values)) {
                days += 1;
                for (hour, value) in day {
                    by_hour[(hour % 24) as usize].push(f64::from(*value) - middle);
                }
            }
        }
        let known = days >= DAYS_FOR_PATTERN;
        let offsets = by_hour.map(|mut values| if known { median(&mut values).unwrap_or(0.0) } else { 0.0 });
        Self { offsets, known }
    }

    /// Whether enough days were seen.
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// How far the hour usually lies from its day's median, in thousandths.
    pub fn offset(&self, hour: u64) -> f64 {
        self.offsets[(hour % 24) as usize]
    }

    /// How far the highest hour of a usual day lies above its median.
    pub fn peak(&self) -> f64 {
        self.offsets.iter().copied().fold(0.0, f64::max)
    }

    /// Values with the daily pattern taken out, as (hour since 1970, thousandths).
    pub fn without(&self, hourly: &Hourly) -> Vec<(u64, f64)> {
        hourly.known().map(|(hour, value)| (hour, f64::from(value) - self.offset(hour))).collect()
    }

    /// The highest value to be expected within a day of `hour`, in thousandths: the usual peak on the level of now, and
    /// no less than the last 24 hours had.
    pub fn expected_peak(&self, hourly: &Hourly, hour: u64) -> Option<u16> {
        let seen = hourly.highest_of_day(hour)?;
        let mut level: Vec<f64> = (hour.saturating_sub(LEVEL_HOURS - 1)..=hour)
            .filter_map(|h| hourly.at(h).map(|value| f64::from(value) - self.offset(h)))
            .collect();
        let usual = median(&mut level)? + self.peak();
        Some(seen.max(usual.clamp(0.0, f64::from(u16::MAX - 1)) as u16))
    }
}

/// Whether a value is about what the same hour of earlier days had. `false` while fewer than [`DAYS_FOR_PATTERN`] are known.
pub fn usual_at(hourly: &Hourly, hour: u64, permille: u16) -> bool {
    let mut earlier: Vec<f64> =
        hourly.known().filter(|(h, _)| *h < hour && h % 24 == hour % 24).map(|(_, v)| f64::from(v)).collect();
    earlier.len() >= DAYS_FOR_PATTERN
        && median(&mut earlier).is_some_and(|usual| f64::from(permille) <= usual + f64::from(USUAL_MARGIN_PERMILLE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::Timestamp;

    fn days(n: u64, value: impl Fn(u64) -> u16) -> Hourly {
        let mut hourly = Hourly::default();
        for hour in 0..n * 24 {
            hourly.observe(Timestamp::from_secs(hour * 3600), value(hour));
        }
        hourly
    }

    fn busy_at_noon(hour: u64) -> u16 {
        if (11..14).contains(&(hour % 24)) { 800 } else { 300 }
    }

    #[test]
    fn a_peak_of_every_day_is_usual_and_the_same_height_at_night_is_not() {
        let hourly = days(5, busy_at_noon);
        assert!(usual_at(&hourly, 5 * 24 + 12, 820));
        assert!(!usual_at(&hourly, 5 * 24 + 12, 900));
        assert!(!usual_at(&hourly, 5 * 24 + 3, 820));
        assert!(!usual_at(&days(2, busy_at_noon), 2 * 24 + 12, 800), "two days are not enough");
    }

    #[test]
    fn growth_from_day_to_day_stays_out_of_the_pattern() {
        let hourly = days(6, |hour| busy_at_noon(hour) + (hour / 24) as u16 * 20);
        let season = Season::of(&hourly);
        assert!(season.is_known());
        assert!((season.peak() - 500.0).abs() < 1.0, "{season:?}");
        assert!(season.offset(3).abs() < 1.0);
    }

    #[test]
    fn at_night_the_noon_of_tomorrow_is_expected() {
        let hourly = days(4, busy_at_noon);
        assert_eq!(Season::of(&hourly).expected_peak(&hourly, 4 * 24 - 1), Some(800));
        // The level rose this night: so will noon.
        let mut risen = hourly;
        for hour in 96..107 {
            risen.observe(Timestamp::from_secs(hour * 3600), 400);
        }
        let expected = Season::of(&risen).expected_peak(&risen, 106).expect("known");
        assert!((890..=910).contains(&expected), "{expected}");
    }

    #[test]
    fn one_odd_day_does_not_make_a_pattern() {
        let hourly = days(5, |hour| if hour == 2 * 24 + 4 { 999 } else { 300 });
        assert!(Season::of(&hourly).peak().abs() < 1.0);
    }
}
