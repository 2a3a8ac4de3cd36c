//! The smallest change of a request that would be allowed.
//!
//! Every set of changes is tried, the smaller ones first, over those changes that some rule could notice; the first
//! that is allowed is the answer, and no part of it would do. When there are more sets than [`REMEDY_TRIES`], all
//! changes together are made smaller one by one instead, and the answer says that a smaller one may exist.

use crate::{
    Compiled, Query,
    compiled::Readers,
    lever::{apply, levers},
    limits::{REMEDY_CHANGES, REMEDY_TRIES, REMEDY_VALUES},
};
use wharden_model::{
    Effect, Facts,
    api::{ChangeOp, Remedy, RequestChange},
};

/// Largest set of changes whose parts are all tried again to make it smaller: 2^10 decisions.
const PARTS_TRIED: usize = 10;

impl Compiled {
    /// The smallest change of the request's facts that these policies would allow. Deterministic.
    pub fn remedy(&self, q: &Query<'_>) -> Remedy {
        if self.decide(q).effect == Effect::Allow {
            return Remedy::NotNeeded;
        }
        let changes = candidates(&self.readers(q), q.facts);
        let truncated = changes.len() > REMEDY_CHANGES;
        let changes = &changes[..changes.len().min(REMEDY_CHANGES)];
        let mut search = Search { compiled: self, q, tries: 0 };
        match search.smallest(changes) {
            Some(found) => Remedy::Change { changes: owned(&found), smallest: true },
            None if search.tries < REMEDY_TRIES => Remedy::None { exhaustive: !truncated },
            None => match search.shrunk(changes) {
                Some(found) => Remedy::Change { changes: owned(&found), smallest: false },
                None => Remedy::None { exhaustive: false },
            },
        }
    }
}

fn owned(changes: &[&RequestChange]) -> Vec<RequestChange> {
    changes.iter().map(|change| (*change).clone()).collect()
}

/// Changes that some rule could notice, by the names of their facts.
fn candidates(readers: &Readers, facts: &Facts) -> Vec<RequestChange> {
    let all = facts.0.iter().flat_map(|(name, value)| levers(name, value, &readers.literals(name), REMEDY_VALUES));
    all.filter(|change| {
        let after = apply(facts, [change]);
        facts.0.iter().any(|(name, value)| after.get(name) != Some(value) && readers.read(name))
    })
    .collect()
}

struct Search<'a> {
    compiled: &'a Compiled,
    q: &'a Query<'a>,
    tries: usize,
}

impl<'a> Search<'a> {
    fn allows(&mut self, changes: &[&RequestChange]) -> bool {
        self.tries += 1;
        let facts = apply(self.q.facts, changes.iter().copied());
        self.compiled.decide(&Query { facts: &facts, ..*self.q }).effect == Effect::Allow
    }

    /// The first set that is allowed, by size; `None` when there is none, or when the tries ran out.
    fn smallest(&mut self, changes: &'a [RequestChange]) -> Option<Vec<&'a RequestChange>> {
        (1..=changes.len()).find_map(|size| self.of_size(changes, size, &mut Vec::new()))
    }

    fn of_size(
        &mut self,
        rest: &'a [RequestChange],
        size: usize,
        chosen: &mut Vec<&'a RequestChange>,
    ) -> Option<Vec<&'a RequestChange>> {
        if size == 0 {
            return self.allows(chosen).then(|| chosen.clone());
        }
        for (at, change) in rest.iter().enumerate() {
            if rest.len() - at < size || self.tries >= REMEDY_TRIES {
                return None;
            }
            if chosen.iter().any(|other| excludes(other, change)) {
                continue;
            }
            chosen.push(change);
            let found = self.of_size(&rest[at + 1..], size - 1, chosen);
            chosen.pop();
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// All changes that go together, and then as few of them as it goes.
    fn shrunk(&mut self, changes: &'a [RequestChange]) -> Option<Vec<&'a RequestChange>> {
        let mut kept: Vec<&RequestChange> = Vec::new();
        for change in changes {
            if !kept.iter().any(|other| excludes(other, change)) {
                kept.push(change);
            }
        }
        if !self.allows(&kept) {
            return None;
        }
        let mut at = 0;
        while at < kept.len() {
            let gone = kept.remove(at);
            if !self.allows(&kept) {
                kept.insert(at, gone);
                at += 1;
            }
        }
        if kept.len() > PARTS_TRIED {
            return Some(kept);
        }
        self.tries = 0;
        let few: Vec<usize> = (0..1_usize << kept.len()).collect();
        let mut sets: Vec<Vec<&RequestChange>> = few
            .into_iter()
            .map(|mask| kept.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, c)| *c).collect())
            .collect();
        sets.sort_by_key(Vec::len);
        sets.into_iter().find(|set| self.allows(set))
    }
}

/// Two values of one fact cannot both be.
fn excludes(one: &RequestChange, other: &RequestChange) -> bool {
    one.fact == other.fact && (one.op == ChangeOp::Set || other.op == ChangeOp::Set)
}
