//! When a host has too much to carry: marks by host group.

use super::Signal;
use crate::{
    label::Labels,
    limits::{HOLD_MAX_S, THRESHOLD_NAME_MAX, THRESHOLD_RULES_MAX},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, collections::BTreeMap, fmt, str::FromStr};

/// Why thresholds were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    #[error("{0:?} is not a name of thresholds: 1 to {THRESHOLD_NAME_MAX} of a-z 0-9 -, beginning with a letter")]
    Name(String),
    #[error("the low mark of {0} must lie below its high mark, and both between 1 and 1000 thousandths")]
    Order(Signal),
    #[error("the hold time of {0} is more than {HOLD_MAX_S} seconds")]
    Hold(Signal),
    #[error("no marks were given: name at least one, e.g. memory")]
    Empty,
    #[error("{THRESHOLD_RULES_MAX} sets of thresholds are as many as there may be: delete one first")]
    TooMany,
}

/// The name of one set of thresholds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct ThresholdName(String);

impl ThresholdName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ThresholdName {
    type Err = ThresholdError;

    fn from_str(s: &str) -> Result<Self, ThresholdError> {
        let fits = s.len() <= THRESHOLD_NAME_MAX
            && s.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
            && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(s.to_owned())) } else { Err(ThresholdError::Name(s.chars().take(80).collect())) }
    }
}

impl TryFrom<String> for ThresholdName {
    type Error = ThresholdError;

    fn try_from(s: String) -> Result<Self, ThresholdError> {
        s.parse()
    }
}

impl From<ThresholdName> for String {
    fn from(name: ThresholdName) -> Self {
        name.0
    }
}

impl Borrow<str> for ThresholdName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ThresholdName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The two marks of one signal. An alert rises when the smoothed value has stayed above the high one for the hold time, and
/// is over when it has stayed at or under the low one for as long: what wobbles between the two changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CapacityMark))]
pub struct Mark {
    /// Thousandths of the capacity; of the time for PSI.
    pub high_permille: u16,
    /// Where a host must come down to, and up to where a host may be filled.
    pub low_permille: u16,
    /// Seconds.
    pub hold_s: u32,
}

impl Mark {
    const fn new(high_permille: u16, low_permille: u16, hold_s: u32) -> Self {
        Self { high_permille, low_permille, hold_s }
    }

    /// What holds where nobody said otherwise.
    pub const fn standard(signal: Signal) -> Self {
        match signal {
            // Queues grow steeply above four fifths; ten minutes outlast builds and nightly jobs of usual length.
            Signal::Cpu => Self::new(800, 700, 600),
            // The kernel reclaims and kills beyond it; memory does not come back by waiting.
            Signal::Memory => Self::new(850, 750, 600),
            // Pulls and builds need room of their own.
            Signal::Disk => Self::new(850, 780, 600),
            Signal::Pids => Self::new(800, 700, 600),
            Signal::Containers => Self::new(900, 800, 600),
            Signal::PsiCpu => Self::new(400, 200, 600),
            // Any lasting wait for memory is felt by everything on the host.
            Signal::PsiMemory => Self::new(100, 50, 300),
            Signal::PsiIo => Self::new(400, 200, 600),
        }
    }

    fn check(self, signal: Signal) -> Result<(), ThresholdError> {
        if self.low_permille == 0 || self.low_permille >= self.high_permille || self.high_permille > 1000 {
            return Err(ThresholdError::Order(signal));
        }
        if self.hold_s > HOLD_MAX_S {
            return Err(ThresholdError::Hold(signal));
        }
        Ok(())
    }
}

/// The marks of one host, one for each signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks([Mark; 8]);

impl Marks {
    /// The mark of a signal.
    pub const fn of(&self, signal: Signal) -> Mark {
        self.0[signal as usize]
    }

