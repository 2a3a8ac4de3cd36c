use serde::{Deserialize, Serialize};

/// Pressure stall information, as far as the kernel has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pressure {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Stall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Stall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<Stall>,
}

/// Share of time in which some task waited (the line `some`), in hundredths of a per cent: 10,000 is all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stall {
    /// Over ten seconds.
    pub avg10: u16,
    /// Over a minute.
    pub avg60: u16,
}

impl Stall {
    /// Reads a file of the kernel: `some avg10=0.12 avg60=0.05 avg300=0.00 total=123`.
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
        let value = |key: &str| {
            let word = line.split_ascii_whitespace().find_map(|word| word.strip_prefix(key))?;
            let (whole, part) = word.split_once('.')?;
            let hundredths = whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(part.parse().ok()?)?;
            (part.len() == 2).then_some(hundredths.min(10_000))
        };
        Some(Self { avg10: value("avg10=")?, avg60: value("avg60=")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_file_is_read_and_nothing_else() {
        let text =
            "some avg10=1.23 avg60=100.00 avg300=0.00 total=123\nfull avg10=9.00 avg60=9.00 avg300=0.00 total=1\n";
        assert_eq!(Stall::parse(text), Some(Stall { avg10: 123, avg60: 10_000 }));
        for bad in ["", "full avg10=1.00 avg60=1.00", "some avg10=x avg60=1.00", "some avg10=1 avg60=1.00"] {
            assert_eq!(Stall::parse(bad), None, "{bad}");
        }
    }
}
