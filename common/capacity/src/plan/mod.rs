//! What to move, from where, to where: the plan.
//!
//! Hosts that are pressed are relieved one after the other, the worst first. For each, the containers that may leave it and
//! have a target are candidates (`relief`), as few and as small ones as do are chosen (`choose`), and each gets the
//! target with the least to carry and then the most room (`targets`, `room`). What is promised to a target counts for all that
//! follows, so that it stays under its low marks whatever else is advised. A host that moves cannot bring under its high
//! mark is left alone and said to be stuck, with what would help (`stuck`): moves that do not end an alert are for nothing.
//!
//! Relief goes down to the low mark where it can, and otherwise to the high one. Targets are filled up to the low mark, so
//! that between being filled and being relieved lies the whole distance of the marks; together with the memory of moves
//! ([`crate::Moves`]) nothing goes back and forth.

mod choose;
pub mod explain;
mod relief;
mod room;
mod stuck;
mod targets;
#[cfg(test)]
pub(crate) mod tests;

use crate::{
    address::Address,
    fleet::{Admission, Host, HostPort},
    moves::Moves,
};
use relief::Relief;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use targets::Targets;
use wharden_model::{
    HostId, Timestamp,
    capacity::{Advice, AdviceId, Amount, CapacityPlan, Side},
};

/// A move that was accepted and has not been seen to be done: its room is taken on the target, and its load is as good as
/// gone from the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The container's id on the source.
    pub container: String,
    pub source: HostId,
    pub target: HostId,
    pub used: Amount,
    pub need: Amount,
    pub ports: BTreeSet<HostPort>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<Address>,
    pub apart: BTreeSet<String>,
}

/// Everything that a plan is made from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub at: Timestamp,
    pub hosts: &'a [Host],
    pub moves: &'a Moves,
    pub accepted: &'a [Reservation],
    /// What was advised last; it is advised again where it still does, so that advice does not flicker.
    pub previous: &'a [Advice],
}

/// The plan. The same input gives the same plan.
pub fn plan(input: Input<'_>, admission: &dyn Admission) -> CapacityPlan {
    let index: BTreeMap<&HostId, u32> = input.hosts.iter().enumerate().map(|(i, host)| (&host.id, i as u32)).collect();
    let mut targets = Targets::new(input, admission);
    let before = reserve(input.accepted, &index, &mut targets);
    let expected: Vec<Amount> = (0..input.hosts.len() as u32).map(|host| targets.load(host)).collect();
    let mut relief = Relief::new(input, &index, targets);
    let mut plan = CapacityPlan { at: input.at, hosts: input.hosts.len() as u32, ..CapacityPlan::default() };
    let mut done = Vec::new();
    for source in worst_first(input.hosts) {
        match relief.of(source, before.get(&source)) {
            Ok(moves) => done.extend(moves),
            Err(stuck) => plan.stuck.push(*stuck),
        }
    }
    plan.advice = advice(input.hosts, &expected, &relief.targets, &done, &before);
    plan
}

/// What accepted moves take away from a host.
#[derive(Clone, Debug, Default)]
struct Leaving {
    containers: BTreeSet<String>,
    used: Amount,
}

fn reserve(accepted: &[Reservation], index: &BTreeMap<&HostId, u32>, targets: &mut Targets) -> BTreeMap<u32, Leaving> {
    let mut leaving: BTreeMap<u32, Leaving> = BTreeMap::new();
    for reservation in accepted {
        if let Some(target) = index.get(&reservation.target) {
            let Reservation { need, ports, addresses, apart, .. } = reservation;
            targets.promise(*target, *need, ports, addresses, apart);
        }
        if let Some(source) = index.get(&reservation.source) {
            let leaving = leaving.entry(*source).or_default();
            leaving.used = leaving.used.plus(reservation.used);
            leaving.containers.insert(reservation.container.clone());
        }
    }
    leaving
}

/// Pressed hosts, by how far the worst of their signals is over its high mark, then by id.
fn worst_first(hosts: &[Host]) -> Vec<u32> {
    let over = |host: &Host| {
        let signals = host.pressed.iter();
        signals.map(|s| host.value(*s).unwrap_or(0).saturating_sub(host.marks.of(*s).high_permille)).max()
    };
    let mut pressed: Vec<_> =
        hosts.iter().enumerate().filter_map(|(i, host)| Some((over(host)?, &host.id, i as u32))).collect();
    pressed.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    pressed.into_iter().map(|(_, _, i)| i).collect()
}

fn advice(
    hosts: &[Host],
    expected: &[Amount],
    targets: &Targets<'_>,
    done: &[relief::Move<'_>],
    before: &BTreeMap<u32, Leaving>,
) -> Vec<Advice> {
    let mut gone: BTreeMap<u32, Amount> = before.iter().map(|(host, leaving)| (*host, leaving.used)).collect();
    for step in done {
        let gone = gone.entry(step.source).or_default();
        *gone = gone.plus(step.container.used);
    }
    let one = |step: &relief::Move<'_>| {
        let (source, target) = (&hosts[step.source as usize], &hosts[step.target as usize]);
        let gone = gone.get(&step.source).copied().unwrap_or_default();
        Advice {
            id: AdviceId::of(&step.container.id, &source.id, &target.id),
            container: step.container.named(),
            source: Side {
                host: source.named(),
                capacity: source.capacity,
                before: source.used,
                after: source.used.minus(gone),
            },
            target: Side {
                host: target.named(),
                capacity: target.capacity,
                before: expected[step.target as usize],
                after: targets.load(step.target),
            },
            reasons: source.reasons(),
            bytes: step.bytes,
        }
    };
    done.iter().map(one).collect()
}
