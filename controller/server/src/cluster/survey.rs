//! Asking all other controllers, at the same time and not for long.

use crate::{
    capacity::{Ask, Peers, Told},
    peers::{
        PeerStatus, Reply, Request,
        limits::{LIST_LIMIT, STATUS_LIMIT},
    },
    raft::Raft,
};
use futures::future::join_all;
use std::collections::BTreeMap;
use wharden_model::Timestamp;
use wharden_state::LEVEL;

/// How this controller is.
pub fn own_status(raft: &Raft, started_at: Timestamp) -> PeerStatus {
    let metrics = raft.metrics();
    PeerStatus {
        number: metrics.id,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        role: format!("{:?}", metrics.state).to_lowercase(),
        term: metrics.current_term,
        last_log_index: metrics.last_log_index.unwrap_or(0),
        applied_index: metrics.last_applied.map_or(0, |id| id.index),
        started_at,
        hosts_connected: 0,
        hosts_behind: 0,
        events: 0,
        level: LEVEL,
        cluster_keys: Vec::new(),
        now: None,
        readings: None,
    }
}

/// What each of the others says to the same question; those that say nothing are left out.
pub async fn ask_all<T, F: Future<Output = Option<T>>>(raft: &Raft, ask: impl Fn(u64) -> F) -> BTreeMap<u64, T> {
    let asked = raft.others().into_iter().map(|number| {
        let answer = ask(number);
        async move { answer.await.map(|answer| (number, answer)) }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// How those are that answer, this one included.
pub async fn survey(raft: &Raft, started_at: Timestamp) -> BTreeMap<u64, PeerStatus> {
    let mut all = ask_all(raft, |number| async move {
        match raft.ask(number, Request::Status, STATUS_LIMIT).await {
            Ok(Reply::Status(status)) => Some(*status),
            Ok(_) => None,
            Err(error) => {
                tracing::debug!(controller = number, %error, "no answer");
                None
            }
        }
    })
    .await;
    let own = own_status(raft, started_at);
    all.insert(own.number, own);
    all
}

impl Raft {
    /// What a controller says of the capacity of its hosts; `None` when it says nothing.
    pub async fn ask_capacity(&self, number: u64, ask: &Ask) -> Option<Told> {
        match self.ask(number, Request::Capacity(ask.clone()), LIST_LIMIT).await {
            Ok(Reply::Capacity(told)) => Some(*told),
            _ => None,
        }
    }
}

impl Peers for Raft {
    fn own(&self) -> u64 {
        self.number()
    }

    fn others(&self) -> Vec<u64> {
        self.state().controllers.others(self.number()).collect()
    }

    async fn ask(&self, number: u64, ask: Ask) -> Option<Told> {
        self.ask_capacity(number, &ask).await
    }
}
