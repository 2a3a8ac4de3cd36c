//! Times and sizes for people.

use wharden_model::Timestamp;

/// How long ago, or how long until: `3h ago`, `in 5m`.
pub fn ago(now: Timestamp, time: Timestamp) -> String {
    let (past, future) = (now.millis_since(time) / 1000, time.millis_since(now) / 1000);
    match (past, future) {
        (0..5, 0) => "just now".to_owned(),
        (_, 0) => format!("{} ago", span(past)),
        // What is left of twelve hours that began a moment ago reads as twelve hours.
        (_, left) => format!("in {}", left_of(left)),
    }
}

/// The time itself and how long ago.
pub fn moment(now: Timestamp, time: Timestamp) -> String {
    format!("{} ({})", second(time), ago(now, time))
}

/// The time itself, to the second.
pub fn second(time: Timestamp) -> String {
    let text = time.to_string();
    let seconds = text.split_once('.').map_or(text.as_str(), |(whole, _)| whole);
    format!("{seconds}Z")
}

fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A time to come: its largest unit and the next one, rounded to that one.
fn left_of(seconds: u64) -> String {
    let two = |of: u64, unit: &str, part: u64, small: &str| {
        let parts = (seconds + part / 2) / part;
        let (whole, rest) = (parts / (of / part), parts % (of / part));
        if rest == 0 { format!("{whole}{unit}") } else { format!("{whole}{unit} {rest}{small}") }
    };
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3570 => format!("{}m", (seconds + 30) / 60),
        // Half a minute below an hour or a day is one already.
        3570..86_370 => two(3600, "h", 60, "m"),
        _ => two(86_400, "d", 3600, "h"),
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
        for (seconds, told) in [
            (59, "in 59s"),
            (299, "in 5m"),
            (3599, "in 1h"),
            (5400, "in 1h 30m"),
            (43_199, "in 12h"),
            (86_399, "in 1d"),
            (604_799, "in 7d"),
            (601_200, "in 6d 23h"),
        ] {
            assert_eq!(at(1_000_000 + seconds), told);
        }
        assert_eq!(moment(now, now), "1970-01-12T13:46:40Z (just now)");
    }

    #[test]
    fn sizes_are_told_in_binary_units() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(16 * 1024 * 1024 * 1024 - 1), "15.9 GiB");
        assert_eq!(bytes(u64::MAX), "16383.9 PiB");
    }
}
