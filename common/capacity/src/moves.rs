//! What was moved lately, so that nothing is sent back and forth.
//!
//! A container that was moved is a new one for its engine, with a new id; it is known again by name and image. Many hosts may
//! have a container of that name, so a move counts for the one on the host that it led to, and the moves before it for
//! where it came from.

use crate::{
    fleet::Container,
    limits::{MOVES_KEPT, MOVES_REMEMBERED_S, NEWCOMER_S, SETTLE_S},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{
    HostId, Timestamp,
    capacity::{Amount, ContainerRef},
};

/// One move that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Move {
    at: Timestamp,
    from: HostId,
    to: HostId,
    /// What it was expected to need there.
    need: Amount,
}

/// A move as another controller is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    container: ContainerRef,
    #[serde(flatten)]
    by: Move,
}

/// The moves of the last [`MOVES_REMEMBERED_S`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    by_name: BTreeMap<(String, String), Vec<Move>>,
    count: usize,
}

impl Moves {
    /// Remembers that a container went from one host to another, and what it was expected to need there.
    pub fn record(&mut self, container: &ContainerRef, from: HostId, to: HostId, need: Amount, at: Timestamp) {
        if self.count >= MOVES_KEPT {
            self.forget_oldest();
        }
        let key = (container.name.clone(), container.image.clone());
        self.by_name.entry(key).or_default().push(Move { at, from, to, need });
        self.count += 1;
    }

    /// The moves of these containers and of their namesakes.
    pub fn of_all(&self, containers: &[Container]) -> Vec<Moved> {
        let moved = |container: &Container| {
            let named = container.named();
            self.of(container)
                .iter()
                .map(move |by| Moved { container: named.clone(), by: by.clone() })
                .collect::<Vec<_>>()
        };
        containers.iter().flat_map(moved).collect()
    }

    /// Remembers a move that another controller tells of.
    pub fn learn(&mut self, moved: &Moved) {
        let Moved { container, by } = moved;
        self.record(container, by.from.clone(), by.to.clone(), by.need, by.at);
    }

    /// What came to each host so lately that a day of the host does not show its peak yet.
    pub fn newcomers(&self, now: Timestamp) -> BTreeMap<HostId, Amount> {
        let mut need: BTreeMap<HostId, Amount> = BTreeMap::new();
        for m in self.by_name.values().flatten().filter(|m| now.millis_since(m.at) < NEWCOMER_S * 1000) {
            let sum = need.entry(m.to.clone()).or_default();
            *sum = sum.plus(m.need);
        }
        need
    }

    /// Drops what is too old to count.
    pub fn prune(&mut self, now: Timestamp) {
        self.by_name.retain(|_, moves| {
            moves.retain(|m| now.millis_since(m.at) < MOVES_REMEMBERED_S * 1000);
            !moves.is_empty()
        });
        self.count = self.by_name.values().map(Vec::len).sum();
    }

    fn forget_oldest(&mut self) {
        let oldest = self.by_name.iter().filter_map(|(key, moves)| Some((moves.first()?.at, key.clone()))).min();
        if let Some((_, key)) = oldest
            && let Some(moves) = self.by_name.get_mut(&key)
        {
            moves.remove(0);
            self.count -= 1;
            if moves.is_empty() {
                self.by_name.remove(&key);
            }
        }
    }

    fn of(&self, container: &Container) -> &[Move] {
        if self.by_name.is_empty() {
            return &[];
        }
        let key = (container.name.clone(), container.image.clone());
        self.by_name.get(&key).map_or(&[], Vec::as_slice)
    }

    /// When the container came to `host`, while it is still left to settle there.
    pub fn settling(&self, container: &Container, host: &HostId, now: Timestamp) -> Option<Timestamp> {
        let last = self.of(container).iter().rev().find(|m| m.to == *host)?;
        (now.millis_since(last.at) < SETTLE_S * 1000).then_some(last.at)
    }

    /// The hosts that the container on `host` was on before, through all its moves.
    pub fn earlier_homes(&self, container: &Container, host: &HostId) -> BTreeSet<HostId> {
        let mut homes = BTreeSet::new();
        let mut at = host;
        for step in self.of(container).iter().rev() {
            if step.to == *at {
                homes.insert(step.from.clone());
                at = &step.from;
            }
        }
        homes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u64) -> HostId {
        HostId::new(format!("h-{n:016x}")).expect("an id")
    }

    fn web() -> Container {
        crate::plan::tests::container(1, 100, 100)
    }

    fn at(s: u64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    #[test]
    fn the_way_of_a_container_is_known_through_all_its_moves_and_not_mixed_with_its_namesakes() {
        let (c, mut moves) = (web(), Moves::default());
        for (from, to, when) in [(1, 2, 10), (7, 8, 15), (2, 3, 20)] {
            moves.record(&c.named(), host(from), host(to), c.need, at(when));
        }
        assert_eq!(moves.earlier_homes(&c, &host(3)), BTreeSet::from([host(1), host(2)]));
        assert_eq!(moves.earlier_homes(&c, &host(8)), BTreeSet::from([host(7)]));
        assert!(moves.earlier_homes(&c, &host(1)).is_empty());
    }

    #[test]
    fn it_is_left_to_settle_for_a_day_and_remembered_for_a_month() {
        let (c, mut moves) = (web(), Moves::default());
        moves.record(&c.named(), host(1), host(2), c.need, at(0));
        assert!(moves.settling(&c, &host(2), at(SETTLE_S - 1)).is_some());
        assert_eq!(moves.settling(&c, &host(2), at(SETTLE_S)), None);
        assert_eq!(moves.settling(&c, &host(1), at(1)), None);
        moves.prune(at(MOVES_REMEMBERED_S - 1));
        assert_eq!(moves.earlier_homes(&c, &host(2)).len(), 1);
        moves.prune(at(MOVES_REMEMBERED_S));
        assert_eq!(moves, Moves::default());
    }

    #[test]
    fn a_newcomer_counts_on_its_new_host_until_a_day_has_shown_its_peak() {
        let (c, mut moves) = (web(), Moves::default());
        moves.record(&c.named(), host(1), host(2), c.need, at(0));
        moves.record(&c.named(), host(5), host(2), c.need, at(9));
        assert_eq!(moves.newcomers(at(100)), BTreeMap::from([(host(2), c.need.plus(c.need))]));
        assert_eq!(moves.newcomers(at(NEWCOMER_S + 1)), BTreeMap::from([(host(2), c.need)]));
        assert!(moves.newcomers(at(NEWCOMER_S + 9)).is_empty());
    }

    #[test]
    fn when_it_is_full_the_oldest_goes() {
        let (mut moves, first) = (Moves::default(), web());
        moves.record(&first.named(), host(0), host(1), first.need, at(0));
        let mut other = web();
        other.name = "other".to_owned();
        for n in 1..=MOVES_KEPT as u64 {
            moves.record(&other.named(), host(n), host(n + 1), other.need, at(n));
        }
        assert_eq!(moves.count, MOVES_KEPT);
        assert!(moves.earlier_homes(&first, &host(1)).is_empty());
        assert!(!moves.earlier_homes(&other, &host(2)).is_empty());
    }
}
