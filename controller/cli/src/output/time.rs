//! Times and sizes for people.

use wharden_model::Timestamp;

/// How long ago, or how long until: `3h ago`, `in 5m`.
pub fn ago(now: Timestamp, time: Timestamp) -> String {
    let (past, future) = (now.millis_since(time) / 1000, time.millis_since(now) / 1000);
    match (past, future) {
        (0..5, 0) => "just now".to_owned(),
        (_, 0) => format!("{} ago", span(past)),
        // A week that began a moment ago ends in 7 days, not in 6.
        _ => format!("in {}", span(future + half(future))),
    }
}

/// Half of the unit that a span is told in.
fn half(seconds: u64) -> u64 {
    match seconds {
        0..60 => 0,
        60..3600 => 30,
        3600..172_800 => 1800,
        _ => 43_200,
    }
}

/// The time itself and how long ago.
pub fn moment(now: Timestamp, time: Timestamp) -> String {
    let text = time.to_string();
    let seconds = text.split_once('.').map_or(text.as_str(), |(whole, _)| whole);
    format!("{seconds}Z ({})", ago(now, time))
}

fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A size in binary units: `15.6 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let (mut tenths, mut unit) = (u128::from(n) * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_now() {
        let now = Timestamp::from_secs(1_000_000);
        let at = |s: u64| ago(now, Timestamp::from_secs(s));
        assert_eq!(at(999_998), "just now");
        assert_eq!(at(999_941), "59s ago");
        assert_eq!(at(999_940), "1m ago");
        assert_eq!(at(990_000), "2h ago");
        assert_eq!(at(800_000), "2d ago");
        assert_eq!(at(1_000_300), "in 5m");
        assert_eq!(at(1_000_000 + 12 * 3600 - 1), "in 12h");
        assert_eq!(at(1_000_000 + 7 * 86_400 - 1), "in 7d");
        assert_eq!(moment(now, now), "1970-01-12T13:46:40Z (just now)");
    }

    #[test]
    fn sizes_are_told_in_binary_units() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(16 * 1024 * 1024 * 1024 - 1), "15.9 GiB");
        assert_eq!(bytes(u64::MAX), "16383.9 PiB");
    }
}
