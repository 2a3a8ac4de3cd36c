//! Scenarios: what happens to a fleet, step by step, as TOML.

use crate::message::Behaviour;
use serde::Deserialize;
use std::path::Path;

/// Those that come with the program.
const KNOWN: &[(&str, &str)] = &[
    ("connect", include_str!("../scenarios/connect.toml")),
    ("steady", include_str!("../scenarios/steady.toml")),
    ("push-one", include_str!("../scenarios/push-one.toml")),
    ("push-all", include_str!("../scenarios/push-all.toml")),
    ("relabel-third", include_str!("../scenarios/relabel-third.toml")),
    ("enrol-wave", include_str!("../scenarios/enrol-wave.toml")),
    ("leader-killed", include_str!("../scenarios/leader-killed.toml")),
    ("all-restarted", include_str!("../scenarios/all-restarted.toml")),
    ("half-cut-off", include_str!("../scenarios/half-cut-off.toml")),
    ("slow-readers", include_str!("../scenarios/slow-readers.toml")),
    ("clock-skew", include_str!("../scenarios/clock-skew.toml")),
    ("event-flood", include_str!("../scenarios/event-flood.toml")),
    ("figures", include_str!("../scenarios/figures.toml")),
    ("short", include_str!("../scenarios/short.toml")),
];

/// One scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is for, in a line.
    pub about: String,
    #[serde(default)]
    pub fleet: Fleet,
    /// In this order. The hosts are enrolled before the first.
    pub step: Vec<Step>,
}

/// The fleet, where the command line does not say otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fleet {
    pub hosts: usize,
    pub controllers: usize,
    /// Rules of all policies.
    pub rules: usize,
    /// Kinds of hosts, by their labels: each gets a bundle of its own.
    pub scopes: usize,
    /// From which everything is drawn.
    pub seed: u64,
}

impl Default for Fleet {
    fn default() -> Self {
        Self { hosts: 500, controllers: 1, rules: 1000, scopes: 10, seed: 1 }
    }
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// All hosts connect at once.
    Connect,
    /// Nothing happens, for this long.
    Idle { seconds: u64 },
    /// One rule is changed, so many times, each once all hosts have the last.
    PushOne { times: usize },
    /// A rule in every policy is changed.
    PushAll,
    /// A share of the hosts gets other labels.
    Relabel { share: f64 },
    /// The leader is killed; it comes back once all of its hosts have found another controller.
    KillLeader,
    /// All controllers are killed and started again.
    RestartAll,
    /// A share of the hosts has no session for this long, while a rule is changed.
    CutOff { share: f64, seconds: u64 },
    /// The hosts behave so, for this long, while rules are changed.
    Behave {
        seconds: u64,
        #[serde(default)]
        pushes: usize,
        behaviour: Behaviour,
    },
    /// The same push beside etcd's watchers.
    Etcd,
}

impl Step {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Idle { .. } => "idle",
            Self::PushOne { .. } => "push-one",
            Self::PushAll => "push-all",
            Self::Relabel { .. } => "relabel",
            Self::KillLeader => "kill-leader",
            Self::RestartAll => "restart-all",
            Self::CutOff { .. } => "cut-off",
            Self::Behave { .. } => "behave",
            Self::Etcd => "etcd",
        }
    }
}

/// The names of those that come with the program, and what they are for.
pub fn known() -> impl Iterator<Item = (&'static str, String)> {
    KNOWN.iter().map(|(name, text)| (*name, toml::from_str::<Scenario>(text).map(|s| s.about).unwrap_or_default()))
}

/// One of these, or a file.
///
/// # Errors
/// With the file, the line and the key.
pub fn load(name: &str) -> anyhow::Result<Scenario> {
    if let Some((_, text)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Ok(toml::from_str(text)?);
    }
    let path = Path::new(name);
    anyhow::ensure!(path.exists(), "there is no scenario {name:?}: see `wharden-sim list`, or give a file");
    Ok(toml::from_str(&std::fs::read_to_string(path)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_reads_and_begins_with_hosts_that_connect() {
        for (name, text) in KNOWN {
            let scenario: Scenario = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(scenario.step.first(), Some(&Step::Connect), "{name}");
            assert!(!scenario.about.is_empty());
        }
        assert!(load("no-such").expect_err("unknown").to_string().contains("wharden-sim list"));
    }

    #[test]
    fn what_is_misspelt_is_named() {
        let error = toml::from_str::<Scenario>("about = \"x\"\n[[step]]\ndo = \"idel\"\n").expect_err("unknown");
        assert!(error.to_string().contains("idel"), "{error}");
        let error = toml::from_str::<Scenario>("about = \"x\"\nstep = []\n[fleet]\nhost = 3\n").expect_err("unknown");
        assert!(error.to_string().contains("host"), "{error}");
    }
}
