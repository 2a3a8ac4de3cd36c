//! The whole cluster as one controller sees it at one moment.

use super::readings::{Readings, Sampler};
use crate::{
    cluster::{ask_all, own_status},
    fleet::Fleet,
    peers::{
        PeerStatus, Present, Reply, Request,
        limits::{LIST_LIMIT, STATUS_LIMIT},
    },
    raft::Raft,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};
use wharden_model::{BreakGlassPass, HostId, Timestamp};
use wharden_runtime::clock::Clock;
use wharden_state::ControllerStatus;

/// What a look needs.
#[derive(Clone)]
pub struct Sight {
    pub raft: Raft,
    pub fleet: Fleet,
    pub sampler: Sampler,
    pub clock: Arc<dyn Clock>,
    /// End of the cluster's CA.
    pub ca_ends_at: Timestamp,
    pub started_at: Timestamp,
}

/// All controllers.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub at: Timestamp,
    pub own: u64,
    pub controllers: BTreeMap<u64, Seen>,
    pub voters: BTreeSet<u64>,
    /// Index of the newest log entry of all.
    pub newest: u64,
    /// End of the cluster's CA.
    pub ca_ends_at: Timestamp,
}

/// One controller.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub name: String,
    /// It answered; this is what it said.
    pub status: Option<PeerStatus>,
    pub readings: Option<Readings>,
    /// Milliseconds that its clock is ahead of the one here, as far as the time that the answer took lets it be known.
    pub ahead_ms: Option<i64>,
}

/// All hosts.
#[derive(Clone, Debug, Default)]
pub struct Roll {
    /// Those with a session somewhere.
    pub connected: HashSet<HostId>,
    /// Events that agents lost since they started, where there are some.
    pub lost: BTreeMap<HostId, u64>,
    /// Those whose engine does not answer.
    pub engineless: BTreeSet<HostId>,
    /// Whom guards let pass by break-glass.
    pub passes: BTreeMap<HostId, BreakGlassPass>,
    /// Controllers that did not say.
    pub silent: Vec<u64>,
}

impl Sight {
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }

    /// Asks all other controllers how they are.
    pub async fn controllers(&self) -> View {
        let answers = ask_all(&self.raft, |number| async move {
            let asked = self.now();
            match self.raft.ask(number, Request::Status, STATUS_LIMIT).await {
                Ok(Reply::Status(status)) => {
                    let ahead = status.now.map(|there| ahead(asked, there, self.now()));
                    Some((*status, ahead))
                }
                Ok(_) => None,
                Err(error) => {
                    tracing::debug!(controller = number, %error, "no answer");
                    None
                }
            }
        })
        .await;
        let (metrics, members) = (self.raft.metrics(), self.raft.members());
        let mut view = View {
            at: self.now(),
            own: metrics.id,
            voters: members.voters.last().cloned().unwrap_or_default(),
            newest: metrics.last_log_index.unwrap_or(0),
            ca_ends_at: self.ca_ends_at,
            controllers: BTreeMap::new(),
        };
        for (number, controller) in &self.raft.state().controllers.members {
            // Who is about to come or to go need not be there.
            if controller.leaving || controller.status == ControllerStatus::Joining {
                continue;
            }
            let seen = Seen { name: controller.seat.name.clone(), ..Seen::default() };
            view.controllers.insert(*number, seen);
        }
        for (number, (status, ahead_ms)) in answers {
            let Some(seen) = view.controllers.get_mut(&number) else { continue };
            view.newest = view.newest.max(status.last_log_index);
            (seen.readings, seen.ahead_ms) = (status.readings.clone(), ahead_ms);
            seen.status = Some(status);
        }
        let own = view.controllers.entry(view.own).or_default();
        own.status = Some(own_status(&self.raft, self.started_at));
        (own.readings, own.ahead_ms) = (Some(self.sampler.now()), Some(0));
        view
    }

    /// Asks all other controllers which hosts they have.
    pub async fn hosts(&self) -> Roll {
        let answers = ask_all(&self.raft, |number| async move {
            let answer = self.raft.ask(number, Request::Connected, LIST_LIMIT).await;
            Some(match answer {
                Ok(Reply::Connected(present)) => Some(present),
                _ => None,
            })
        });
        let mut roll = Roll::default();
        roll.add(self.fleet.present());
        for (number, answer) in answers.await {
            match answer {
                Some(present) => roll.add(present),
                None => roll.silent.push(number),
            }
        }
        roll
    }
}

impl Roll {
    fn add(&mut self, present: Present) {
        self.connected.extend(present.hosts);
        self.lost.extend(present.lost);
        self.engineless.extend(present.engineless);
        self.passes.extend(present.passes);
    }
}

/// How far a clock is ahead that was read between two moments: as little as that leaves possible.
fn ahead(asked: Timestamp, there: Timestamp, heard: Timestamp) -> i64 {
    let number = |at: Timestamp| i64::try_from(at.0).unwrap_or(i64::MAX);
    let (asked, there, heard) = (number(asked), number(there), number(heard));
    if there < asked { there.saturating_sub(asked) } else { there.saturating_sub(heard).max(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_only_ahead_by_what_the_way_cannot_explain() {
        let ahead = |asked, there, heard| super::ahead(Timestamp(asked), Timestamp(there), Timestamp(heard));
        assert_eq!(ahead(1000, 1500, 2000), 0);
        assert_eq!(ahead(1000, 2500, 2000), 500);
        assert_eq!(ahead(1000, 400, 2000), -600);
    }
}
