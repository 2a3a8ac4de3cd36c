//! What the plan says about small fleets that one can work out by hand.

use super::*;
use crate::fleet::{Container, Denial, Everywhere, Feature, Pin, Protocol, Requirement};
use std::collections::BTreeSet;
use wharden_model::capacity::{Marks, ObstacleKind, Signal};

const MIB: u64 = 1 << 20;

pub(crate) fn host_id(n: u64) -> HostId {
    HostId::new(format!("h-{n:016x}")).expect("an id")
}

/// A container of this many thousandths of a CPU and MiB of memory.
pub(crate) fn container(n: u64, cpu_millis: u64, memory_mib: u64) -> Container {
    let used = Amount { cpu_millis, memory_bytes: memory_mib * MIB, disk_bytes: MIB, pids: 5, containers: 1 };
    Container {
        id: format!("{n:064x}"),
        name: format!("c{n}"),
        image: "app:1".to_owned(),
        image_key: "sha256:app".to_owned(),
        used,
        need: used,
        requires: BTreeSet::new(),
        apart: BTreeSet::new(),
        ports: BTreeSet::new(),
        addresses: BTreeSet::new(),
        pins: Vec::new(),
        image_bytes: 100 * MIB,
        layer_bytes: MIB,
    }
}

/// A host of 10 CPUs and 10,000 MiB that uses what its containers use. Pressed by memory when over its high mark.
pub(crate) fn host(n: u64, containers: Vec<Container>) -> Host {
    let used = containers.iter().fold(Amount::default(), |sum, c| sum.plus(c.used));
    let mut host = Host {
        id: host_id(n),
        name: format!("host{n}"),
        labels: wharden_model::Labels::none(),
        architecture: "x86_64".to_owned(),
        capacity: Amount {
            cpu_millis: 10_000,
            memory_bytes: 10_000 * MIB,
            disk_bytes: 1 << 40,
            pids: 10_000,
            containers: 0,
        },
        used,
        peak: used,
        psi_permille: [0; 3],
        marks: Marks::default(),
        pressed: Vec::new(),
        reachable: true,
        full_in_h: None,
        features: BTreeSet::new(),
        images: BTreeSet::from(["sha256:app".to_owned()]),
        ports: containers.iter().flat_map(|c| c.ports.iter().copied()).collect(),
        subnets: BTreeMap::new(),
        addresses: BTreeSet::new(),
        apart: containers.iter().flat_map(|c| c.apart.iter().cloned()).collect(),
        containers,
    };
    let over = |s: &Signal| host.value(*s).is_some_and(|v| v > host.marks.of(*s).high_permille);
    host.pressed = Signal::ALL.into_iter().filter(over).collect();
    host
}

fn planned_with(hosts: &[Host], moves: &Moves, accepted: &[Reservation], previous: &[Advice]) -> CapacityPlan {
    plan(Input { at: Timestamp::from_secs(1_000_000), hosts, moves, accepted, previous }, &Everywhere)
}

fn planned(hosts: &[Host]) -> CapacityPlan {
    planned_with(hosts, &Moves::default(), &[], &[])
}

fn moves_of(plan: &CapacityPlan) -> Vec<(&str, &str)> {
    plan.advice.iter().map(|a| (a.container.name.as_str(), a.target.host.name.as_str())).collect()
}

/// A host at 90 % of its memory: 7,500 is its low mark, so that 1,500 must go.
fn full() -> Vec<Container> {
    vec![container(1, 100, 4000), container(2, 100, 2500), container(3, 100, 1600), container(4, 100, 900)]
}

#[test]
fn the_smallest_container_that_is_enough_goes_to_the_emptiest_host() {
    let hosts = [host(1, full()), host(2, vec![container(9, 100, 3000)]), host(3, vec![container(8, 100, 1000)])];
    let plan = planned(&hosts);
    assert_eq!(moves_of(&plan), [("c3", "host3")]);
    let advice = &plan.advice[0];
    assert_eq!(advice.bytes, 1601 * MIB, "memory and layer; the image is there");
    assert_eq!(advice.source.before.memory_bytes, 9000 * MIB);
    assert_eq!(advice.source.after.memory_bytes, 7400 * MIB);
    assert_eq!(advice.target.after.memory_bytes, 2600 * MIB);
    assert_eq!(advice.reasons[0].signal, Signal::Memory);
    assert_eq!(advice.reasons[0].value_permille, 900);
    assert!(plan.stuck.is_empty());
}

#[test]
fn a_host_without_an_alert_is_left_alone_however_full_it_is() {
    let mut hosts = [host(1, full()), host(2, vec![])];
    hosts[0].pressed.clear();
    assert_eq!(planned(&hosts).advice, []);
}

