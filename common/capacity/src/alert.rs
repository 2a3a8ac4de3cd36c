//! One signal of one host, and whether somebody should hear of it.
//!
//! ```text
//!            above high                 for the hold time
//!  calm ───────────────────▶ rising ─────────────────────────▶ raised ◀──── woken ────┐
//!   ▲  ◀─────────────────────  │                                │  │ acknowledge        │
//!   │        not above high                                     │  ├──────▶ acknowledged │
//!   │                                                    snooze │  │            │        │
//!   │                                                           ▼  ▼            ▼        │
//!   │  at or under low for the hold time, from any of these  snoozed ───────────────────┘
//!   └────────────────────────────────────────────────────────── its time is over
//! ```
//!
//! What lies between the two marks changes nothing, in either direction: that is the hysteresis.

use serde::{Deserialize, Serialize};
use wharden_model::{
    Timestamp, UserName,
    capacity::{AlertState, Mark, Transition},
};

/// The state of one signal of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    stage: Stage,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Calm,
    Rising {
        since: Timestamp,
    },
    Up(Up),
}

/// An alert that was raised and has not been resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Up {
    pub raised_at: Timestamp,
    /// The highest value since, in thousandths.
    pub worst_permille: u16,
    pub state: AlertState,
    /// Since when the value has been at or under the low mark.
    low_since: Option<Timestamp>,
}

impl Alert {
    /// Takes the smoothed value of now.
    pub fn observe(&mut self, now: Timestamp, permille: u16, mark: Mark) -> Option<Transition> {
        let hold = |since: Timestamp| now.millis_since(since) >= u64::from(mark.hold_s) * 1000;
        if let Stage::Calm = self.stage
            && permille > mark.high_permille
        {
            self.stage = Stage::Rising { since: now };
        }
        match &mut self.stage {
            Stage::Calm => None,
            Stage::Rising { .. } if permille <= mark.high_permille => {
                self.stage = Stage::Calm;
                None
            }
            Stage::Rising { since } => {
                if !hold(*since) {
                    return None;
                }
                self.stage = Stage::Up(Up {
                    raised_at: now,
                    worst_permille: permille,
                    state: AlertState::Raised,
                    low_since: None,
                });
                Some(Transition::Raised)
            }
            Stage::Up(up) => {
                up.worst_permille = up.worst_permille.max(permille);
                up.low_since = (permille <= mark.low_permille).then(|| up.low_since.unwrap_or(now));
                if up.low_since.is_some_and(hold) {
                    self.stage = Stage::Calm;
                    return Some(Transition::Resolved);
                }
                match up.state {
                    AlertState::Snoozed { until, .. } if now >= until => {
                        up.state = AlertState::Raised;
                        Some(Transition::Woken)
                    }
                    _ => None,
                }
            }
        }
    }

    /// The alert, when there is one.
    pub const fn up(&self) -> Option<&Up> {
        match &self.stage {
            Stage::Up(up) => Some(up),
            Stage::Calm | Stage::Rising { .. } => None,
        }
    }

    /// Whether something should be moved for it: it is up and nobody put it off.
    pub fn wants_relief(&self) -> bool {
        self.up().is_some_and(|up| !matches!(up.state, AlertState::Snoozed { .. }))
    }

    /// Somebody takes care of it. `None` when there is nothing to acknowledge.
    pub fn acknowledge(&mut self, by: UserName, at: Timestamp) -> Option<Transition> {
        let Stage::Up(up) = &mut self.stage else { return None };
        up.state = AlertState::Acknowledged { by, at };
        Some(Transition::Acknowledged)
    }

    /// Nobody wants to hear of it until then. `None` when there is no alert.
    pub fn snooze(&mut self, by: UserName, until: Timestamp) -> Option<Transition> {
        let Stage::Up(up) = &mut self.stage else { return None };
        up.state = AlertState::Snoozed { by, until };
        Some(Transition::Snoozed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MARK: Mark = Mark { high_permille: 800, low_permille: 700, hold_s: 600 };

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn alice() -> UserName {
        UserName::new("alice").expect("a name")
    }

    fn raised() -> Alert {
        let mut alert = Alert::default();
        assert_eq!(alert.observe(at(0), 900, MARK), None);
        assert_eq!(alert.observe(at(600), 850, MARK), Some(Transition::Raised));
        alert
    }

    #[test]
    fn a_short_peak_raises_nothing() {
        let mut alert = Alert::default();
        for (second, value) in [(0, 900), (599, 900), (600, 790), (601, 900), (1200, 900)] {
            assert_eq!(alert.observe(at(second), value, MARK), None, "at {second}");
        }
        assert_eq!(alert.observe(at(1201), 900, MARK), Some(Transition::Raised));
    }

    #[test]
    fn it_is_over_only_after_the_hold_time_under_the_low_mark() {
        let mut alert = raised();
        for (second, value) in [(700, 750), (2000, 750), (2100, 700), (2600, 701), (2700, 600), (3299, 600)] {
            assert_eq!(alert.observe(at(second), value, MARK), None, "at {second}");
        }
        assert_eq!(alert.observe(at(3300), 600, MARK), Some(Transition::Resolved));
        assert_eq!(alert.up(), None);
        assert_eq!(alert, Alert::default());
    }

    #[test]
    fn whoever_acknowledges_keeps_it_and_it_still_resolves_by_itself() {
        let mut alert = raised();
        assert_eq!(alert.acknowledge(alice(), at(700)), Some(Transition::Acknowledged));
        assert!(alert.wants_relief());
        assert_eq!(alert.observe(at(800), 950, MARK), None);
        assert_eq!(alert.up().map(|up| up.worst_permille), Some(950));
        assert_eq!(alert.observe(at(900), 100, MARK), None);
        assert_eq!(alert.observe(at(1500), 100, MARK), Some(Transition::Resolved));
        assert_eq!(alert.acknowledge(alice(), at(1600)), None);
    }

    #[test]
    fn a_snooze_ends_and_then_it_is_heard_again() {
        let mut alert = raised();
        assert_eq!(alert.snooze(alice(), at(5000)), Some(Transition::Snoozed));
        assert!(!alert.wants_relief());
        assert_eq!(alert.observe(at(4999), 900, MARK), None);
        assert_eq!(alert.observe(at(5000), 900, MARK), Some(Transition::Woken));
        assert!(alert.wants_relief());
        assert_eq!(Alert::default().snooze(alice(), at(9)), None);
    }

    proptest! {
        /// Raised and resolved take turns, however the value jumps and whatever people do between.
        #[test]
        fn raised_and_resolved_take_turns(steps in prop::collection::vec((1..900_u64, 0..1000_u16, 0..6_u8), 1..200)) {
            let (mut alert, mut now, mut up) = (Alert::default(), 0, false);
            for (passed, value, person) in steps {
                now += passed;
                match alert.observe(at(now), value, MARK) {
                    Some(Transition::Raised) => { prop_assert!(!up); up = true; }
                    Some(Transition::Resolved) => { prop_assert!(up); up = false; }
                    _ => {}
                }
                prop_assert_eq!(alert.up().is_some(), up);
                match person {
                    0 => prop_assert_eq!(alert.acknowledge(alice(), at(now)).is_some(), up),
                    1 => prop_assert_eq!(alert.snooze(alice(), at(now + 1000)).is_some(), up),
                    _ => {}
                }
            }
        }
    }
}
