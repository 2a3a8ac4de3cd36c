//! What the run and its worker processes say to each other: one line of JSON each.

use crate::load::Load;
use serde::{Deserialize, Serialize};
use wharden_model::Revision;

/// To a worker, on its standard input. Each is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Enrol the hosts that are not yet; one of these tokens each.
    Enrol { tokens: Vec<String> },
    /// How the hosts behave from now on.
    Behave(Behaviour),
    /// Answer when the hosts are there, or after so many milliseconds.
    Await { goal: Goal, within_ms: u64 },
    /// Tell what was counted.
    Count,
    /// End.
    Quit,
}

/// From a worker, on its standard output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    Done,
    /// Milliseconds that each enrolment took, the waits between its attempts included.
    Enrolled {
        took_ms: Vec<u64>,
        refused: u64,
    },
    /// How many hosts reached the goal, and when each of those that did not hold a newer revision acknowledged it, in
    /// microseconds since the epoch.
    Reached {
        hosts: usize,
        at_us: Vec<u64>,
    },
    Counted(Counts),
    Failed(String),
}

/// Where hosts should get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// They have a session; hosts that are away by order do not count.
    pub connected: bool,
    /// They hold this revision or a newer one.
    pub revision: Revision,
    /// Their sessions were opened later than this, in microseconds since the epoch.
    pub since_us: u64,
    /// All events that they had until now are acknowledged.
    pub events: bool,
}

/// What hosts do. Shares are of all hosts, and the same hosts for the same share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Share of the hosts that have a session.
    pub present: f64,
    /// Share of the hosts that stop reading for a while whenever a bundle comes.
    pub slow: f64,
    /// For how long, in milliseconds.
    pub slow_ms: u64,
    /// Share of the hosts whose clocks are wrong.
    pub skewed: f64,
    /// By how many seconds.
    pub skew_s: i64,
    /// Events and changes of what runs.
    pub load: Load,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { present: 0.0, slow: 0.0, slow_ms: 0, skewed: 0.0, skew_s: 0, load: Load::default() }
    }
}

/// What a worker counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub hosts: u64,
    pub connected: u64,
    pub sessions: u64,
    pub broken: u64,
    /// Answers of a controller that told when to come again.
    pub told_to_wait: u64,
    pub received_bytes: u64,
    pub pushes: u64,
    pub whole: u64,
    pub differences: u64,
    pub headers: u64,
    pub acks: u64,
    pub nacks: u64,
    pub events_made: u64,
    pub events_acked: u64,
    pub events_lost: u64,
    pub reports: u64,
    pub heartbeats: u64,
    pub pings: u64,
    pub rules: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.hosts += other.hosts;
        self.connected += other.connected;
        self.sessions += other.sessions;
        self.broken += other.broken;
        self.told_to_wait += other.told_to_wait;
        self.received_bytes += other.received_bytes;
        self.pushes += other.pushes;
        self.whole += other.whole;
        self.differences += other.differences;
        self.headers += other.headers;
        self.acks += other.acks;
        self.nacks += other.nacks;
        self.events_made += other.events_made;
        self.events_acked += other.events_acked;
        self.events_lost += other.events_lost;
        self.reports += other.reports;
        self.heartbeats += other.heartbeats;
        self.pings += other.pings;
        self.rules = self.rules.max(other.rules);
    }
}
