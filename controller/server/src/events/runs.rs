//! How far each run of each agent is stored.

use std::collections::BTreeMap;

/// Host and run.
pub(super) type RunKey = (u64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// Number of its newest stored event.
    seq: u64,
    /// Index of that event in the store.
    index: u64,
}

/// Bounded by the events that are kept: a run goes when its last event does.
#[derive(Debug, Default)]
pub(super) struct Runs {
    stored: BTreeMap<RunKey, Run>,
    /// Written and not yet durable.
    staged: BTreeMap<RunKey, Run>,
}

impl Runs {
    /// Number of the newest event of a run, staged ones too; 0 for none.
    pub fn newest(&self, key: RunKey) -> u64 {
        self.staged.get(&key).or_else(|| self.stored.get(&key)).map_or(0, |run| run.seq)
    }

    pub fn stage(&mut self, key: RunKey, seq: u64, index: u64) {
        self.staged.insert(key, Run { seq, index });
    }

    /// What was staged is durable.
    pub fn commit(&mut self) {
        self.stored.append(&mut self.staged);
    }

    /// What was staged never was.
    pub fn roll_back(&mut self) {
        self.staged.clear();
    }

    /// Events before `index` are gone.
    pub fn forget_before(&mut self, index: u64) {
        self.stored.retain(|_, run| run.index >= index);
    }
}