#[test]
fn a_target_that_has_the_image_is_better_than_an_emptier_one() {
    let mut hosts = [host(1, full()), host(2, vec![container(9, 100, 3000)]), host(3, vec![])];
    hosts[2].images.clear();
    assert_eq!(moves_of(&planned(&hosts)), [("c3", "host2")]);
    hosts[1].images.clear();
    let plan = planned(&hosts);
    assert_eq!(moves_of(&plan), [("c3", "host3")]);
    assert_eq!(plan.advice[0].bytes, 1701 * MIB);
}

#[test]
fn what_cannot_leave_stays_and_what_would_help_is_said() {
    let pins = [
        Pin::BindMount("/srv/data".to_owned()),
        Pin::LocalVolume("data".to_owned()),
        Pin::Device("/dev/nvidia0".to_owned()),
        Pin::SharedNetwork("shop_default".to_owned()),
    ];
    let mut containers = full();
    for (container, pin) in containers.iter_mut().zip(pins) {
        container.pins = vec![pin];
    }
    let plan = planned(&[host(1, containers), host(2, vec![])]);
    assert_eq!(plan.advice, []);
    let stuck = &plan.stuck[0];
    assert_eq!(stuck.missing.memory_bytes, 1500 * MIB);
    assert_eq!(stuck.movable, Amount::default());
    assert_eq!(stuck.blocked.len(), 4);
    assert_eq!(stuck.blocked[0].obstacles[0].detail, "bind mount /srv/data");
    let help = stuck.would_help.join("\n");
    assert!(help.contains("1.4 GiB memory more below its low mark"), "{help}");
    assert!(help.contains("4 of its containers cannot leave. Free the greatest of them, c1"), "{help}");
}

/// The one obstacle of a container `c3` with this change, when only host 2 with this change could take it. The others are
/// pinned.
fn obstacle(change: impl Fn(&mut Container), target: impl Fn(&mut Host)) -> (ObstacleKind, String) {
    let mut containers = full();
    for (i, container) in containers.iter_mut().enumerate().filter(|(i, _)| *i != 2) {
        container.pins = vec![Pin::Label];
        assert_ne!(i, 2);
    }
    let mut hosts = [host(1, containers), host(2, vec![])];
    assert_eq!(moves_of(&planned(&hosts)), [("c3", "host2")], "it could go, were it not for the change");
    change(&mut hosts[0].containers[2]);
    target(&mut hosts[1]);
    let plan = planned(&hosts);
    assert_eq!(plan.advice, []);
    let blocked = plan.stuck[0].blocked.iter().find(|b| b.container.name == "c3").expect("it is named");
    assert_eq!(blocked.obstacles.len(), 1);
    (blocked.obstacles[0].kind, blocked.obstacles[0].detail.clone())
}

#[test]
fn what_cannot_be_is_never_advised() {
    let port = HostPort { port: 443, protocol: Protocol::Tcp };
    let no_change = |_: &mut Container| {};
    let network = Requirement::Feature(Feature::Network("backbone".to_owned()));
    let zone = Requirement::Label("zone".to_owned(), "a".to_owned());
    let cases = [
        (obstacle(|c| c.ports.extend([port]), |h| h.ports.extend([port])), ObstacleKind::Port, "443/tcp"),
        (obstacle(|c| c.apart.extend(["db".into()]), |h| h.apart.extend(["db".into()])), ObstacleKind::Apart, "db"),
        (obstacle(no_change, |h| h.architecture = "aarch64".into()), ObstacleKind::Architecture, "x86_64"),
        (obstacle(|c| c.requires.extend([network.clone()]), |_| {}), ObstacleKind::Constraint, "network backbone"),
        (obstacle(|c| c.requires.extend([zone.clone()]), |_| {}), ObstacleKind::Constraint, "label zone=a"),
        (obstacle(no_change, |h| h.peak.memory_bytes = 6000 * MIB), ObstacleKind::Room, "memory: 100.0 MiB more"),
        (obstacle(no_change, |h| h.reachable = false), ObstacleKind::Unreachable, "host2: not connected"),
        (obstacle(no_change, |h| h.full_in_h = Some(24)), ObstacleKind::FillingUp, "host2: forecast"),
        (obstacle(no_change, |h| h.psi_permille = [0, 60, 0]), ObstacleKind::UnderPressure, "host2: psi_memory"),
    ];
    for ((kind, detail), expected, part) in cases {
        assert_eq!(kind, expected, "{detail}");
        assert!(detail.contains(part), "{detail} does not say {part}");
    }
}

