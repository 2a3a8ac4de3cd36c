//! From samples to what can be said about them: smoothed, hour by hour, against earlier days, and as a trend.

pub mod hourly;
pub mod level;
pub mod need;
pub mod season;
pub mod smooth;
pub mod trend;

pub use hourly::Hourly;
pub use level::Level;
pub use need::Need;
pub use season::Season;
pub use smooth::Smooth;
pub use trend::{Forecast, Trend, forecast};

/// The middle of some values; the mean of the middle two when their number is even. `None` without values.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    Some(if n % 2 == 1 { values[n / 2] } else { f64::midpoint(values[n / 2 - 1], values[n / 2]) })
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
