//! The best that is possible, as a mixed integer programme: hosts still over, then hosts that only get under the high mark,
//! then moves, then bytes.

use super::outcome::{Outcome, of_moves, up_to};
use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, microlp, variable};
use std::collections::BTreeMap;
use wharden_capacity::{Container, Host, Requirement};
use wharden_model::capacity::Resource;

/// A container, where it is, and where it may go by a variable of its own.
struct Choice<'a> {
    source: usize,
    target: usize,
    container: &'a Container,
    is: Variable,
}

pub fn solve(hosts: &[Host]) -> Outcome {
    let mut variables = ProblemVariables::new();
    let choices = choices(hosts, &mut variables);
    let sources: Vec<usize> = (0..hosts.len()).filter(|i| !hosts[*i].pressed.is_empty()).collect();
    let over: BTreeMap<usize, [Variable; 2]> =
        sources.iter().map(|i| (*i, std::array::from_fn(|_| variables.add(variable().binary())))).collect();
    let mut cost = Expression::from(0.0);
    for [still_over, only_high] in over.values() {
        cost += *still_over * 1000.0 + *only_high * 200.0;
    }
    for choice in &choices {
        cost += choice.is * (1.0 + choice.container.bytes_to(&hosts[choice.target]) as f64 / 1e13);
    }
    let mut model = variables.minimise(cost).using(microlp);
    for source in &sources {
        let host = &hosts[*source];
        let [still_over, only_high] = over[source];
        for resource in host.pressed.iter().filter_map(|s| s.resource()) {
            let [low, high] = [excess(host, resource, false), excess(host, resource, true)];
            let gone: Expression = choices
                .iter()
                .filter(|c| c.source == *source)
                .map(|c| c.is * (c.container.used.get(resource) as f64 / low.max(1.0)))
                .sum();
            let share = high / low.max(1.0);
            model = model.with(constraint!(gone + still_over + only_high * (1.0 - share) >= low.min(1.0)));
        }
        model = model.with(constraint!(still_over + only_high <= 1.0));
    }
    for c in sources.iter().flat_map(|s| &hosts[*s].containers) {
        let times: Expression = choices.iter().filter(|choice| choice.container.id == c.id).map(|c| c.is).sum();
        model = model.with(constraint!(times <= 1.0));
    }
    for (target, host) in hosts.iter().enumerate() {
        let here: Vec<&Choice<'_>> = choices.iter().filter(|c| c.target == target).collect();
        for resource in Resource::ALL {
            let signal = resource.signal();
            let limit = up_to(host, signal, host.marks.of(signal).low_permille);
            if limit == u64::MAX || here.is_empty() {
                continue;
            }
            let room = limit.saturating_sub(host.peak.get(resource)) as f64;
            let scale = (limit as f64).max(1.0);
            let comes: Expression = here.iter().map(|c| c.is * (c.container.need.get(resource) as f64 / scale)).sum();
            model = model.with(constraint!(comes <= room / scale));
        }
        for (i, one) in here.iter().enumerate() {
            for other in here[i + 1..].iter().filter(|other| clash(one.container, other.container)) {
                model = model.with(constraint!(one.is + other.is <= 1.0));
            }
        }
    }
    let solution = model.solve().expect("to move nothing is a solution");
    let taken = choices.iter().filter(|c| solution.value(c.is) > 0.5);
    of_moves(hosts, taken.map(|c| (c.source, c.target, c.container)))
}

fn choices<'a>(hosts: &'a [Host], variables: &mut ProblemVariables) -> Vec<Choice<'a>> {
    let mut choices = Vec::new();
    for (source, host) in hosts.iter().enumerate().filter(|(_, host)| !host.pressed.is_empty()) {
        for container in host.containers.iter().filter(|c| c.pins.is_empty()) {
            for (target, other) in hosts.iter().enumerate() {
                let met = |r: &Requirement| match r {
                    Requirement::Label(key, value) => other.labels.get(key) == Some(value),
                    Requirement::Feature(feature) => other.features.contains(feature),
                };
                if other.pressed.is_empty()
                    && other.reachable
                    && other.architecture == host.architecture
                    && container.requires.iter().all(met)
                    && container.ports.is_disjoint(&other.ports)
                    && container.apart.is_disjoint(&other.apart)
                {
                    choices.push(Choice { source, target, container, is: variables.add(variable().binary()) });
                }
            }
        }
    }
    choices
}

fn clash(one: &Container, other: &Container) -> bool {
    one.id != other.id && !(one.ports.is_disjoint(&other.ports) && one.apart.is_disjoint(&other.apart))
}

fn excess(host: &Host, resource: Resource, high: bool) -> f64 {
    let signal = resource.signal();
    let mark = host.marks.of(signal);
    let limit = up_to(host, signal, if high { mark.high_permille } else { mark.low_permille });
    host.used.get(resource).saturating_sub(limit) as f64
}
