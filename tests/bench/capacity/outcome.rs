//! What a set of moves costs and leaves.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use wharden_capacity::{Container, Host};
use wharden_model::capacity::{Amount, CapacityPlan, Signal};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Hosts above a high mark when all is done.
    pub still_over: u64,
    pub moves: u64,
    pub bytes: u64,
}

impl Outcome {
    pub fn add(&mut self, other: &Self) {
        self.still_over += other.still_over;
        self.moves += other.moves;
        self.bytes += other.bytes;
    }

    pub fn json(&self) -> Value {
        json!({ "hosts_still_over": self.still_over, "moves": self.moves, "moved_bytes": self.bytes })
    }
}

pub fn of_plan(hosts: &[Host], plan: &CapacityPlan) -> Outcome {
    let by_id: BTreeMap<_, _> = hosts.iter().enumerate().map(|(i, host)| (host.id.as_str(), i)).collect();
    let moves = plan.advice.iter().map(|advice| {
        let source = by_id[advice.source.host.id.as_str()];
        let container = hosts[source].containers.iter().find(|c| c.id == advice.container.id).expect("it is there");
        (source, by_id[advice.target.host.id.as_str()], container)
    });
    of_moves(hosts, moves)
}

pub fn of_moves<'a>(hosts: &[Host], moves: impl Iterator<Item = (usize, usize, &'a Container)>) -> Outcome {
    let mut used: Vec<Amount> = hosts.iter().map(|host| host.used).collect();
    let mut outcome = Outcome::default();
    for (source, target, container) in moves {
        used[source] = used[source].minus(container.used);
        used[target] = used[target].plus(container.need);
        outcome.moves += 1;
        outcome.bytes += container.bytes_to(&hosts[target]);
    }
    outcome.still_over = hosts.iter().zip(&used).filter(|(host, used)| is_over(host, **used)).count() as u64;
    outcome
}

fn is_over(host: &Host, used: Amount) -> bool {
    Signal::ALL.into_iter().any(|signal| {
        let over = |resource| used.get(resource) > up_to(host, signal, host.marks.of(signal).high_permille);
        signal.resource().is_some_and(over)
    })
}

/// The amount that a mark stands for.
pub fn up_to(host: &Host, signal: Signal, permille: u16) -> u64 {
    let capacity = signal.resource().map_or(0, |resource| host.capacity.get(resource));
    if capacity == 0 { u64::MAX } else { (u128::from(capacity) * u128::from(permille) / 1000) as u64 }
}
