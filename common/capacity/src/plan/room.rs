//! Who has room: an index of the hosts that a class of containers may go to.
//!
//! A segment tree over the hosts, the emptiest first, whose nodes hold the greatest room below them, resource by resource.
//! Looking for hosts with room walks down only where a node has enough of everything, so that it costs about the depth of
//! the tree for each host found and next to nothing where there is none; a reservation changes one path.

use super::choose::Vector;
use std::ops::ControlFlow;

/// Hosts of one class with the room that each has left.
pub(crate) struct Rooms {
    /// Hosts by leaf.
    hosts: Vec<u32>,
    /// Leaf by host; `u32::MAX` for hosts of other classes.
    leaf: Vec<u32>,
    /// A power of two, at least the number of hosts.
    width: usize,
    /// Node 1 is the root; node `n` has the children `2n` and `2n + 1`; leaf `i` is node `width + i`.
    greatest: Vec<Vector>,
}

fn fits(need: &Vector, room: &Vector) -> bool {
    need.iter().zip(room).all(|(n, r)| n <= r)
}

impl Rooms {
    /// Of hosts in the order in which they are to be found, out of `all` that there are.
    pub(crate) fn new(hosts: Vec<u32>, all: usize, room: impl Fn(u32) -> Vector) -> Self {
        let width = hosts.len().next_power_of_two();
        // A need of nothing must not find a leaf without a host: that is seen by its number.
        let mut greatest = vec![[0; 5]; 2 * width];
        let mut leaf = vec![u32::MAX; all];
        for (i, host) in hosts.iter().enumerate() {
            leaf[*host as usize] = i as u32;
            greatest[width + i] = room(*host);
        }
        let mut rooms = Self { hosts, leaf, width, greatest };
        for node in (1..width).rev() {
            rooms.pull(node);
        }
        rooms
    }

    fn pull(&mut self, node: usize) {
        let (left, right) = (self.greatest[2 * node], self.greatest[2 * node + 1]);
        self.greatest[node] = std::array::from_fn(|r| left[r].max(right[r]));
    }

    /// The room of a host has changed. Hosts of other classes are passed over.
    pub(crate) fn set(&mut self, host: u32, room: Vector) {
        let leaf = self.leaf[host as usize];
        if leaf == u32::MAX {
            return;
        }
        let mut node = self.width + leaf as usize;
        self.greatest[node] = room;
        while node > 1 {
            node /= 2;
            self.pull(node);
        }
    }

    /// The greatest room that any host has of each resource; not necessarily the same host.
    pub(crate) fn greatest(&self) -> Vector {
        self.greatest[1]
    }

    /// Whether there is no host in this class.
    pub(crate) fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Hosts of this class.
    pub(crate) fn len(&self) -> u32 {
        self.hosts.len() as u32
    }

    /// Whether a host is of this class.
    pub(crate) fn holds(&self, host: u32) -> bool {
        self.leaf[host as usize] != u32::MAX
    }

    /// Calls `visit` with each host that has room for `need`, in order, until it breaks.
    pub(crate) fn each(&self, need: &Vector, mut visit: impl FnMut(u32) -> ControlFlow<()>) {
        let mut nodes = vec![1];
        while let Some(node) = nodes.pop() {
            if !fits(need, &self.greatest[node]) {
                continue;
            }
            if node < self.width {
                nodes.extend([2 * node + 1, 2 * node]);
            } else if let Some(host) = self.hosts.get(node - self.width)
                && visit(*host).is_break()
            {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_the_hosts_with_room_are_found_in_order(
            rooms in prop::collection::vec((0..9_u64, 0..9_u64), 0..40),
            changes in prop::collection::vec((0..40_usize, 0..9_u64, 0..9_u64), 0..40),
            cpu in 0..9_u64,
            mem in 0..9_u64,
        ) {
            let vector = |(c, m): (u64, u64)| [c, m, 1, 1, 1];
            let mut rooms: Vec<Vector> = rooms.into_iter().map(vector).collect();
            // Every second host is of the class, the last first.
            let order: Vec<u32> = (0..rooms.len() as u32).rev().filter(|h| h % 2 == 0).collect();
            let mut index = Rooms::new(order.clone(), rooms.len(), |h| rooms[h as usize]);
            for (host, c, m) in changes {
                if host < rooms.len() {
                    rooms[host] = vector((c, m));
                    index.set(host as u32, rooms[host]);
                }
            }
            let need = [cpu, mem, 0, 0, 1];
            let mut found = Vec::new();
            index.each(&need, |host| { found.push(host); ControlFlow::Continue(()) });
            let expected: Vec<u32> = order.into_iter().filter(|h| fits(&need, &rooms[*h as usize])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