#[test]
fn a_fixed_address_goes_where_its_network_has_it_and_nobody_else_does() {
    let address = |n: u8| Address { network: "front".to_owned(), ip: [10, 0, 0, n].into() };
    let ranges = |range: &str| BTreeMap::from([("front".to_owned(), vec![range.parse().expect("a range")])]);
    let fixed = |c: &mut Container| c.addresses.extend([address(9)]);
    let cases = [
        (obstacle(fixed, |_| {}), "no range there holds its fixed address 10.0.0.9 of network front"),
        (obstacle(fixed, |h| h.subnets = ranges("10.1.0.0/16")), "no range there holds"),
        (
            obstacle(fixed, |h| {
                h.subnets = ranges("10.0.0.0/16");
                h.addresses.insert(address(9));
            }),
            "its fixed address 10.0.0.9 of network front is taken",
        ),
    ];
    for ((kind, detail), part) in cases {
        assert_eq!(kind, ObstacleKind::Constraint);
        assert!(detail.contains(part), "{detail} does not say {part}");
    }

    // Two that have the same one, each on its own host, do not go to the same third one.
    let with_address = || {
        let mut containers = full();
        containers[2].addresses.insert(address(9));
        containers.iter_mut().filter(|c| c.name != "c3").for_each(|c| c.pins.push(Pin::Label));
        containers
    };
    let mut hosts = [host(1, with_address()), host(2, with_address()), host(3, vec![])];
    hosts[2].subnets = ranges("10.0.0.0/16");
    hosts[2].addresses.insert(address(8));
    let plan = planned(&hosts);
    assert_eq!(moves_of(&plan), [("c3", "host3")]);
    let blocked = plan.stuck[0].blocked.iter().find(|b| b.container.name == "c3").expect("it is named");
    assert!(blocked.obstacles[0].detail.ends_with("is taken"), "{blocked:?}");
}

#[test]
fn a_policy_that_would_refuse_it_there_sends_it_elsewhere() {
    struct NotOn(&'static [&'static str]);
    impl Admission for NotOn {
        fn admits(&self, _: &Container, target: &Host) -> Result<(), Denial> {
            if self.0.contains(&target.name.as_str()) {
                return Err(Denial { kind: ObstacleKind::Policy, detail: "rule prod-only".to_owned() });
            }
            Ok(())
        }
    }
    let hosts = [host(1, full()), host(2, vec![]), host(3, vec![container(9, 100, 500)])];
    let moves = Moves::default();
    let input = Input { at: Timestamp(0), hosts: &hosts, moves: &moves, accepted: &[], previous: &[] };
    assert_eq!(moves_of(&plan(input, &NotOn(&["host2"]))), [("c3", "host3")]);
    let plan = plan(input, &NotOn(&["host2", "host3"]));
    assert_eq!(plan.advice, []);
    let help = plan.stuck[0].would_help.join("\n");
    assert!(help.contains("would be refused elsewhere: rule prod-only"), "{help}");
}

#[test]
fn two_full_hosts_do_not_overload_one_target() {
    // Room for one of 1,600 MiB under the low mark, not for two.
    let target = || host(3, vec![container(9, 100, 5000)]);
    let pinned = || {
        let mut containers = full();
        containers.iter_mut().filter(|c| c.name != "c3").for_each(|c| c.pins.push(Pin::Label));
        containers
    };
    let plan = planned(&[host(1, pinned()), host(2, pinned()), target()]);
    assert_eq!(plan.advice.len(), 1);
    assert_eq!(plan.stuck.len(), 1);
    assert_eq!(plan.advice[0].target.after.memory_bytes, 6600 * MIB);
    let blocked = plan.stuck[0].blocked.iter().find(|b| b.container.name == "c3").expect("it is named");
    assert_eq!(blocked.obstacles[0].kind, ObstacleKind::PlannedAway);
}

#[test]
fn two_of_one_group_or_port_go_to_two_hosts() {
    let mut containers = vec![container(1, 100, 7000), container(2, 100, 900), container(3, 100, 900)];
    containers[0].pins.push(Pin::Label);
    for container in &mut containers[1..] {
        container.ports.insert(HostPort { port: 80, protocol: Protocol::Tcp });
    }
    let plan = planned(&[host(1, containers), host(2, vec![]), host(3, vec![])]);
    assert_eq!(moves_of(&plan), [("c2", "host2"), ("c3", "host3")]);
}

