//! Durations (`1h30m`) and moments (`2h` ago, or a date) on the command line.

use std::str::FromStr;
use wharden_model::Timestamp;

/// A length of time, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u64);

impl FromStr for Span {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let wrong = || format!("{s:?} is not a duration: write 30s, 15m, 1h, 7d, 2w or 1h30m");
        let mut total: u64 = 0;
        let mut rest = s;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest.get(..digits).and_then(|d| d.parse().ok()).ok_or_else(wrong)?;
            let unit = rest[digits..].chars().next().ok_or_else(wrong)?;
            let seconds = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                'w' => 604_800,
                _ => return Err(wrong()),
            };
            total = number.checked_mul(seconds).and_then(|n| total.checked_add(n)).ok_or_else(wrong)?;
            rest = &rest[digits + unit.len_utf8()..];
        }
        if s.is_empty() { Err(wrong()) } else { Ok(Self(total)) }
    }
}

/// A moment: so long ago, or at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before now.
    Ago(Span),
    /// A time in UTC.
    At(Timestamp),
}

impl Moment {
    /// The moment as a time.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(span) => Timestamp(now.0.saturating_sub(span.0.saturating_mul(1000))),
            Self::At(time) => time,
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        if let Ok(span) = s.parse() {
            return Ok(Self::Ago(span));
        }
        parse_time(s).map(Self::At).ok_or_else(|| {
            format!("{s:?} is not a time: write a duration back from now (1h, 7d), 2026-11-24 or 2026-11-24T08:00:00Z")
        })
    }
}

/// RFC 3339, with the time, the seconds and the zone optional; without a zone it is UTC.
fn parse_time(s: &str) -> Option<Timestamp> {
    let (date, clock) = match s.split_once(['T', ' ']) {
        Some((date, clock)) => (date, clock),
        None => (s, "00:00"),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if parts.next().is_some()
        || year < 1970
        || !(1..=12).contains(&month)
        || !(1..=month_days(year, month)).contains(&day)
    {
        return None;
    }
    let (clock, zone) = match clock.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => match clock.rfind(['+', '-']) {
            Some(at) => (&clock[..at], zone_seconds(&clock[at..])?),
            None => (clock, 0),
        },
    };
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (second, millis) = match parts.next() {
        Some(seconds) => second_and_millis(seconds)?,
        None => (0, 0),
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone;
    u64::try_from(seconds * 1000 + millis).ok().map(Timestamp)
}

fn number(s: &str, digits: usize) -> Option<i64> {
    (s.len() == digits && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok()).flatten()
}

fn second_and_millis(s: &str) -> Option<(i64, i64)> {
    match s.split_once('.') {
        None => Some((number(s, 2)?, 0)),
        Some((second, fraction)) => {
            let fits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
            let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
            fits.then(|| Some((number(second, 2)?, number(&millis, 3)?))).flatten()
        }
    }
}

fn zone_seconds(s: &str) -> Option<i64> {
    let sign = if s.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = s.get(1..)?.split_once(':')?;
    Some(sign * (number(hours, 2)? * 3600 + number(minutes, 2)? * 60))
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted year by year and month by month; the years of a command line are few.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (1970..year).map(|y| if month_days(y, 2) == 29 { 366 } else { 365 }).sum();
    let months: i64 = (1..month).map(|m| month_days(year, m)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read() {
        assert_eq!("1h30m".parse(), Ok(Span(5400)));
        assert_eq!("2w".parse(), Ok(Span(1_209_600)));
        for bad in ["", "1", "h", "1y", "-1h", "99999999999999999999s", "1h ", "１h"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_read_back_as_they_are_shown() {
        for ms in [0, 951_782_400_000, 1_795_507_199_123, 4_102_444_799_999] {
            let time = Timestamp(ms);
            assert_eq!(time.to_string().parse(), Ok(Moment::At(time)));
        }
        let at = |s: &str| s.parse::<Moment>().unwrap().at(Timestamp(0)).to_string();
        assert_eq!(at("2026-11-24"), "2026-11-24T00:00:00.000Z");
        assert_eq!(at("2026-11-24 08:30"), "2026-11-24T08:30:00.000Z");
        assert_eq!(at("2026-11-24T08:00:00+02:00"), "2026-11-24T06:00:00.000Z");
        assert_eq!("1h".parse::<Moment>().unwrap().at(Timestamp(3_600_001)), Timestamp(1));
        for bad in ["2026-02-29", "2026-13-01", "yesterday", "2026-11-24T25:00", "2026-11-24T08:00:00.Z", "1969-01-01"]
        {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }
}
