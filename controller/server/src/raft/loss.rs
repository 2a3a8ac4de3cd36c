//! A controller that has lost what it had acknowledged: an old copy of its folder was started, or its disk forgot what it had
//! confirmed. What it acknowledged was counted for a majority, so it may not be counted, or vote, as if it had only been away.
//!
//! ```text
//! leader      it lacks what it acknowledged in this term ─▶ it gets nothing and counts for nothing, and is told
//! controller  told, and its log ends before that indeed  ─▶ its replica ends, and its folder says why to every later start
//! ```
//!
//! openraft 0.9 takes it for impossible and ends the leader.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use wharden_store::{LogId, Vote};

/// Why the replica cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    #[error("the replica cannot go on: {0}")]
    Replica(String),
    /// The leader has shown that what was acknowledged up to this entry is not in the log.
    #[error("the log has lost entry {0}, which it had acknowledged to the leader")]
    Lost(u64),
}

/// How far each of the others has acknowledged the log of this leader.
#[derive(Clone, Default)]
pub(super) struct Acknowledged(Arc<Mutex<BTreeMap<u64, Peer>>>);

#[derive(Clone, Copy)]
struct Peer {
    /// Whose log it is. Only within one term an entry stays once it is acknowledged.
    vote: Vote,
    upto: Option<LogId>,
    lost: bool,
}

impl Acknowledged {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Peer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last entry that a controller has acknowledged to the leader with this vote.
    pub(super) fn upto(&self, number: u64, vote: &Vote) -> Option<LogId> {
        self.lock().get(&number).filter(|peer| peer.vote == *vote).and_then(|peer| peer.upto)
    }

    /// It has the log up to this entry.
    pub(super) fn has(&self, number: u64, vote: &Vote, upto: Option<LogId>) {
        let mut peers = self.lock();
        let peer = peers.entry(number).or_insert(Peer { vote: *vote, upto: None, lost: false });
        if *vote < peer.vote {
            return;
        }
        let before = if *vote == peer.vote { peer.upto } else { None };
        *peer = Peer { vote: *vote, upto: upto.max(before), lost: false };
    }

    /// It does not have what it had acknowledged to the leader with this vote; whether that is new.
    pub(super) fn lacks(&self, number: u64, vote: &Vote) -> bool {
        let mut peers = self.lock();
        let peer = peers.get_mut(&number).filter(|peer| peer.vote == *vote);
        peer.is_some_and(|peer| !std::mem::replace(&mut peer.lost, true))
    }

    /// Those that have lost something, as far as the leader with this vote knows.
    pub(super) fn lost(&self, vote: &Vote) -> BTreeSet<u64> {
        self.lock().iter().filter(|(_, peer)| peer.lost && peer.vote == *vote).map(|(number, _)| *number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openraft::CommittedLeaderId;

    fn at(index: u64) -> Option<LogId> {
        Some(LogId::new(CommittedLeaderId::new(3, 1), index))
    }

    #[test]
    fn what_was_acknowledged_counts_for_one_term() {
        let (of, old, new) = (Acknowledged::default(), Vote::new_committed(3, 1), Vote::new_committed(4, 1));
        of.has(2, &old, at(7));
        of.has(2, &old, at(5));
        assert_eq!((of.upto(2, &old), of.upto(2, &new), of.upto(3, &old)), (at(7), None, None));
        assert!(of.lacks(2, &old) && !of.lacks(2, &old), "it is new once");
        assert!(!of.lacks(2, &new) && !of.lacks(3, &old));
        assert_eq!((of.lost(&old), of.lost(&new)), ([2].into(), [].into()));
        of.has(2, &old, at(7));
        assert_eq!(of.lost(&old), [].into(), "its newest folder is back");
        of.has(2, &new, at(4));
        of.has(2, &old, at(9));
        assert_eq!((of.upto(2, &old), of.upto(2, &new)), (None, at(4)), "an answer that comes late");
    }
}
