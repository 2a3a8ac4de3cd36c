//! Fleets over days of load, with everything that the plan advises done: nothing goes back and forth, and nothing that was
//! moved makes its new host too full.

use crate::{
    Alert, Everywhere, Host, Input, Moves, plan,
    plan::tests::{container, host, host_id},
    series::{Hourly, Need, Season, hourly::hour_of},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{
    HostId, Timestamp,
    capacity::{Amount, Resource, Signal, Transition, permille},
};

const STEP_S: u64 = 900;
/// Days that are only watched, so that a usual day is known.
const DAYS_WATCHED: u64 = 3;
const DAYS: u64 = 8;

/// SplitMix64 (G. Steele and others, 2014): the whole run follows from one number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

struct Load {
    cpu: u64,
    memory: u64,
    /// How much higher it is at its busiest hour, in percent, and when that is.
    swing: u64,
    busiest: u64,
    /// From this second on it takes half as much again.
    grows_at: u64,
    need: Need,
    host: usize,
    /// Every host that it has been on.
    homes: BTreeSet<HostId>,
}

impl Load {
    fn at(&self, second: u64, dice: &mut Dice) -> Amount {
        let hour = (second / 3600 + 24 - self.busiest) % 24;
        let from_peak = hour.min(24 - hour);
        let day = 100 + self.swing * (12 - from_peak) / 12;
        let noise = 97 + dice.roll(7);
        let grown = if second >= self.grows_at { 3 } else { 2 };
        let scale = |base: u64| base * grown / 2 * day / 100 * noise / 100;
        Amount { cpu_millis: scale(self.cpu), memory_bytes: scale(self.memory), ..Amount::default() }
    }
}

struct Watched {
    alerts: BTreeMap<Signal, Alert>,
    hourly: BTreeMap<Resource, Hourly>,
    /// The hour for which the coming day was looked at last, and what is expected of it.
    expected: (u64, Amount),
    /// Since it was last a target: `None` when it never was.
    filled: Option<u64>,
}

/// What happened in one run.
#[derive(Debug, Default)]
struct Told {
    raised: u32,
    resolved: u32,
    moved: u32,
    stuck: u32,
}

fn fleet(dice: &mut Dice) -> (usize, Vec<Load>) {
    let hosts = 6 + dice.roll(8) as usize;
    let mut loads = Vec::new();
    for host in 0..hosts {
        // Some hosts start close to full.
        let containers = if dice.roll(4) == 0 { 15 + dice.roll(5) } else { 2 + dice.roll(6) };
        for _ in 0..containers {
            let grows = dice.roll(6) == 0;
            let day = DAYS_WATCHED + dice.roll(DAYS - DAYS_WATCHED);
            loads.push(Load {
                cpu: 50 + dice.roll(700),
                memory: (50 + dice.roll(700)) << 20,
                swing: dice.roll(60),
                busiest: dice.roll(24),
                grows_at: if grows { day * 86_400 + dice.roll(86_400) } else { u64::MAX },
                need: Need::default(),
                host,
                homes: BTreeSet::from([host_id(host as u64)]),
            });
        }
    }
    (hosts, loads)
}

fn run(seed: u64) -> Told {
    let mut dice = Dice(seed);
    let (count, mut loads) = fleet(&mut dice);
    let mut watched: Vec<Watched> = (0..count)
        .map(|_| Watched {
            alerts: BTreeMap::new(),
            hourly: BTreeMap::new(),
            expected: (u64::MAX, Amount::default()),
            filled: None,
        })
        .collect();
    let (mut moves, mut told, mut previous) = (Moves::default(), Told::default(), Vec::new());
    for second in (0..DAYS * 86_400).step_by(STEP_S as usize) {
        let now = Timestamp::from_secs(second);
        for load in &mut loads {
            let sample = load.at(second, &mut dice);
            load.need.observe(now, sample);
        }
        let hosts: Vec<Host> =
            watched.iter_mut().enumerate().map(|(i, w)| look(i, w, &loads, now, &mut told)).collect();
        if second < DAYS_WATCHED * 86_400 || hosts.iter().all(|h| h.pressed.is_empty()) {
            continue;
        }
        let input = Input { at: now, hosts: &hosts, moves: &moves, accepted: &[], previous: &previous };
        let plan = plan(input, &Everywhere);
        assert_eq!(plan, crate::plan(input, &Everywhere), "the same input, the same plan");
        told.stuck += plan.stuck.len() as u32;
        for advice in &plan.advice {
            let target = hosts.iter().position(|h| h.id == advice.target.host.id).expect("a host of the fleet");
            let load = loads.iter_mut().find(|l| container_id(l) == advice.container.id).expect("a container");
            assert!(hosts[target].pressed.is_empty(), "a pressed host is no target");
            for resource in Resource::ALL {
                let share = permille(advice.target.after.get(resource), hosts[target].capacity.get(resource));
                let low = hosts[target].marks.of(resource.signal()).low_permille;
                assert!(share.is_none_or(|s| s <= low), "{resource} of {} is at {share:?}", advice.target.host.name);
            }
            assert!(load.homes.insert(advice.target.host.id.clone()), "advised back: {advice:?}");
            moves.record(
                &advice.container,
                advice.source.host.id.clone(),
                advice.target.host.id.clone(),
                load.need.peak(),
                now,
            );
            load.host = target;
            watched[target].filled = Some(second);
            told.moved += 1;
        }
        previous = plan.advice;
        moves.prune(now);
    }
    told
}

/// The name of a load is where it began.
fn container_id(load: &Load) -> String {
    format!("{:064x}", (load.cpu << 32) | ((load.memory >> 20) << 16) | (load.swing << 8) | load.busiest)
}

/// The host as it is now. A host that became a target may only get too full by what nobody could know: one of its containers
/// grew after it had been filled.
fn look(i: usize, watched: &mut Watched, loads: &[Load], now: Timestamp, told: &mut Told) -> Host {
    let own: Vec<&Load> = loads.iter().filter(|l| l.host == i).collect();
    let containers = own.iter().map(|load| {
        let mut c = container(0, 0, 0);
        (c.id, c.name) = (container_id(load), container_id(load));
        (c.used, c.need) = (load.need.now(), load.need.peak());
        c
    });
    let mut host = host(i as u64, containers.collect());
    host.pressed.clear();
    let hour = hour_of(now);
    let mut peaks = watched.expected.1.to_array();
    for resource in [Resource::Cpu, Resource::Memory] {
        let signal = resource.signal();
        let value = host.value(signal).expect("the capacity is known");
        let hourly = watched.hourly.entry(resource).or_default();
        hourly.observe(now, value);
        if watched.expected.0 != hour {
            let expected = Season::of(hourly).expected_peak(hourly, hour).expect("just observed");
            peaks[resource as usize] = u64::from(expected) * host.capacity.get(resource) / 1000;
        }
        let alert = watched.alerts.entry(signal).or_default();
        match alert.observe(now, value, host.marks.of(signal)) {
            Some(Transition::Raised) => {
                told.raised += 1;
                let grew = |filled| own.iter().any(|l| l.grows_at >= filled && l.grows_at <= now.as_secs());
                assert!(watched.filled.is_none_or(grew), "{} was filled and is over its high mark", host.name);
            }
            Some(Transition::Resolved) => told.resolved += 1,
            _ => {}
        }
        if alert.wants_relief() {
            host.pressed.push(signal);
        }
    }
    watched.expected = (hour, Amount::from_array(peaks));
    host.peak = watched.expected.1;
    host
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_advised_back_and_no_target_gets_over_its_high_mark(seed in any::<u64>()) {
        run(seed);
    }
}

#[test]
fn alerts_are_raised_relieved_and_resolved() {
    let mut all = Told::default();
    for seed in 0..6 {
        let told = run(seed);
        all.raised += told.raised;
        all.resolved += told.resolved;
        all.moved += told.moved;
        all.stuck += told.stuck;
    }
    assert!(all.raised >= 6 && all.moved >= 6, "{all:?}");
    assert!(all.resolved * 10 >= all.raised * 8, "{all:?}");
}
