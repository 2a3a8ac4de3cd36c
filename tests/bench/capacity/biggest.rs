//! "Move the biggest container to the emptiest host", until the host is under its low mark: what one does by hand.

use super::outcome::{Outcome, of_moves, up_to};
use std::collections::BTreeSet;
use wharden_capacity::{Container, Host, HostPort, Requirement};
use wharden_model::capacity::{Amount, Resource, Signal, permille};

pub fn solve(hosts: &[Host]) -> Outcome {
    let mut used: Vec<Amount> = hosts.iter().map(|host| host.used).collect();
    let mut ports: Vec<BTreeSet<HostPort>> = hosts.iter().map(|host| host.ports.clone()).collect();
    let mut apart: Vec<BTreeSet<String>> = hosts.iter().map(|host| host.apart.clone()).collect();
    let mut emptiest: BTreeSet<(u16, usize)> = (0..hosts.len())
        .filter(|i| hosts[*i].reachable && hosts[*i].pressed.is_empty())
        .map(|i| (fullest(&hosts[i], used[i]), i))
        .collect();
    let mut moves: Vec<(usize, usize, &Container)> = Vec::new();
    for (source, host) in hosts.iter().enumerate().filter(|(_, host)| !host.pressed.is_empty()) {
        let mut rest: Vec<&Container> = host.containers.iter().filter(|c| c.pins.is_empty()).collect();
        rest.sort_by_key(|c| (c.used.memory_bytes, c.used.cpu_millis));
        while !under_low(host, used[source]) {
            let Some(container) = rest.pop() else { break };
            let fits = |(_, i): &&(u16, usize)| {
                let target = &hosts[*i];
                target.architecture == host.architecture
                    && container.requires.iter().all(|r| met(r, target))
                    && container.ports.is_disjoint(&ports[*i])
                    && container.apart.is_disjoint(&apart[*i])
                    && under_low(target, used[*i].plus(container.need))
            };
            let Some(place) = emptiest.iter().find(fits).copied() else { continue };
            let target = place.1;
            emptiest.remove(&place);
            used[source] = used[source].minus(container.used);
            used[target] = used[target].plus(container.need);
            ports[target].extend(&container.ports);
            apart[target].extend(container.apart.iter().cloned());
            emptiest.insert((fullest(&hosts[target], used[target]), target));
            moves.push((source, target, container));
        }
    }
    of_moves(hosts, moves.into_iter())
}

fn met(requirement: &Requirement, host: &Host) -> bool {
    match requirement {
        Requirement::Label(key, value) => host.labels.get(key) == Some(value),
        Requirement::Feature(feature) => host.features.contains(feature),
    }
}

fn under_low(host: &Host, used: Amount) -> bool {
    Signal::ALL.into_iter().all(|signal| {
        signal.resource().is_none_or(|r| used.get(r) <= up_to(host, signal, host.marks.of(signal).low_permille))
    })
}

fn fullest(host: &Host, used: Amount) -> u16 {
    Resource::ALL.into_iter().filter_map(|r| permille(used.get(r), host.capacity.get(r))).max().unwrap_or(0)
}
