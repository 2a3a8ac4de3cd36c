//! The members as Raft has them, and how the leader changes them. Who shall be a member is in the state; moving Raft
//! there is for `cluster::keeper`.

use super::Raft;
use openraft::{BasicNode, ChangeMembers};
use std::collections::BTreeSet;
use tokio::time::timeout;

use crate::limits::MEMBERSHIP_LIMIT;

/// The members that count now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// One set; two while a change is half done: then both must have a quorum.
    pub voters: Vec<BTreeSet<u64>>,
    pub learners: BTreeSet<u64>,
}

impl Raft {
    /// Number of this controller.
    pub fn number(&self) -> u64 {
        self.link.own
    }

    /// Whether this controller leads, as far as it knows.
    pub fn leads(&self) -> bool {
        self.inner.metrics().borrow().current_leader == Some(self.link.own)
    }

    /// The members as this replica knows them.
    pub fn members(&self) -> Members {
        let metrics = self.inner.metrics();
        let held = metrics.borrow();
        let membership = held.membership_config.membership();
        let voters = membership.get_joint_config().clone();
        Members { voters, learners: membership.learner_ids().collect() }
    }

    /// How far each peer has the log, on the leader; `None` elsewhere.
    pub fn matched(&self) -> Option<std::collections::BTreeMap<u64, u64>> {
        let metrics = self.inner.metrics();
        let held = metrics.borrow();
        let replication = held.replication.as_ref()?;
        Some(replication.iter().map(|(number, log)| (*number, log.map_or(0, |id| id.index))).collect())
    }

    /// Lets a controller have the log, without a vote.
    ///
    /// # Errors
    /// What Raft says.
    pub async fn add_learner(&self, number: u64) -> Result<(), String> {
        self.bounded(self.inner.add_learner(number, BasicNode::default(), false)).await
    }

    /// Makes these the voters.
    ///
    /// # Errors
    /// What Raft says.
    pub async fn set_voters(&self, voters: BTreeSet<u64>) -> Result<(), String> {
        self.bounded(self.inner.change_membership(voters, false)).await
    }

    /// Takes the log away from a learner.
    ///
    /// # Errors
    /// What Raft says.
    pub async fn drop_learner(&self, number: u64) -> Result<(), String> {
        let change = ChangeMembers::RemoveNodes(BTreeSet::from([number]));
        self.bounded(self.inner.change_membership(change, false)).await
    }

    async fn bounded<T, E: std::fmt::Display>(&self, change: impl Future<Output = Result<T, E>>) -> Result<(), String> {
        match timeout(MEMBERSHIP_LIMIT, change).await {
            Ok(done) => done.map(drop).map_err(|error| error.to_string()),
            Err(_) => Err("no quorum confirmed it".to_owned()),
        }
    }
}