    /// The same with another mark of one signal.
    #[must_use]
    pub const fn with(mut self, signal: Signal, mark: Mark) -> Self {
        self.0[signal as usize] = mark;
        self
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self(Signal::ALL.map(Mark::standard))
    }
}

/// Marks of the hosts that have all labels of the selector; an empty selector means all hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ThresholdRule {
    #[serde(default)]
    pub selector: Labels,
    pub marks: BTreeMap<Signal, Mark>,
}

impl ThresholdRule {
    /// Whether it may be kept.
    ///
    /// # Errors
    /// [`ThresholdError`] naming the first signal whose mark is not sensible.
    pub fn check(&self) -> Result<(), ThresholdError> {
        if self.marks.is_empty() {
            return Err(ThresholdError::Empty);
        }
        self.marks.iter().try_for_each(|(signal, mark)| mark.check(*signal))
    }

    fn concerns(&self, labels: &Labels) -> bool {
        self.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// All sets of thresholds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thresholds(pub BTreeMap<ThresholdName, ThresholdRule>);

impl Thresholds {
    /// The marks of a host with these labels: for each signal that of the rule with the longest selector, of equal ones
    /// the last by name, and otherwise the standard one.
    pub fn marks(&self, labels: &Labels) -> Marks {
        let mut marks = Marks::default();
        let mut length: [Option<usize>; 8] = [None; 8];
        for rule in self.0.values().filter(|rule| rule.concerns(labels)) {
            let own = rule.selector.iter().count();
            for (signal, mark) in &rule.marks {
                if length[*signal as usize].is_none_or(|best| own >= best) {
                    length[*signal as usize] = Some(own);
                    marks = marks.with(*signal, *mark);
                }
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(selector: &str, signal: Signal, high: u16) -> ThresholdRule {
        ThresholdRule {
            selector: selector.parse().expect("labels"),
            marks: BTreeMap::from([(signal, Mark::new(high, high - 50, 60))]),
        }
    }

    #[test]
    fn the_longest_selector_decides_signal_by_signal() {
        let rules = [
            ("all", rule("", Signal::Memory, 700)),
            ("db", rule("role=db", Signal::Memory, 600)),
            ("db-a", rule("role=db,zone=a", Signal::Cpu, 500)),
            ("zz-other", rule("zone=b", Signal::Memory, 100)),
        ];
        let thresholds = Thresholds(rules.map(|(name, rule)| (name.parse().expect("name"), rule)).into());
        let marks = thresholds.marks(&"role=db,zone=a".parse().expect("labels"));
        assert_eq!(marks.of(Signal::Memory).high_permille, 600);
        assert_eq!(marks.of(Signal::Cpu).high_permille, 500);
        assert_eq!(marks.of(Signal::Disk), Mark::standard(Signal::Disk));
        assert_eq!(thresholds.marks(&Labels::none()).of(Signal::Memory).high_permille, 700);
    }

    #[test]
    fn marks_that_cannot_work_are_refused_with_the_signal() {
        let mut bad = rule("", Signal::Disk, 700);
        bad.marks.insert(Signal::Disk, Mark::new(700, 700, 60));
        assert_eq!(bad.check(), Err(ThresholdError::Order(Signal::Disk)));
        bad.marks.insert(Signal::Disk, Mark::new(700, 600, HOLD_MAX_S + 1));
        assert_eq!(bad.check(), Err(ThresholdError::Hold(Signal::Disk)));
        bad.marks.clear();
        assert_eq!(bad.check(), Err(ThresholdError::Empty));
        for signal in Signal::ALL {
            assert_eq!(Mark::standard(signal).check(signal), Ok(()));
        }
    }

    #[test]
    fn names_are_checked() {
        assert!("db-hosts".parse::<ThresholdName>().is_ok());
        for bad in ["", "1a", "A", "a b", &"a".repeat(THRESHOLD_NAME_MAX + 1)] {
            assert!(bad.parse::<ThresholdName>().is_err(), "{bad}");
        }
    }
}
