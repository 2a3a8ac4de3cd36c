//! Is it growing, and when is it full?
//!
//! Slope: Theil–Sen, the median of the slopes between all pairs of points (H. Theil, "A rank-invariant method of linear and
//! polynomial regression analysis", 1950; P. K. Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", JASA
//! 63, 1968). Up to 29 % of the points may be wild without moving it much. Its interval is Sen's, at 95 %: with N slopes and
//! `C = 1.96 · √(n(n−1)(2n+5)/18)` it reaches from the `(N−C)/2`-th to the `(N+C)/2`-th smallest. Growth is said only where
//! the whole interval is above 0.
//!
//! Points are medians of six hours of the value without its daily pattern, so that neither a peak that comes every day
//! nor a night is taken for a trend, and two weeks are 56 points and 1,540 pairs.

use super::{Hourly, Season, median};
use crate::limits::{FORECAST_HOURS, HOURS_PER_POINT, POINTS_FOR_TREND};

/// Least growth over a day that is one, in thousandths: hours are kept in whole thousandths.
const LEAST_PER_DAY: f64 = 1.0;

/// A slope with its interval, in thousandths an hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    pub slope: f64,
    pub lowest: f64,
    pub highest: f64,
}

/// When a value will reach a mark if it goes on like this, in hours from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    pub earliest_h: u32,
    pub likely_h: u32,
    /// `None` beyond [`FORECAST_HOURS`].
    pub latest_h: Option<u32>,
}

impl Trend {
    /// Of points (hour, value) in the order of their hours; `None` for fewer than [`POINTS_FOR_TREND`].
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let n = points.len();
        if n < POINTS_FOR_TREND {
            return None;
        }
        let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
        for (i, a) in points.iter().enumerate() {
            slopes.extend(points[i + 1..].iter().filter(|b| b.0 > a.0).map(|b| (b.1 - a.1) / (b.0 - a.0)));
        }
        let slope = median(&mut slopes)?;
        let (n, count) = (n as f64, slopes.len() as f64);
        let c = 1.96 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
        let rank = |r: f64| slopes[(r.max(0.0) as usize).min(slopes.len() - 1)];
        Some(Self { slope, lowest: rank((count - c) / 2.0 - 1.0), highest: rank(f64::midpoint(count, c)) })
    }
}

/// When the value's daily peak will reach `permille`, seen from `hour`. `None` when it is not growing, too little is known, or
/// it takes longer than [`FORECAST_HOURS`].
pub fn forecast(hourly: &Hourly, season: &Season, hour: u64, permille: u16) -> Option<Forecast> {
    let level = season.without(hourly);
    let points: Vec<(f64, f64)> = level
        .chunk_by(|a, b| a.0 / HOURS_PER_POINT as u64 == b.0 / HOURS_PER_POINT as u64)
        .filter_map(|block| {
            let middle = block.iter().map(|(h, _)| *h as f64).sum::<f64>() / block.len() as f64;
            Some((middle, median(&mut block.iter().map(|(_, v)| *v).collect::<Vec<_>>())?))
        })
        .collect();
    let trend = Trend::of(&points)?;
    if trend.lowest <= 0.0 || trend.slope * 24.0 < LEAST_PER_DAY {
        return None;
    }
    // Where the line stands now: the median of what the points say, so that the last one alone decides nothing.
    let now = median(&mut points.iter().map(|(h, v)| v + trend.slope * (hour as f64 - h)).collect::<Vec<_>>())?;
    let left = f64::from(permille) - (now + season.peak());
    let hours = |slope: f64| (left.max(0.0) / slope).min(f64::from(u32::MAX)) as u32;
    let likely_h = hours(trend.slope);
    let latest_h = Some(hours(trend.lowest)).filter(|h| *h <= FORECAST_HOURS);
    (likely_h <= FORECAST_HOURS).then(|| Forecast { earliest_h: hours(trend.highest), likely_h, latest_h })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wharden_model::Timestamp;

    fn hours(n: u64, value: impl Fn(u64) -> f64) -> Hourly {
        let mut hourly = Hourly::default();
        for hour in 0..n {
            hourly.observe(Timestamp::from_secs(hour * 3600), value(hour) as u16);
        }
        hourly
    }

    fn look(hourly: &Hourly, hour: u64) -> Option<Forecast> {
        forecast(hourly, &Season::of(hourly), hour, 850)
    }

    fn noon(hour: u64) -> f64 {
        if (10..16).contains(&(hour % 24)) { 300.0 } else { 0.0 }
    }

    #[test]
    fn steady_growth_is_forecast_to_the_day() {
        // 12 thousandths a day from 400: 850 after 37.5 days, 27.5 of them still to come after ten.
        let hourly = hours(240, |h| 400.0 + h as f64 * 0.5);
        let forecast = look(&hourly, 239).expect("it grows");
        assert!(forecast.likely_h.abs_diff(661) <= 24, "{forecast:?}");
        assert!(forecast.earliest_h <= forecast.likely_h);
        assert!(forecast.latest_h.is_some_and(|latest| latest >= forecast.likely_h));
    }

    #[test]
    fn a_peak_of_every_day_is_no_trend_at_whatever_hour_one_looks() {
        for end in 72..200 {
            assert_eq!(look(&hours(end, |h| 400.0 + noon(h)), end - 1), None, "after {end} hours");
        }
    }

    #[test]
    fn growth_under_a_daily_peak_is_seen_and_it_is_the_peak_that_must_fit() {
        let hourly = hours(240, |h| 300.0 + h as f64 * 0.5 + noon(h));
        let forecast = look(&hourly, 239).expect("it grows");
        // Level 420 and a peak of 300 on it leave 130 thousandths: 260 hours.
        assert!(forecast.likely_h.abs_diff(260) <= 40, "{forecast:?}");
    }

    #[test]
    fn wild_hours_do_not_make_growth_and_full_is_full() {
        let hourly = hours(200, |h| if h % 37 == 0 { 1000.0 } else { 500.0 });
        assert_eq!(look(&hourly, 199), None);
        let hourly = hours(200, |h| 700.0 + h as f64);
        assert_eq!(look(&hourly, 199).map(|f| f.likely_h), Some(0));
    }

    proptest! {
        #[test]
        fn the_slope_of_a_line_is_found_whatever_a_quarter_of_the_points_say(
            slope in -5.0..5.0_f64, start in 0.0..500.0_f64, wild in prop::collection::vec(-1e4..1e4_f64, 40)
        ) {
            let points: Vec<_> = (0..40_usize)
                .map(|i| (i as f64, if i % 4 == 3 { wild[i] } else { start + slope * i as f64 }))
                .collect();
            let trend = Trend::of(&points).expect("enough points");
            prop_assert!(trend.lowest <= trend.slope && trend.slope <= trend.highest);
            prop_assert!(trend.lowest <= slope + 1e-9 && slope - 1e-9 <= trend.highest, "{trend:?} for {slope}");
        }
    }
}
