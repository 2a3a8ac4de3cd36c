//! What a power cut leaves.

use super::{Disk, Ino, Kind, ROOT};
use rand::{RngExt, rngs::Xoshiro256PlusPlus};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// What is promised about the order of changes of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As ext4, XFS and btrfs do it: names change in order, through one journal, which every fsync commits. A cut leaves a
    /// beginning of what waits.
    Journal,
    /// As POSIX allows it: fsync of a file says nothing about its name, and a cut leaves any of the changes that wait.
    Any,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Journal => "journal",
            Self::Any => "any",
        })
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "journal" => Ok(Self::Journal),
            "any" => Ok(Self::Any),
            _ => Err(format!("{name:?} is no order: it is journal or any")),
        }
    }
}

impl Disk {
    /// The power goes off. What the running system sees from now on is what is on the platter.
    pub fn cut(&mut self, rng: &mut Xoshiro256PlusPlus) {
        let sector = if rng.random_bool(0.5) { 512 } else { 4096 };
        let waiting = std::mem::take(&mut self.waiting);
        match self.order {
            Order::Journal => {
                let kept = rng.random_range(0..=waiting.len());
                waiting[..kept].iter().for_each(|change| self.put_on_platter(change));
            }
            Order::Any => {
                let survives = [0.0, 0.3, 0.7, 1.0][rng.random_range(0..4)];
                for change in &waiting {
                    if rng.random_bool(survives) {
                        self.put_on_platter(change);
                    }
                }
            }
        }
        for node in self.nodes.values_mut() {
            match &mut node.kind {
                Kind::File(file) => file.cut(sector, rng),
                Kind::Folder { seen, durable } => *seen = durable.clone(),
            }
        }
        self.drop_unreachable();
    }

    fn drop_unreachable(&mut self) {
        let mut reached = BTreeSet::from([ROOT]);
        let mut folders: Vec<Ino> = vec![ROOT];
        while let Some(folder) = folders.pop() {
            for ino in self.names(folder).into_iter().flat_map(|names| names.values()) {
                if reached.insert(*ino) && self.names(*ino).is_ok() {
                    folders.push(*ino);
                }
            }
        }
        self.nodes.retain(|ino, _| reached.contains(ino));
    }
}
