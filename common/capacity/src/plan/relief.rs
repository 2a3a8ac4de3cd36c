//! The moves that bring one host under its limit.

use super::{
    Input, Leaving,
    choose::{Candidate, Vector, choose},
    stuck::{self, Blocked},
    targets::{Found, Targets},
};
use crate::{
    fleet::{Container, Host},
    limits::{PLACE_ATTEMPTS, PRESSURE_RELIEF_PERMILLE},
    moves::Moves,
};
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{
    HostId, Timestamp,
    capacity::{Obstacle, ObstacleKind, Resource, Signal, Stuck},
};

/// One move of the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move<'a> {
    pub container: &'a Container,
    pub source: u32,
    pub target: u32,
    pub bytes: u64,
}

/// A container that may leave and has somewhere to go.
pub(crate) struct Movable<'a> {
    pub container: &'a Container,
    homes: BTreeSet<HostId>,
    found: Found,
    /// Where it was advised to go before.
    preferred: Option<u32>,
    pub candidate: Candidate,
}

pub(crate) struct Relief<'a> {
    hosts: &'a [Host],
    moves: &'a Moves,
    at: Timestamp,
    /// Targets of the last plan by (source, container).
    previous: BTreeMap<(u32, &'a str), u32>,
    pub targets: Targets<'a>,
}

impl<'a> Relief<'a> {
    pub(crate) fn new(input: Input<'a>, index: &BTreeMap<&HostId, u32>, targets: Targets<'a>) -> Self {
        let known = |a: &'a wharden_model::capacity::Advice| {
            Some(((*index.get(&a.source.host.id)?, a.container.id.as_str()), *index.get(&a.target.host.id)?))
        };
        let previous = input.previous.iter().filter_map(known).collect();
        Self { hosts: input.hosts, moves: input.moves, at: input.at, previous, targets }
    }

    /// The moves for one host, promised to their targets; none when what was accepted is enough.
    ///
    /// # Errors
    /// What would help, when moves cannot bring it under its high mark.
    pub(crate) fn of(&mut self, source: u32, leaving: Option<&Leaving>) -> Result<Vec<Move<'a>>, Box<Stuck>> {
        let hosts = self.hosts;
        let host = &hosts[source as usize];
        let none = Leaving::default();
        let leaving = leaving.unwrap_or(&none);
        let excess = [excess(host, leaving, false), excess(host, leaving, true)];
        if excess[0] == [0; 5] && host.pressed.iter().any(|s| *s != Signal::PsiIo) {
            return Ok(Vec::new());
        }
        let (mut movable, mut blocked) = self.candidates(source, host, leaving, &excess[0]);
        if excess[0] != [0; 5] {
            for excess in &excess {
                if let Some(moves) = self.place(source, &mut movable, &mut blocked, excess) {
                    return Ok(moves);
                }
            }
        }
        Err(Box::new(stuck::describe(host, &excess[0], &movable, blocked)))
    }

    fn candidates(
        &mut self,
        source: u32,
        host: &'a Host,
        leaving: &Leaving,
        excess: &Vector,
    ) -> (Vec<Movable<'a>>, Vec<Blocked<'a>>) {
        let (mut movable, mut blocked) = (Vec::new(), Vec::new());
        for container in host.containers.iter().filter(|c| !leaving.containers.contains(&c.id)) {
            let used = container.used.to_array();
            let relief: Vector = std::array::from_fn(|r| if excess[r] > 0 { used[r] } else { 0 });
            if relief == [0; 5] {
                continue;
            }
            if let Some(obstacles) = held(container, host, self.moves, self.at) {
                blocked.push(Blocked { container, relief, obstacles });
                continue;
            }
            let homes = self.moves.earlier_homes(container, &host.id);
            let preferred = self.previous.get(&(source, container.id.as_str())).copied();
            match self.targets.find(source, container, &homes, preferred) {
                Ok(found) => {
                    let candidate = Candidate { relief, bytes: found.bytes };
                    movable.push(Movable { container, homes, found, preferred, candidate });
                }
                Err(obstacles) => blocked.push(Blocked { container, relief, obstacles }),
            }
        }
        (movable, blocked)
    }

    /// Chooses and promises. Those that get in each other's way are left out, and it is chosen anew.
    fn place(
        &mut self,
        source: u32,
        movable: &mut Vec<Movable<'a>>,
        blocked: &mut Vec<Blocked<'a>>,
        excess: &Vector,
    ) -> Option<Vec<Move<'a>>> {
        for _ in 0..PLACE_ATTEMPTS {
            let chosen = chosen(movable, excess)?;
            match self.promise_all(source, movable, &chosen) {
                Ok(moves) => return Some(moves),
                Err((index, obstacles)) => {
                    let out = movable.remove(index);
                    blocked.push(Blocked { container: out.container, relief: out.candidate.relief, obstacles });
                }
            }
        }
        None
    }

    /// Promises all of the chosen, or none.
    fn promise_all(
        &mut self,
        source: u32,
        movable: &[Movable<'a>],
        chosen: &[usize],
    ) -> Result<Vec<Move<'a>>, (usize, Vec<Obstacle>)> {
        let mut moves: Vec<Move<'a>> = Vec::with_capacity(chosen.len());
        // The greatest first: what is small finds a place in what is left.
        let mut order = chosen.to_vec();
        order.sort_by_key(|i| (std::cmp::Reverse(movable[*i].candidate.bytes), *i));
        for index in order {
            let Movable { container, homes, found, preferred, .. } = &movable[index];
            let preferred = preferred.or(Some(found.host));
            match self.targets.find(source, container, homes, preferred) {
                Ok(found) => {
                    let Container { need, ports, addresses, apart, .. } = container;
                    self.targets.promise(found.host, *need, ports, addresses, apart);
                    moves.push(Move { container, source, target: found.host, bytes: found.bytes });
                }
                Err(obstacles) => {
                    for step in moves {
                        self.targets.take_back(step.target, step.container);
                    }
                    return Err((index, obstacles));
                }
            }
        }
        Ok(moves)
    }
}

