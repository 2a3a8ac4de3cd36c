//! Why one container can go somewhere or not, host by host.

use super::{Input, relief::held, targets::Targets};
use crate::fleet::{Admission, Container, Host};
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::capacity::{HostRef, Obstacle, ObstacleKind, Resource};

/// Targets that an explanation names.
const TARGETS_NAMED: usize = 5;

/// Where one container could go, and what stands in the way elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What holds it where it is; then nothing else matters.
    pub held: Vec<Obstacle>,
    /// The first hosts that would take it, the least to carry first, and how many there are.
    pub targets: Vec<HostRef>,
    pub targets_in_all: u32,
    /// The first obstacle of every other host, with one example each.
    pub obstacles: Vec<Obstacle>,
}

/// Looks at every host. `source` is its index in the input's hosts.
///
/// Policies are asked about at most `policies_asked` hosts, those that would be the targets; the others count as targets.
pub fn explain(
    input: Input<'_>,
    admission: &dyn Admission,
    source: usize,
    container: &Container,
    policies_asked: usize,
) -> Explanation {
    let index = input.hosts.iter().enumerate().map(|(i, host)| (&host.id, i as u32)).collect();
    let mut targets = Targets::new(input, admission);
    super::reserve(input.accepted, &index, &mut targets);
    let from = &input.hosts[source];
    let homes = input.moves.earlier_homes(container, &from.id);
    let mut tally: BTreeMap<ObstacleKind, (String, u32)> = BTreeMap::new();
    let mut able: Vec<(u64, usize)> = Vec::new();
    for (i, host) in input.hosts.iter().enumerate().filter(|(i, _)| *i != source) {
        let obstacle = host
            .closed()
            .or_else(|| other_architecture(from, host))
            .or_else(|| targets.clash(i as u32, container, &homes))
            .or_else(|| too_small(container, host, &targets.room(i as u32)));
        match obstacle {
            Some((kind, detail)) => {
                tally.entry(kind).or_insert((format!("{}: {detail}", host.name), 0)).1 += 1;
            }
            None => able.push((container.bytes_to(host), i)),
        }
    }
    able.sort_unstable();
    let mut refused = BTreeSet::new();
    for (_, i) in able.iter().take(policies_asked) {
        let host = &input.hosts[*i];
        if let Err(denial) = admission.admits(container, host) {
            tally.entry(denial.kind).or_insert((format!("{}: {}", host.name, denial.detail), 0)).1 += 1;
            refused.insert(*i);
        }
    }
    able.retain(|(_, i)| !refused.contains(i));
    Explanation {
        held: held(container, from, input.moves, input.at).unwrap_or_default(),
        targets: able.iter().take(TARGETS_NAMED).map(|(_, i)| input.hosts[*i].named()).collect(),
        targets_in_all: able.len() as u32,
        obstacles: tally.into_iter().map(|(kind, (detail, hosts))| Obstacle { kind, detail, hosts }).collect(),
    }
}

fn other_architecture(from: &Host, host: &Host) -> Option<(ObstacleKind, String)> {
    (from.architecture != host.architecture)
        .then(|| (ObstacleKind::Architecture, format!("{} instead of {}", host.architecture, from.architecture)))
}

fn too_small(container: &Container, host: &Host, room: &[u64; 5]) -> Option<(ObstacleKind, String)> {
    let short = Resource::ALL.into_iter().find(|r| container.need.get(*r) > room[*r as usize])?;
    let missing = container.need.get(short) - room[short as usize];
    let low = host.marks.of(short.signal()).low_permille;
    let mark = wharden_model::capacity::show_permille(low);
    Some((ObstacleKind::Room, format!("{} of {short} too little below its low mark of {mark}", short.show(missing))))
}
