//! What a store must hold, from what it has acknowledged.

use crate::{
    entries,
    task::{Found, Op},
};
use wharden_state::State;
use wharden_store::{LogId, Vote};

/// Everything acknowledged, and the operation under way.
#[derive(Debug)]
pub struct Model {
    seed: u64,
    known: Known,
    /// Begun and not acknowledged: it may have happened, as a whole, or not.
    under_way: Option<Op>,
    /// Values of `committed` that were ever written.
    committed: Vec<LogId>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    vote: Option<Vote>,
    /// Since the first entry; also those that were purged.
    entries: Vec<LogId>,
    purged: Option<LogId>,
    snapshot: Option<u64>,
}

impl Model {
    pub fn new(seed: u64) -> Self {
        Self { seed, known: Known::default(), under_way: None, committed: Vec::new() }
    }

    pub fn begin(&mut self, op: Op) {
        if let Op::Committed(id) = &op {
            self.committed.push(*id);
        }
        self.under_way = Some(op);
    }

    pub fn acknowledge(&mut self) {
        if let Some(op) = self.under_way.take() {
            self.known.apply(&op);
        }
    }

    /// Compares a store that was opened. What it shows counts as acknowledged from then on: others may have read it.
    ///
    /// # Errors
    /// What is missing, older or different.
    pub fn check(&mut self, found: &Found) -> Result<(), String> {
        let mut with = self.known.clone();
        if let Some(op) = &self.under_way {
            with.apply(op);
        }
        let without = self.known.differs(found, self.seed);
        match (without, with.differs(found, self.seed)) {
            (None, _) => {}
            (_, None) => self.known = with,
            (Some(difference), _) => return Err(format!("{difference}; under way was {:?}", self.under_way)),
        }
        self.under_way = None;
        if let Some(committed) = found.committed
            && (!self.committed.contains(&committed) || self.known.entries.get(index(committed)) != Some(&committed))
        {
            return Err(format!("committed is {committed}, which was never so"));
        }
        Ok(())
    }
}

fn index(id: LogId) -> usize {
    usize::try_from(id.index).unwrap_or(usize::MAX)
}

impl Known {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Vote(vote) => self.vote = Some(*vote),
            Op::Append(ids) => self.entries.extend(ids),
            Op::Truncate(from) => self.entries.truncate(usize::try_from(*from).unwrap_or(usize::MAX)),
            Op::Committed(_) => {}
            Op::Snapshot(id) => self.snapshot = Some(id.index),
            Op::Purge(id) => self.purged = Some(*id),
        }
    }

    fn differs(&self, found: &Found, seed: u64) -> Option<String> {
        let kept = &self.entries[self.purged.map_or(0, |id| index(id) + 1)..];
        let last = self.entries.last().copied();
        let differs = |what: &str, known: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
            Some(format!("{what}: acknowledged {known:?}, found {found:?}"))
        };
        if found.vote != self.vote {
            return differs("vote", &self.vote, &found.vote);
        }
        if found.last != last {
            return differs("last entry", &last, &found.last);
        }
        if found.purged != self.purged {
            return differs("purged", &self.purged, &found.purged);
        }
        if found.snapshot != self.snapshot {
            return differs("snapshot", &self.snapshot, &found.snapshot);
        }
        if found.entries != kept {
            return differs("entries", &kept, &found.entries);
        }
        let mut state = State::default();
        entries::apply(&mut state, self.entries.iter().map(|id| entries::entry(seed, *id)));
        let replayed = entries::digest(&state);
        (replayed != found.state).then(|| format!("state: replay gives {replayed}, found {}", found.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openraft::CommittedLeaderId;

    fn id(index: u64) -> LogId {
        LogId::new(CommittedLeaderId::new(1, 1), index)
    }

    fn found(entries: &[LogId]) -> Found {
        let mut state = State::default();
        entries::apply(&mut state, entries.iter().map(|id| entries::entry(7, *id)));
        Found {
            vote: None,
            purged: None,
            last: entries.last().copied(),
            committed: None,
            snapshot: None,
            entries: entries.to_vec(),
            state: entries::digest(&state),
        }
    }

    /// A model that accepted everything would prove nothing.
    #[test]
    fn the_model_finds_every_loss() {
        let new = || {
            let mut model = Model::new(7);
            model.begin(Op::Append(vec![id(0), id(1)]));
            model.acknowledge();
            model.begin(Op::Append(vec![id(2), id(3)]));
            model
        };
        let all = [id(0), id(1), id(2), id(3)];
        new().check(&found(&all[..2])).expect("what was under way is not there");
        new().check(&found(&all)).expect("or it is");
        assert!(new().check(&found(&all[..1])).expect_err("lost").starts_with("last entry"));
        assert!(new().check(&found(&all[..3])).expect_err("half a batch").starts_with("last entry"));
        assert!(new().check(&Found { entries: all[1..2].to_vec(), ..found(&all[..2]) }).is_err());
        assert!(new().check(&Found { state: "0".into(), ..found(&all[..2]) }).expect_err("state").starts_with("state"));
        assert!(new().check(&Found { committed: Some(id(1)), ..found(&all[..2]) }).is_err());
        let mut voted = new();
        voted.acknowledge();
        voted.begin(Op::Vote(Vote::new(5, 1)));
        voted.acknowledge();
        assert!(voted.check(&found(&all)).expect_err("older vote").starts_with("vote"));
        let mut seen = new();
        seen.check(&found(&all)).expect("seen once");
        assert!(seen.check(&found(&all[..2])).is_err(), "what was shown may not go away again");
    }
}
