//! How long this controller has been without a majority: the one place that knows. openraft names the last leader until
//! another one is elected, however long ago that one fell silent.

use super::Raft;
use crate::{
    limits::{QUORUM_LOOK, QUORUM_LOST},
    peers::{Reply, Request},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// When there was contact with a majority.
#[derive(Clone)]
pub(super) struct Met(Arc<Mutex<Instant>>);

impl Default for Met {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Met {
    fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn so_long_ago(&self, ago: Duration) {
        let Some(at) = Instant::now().checked_sub(ago) else { return };
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *met = at.max(*met);
    }
}

impl Raft {
    /// Time since the last contact with a majority.
    pub fn quorum_age(&self) -> Duration {
        self.met.age()
    }

    /// A leader knows when a majority answered it. Whoever follows one asks it to make sure: it may be heard, and lead nobody
    /// but those who hear it.
    async fn meet(&self) {
        let (leader, answered) = {
            let metrics = self.inner.metrics();
            let metrics = metrics.borrow();
            (metrics.current_leader, metrics.millis_since_quorum_ack)
        };
        let ago = match leader {
            None => return,
            Some(leader) if leader == self.link.own => answered.map(Duration::from_millis),
            Some(leader) => match self.ask(leader, Request::ReadIndex, QUORUM_LOOK).await {
                Ok(Reply::ReadIndex { .. }) => Some(Duration::ZERO),
                _ => None,
            },
        };
        if let Some(ago) = ago {
            self.met.so_long_ago(ago);
        }
    }

    /// The same once it is so long that no election explains it.
    pub fn without_quorum(&self) -> Option<Duration> {
        Some(self.quorum_age()).filter(|age| *age >= QUORUM_LOST)
    }

    /// Who leads, as far as this controller still hears it.
    pub fn leader(&self) -> Option<u64> {
        let leader = self.inner.metrics().borrow().current_leader;
        leader.filter(|_| self.without_quorum().is_none())
    }

    /// Why no change can be made by way of this controller, and what to do about it.
    ///
    /// # Errors
    /// In words, when it is so.
    pub fn reaches_quorum(&self) -> Result<(), String> {
        match self.without_quorum() {
            Some(age) => {
                Err(format!("no contact with a majority of the controllers for {} s: {}", age.as_secs(), self.advice()))
            }
            None if self.leader().is_none() => Err("no leader".to_owned()),
            None => Ok(()),
        }
    }

    /// What brings the majority back.
    pub fn advice(&self) -> String {
        let voters = self.members().voters.iter().map(std::collections::BTreeSet::len).max().unwrap_or(0);
        let need = voters / 2 + 1;
        format!(
            "nothing can be changed until {need} of the {voters} with a vote run and reach each other on their port for \
                 controllers; start those that are down, with their data folders"
        )
    }
}

/// Says in the log when it begins and when it ends; for ever.
pub(super) async fn watch(raft: Raft) {
    let mut longest = None;
    loop {
        raft.meet().await;
        match (raft.without_quorum(), longest) {
            (Some(age), None) => {
                let advice = raft.advice();
                tracing::warn!(for_s = age.as_secs(), "no contact with a majority of the controllers: {advice}");
                longest = Some(age);
            }
            (Some(age), Some(_)) => longest = Some(age),
            (None, Some(age)) => {
                tracing::info!(after_s = age.as_secs(), "in contact with a majority of the controllers again");
                longest = None;
            }
            (None, None) => {}
        }
        tokio::time::sleep(QUORUM_LOOK).await;
    }
}
