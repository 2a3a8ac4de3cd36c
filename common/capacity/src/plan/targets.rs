//! Where a container can go, with what the plan has promised to each host so far.

use super::{Input, choose::Vector, room::Rooms};
use crate::{
    address::Address,
    fleet::{Admission, Container, Host, HostPort, Requirement},
    limits::{CLASSES_MAX, TARGETS_COMPARED, TARGETS_VISITED},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};
use wharden_model::{
    HostId,
    capacity::{Amount, Obstacle, ObstacleKind, Resource},
};

/// A target with what has to be carried there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub host: u32,
    pub bytes: u64,
}

/// Ports, fixed addresses and anti-affinity groups that the plan brings to a host.
#[derive(Default)]
struct Promised {
    ports: Vec<HostPort>,
    addresses: Vec<Address>,
    apart: Vec<String>,
}

/// Hosts that containers of one architecture and one set of requirements may go to.
struct Class {
    rooms: Rooms,
    /// The greatest room before anything was promised.
    at_first: Vector,
}

/// All targets of one plan.
pub(crate) struct Targets<'a> {
    hosts: &'a [Host],
    admission: &'a dyn Admission,
    /// The expected peak of each host, with what was promised to it.
    load: Vec<Vector>,
    /// Up to where each host may be filled: its low marks.
    limit: Vec<Vector>,
    /// Hosts that are open for anything, the emptiest first.
    open: Vec<u32>,
    /// Those that are not, by architecture and reason.
    closed: BTreeMap<&'a str, BTreeMap<ObstacleKind, Vec<u32>>>,
    classes: BTreeMap<(String, BTreeSet<Requirement>), Class>,
    promised: BTreeMap<u32, Promised>,
}

impl<'a> Targets<'a> {
    pub(crate) fn new(input: Input<'a>, admission: &'a dyn Admission) -> Self {
        let hosts = input.hosts;
        let newcomers = input.moves.newcomers(input.at);
        let newcomer = |host: &Host| newcomers.get(&host.id).copied().unwrap_or_default();
        let load: Vec<Vector> = hosts.iter().map(|h| h.peak.max(h.used).plus(newcomer(h)).to_array()).collect();
        let limit = hosts.iter().map(|h| h.up_to(false)).collect();
        let mut open: Vec<(u16, u32)> = Vec::new();
        let mut closed: BTreeMap<&str, BTreeMap<ObstacleKind, Vec<u32>>> = BTreeMap::new();
        for (i, host) in hosts.iter().enumerate() {
            match host.closed() {
                None => open.push((fullest(host, &load[i]), i as u32)),
                Some((kind, _)) => {
                    closed.entry(&host.architecture).or_default().entry(kind).or_default().push(i as u32);
                }
            }
        }
        open.sort_unstable();
        let open = open.into_iter().map(|(_, i)| i).collect();
        let (classes, promised) = Default::default();
        Self { hosts, admission, load, limit, open, closed, classes, promised }
    }

    pub(crate) fn load(&self, host: u32) -> Amount {
        Amount::from_array(self.load[host as usize])
    }

    /// What a host has room for.
    pub(crate) fn room(&self, host: u32) -> Vector {
        room(&self.limit[host as usize], &self.load[host as usize])
    }