/// What was advised before, when it does; otherwise the best there is.
fn chosen(movable: &[Movable<'_>], excess: &Vector) -> Option<Vec<usize>> {
    let kept: Vec<usize> =
        (0..movable.len()).filter(|i| movable[*i].preferred == Some(movable[*i].found.host)).collect();
    if !kept.is_empty() {
        let candidates: Vec<Candidate> = kept.iter().map(|i| movable[*i].candidate).collect();
        if let Some(chosen) = choose(&candidates, excess) {
            return Some(chosen.into_iter().map(|i| kept[i]).collect());
        }
    }
    choose(&movable.iter().map(|m| m.candidate).collect::<Vec<_>>(), excess)
}

/// What holds a container to its host, wherever it would go.
pub(crate) fn held(container: &Container, host: &Host, moves: &Moves, at: Timestamp) -> Option<Vec<Obstacle>> {
    let anywhere = |kind, detail| Obstacle { kind, detail, hosts: 0 };
    if !container.pins.is_empty() {
        return Some(container.pins.iter().map(|pin| anywhere(ObstacleKind::Pinned, pin.to_string())).collect());
    }
    let since = moves.settling(container, &host.id, at)?;
    let until = since.plus_secs(crate::limits::SETTLE_S);
    Some(vec![anywhere(ObstacleKind::Settling, format!("moved here {since}, left to settle until {until}"))])
}

/// What must leave a host for what it is pressed by.
fn excess(host: &Host, leaving: &Leaving, high: bool) -> Vector {
    let limit = host.up_to(high);
    let left = host.used.minus(leaving.used);
    let mut excess = [0_u64; 5];
    for signal in &host.pressed {
        let (resource, amount) = match signal {
            Signal::PsiCpu => (Resource::Cpu, share(host, leaving, Resource::Cpu)),
            Signal::PsiMemory => (Resource::Memory, share(host, leaving, Resource::Memory)),
            // Nobody knows which container's reads and writes the others wait for.
            Signal::PsiIo => continue,
            _ => match signal.resource() {
                Some(resource) => (resource, left.get(resource).saturating_sub(limit[resource as usize])),
                None => continue,
            },
        };
        let slot = &mut excess[resource as usize];
        *slot = amount.max(*slot);
    }
    excess
}

fn share(host: &Host, leaving: &Leaving, resource: Resource) -> u64 {
    let part = u128::from(host.used.get(resource)) * u128::from(PRESSURE_RELIEF_PERMILLE) / 1000;
    u64::try_from(part).unwrap_or(u64::MAX).saturating_sub(leaving.used.get(resource))
}