#[test]
fn accepted_moves_hold_their_room_and_are_not_advised_again() {
    let hosts = [host(1, full()), host(2, vec![]), host(3, vec![container(9, 100, 500)])];
    let c3 = &hosts[0].containers[2];
    let accepted = [Reservation {
        container: c3.id.clone(),
        source: hosts[0].id.clone(),
        target: hosts[1].id.clone(),
        used: c3.used,
        need: c3.need,
        ports: BTreeSet::new(),
        addresses: BTreeSet::new(),
        apart: BTreeSet::new(),
    }];
    let plan = planned_with(&hosts, &Moves::default(), &accepted, &[]);
    assert_eq!((plan.advice.len(), plan.stuck.len()), (0, 0));
    let mut small = host(2, vec![]);
    small.capacity.memory_bytes = 2200 * MIB;
    let hosts = [host(1, full()), small, host(4, full())];
    assert!(planned_with(&hosts, &Moves::default(), &accepted, &[]).advice.is_empty(), "the room is taken");
}

#[test]
fn what_was_moved_is_left_to_settle_and_never_sent_back() {
    let hosts = [host(1, full()), host(2, vec![])];
    let c3 = hosts[0].containers[2].clone();
    let mut moves = Moves::default();
    moves.record(&c3.named(), hosts[1].id.clone(), hosts[0].id.clone(), c3.need, Timestamp::from_secs(999_000));
    let plan = planned_with(&hosts, &moves, &[], &[]);
    assert_eq!(moves_of(&plan), [("c2", "host2")], "c3 settles, the next smallest goes");
    let days_ago = Timestamp::from_secs(1_000_000 - 3 * 86_400);
    let mut moves = Moves::default();
    moves.record(&c3.named(), hosts[1].id.clone(), hosts[0].id.clone(), c3.need, days_ago);
    assert_eq!(moves_of(&planned_with(&hosts, &moves, &[], &[])), [("c2", "host2")], "c3 came from there");
}

#[test]
fn advice_does_not_flicker() {
    let mut hosts = [host(1, full()), host(2, vec![container(9, 100, 1000)]), host(3, vec![container(8, 100, 1100)])];
    let first = planned(&hosts);
    assert_eq!(moves_of(&first), [("c3", "host2")]);
    hosts[1].peak.memory_bytes += 500 * MIB;
    assert_eq!(moves_of(&planned(&hosts)), [("c3", "host3")]);
    assert_eq!(planned_with(&hosts, &Moves::default(), &[], &first.advice).advice[0].id, first.advice[0].id);
    hosts[1].reachable = false;
    assert_eq!(moves_of(&planned_with(&hosts, &Moves::default(), &[], &first.advice)), [("c3", "host3")]);
}

#[test]
fn pressure_moves_a_tenth_of_what_is_used_and_waits_for_io_are_not_guessed_at() {
    let mut hosts =
        [host(1, vec![container(1, 3000, 10), container(2, 500, 10), container(3, 300, 10)]), host(2, vec![])];
    hosts[0].pressed = vec![Signal::PsiCpu];
    hosts[0].psi_permille = [500, 0, 0];
    assert_eq!(moves_of(&planned(&hosts)), [("c2", "host2")]);
    hosts[0].pressed = vec![Signal::PsiIo];
    let plan = planned(&hosts);
    assert_eq!(plan.advice, []);
    assert!(plan.stuck[0].would_help[0].contains("wait for I/O"), "{:?}", plan.stuck[0].would_help);
}

#[test]
fn when_the_low_mark_is_out_of_reach_the_high_one_will_do() {
    let mut containers = vec![container(1, 100, 8200), container(2, 100, 600)];
    containers[0].pins.push(Pin::Label);
    let plan = planned(&[host(1, containers), host(2, vec![])]);
    assert_eq!(moves_of(&plan), [("c2", "host2")]);
    assert!(plan.advice[0].source.after.memory_bytes <= 8500 * MIB);
}

#[test]
fn an_explanation_looks_at_every_host() {
    let mut hosts = vec![host(1, full()), host(2, vec![]), host(3, full()), host(4, vec![]), host(5, vec![])];
    hosts[3].architecture = "aarch64".to_owned();
    hosts[4].peak.memory_bytes = 7000 * MIB;
    let moves = Moves::default();
    let input = Input { at: Timestamp(0), hosts: &hosts, moves: &moves, accepted: &[], previous: &[] };
    let explanation = explain::explain(input, &Everywhere, 0, &hosts[0].containers[2], 100);
    assert_eq!(explanation.targets, [hosts[1].named()]);
    assert_eq!(explanation.targets_in_all, 1);
    let kinds: Vec<_> = explanation.obstacles.iter().map(|o| (o.kind, o.hosts)).collect();
    assert_eq!(kinds, [(ObstacleKind::Architecture, 1), (ObstacleKind::UnderPressure, 1), (ObstacleKind::Room, 1)]);
    assert!(explanation.obstacles[2].detail.contains("host5: 1.0 GiB of memory too little"), "{explanation:?}");
}
