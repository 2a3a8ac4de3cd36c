//! Which events of each run of each agent are stored.

use super::limits::{HELD_RANGES, RECENT_RANGES};
use std::collections::{BTreeMap, VecDeque};

/// Host and run.
pub type RunKey = (u64, u64);

/// Whether an event is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    No,
    /// With this stamp.
    At(u64),
    /// So long ago that its stamp is not at hand. Later ones of its run followed, and agents send those only when it was
    /// acknowledged.
    Settled,
}

/// Numbers that were stored together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from: u64,
    to: u64,
    stamp: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Run {
    /// In order, with room between them.
    settled: Vec<(u64, u64)>,
    /// The newest to be stored, oldest first.
    recent: VecDeque<Range>,
    /// Index in the store of the event that was stored last.
    index: u64,
}

impl Run {
    fn held(&self, seq: u64) -> Held {
        let recent = self.recent.iter().rev().find(|range| (range.from..=range.to).contains(&seq));
        if let Some(range) = recent {
            return Held::At(range.stamp);
        }
        let nth = self.settled.partition_point(|(_, to)| *to < seq);
        if self.settled.get(nth).is_some_and(|(from, _)| *from <= seq) { Held::Settled } else { Held::No }
    }

    fn add(&mut self, range: Range, index: u64) {
        self.index = self.index.max(index);
        match self.recent.back_mut() {
            Some(last) if last.stamp == range.stamp && last.to + 1 == range.from => last.to = range.to,
            _ => self.recent.push_back(range),
        }
        if self.recent.len() > RECENT_RANGES
            && let Some(old) = self.recent.pop_front()
        {
            settle(&mut self.settled, old.from, old.to);
        }
    }

    fn ranges(&self) -> Vec<(u64, u64)> {
        let mut all = self.settled.clone();
        for range in &self.recent {
            settle(&mut all, range.from, range.to);
        }
        all
    }
}

/// Puts numbers among others, joining those that touch.
fn settle(all: &mut Vec<(u64, u64)>, mut from: u64, mut to: u64) {
    let begin = all.partition_point(|(_, end)| end.saturating_add(1) < from);
    let end = all.partition_point(|(start, _)| *start <= to.saturating_add(1));
    if begin < end {
        from = from.min(all[begin].0);
        to = to.max(all[end - 1].1);
    }
    all.splice(begin..end.max(begin), [(from, to)]);
}

/// Bounded by the events that are kept: a run goes when the last of it that was stored does.
#[derive(Debug, Default)]
pub(super) struct Runs {
    stored: BTreeMap<RunKey, Run>,
    /// Written and not yet durable.
    staged: BTreeMap<RunKey, Run>,
}

impl Runs {
    /// Whether an event is stored or staged.
    pub fn held(&self, key: RunKey, seq: u64) -> Held {
        match self.staged.get(&key).map_or(Held::No, |run| run.held(seq)) {
            Held::No => self.stored.get(&key).map_or(Held::No, |run| run.held(seq)),
            staged => staged,
        }
    }

    pub fn stage(&mut self, key: RunKey, seq: u64, stamp: u64, index: u64) {
        self.staged.entry(key).or_default().add(Range { from: seq, to: seq, stamp }, index);
    }

    /// What was staged is durable.
    pub fn commit(&mut self) {
        for (key, staged) in std::mem::take(&mut self.staged) {
            let run = self.stored.entry(key).or_default();
            for (from, to) in staged.settled {
                settle(&mut run.settled, from, to);
            }
            for range in staged.recent {
                run.add(range, staged.index);
            }
        }
    }

    /// What was staged never was.
    pub fn roll_back(&mut self) {
        self.staged.clear();
    }

    /// Events before `index` are gone.
    pub fn forget_before(&mut self, index: u64) {
        self.stored.retain(|_, run| run.index >= index);
    }

    /// What is stored of the runs after this one, by run.
    pub fn page(&self, after: Option<RunKey>, max: usize) -> Vec<(RunKey, Vec<(u64, u64)>)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let mut ranges = 0;
        let from = after.map_or(Unbounded, Excluded);
        let runs = self.stored.range((from, Unbounded)).take(max).map(|(key, run)| (*key, run.ranges()));
        // One run at least, or there would be no end.
        let fits = |(_, held): &(RunKey, Vec<(u64, u64)>)| {
            let before = ranges;
            ranges += held.len();
            before < HELD_RANGES
        };
        runs.take_while(fits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const KEY: RunKey = (1, 2);

    #[test]
    fn numbers_that_touch_are_joined_and_others_are_not() {
        let mut all = Vec::new();
        for (from, to) in [(5, 6), (9, 9), (1, 2), (20, 30), (7, 7), (3, 3), (25, 26)] {
            settle(&mut all, from, to);
        }
        assert_eq!(all, [(1, 3), (5, 7), (9, 9), (20, 30)]);
        settle(&mut all, 4, 19);
        assert_eq!(all, [(1, 30)]);
    }

    #[test]
    fn what_never_became_durable_is_not_held() {
        let mut runs = Runs::default();
        runs.stage(KEY, 1, 7, 0);
        assert_eq!(runs.held(KEY, 1), Held::At(7));
        runs.roll_back();
        assert_eq!(runs.held(KEY, 1), Held::No);
        runs.stage(KEY, 1, 8, 0);
        runs.commit();
        assert_eq!((runs.held(KEY, 1), runs.held(KEY, 2), runs.held((1, 3), 1)), (Held::At(8), Held::No, Held::No));
        runs.forget_before(1);
        assert_eq!(runs.held(KEY, 1), Held::No);
    }

    proptest! {
        #[test]
        fn each_number_is_held_once_it_was_added_and_new_ones_with_their_stamp(
            batches in prop::collection::vec((1..200_u64, 1..6_u64), 1..60)
        ) {
            let (mut runs, mut model) = (Runs::default(), BTreeMap::new());
            for (nth, (from, len)) in batches.iter().enumerate() {
                let stamp = 1000 + nth as u64;
                for seq in *from..from + len {
                    if runs.held(KEY, seq) == Held::No {
                        runs.stage(KEY, seq, stamp, stamp);
                        model.insert(seq, stamp);
                    }
                }
                runs.commit();
                for seq in 1..210 {
                    match (runs.held(KEY, seq), model.get(&seq)) {
                        (Held::No, None) | (Held::Settled, Some(_)) => {}
                        (Held::At(held), Some(given)) => prop_assert_eq!(held, *given),
                        other => prop_assert!(false, "{} is {:?}", seq, other),
                    }
                }
                // The newest one can always be told by its stamp.
                if let Some((seq, _)) = model.iter().find(|(_, given)| **given == stamp) {
                    prop_assert_eq!(runs.held(KEY, *seq), Held::At(stamp));
                }
            }
            let told: Vec<u64> = runs.page(None, 9).into_iter().flat_map(|(_, all)| all).flat_map(|(a, b)| a..=b).collect();
            prop_assert_eq!(told, model.into_keys().collect::<Vec<_>>());
        }
    }
}
