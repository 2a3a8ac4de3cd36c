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

/// Reads a duration of at least one and at most another one.
///
/// # Errors
/// When it is none, or not between the two.
pub fn within(least: &'static str, most: &'static str) -> impl Fn(&str) -> Result<Span, String> + Clone {
    move |text| {
        let (span, low, high): (Span, Span, Span) = (text.parse()?, least.parse()?, most.parse()?);
        let fits = (low.0..=high.0).contains(&span.0);
        if fits { Ok(span) } else { Err(format!("it is {least} to {most}")) }
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
        s.parse().map(Self::At).map_err(|_| {
            format!("{s:?} is not a time: write a duration back from now (1h, 7d), 2026-11-24 or 2026-11-24T08:00:00Z")
        })
    }
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
    fn durations_out_of_bounds_are_told() {
        let read = within("1m", "30d");
        assert_eq!((read("1m"), read("30d")), (Ok(Span(60)), Ok(Span(2_592_000))));
        for bad in ["59s", "31d", "soon"] {
            assert!(read(bad).is_err(), "{bad}");
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
