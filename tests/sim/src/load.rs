//! What happens on the hosts: containers, decisions, changes. Drawn from a seed, so that two runs do the same.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use wharden_model::{
    Action, BootId, DecisionEvent, Effect, HostId, HostReport, Outcome, Posture, Principal, Resource, ResourceKind,
    Revision, Timestamp,
    decision::{Decision, Rule},
    inventory::{Container, ContainerState, Delta},
};

/// How much happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// Decisions of a host in a minute, when the day is at its mean.
    pub events_per_minute: f64,
    /// How far a day's curve goes up and down around its mean, 0 to 1.
    pub swing: f64,
    /// Length of a simulated day, in seconds.
    pub day_s: f64,
    /// Share of the hosts that make a flood of decisions.
    pub flooding: f64,
    /// Decisions of such a host in a second.
    pub flood_per_second: f64,
    /// Containers that start or end on a host in a minute; each changes its report.
    pub changes_per_minute: f64,
    /// Hosts tell what they have: this many containers each, in the mean.
    pub containers: f64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            events_per_minute: 0.0,
            swing: 0.5,
            day_s: 600.0,
            flooding: 0.0,
            flood_per_second: 0.0,
            changes_per_minute: 0.0,
            containers: 0.0,
        }
    }
}

/// Plain fields always serialise.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// A place between 0 and 1 that is a host's own, the same in every run with this seed.
pub fn place(seed: u64, index: usize, of: &str) -> f64 {
    let mut hash = seed ^ 0x9e37_79b9_7f4a_7c15;
    for byte in of.bytes().map(u64::from).chain([index as u64]) {
        // SplitMix64.
        hash = (hash ^ byte).wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
    }
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

impl Load {
    /// Time to a host's next decision, `None` for never; `at_s` is the time of the simulated day.
    pub fn next_event(&self, floods: bool, at_s: f64, random: &mut impl Rng) -> Option<Duration> {
        let curve = 1.0 + self.swing * (at_s / self.day_s.max(1.0) * std::f64::consts::TAU).sin();
        let flood = if floods { self.flood_per_second } else { 0.0 };
        wait(self.events_per_minute / 60.0 * curve + flood, random)
    }

    /// Time to the next change of what runs on a host.
    pub fn next_change(&self, random: &mut impl Rng) -> Option<Duration> {
        wait(self.changes_per_minute / 60.0, random)
    }
}

/// Of a Poisson process.
fn wait(per_second: f64, random: &mut impl Rng) -> Option<Duration> {
    let draw: f64 = random.random_range(f64::EPSILON..1.0);
    (per_second > 0.0).then(|| Duration::from_secs_f64((-draw.ln() / per_second).min(3600.0)))
}

/// The machine that a host is.
pub struct Machine {
    pub boot_id: BootId,
    pub report: HostReport,
    random: StdRng,
}

const IMAGES: [&str; 6] =
    ["nginx:1.27", "postgres:16", "redis:7", "registry.example/shop/api:4.2", "python:3.12-slim", "node:22"];
const TEAMS: [&str; 5] = ["payments", "search", "shop", "data", "platform"];

impl Machine {
    /// The host with this place in the fleet.
    pub fn new(seed: u64, index: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let boot_id = BootId::new(format!("{:016x}", random.random::<u64>())).expect("16 hex digits");
        let containers = random.random_range(5..60);
        let report = HostReport {
            hostname: format!("sim-{index:06}"),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            kernel: "6.1.0-28-amd64".to_owned(),
            arch: "x86_64".to_owned(),
            engine: "docker 26.1.5".to_owned(),
            engine_api: "1.45".to_owned(),
            cpus: [4, 8, 16, 32][random.random_range(0..4)],
            memory_bytes: 1024 * 1024 * 1024 * [16, 32, 64, 128][random.random_range(0..4)],
            containers_running: containers,
            containers_total: containers + random.random_range(0..10),
            guard: None,
            break_glass: None,
        };
        Self { boot_id, report, random }
    }

    /// The source of this host's chances.
    pub fn random(&mut self) -> &mut StdRng {
        &mut self.random
    }

    /// All containers, as the host tells them first.
    pub fn inventory(&mut self, sequence: u64, mean: f64, now: Timestamp) -> Vec<u8> {
        let count = (mean * self.random.random_range(0.2..1.8)) as u64;
        let containers = (0..count).map(|n| self.container(n, now)).collect();
        json(&Delta { base: 0, sequence, containers, ..Delta::default() })
    }

    /// One of them has started or ended.
    pub fn inventory_change(&mut self, base: u64, now: Timestamp) -> Vec<u8> {
        let n = self.random.random_range(0..20);
        json(&Delta { base, sequence: base + 1, containers: vec![self.container(n, now)], ..Delta::default() })
    }

    fn container(&mut self, n: u64, now: Timestamp) -> Container {
        let team = TEAMS[self.random.random_range(0..TEAMS.len())];
        let running = self.random.random_bool(0.9);
        Container {
            id: format!("{:048x}{n:016x}", u128::from(n) + 1),
            name: format!("{team}-{n}"),
            owner: format!("{team}-ci"),
            image: IMAGES[self.random.random_range(0..IMAGES.len())].to_owned(),
            image_id: format!("sha256:{:064x}", self.random.random_range(0..40_u64)),
            state: ContainerState::of(if running { "running" } else { "exited" }),
            networks: vec![format!("{team}-net")],
            labels: BTreeMap::from([("team".to_owned(), team.to_owned())]),
            created_at: now,
            started_at: now,
            ..Container::default()
        }
    }

    /// A container starts or ends.
    pub fn change(&mut self) {
        let report = &mut self.report;
        if self.random.random_bool(0.5) && report.containers_running > 0 {
            report.containers_running -= 1;
        } else {
            report.containers_running += 1;
            report.containers_total = report.containers_total.max(report.containers_running);
        }
    }

    /// The decision with this number, as JSON.
    pub fn event(&mut self, host: &HostId, seq: u64, at: Timestamp, revision: Revision) -> Vec<u8> {
        let random = &mut self.random;
        let image = IMAGES[random.random_range(0..IMAGES.len())];
        let team = TEAMS[random.random_range(0..TEAMS.len())];
        let (action, verb) = [
            (Action::ContainerCreate, "POST /v1.45/containers/create"),
            (Action::ContainerStart, "POST /v1.45/containers/web/start"),
            (Action::ContainerInspect, "GET /v1.45/containers/web/json"),
            (Action::ContainerLogs, "GET /v1.45/containers/web/logs"),
            (Action::ContainerExec, "POST /v1.45/containers/web/exec"),
        ][random.random_range(0..5)];
        let denied = random.random_bool(0.05);
        let rules = vec![Rule {
            id: format!("{team}/rule-{}", random.random_range(0..10)),
            reason: "as the simulated policy says".to_owned(),
            ..Rule::default()
        }];
        let resource = Resource {
            kind: ResourceKind::Container,
            id: format!("{:064x}", random.random::<u128>()),
            name: format!("{team}-{}", random.random_range(0..20)),
            image: image.to_owned(),
            owner: format!("{team}-ci"),
            labels: BTreeMap::from([("team".to_owned(), team.to_owned())]),
        };
        let event = DecisionEvent {
            host_id: host.clone(),
            boot_id: self.boot_id.clone(),
            seq,
            at,
            principal: Principal::User { name: format!("{team}-ci") },
            action,
            resource,
            outcome: if denied { Outcome::WouldDeny } else { Outcome::Allowed },
            posture: Posture::Observe,
            decision: Decision {
                effect: if denied { Effect::Deny } else { Effect::Allow },
                rules,
                monitor: Vec::new(),
                errors: Vec::new(),
                revision,
            },
            facts: None,
            partial_facts: None,
            request: verb.to_owned(),
            error: String::new(),
            decided_in_us: random.random_range(5..50),
        };
        json(&event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_host_and_another_one_another() {
        let host = HostId::new("h-0000000000000001").expect("id");
        let event = |seed, index| Machine::new(seed, index).event(&host, 1, Timestamp(5), 7);
        assert_eq!(event(1, 2), event(1, 2));
        assert_ne!(event(1, 2), event(1, 3));
        assert_ne!(event(1, 2), event(2, 2));
    }

    #[test]
    fn a_share_is_of_the_hosts_and_grows_by_hosts() {
        let count = |share| (0..10_000).filter(|index| place(7, *index, "slow") < share).count();
        assert!((4_800..5_200).contains(&count(0.5)), "{}", count(0.5));
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        let other =
            (0..10_000).filter(|index| place(7, *index, "slow") < 0.5 && place(7, *index, "skew") < 0.5).count();
        assert!((2_300..2_700).contains(&other), "shares of different things are independent: {other}");
    }

    #[test]
    fn events_come_as_often_as_the_load_says() {
        let load = Load { events_per_minute: 60.0, swing: 0.0, ..Load::default() };
        let mut machine = Machine::new(3, 3);
        let total: f64 =
            (0..2_000).filter_map(|_| load.next_event(false, 0.0, machine.random())).map(|d| d.as_secs_f64()).sum();
        assert!((1_800.0..2_200.0).contains(&total), "{total}");
        assert_eq!(Load::default().next_event(true, 0.0, machine.random()), None);
    }
}