    /// The best target of a container that is on `source` now: the least to carry, then the least full afterwards.
    /// `preferred` is taken where it can be.
    ///
    /// # Errors
    /// What stands in the way.
    pub(crate) fn find(
        &mut self,
        source: u32,
        container: &Container,
        homes: &BTreeSet<HostId>,
        preferred: Option<u32>,
    ) -> Result<Found, Vec<Obstacle>> {
        let need = container.need.to_array();
        let key = self.class_of(source, container);
        let class = &self.classes[&key];
        if class.rooms.is_empty() {
            return Err(self.nowhere(source, container));
        }
        let mut in_the_way: BTreeMap<ObstacleKind, (String, u32)> = BTreeMap::new();
        let (mut candidates, mut visited) = (Vec::new(), 0);
        class.rooms.each(&need, |host| {
            visited += 1;
            match self.clash(host, container, homes) {
                Some((kind, detail)) => in_the_way.entry(kind).or_insert((detail, 0)).1 += 1,
                None => candidates.push(host),
            }
            let enough = candidates.len() >= TARGETS_COMPARED || visited >= TARGETS_VISITED;
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if visited == 0 {
            return Err(vec![no_room(&need, class)]);
        }
        if let Some(host) = preferred
            && !candidates.contains(&host)
            && class.rooms.holds(host)
            && need.iter().zip(self.room(host)).all(|(n, r)| *n <= r)
            && self.clash(host, container, homes).is_none()
        {
            candidates.push(host);
        }
        let mut ranked: Vec<_> = candidates
            .into_iter()
            .map(|host| {
                let target = &self.hosts[host as usize];
                let after = std::array::from_fn(|r| self.load[host as usize][r].saturating_add(need[r]));
                (Some(host) != preferred, container.bytes_to(target), fullest(target, &after), host)
            })
            .collect();
        ranked.sort_unstable();
        for (_, bytes, _, host) in ranked {
            match self.admission.admits(container, &self.hosts[host as usize]) {
                Ok(()) => return Ok(Found { host, bytes }),
                Err(denial) => in_the_way.entry(denial.kind).or_insert((denial.detail, 0)).1 += 1,
            }
        }
        let obstacle = |(kind, (detail, hosts))| Obstacle { kind, detail, hosts };
        Err(in_the_way.into_iter().map(obstacle).collect())
    }

    /// Promises the room for a container.
    pub(crate) fn promise(
        &mut self,
        host: u32,
        need: Amount,
        ports: &BTreeSet<HostPort>,
        addresses: &BTreeSet<Address>,
        apart: &BTreeSet<String>,
    ) {
        let promised = self.promised.entry(host).or_default();
        promised.ports.extend(ports);
        promised.addresses.extend(addresses.iter().cloned());
        promised.apart.extend(apart.iter().cloned());
        let load = Amount::from_array(self.load[host as usize]).plus(need);
        self.set_load(host, load.to_array());
    }

    /// Takes a promise back.
    pub(crate) fn take_back(&mut self, host: u32, container: &Container) {
        let promised = self.promised.entry(host).or_default();
        for port in &container.ports {
            promised.ports.iter().position(|p| p == port).map(|at| promised.ports.swap_remove(at));
        }
        for address in &container.addresses {
            promised.addresses.iter().position(|a| a == address).map(|at| promised.addresses.swap_remove(at));
        }
        for group in &container.apart {
            promised.apart.iter().position(|g| g == group).map(|at| promised.apart.swap_remove(at));
        }
        let load = Amount::from_array(self.load[host as usize]).minus(container.need);
        self.set_load(host, load.to_array());
    }

    fn set_load(&mut self, host: u32, load: Vector) {
        self.load[host as usize] = load;
        let room = self.room(host);
        for class in self.classes.values_mut() {
            class.rooms.set(host, room);
        }
    }

    /// What on a host clashes with a container, room and policies aside.
    pub(crate) fn clash(
        &self,
        host: u32,
        container: &Container,
        homes: &BTreeSet<HostId>,
    ) -> Option<(ObstacleKind, String)> {
        let target = &self.hosts[host as usize];
        let none = Promised::default();
        let promised = self.promised.get(&host).unwrap_or(&none);
        if homes.contains(&target.id) {
            return Some((
                ObstacleKind::MovedFromThere,
                format!("it was moved away from {} not long ago", target.name),
            ));
        }
        if let Some(requirement) = container.requires.iter().find(|r| !r.met_by(target)) {
            return Some((ObstacleKind::Constraint, format!("no {requirement}")));
        }
        if let Some(port) = container.ports.iter().find(|p| target.ports.contains(p) || promised.ports.contains(p)) {
            return Some((ObstacleKind::Port, format!("port {port} is taken")));
        }
        for address in &container.addresses {
            let ranges = target.subnets.get(&address.network);
            if !ranges.is_some_and(|ranges| ranges.iter().any(|range| range.holds(address.ip))) {
                let detail = format!("no range there holds its fixed address {address}");
                return Some((ObstacleKind::Constraint, detail));
            }
            if target.addresses.contains(address) || promised.addresses.contains(address) {
                return Some((ObstacleKind::Constraint, format!("its fixed address {address} is taken")));
            }
        }
        let group = container.apart.iter().find(|g| target.apart.contains(*g) || promised.apart.contains(g))?;
        Some((ObstacleKind::Apart, format!("a container of the anti-affinity group {group} is there")))
    }

    /// The class of a container, made when it is first met.
    fn class_of(&mut self, source: u32, container: &Container) -> (String, BTreeSet<Requirement>) {
        let architecture = self.hosts[source as usize].architecture.clone();
        let mut key = (architecture, container.requires.clone());
        if self.classes.contains_key(&key) {
            return key;
        }
        if self.classes.len() >= CLASSES_MAX {
            key.1 = BTreeSet::new();
        }
        if !self.classes.contains_key(&key) {
            let may = |host: &Host| host.architecture == key.0 && key.1.iter().all(|r| r.met_by(host));
            let members = self.open.iter().copied().filter(|i| may(&self.hosts[*i as usize])).collect();
            let rooms = Rooms::new(members, self.hosts.len(), |host| self.room(host));
            let at_first = rooms.greatest();
            self.classes.insert(key.clone(), Class { rooms, at_first });
        }
        key
    }

    /// Why no host at all may take a container.
    fn nowhere(&self, source: u32, container: &Container) -> Vec<Obstacle> {
        let architecture = &self.hosts[source as usize].architecture;
        let alike = |host: &&Host| host.architecture == *architecture;
        let open: Vec<&Host> = self.open.iter().map(|i| &self.hosts[*i as usize]).filter(alike).collect();
        if !open.is_empty() {
            let unmet = container.requires.iter().find(|r| !open.iter().any(|h| r.met_by(h)));
            let detail = match unmet {
                Some(requirement) => format!("no host that is open for anything has {requirement}"),
                None => "no host has everything that it requires".to_owned(),
            };
            return vec![Obstacle { kind: ObstacleKind::Constraint, detail, hosts: open.len() as u32 }];
        }
        let closed = |(kind, hosts): (&ObstacleKind, &Vec<u32>)| {
            let example = &self.hosts[*hosts.iter().find(|host| **host != source)? as usize];
            let detail = format!("{}: {}", example.name, example.closed()?.1);
            let others = hosts.len() - usize::from(hosts.binary_search(&source).is_ok());
            Some(Obstacle { kind: *kind, detail, hosts: others as u32 })
        };
        let closed: Vec<Obstacle> =
            self.closed.get(architecture.as_str()).into_iter().flatten().filter_map(closed).collect();
        if closed.is_empty() {
            let detail = format!("there is no other host of architecture {architecture}");
            return vec![Obstacle { kind: ObstacleKind::Architecture, detail, hosts: self.open.len() as u32 }];
        }
        closed
    }
}

/// What is left between a load and a limit.
pub(crate) fn room(limit: &Vector, load: &Vector) -> Vector {
    std::array::from_fn(|r| if limit[r] == u64::MAX { u64::MAX } else { limit[r].saturating_sub(load[r]) })
}

/// The share of the resource that a host has used most of, in thousandths.
fn fullest(host: &Host, load: &Vector) -> u16 {
    let shares = Resource::ALL
        .iter()
        .zip(load)
        .filter_map(|(r, l)| wharden_model::capacity::permille(*l, host.capacity.get(*r)));
    shares.max().unwrap_or(0)
}

fn no_room(need: &Vector, class: &Class) -> Obstacle {
    let now = class.rooms.greatest();
    let short = Resource::ALL.into_iter().find(|r| need[*r as usize] > now[*r as usize]);
    let detail = match short {
        Some(r) => {
            let missing = need[r as usize] - now[r as usize];
            format!("{r}: {} more than any host has room for", r.show(missing))
        }
        None => "no host has room for all of it at once".to_owned(),
    };
    let was_there = need.iter().zip(class.at_first).all(|(n, room)| *n <= room) && class.at_first != now;
    let kind = if was_there { ObstacleKind::PlannedAway } else { ObstacleKind::Room };
    Obstacle { kind, detail, hosts: class.rooms.len() }
}
