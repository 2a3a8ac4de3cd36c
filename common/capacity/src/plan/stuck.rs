//! What would help a host that moves cannot relieve.

use super::{
    choose::{Candidate, Vector, choose},
    relief::Movable,
};
use crate::{
    fleet::{Container, Host},
    limits::BLOCKED_SHOWN,
};
use std::collections::BTreeSet;
use wharden_model::capacity::{Amount, BlockedContainer, Obstacle, ObstacleKind, Signal, Stuck};

/// A container that would bring relief and cannot go.
pub(crate) struct Blocked<'a> {
    pub container: &'a Container,
    pub relief: Vector,
    pub obstacles: Vec<Obstacle>,
}

impl Blocked<'_> {
    fn is(&self, kinds: &[ObstacleKind]) -> bool {
        self.obstacles.iter().any(|o| kinds.contains(&o.kind))
    }
}

const PINNED: &[ObstacleKind] = &[ObstacleKind::Pinned];
const HELD: &[ObstacleKind] = &[ObstacleKind::Pinned, ObstacleKind::Settling];
const REFUSED: &[ObstacleKind] = &[ObstacleKind::Policy, ObstacleKind::Name];

/// Says all that is known about it.
pub(crate) fn describe(host: &Host, excess: &Vector, movable: &[Movable<'_>], mut blocked: Vec<Blocked<'_>>) -> Stuck {
    // By how much of the excess each would take, in thousandths, all resources together.
    let part = |relief: &Vector| -> u128 {
        let of = |(have, want): (&u64, &u64)| (u128::from(*have) * 1000).checked_div(u128::from(*want)).unwrap_or(0);
        relief.iter().zip(excess).map(of).sum()
    };
    blocked.sort_by(|a, b| part(&b.relief).cmp(&part(&a.relief)).then(a.container.id.cmp(&b.container.id)));
    let movable_sum = movable.iter().fold(Amount::default(), |sum, m| sum.plus(Amount::from_array(m.candidate.relief)));
    let would_help = would_help(host, excess, movable, &blocked);
    let shown = blocked.into_iter().take(BLOCKED_SHOWN);
    Stuck {
        host: host.named(),
        reasons: host.reasons(),
        missing: Amount::from_array(*excess),
        movable: movable_sum,
        blocked: shown.map(|b| BlockedContainer { container: b.container.named(), obstacles: b.obstacles }).collect(),
        would_help,
    }
}

fn would_help(host: &Host, excess: &Vector, movable: &[Movable<'_>], blocked: &[Blocked<'_>]) -> Vec<String> {
    let mut help = Vec::new();
    let missing = Amount::from_array(*excess).show();
    if !missing.is_empty() {
        help.push(format!("Give {} {missing} more below its low mark, or stop what uses as much.", host.name));
    }
    help.extend(another_host(host, excess, movable, blocked));
    if let Some(first) = blocked.iter().find(|b| b.is(PINNED)) {
        let count = blocked.iter().filter(|b| b.is(PINNED)).count();
        let pin = first.obstacles.first().map_or("", |o| o.detail.as_str());
        help.push(format!(
            "{count} of its containers cannot leave. Free the greatest of them, {} ({pin}), for it to be able to move.",
            first.container.name
        ));
    }
    for b in blocked.iter().filter(|b| b.is(REFUSED)).take(1) {
        let detail = b.obstacles.iter().find(|o| REFUSED.contains(&o.kind)).map_or("", |o| o.detail.as_str());
        help.push(format!("{} would be refused elsewhere: {detail}.", b.container.name));
    }
    for b in blocked.iter().filter(|b| b.is(&[ObstacleKind::Settling])).take(1) {
        let detail = b.obstacles.first().map_or("", |o| o.detail.as_str());
        help.push(format!("Look again later: {} was {detail}.", b.container.name));
    }
    if host.pressed.contains(&Signal::PsiIo) {
        help.push(format!(
            "Tasks on {} wait for I/O, and nothing says for whose: see what reads and writes there, or give it faster disks.",
            host.name
        ));
    }
    if help.is_empty() {
        help.push(format!(
            "Nothing that is known of {} says what: look at what runs there beside containers.",
            host.name
        ));
    }
    help
}

/// The host that would have to be there for moves to do.
fn another_host(host: &Host, excess: &Vector, movable: &[Movable<'_>], blocked: &[Blocked<'_>]) -> Option<String> {
    let free = blocked.iter().filter(|b| !b.is(HELD)).map(|b| (b.container, b.relief));
    let all: Vec<(&Container, Vector)> =
        movable.iter().map(|m| (m.container, m.candidate.relief)).chain(free).collect();
    let candidate = |(container, relief): &(&Container, Vector)| Candidate {
        relief: *relief,
        bytes: container.used.memory_bytes.saturating_add(container.layer_bytes),
    };
    let chosen = choose(&all.iter().map(candidate).collect::<Vec<_>>(), excess)?;
    if chosen.is_empty() {
        return None;
    }
    let chosen: Vec<&Container> = chosen.into_iter().map(|i| all[i].0).collect();
    let need = chosen.iter().fold(Amount::default(), |sum, c| sum.plus(c.need));
    let requires: BTreeSet<String> = chosen.iter().flat_map(|c| c.requires.iter().map(ToString::to_string)).collect();
    let names: Vec<&str> = chosen.iter().take(5).map(|c| c.name.as_str()).collect();
    let more = if chosen.len() > names.len() { " and others" } else { "" };
    let with: String = requires.iter().map(|r| format!(" with {r}")).collect();
    Some(format!(
        "Another host ({}{with}) with {} free below its low marks could take {}{more}.",
        host.architecture,
        need.show(),
        names.join(", ")
    ))
}
