//! What goes wrong, one thing after the other and some at the same time, by seed.

use super::{chance::Chance, wire::Weather, world::World};
use serde::{Deserialize, Serialize};

/// How often what went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub cuts: u64,
    pub one_way_cuts: u64,
    pub crashes: u64,
    pub power_losses: u64,
    pub pauses: u64,
    pub clock_jumps: u64,
    pub slow_disks: u64,
    pub failed_disks: u64,
    pub storms: u64,
    /// Changes that were written, not synced, and lost.
    pub lost_unsynced: u64,
}

impl Done {
    pub(super) fn add(&mut self, other: &Self) {
        self.cuts += other.cuts;
        self.one_way_cuts += other.one_way_cuts;
        self.crashes += other.crashes;
        self.power_losses += other.power_losses;
        self.pauses += other.pauses;
        self.clock_jumps += other.clock_jumps;
        self.slow_disks += other.slow_disks;
        self.failed_disks += other.failed_disks;
        self.storms += other.storms;
        self.lost_unsynced += other.lost_unsynced;
    }
}

enum Heal {
    Links,
    Weather,
    Disk(u64),
}

pub struct Faults {
    chance: Chance,
    next_at: u64,
    heals: Vec<(u64, Heal)>,
}

impl Faults {
    pub fn new(chance: Chance, begin: u64) -> Self {
        Self { chance, next_at: begin, heals: Vec::new() }
    }

    /// Begins and ends what is due.
    pub fn step(&mut self, world: &mut World) {
        let now = world.now;
        for (_, heal) in self.heals.extract_if(.., |(at, _)| *at <= now) {
            match heal {
                Heal::Links => world.wire.heal(),
                Heal::Weather => world.wire.weather(Weather::default()),
                Heal::Disk(number) => world.node(number, |node| node.disk.slow(false)),
            }
        }
        if now >= self.next_at {
            self.begin(world);
            self.next_at = now + self.chance.within(200..3000);
        }
    }

    fn begin(&mut self, world: &mut World) {
        let now = world.now;
        let up = world.up();
        let Some(any) = self.chance.pick(&up) else { return };
        // The leader is hit as often as all others together.
        let one = if self.chance.in_thousand(500) { world.leader().unwrap_or(any) } else { any };
        let while_ms = self.chance.within(300..3500);
        match self.chance.within(0..20) {
            0..3 => {
                let mut sides: Vec<u64> = world.all();
                self.chance.shuffle(&mut sides);
                let cut_at = usize::try_from(self.chance.within(0..sides.len() as u64)).unwrap_or(0);
                let (left, right) = sides.split_at(cut_at);
                let both = left.iter().flat_map(|a| right.iter().flat_map(move |b| [(*a, *b), (*b, *a)]));
                world.wire.cut(both);
                self.heals.push((now + while_ms, Heal::Links));
                world.done.cuts += 1;
            }
            3..5 => {
                let others: Vec<u64> = world.all().into_iter().filter(|other| *other != one).collect();
                let inbound = self.chance.in_thousand(500);
                world.wire.cut(others.iter().map(|other| if inbound { (*other, one) } else { (one, *other) }));
                self.heals.push((now + while_ms, Heal::Links));
                world.done.one_way_cuts += 1;
            }
            5..7 => {
                let others: Vec<u64> = world.all().into_iter().filter(|other| *other != one).collect();
                world.wire.cut(others.iter().flat_map(|other| [(*other, one), (one, *other)]));
                self.heals.push((now + while_ms, Heal::Links));
                world.done.cuts += 1;
            }
            7..11 => world.crash(one, now + while_ms / 2),
            11 => {
                for number in up {
                    world.crash(number, now + self.chance.within(100..2000));
                }
                world.done.power_losses += 1;
            }
            12..14 => {
                world.node(one, |node| node.paused_until = now + while_ms);
                world.done.pauses += 1;
            }
            14 => {
                let at = 1_800_000_000_000 + self.chance.within(0..7 * 24 * 3_600_000);
                world.node(one, |node| node.clock.set(at));
                world.done.clock_jumps += 1;
            }
            15 | 16 => {
                world.node(one, |node| node.disk.slow(true));
                self.heals.push((now + while_ms, Heal::Disk(one)));
                world.done.slow_disks += 1;
            }
            17 => {
                world.node(one, |node| node.disk.fail());
                world.done.failed_disks += 1;
            }
            _ => {
                let weather = Weather {
                    lost: self.chance.within(0..300),
                    doubled: self.chance.within(0..300),
                    late: self.chance.within(0..300),
                };
                world.wire.weather(weather);
                self.heals.push((now + while_ms, Heal::Weather));
                world.done.storms += 1;
            }
        }
    }
}
