//! Since when things are as they are: after a start, or a change of the leader, hosts without a session are on their way and
//! not lost.

use super::limits::LEADER_GRACE;
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use wharden_model::Timestamp;

/// When this controller started, or last heard of another leader.
#[derive(Debug)]
pub(super) struct Leadership(AtomicU64);

impl Leadership {
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// Another controller leads from now on, or none.
    pub fn changed(&self, now: Timestamp) {
        self.0.fetch_max(now.0, Relaxed);
    }

    /// A host without a session may still be on its way: it had one when things changed, or nobody here knows, and it has
    /// not come back since.
    pub fn awaits(&self, last_seen_at: Option<Timestamp>, now: Timestamp, silence: Duration) -> bool {
        let changed = Timestamp(self.0.load(Relaxed));
        let silence = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
        let was_there = last_seen_at.is_none_or(|seen| seen < changed && changed.millis_since(seen) <= silence);
        was_there && u128::from(now.millis_since(changed)) < LEADER_GRACE.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_leader_makes_no_host_lost_that_was_there() {
        let (silence, at) = (Duration::from_secs(30), |s| Timestamp::from_secs(1_000_000 + s));
        let leadership = Leadership::new(at(0));
        assert!(leadership.awaits(None, at(1), silence), "nobody knows after a start");
        leadership.changed(at(1000));
        assert!(leadership.awaits(Some(at(995)), at(1001), silence));
        assert!(!leadership.awaits(Some(at(900)), at(1001), silence), "it was lost before");
        assert!(!leadership.awaits(Some(at(1001)), at(1002), silence), "it came back and left");
        let over = 1000 + LEADER_GRACE.as_secs();
        assert!(leadership.awaits(Some(at(995)), at(over - 1), silence));
        assert!(!leadership.awaits(Some(at(995)), at(over), silence) && !leadership.awaits(None, at(over), silence));
    }
}
