//! Network namespaces on a bridge: each process in one has an address, a routing table and a cable of its own.

use crate::output::Output;
use std::{
    process::{self, Command},
    sync::atomic::{AtomicU8, Ordering},
};

/// Bridges of this process.
static BRIDGES: AtomicU8 = AtomicU8::new(0);

/// A bridge. This process is on it too; dropping it takes everything on it away.
pub struct Net {
    name: String,
    /// The first three numbers of its addresses.
    prefix: String,
    seats: u8,
}

/// A place on the bridge: a namespace, with a cable to it.
#[derive(Clone)]
pub struct Seat {
    namespace: String,
    cable: String,
    address: String,
}

impl Net {
    /// Makes one.
    ///
    /// # Panics
    /// When `ip` cannot; tests run as root, with iproute2.
    pub fn new() -> Self {
        let (pid, number) = (process::id(), BRIDGES.fetch_add(1, Ordering::SeqCst));
        let name = format!("wt{}n{number}", pid % 1_000_000);
        // Of 10.128.0.0/9, by what makes the name.
        let net = (pid.wrapping_mul(31).wrapping_add(u32::from(number))) % (1 << 15);
        let prefix = format!("10.{}.{}", 128 + (net >> 8), net & 0xff);
        let net = Self { name, prefix, seats: 0 };
        ip(&["link", "add", &net.name, "type", "bridge"]);
        ip(&["address", "add", &format!("{}.1/24", net.prefix), "dev", &net.name]);
        ip(&["link", "set", &net.name, "up"]);
        net
    }

    /// One more place.
    ///
    /// # Panics
    /// As [`Net::new`].
    pub fn seat(&mut self) -> Seat {
        self.seats += 1;
        let seat = Seat {
            namespace: format!("{}-{}", self.name, self.seats),
            cable: format!("{}c{}", self.name, self.seats),
            address: format!("{}.{}", self.prefix, 10 + self.seats),
        };
        let Seat { namespace, cable, address } = &seat;
        ip(&["netns", "add", namespace]);
        ip(&["link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace]);
        ip(&["link", "set", cable, "master", &self.name, "up"]);
        ip(&["-n", namespace, "address", "add", &format!("{address}/24"), "dev", "eth0"]);
        ip(&["-n", namespace, "link", "set", "eth0", "up"]);
        ip(&["-n", namespace, "link", "set", "lo", "up"]);
        seat
    }
}

impl Default for Net {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for seat in 1..=self.seats {
            // What is gone already needs no removing. The cable goes with its other end.
            drop(Command::new("ip").args(["netns", "delete", &format!("{}-{seat}", self.name)]).status());
        }
        drop(Command::new("ip").args(["link", "delete", &self.name]).status());
    }
}

impl Seat {
    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What runs a command in it: the first words of that command.
    pub fn through(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.namespace]
    }

    /// Pulls the cable.
    ///
    /// # Panics
    /// When `ip` cannot.
    pub fn unplug(&self) {
        ip(&["link", "set", &self.cable, "down"]);
    }

    /// Plugs it in again.
    ///
    /// # Panics
    /// When `ip` cannot.
    pub fn plug(&self) {
        ip(&["link", "set", &self.cable, "up"]);
    }

    /// Nothing that it sends reaches the other one any more; what the other one sends still arrives.
    ///
    /// # Panics
    /// When `ip` cannot.
    pub fn mute_towards(&self, other: &Self) {
        ip(&["-n", &self.namespace, "route", "add", "blackhole", &other.address]);
    }

    /// It is heard again.
    ///
    /// # Panics
    /// When `ip` cannot.
    pub fn unmute_towards(&self, other: &Self) {
        ip(&["-n", &self.namespace, "route", "delete", "blackhole", &other.address]);
    }
}

#[track_caller]
fn ip(words: &[&str]) {
    Output::of(Command::new("ip").args(words), b"").ok();
}
