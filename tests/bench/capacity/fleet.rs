//! Fleets that follow from one number.

use std::collections::{BTreeMap, BTreeSet};
use wharden_capacity::{Container, Host, HostPort, Pin, Protocol, Requirement};
use wharden_model::{
    HostId, Labels,
    capacity::{Amount, Marks, Signal},
};

const MIB: u64 = 1 << 20;

#[derive(Clone, Copy)]
pub struct Shape {
    pub hosts: u64,
    pub containers: u64,
    /// Hosts that are over a mark, in thousandths.
    pub pressed_permille: u64,
    pub images: u64,
    /// How full the others are, in thousandths of their memory: from, and by how much more at most.
    pub fill: (u64, u64),
}

impl Shape {
    pub const SMALL: Self = Self { hosts: 7, containers: 8, pressed_permille: 300, images: 12, fill: (450, 300) };
    pub const LARGE: Self = Self { hosts: 20_000, containers: 20, pressed_permille: 50, images: 400, fill: (350, 350) };
}

/// SplitMix64 (G. Steele and others, 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }
}

pub fn fleet(seed: u64, shape: Shape) -> Vec<Host> {
    let mut dice = Dice(seed);
    let mut number = 0;
    (0..shape.hosts).map(|n| host(n, &mut number, shape, &mut dice)).collect()
}

fn host(n: u64, number: &mut u64, shape: Shape, dice: &mut Dice) -> Host {
    let size = 1 << dice.roll(3);
    let capacity = Amount {
        cpu_millis: 8_000 * size,
        memory_bytes: 32_768 * MIB * size,
        disk_bytes: 262_144 * MIB * size,
        pids: 32_768,
        containers: 0,
    };
    let pressed = dice.roll(1000) < shape.pressed_permille;
    let quiet = |dice: &mut Dice| shape.fill.0 + dice.roll(shape.fill.1);
    let by_memory = dice.one_in(2);
    let memory = if pressed && by_memory { 860 + dice.roll(120) } else { quiet(dice) };
    let cpu = if pressed && !by_memory { 810 + dice.roll(150) } else { quiet(dice) };
    let mut containers: Vec<Container> = (0..shape.containers)
        .map(|_| {
            *number += 1;
            container(*number, shape, dice)
        })
        .collect();
    // So far they are weights: a few are big and most are small.
    let weight = |f: fn(&Amount) -> u64| containers.iter().map(|c| f(&c.used)).sum::<u64>().max(1);
    let (cpus, memories) = (weight(|a| a.cpu_millis), weight(|a| a.memory_bytes));
    for c in &mut containers {
        c.used.cpu_millis = capacity.cpu_millis * cpu / 1000 * c.used.cpu_millis / cpus;
        c.used.memory_bytes = (u128::from(capacity.memory_bytes * memory / 1000) * u128::from(c.used.memory_bytes)
            / u128::from(memories)) as u64;
        c.need = c.used;
    }
    let used = containers.iter().fold(Amount::default(), |sum, c| sum.plus(c.used));
    let zone = ["a", "b", "c", "d"][dice.roll(4) as usize];
    let mut host = Host {
        id: HostId::new(format!("h-{n:016x}")).expect("an id"),
        name: format!("host{n}"),
        labels: Labels::parse([format!("zone={zone}")]).expect("labels"),
        architecture: if dice.one_in(10) { "aarch64" } else { "x86_64" }.to_owned(),
        capacity,
        used,
        peak: used,
        psi_permille: [0; 3],
        marks: Marks::default(),
        pressed: Vec::new(),
        reachable: pressed || !dice.one_in(100),
        full_in_h: None,
        features: BTreeSet::new(),
        images: containers.iter().map(|c| c.image_key.clone()).collect(),
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

fn container(n: u64, shape: Shape, dice: &mut Dice) -> Container {
    let big = |dice: &mut Dice| 1 + dice.roll(40) + if dice.one_in(5) { dice.roll(300) } else { 0 };
    let image = dice.roll(shape.images);
    let port = HostPort { port: 8000 + dice.roll(200) as u16, protocol: Protocol::Tcp };
    let zone = ["a", "b", "c", "d"][dice.roll(4) as usize];
    let requirement = Requirement::Label("zone".to_owned(), zone.to_owned());
    let used = Amount {
        cpu_millis: big(dice),
        memory_bytes: big(dice) * MIB,
        disk_bytes: (10 + dice.roll(500)) * MIB,
        pids: 3 + dice.roll(40),
        containers: 1,
    };
    Container {
        id: format!("{n:064x}"),
        name: format!("c{n}"),
        image: format!("registry.example/app{image}:1"),
        image_key: format!("sha256:{image:064x}"),
        used,
        need: used,
        requires: if dice.one_in(10) { BTreeSet::from([requirement]) } else { BTreeSet::new() },
        apart: if dice.one_in(20) { BTreeSet::from([format!("g{}", dice.roll(500))]) } else { BTreeSet::new() },
        ports: if dice.one_in(5) { BTreeSet::from([port]) } else { BTreeSet::new() },
        addresses: BTreeSet::new(),
        pins: if dice.roll(10) < 3 { vec![Pin::LocalVolume("data".to_owned())] } else { Vec::new() },
        image_bytes: (50 + image * 7919 % 1400) * MIB,
        layer_bytes: dice.roll(200) * MIB,
    }
}
