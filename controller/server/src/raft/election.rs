//! Who stands for election, and when. openraft's own timer is off: it draws its patience once in a process, and a candidate
//! that was not elected, because another one has more of the log or a higher number, waits for three seconds.
//!
//! ```text
//! the leader is heard ── silence ──▶ is its process gone? ── yes ──▶ as soon as nobody may be bound to it any more
//!        ▲                                    └───────────── no ───▶ after a patience, drawn anew each time
//!        │                                                                    │
//!        └── somebody leads, or hears it, or has more of the log ◀── canvass ─┴─▶ a quorum would follow: stand
//! ```
//!
//! A canvass changes nothing: no term grows by it, so whoever is cut off, or hears nothing on a machine that is busy, makes
//! nobody else stop. It only decides when to stand; whether the election is won is openraft's.

use super::{
    Raft,
    message::{Answer, Call, Canvass, Canvassed},
    propose::Link,
};
use crate::{
    limits::{
        CANVASS_LIMIT, ELECTION_AGAIN, ELECTION_PATIENCE, ELECTION_RETRY, ELECTION_SOON, RAFT_HEARTBEAT, SILENCE_BINDS,
        SILENCE_ODD,
    },
    peers::{CallError, Reply, Request},
};
use futures::future::join_all;
use openraft::ServerState;
use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};
use wharden_runtime::shutdown::Shutdown;
use wharden_store::{Durable, LogId, Vote};

/// When the leader was heard, or somebody else was given this controller's vote.
#[derive(Clone)]
pub(super) struct Ear(Arc<Heard>);

struct Heard {
    at: Mutex<Instant>,
    /// Somebody who does not hear the leader either has less of the log.
    asked: Notify,
}

impl Default for Ear {
    fn default() -> Self {
        Self(Arc::new(Heard { at: Mutex::new(Instant::now()), asked: Notify::new() }))
    }
}

impl Ear {
    pub(super) fn hear(&self) {
        *self.0.at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn heard(&self) -> Instant {
        *self.0.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Raft {
    /// Whether this controller would follow another leader.
    pub(super) fn canvassed(&self, by: &Canvass) -> Answer {
        let last = self.durable.last();
        let hears = self.hears_a_leader();
        if !hears && last > by.last {
            self.ear.0.asked.notify_one();
        }
        Answer::Canvassed(Canvassed { hears, last })
    }

    fn hears_a_leader(&self) -> bool {
        let metrics = self.inner.metrics();
        let metrics = metrics.borrow();
        match metrics.millis_since_quorum_ack {
            _ if !metrics.state.is_leader() => self.ear.heard().elapsed() < SILENCE_BINDS,
            // It may lead without anybody behind it.
            silence => silence.is_none_or(|silence| Duration::from_millis(silence) < SILENCE_BINDS),
        }
    }

    /// Somebody speaks as the leader, or a candidate, with this vote.
    pub(super) fn heard(&self, vote: &Vote) {
        if *vote >= self.inner.metrics().borrow().vote {
            self.ear.hear();
        }
    }
}

/// What a controller is when it looks.
enum Place {
    Leads,
    /// The only one that votes.
    Alone {
        begun: bool,
    },
    Follows,
    /// It has no vote.
    Watches,
    Ended,
}

/// What the others say.
#[derive(Debug, PartialEq, Eq)]
enum Mood {
    Follow,
    /// One of them has more of the log, and knows now that it is missed.
    HasMore,
    /// Some hear the leader, or too few say anything.
    Wait,
}

/// Sends heartbeats while this controller leads, and stands when nobody does.
pub(super) struct Election {
    pub link: Link,
    pub ear: Ear,
    pub durable: Durable,
}

impl Election {
    /// Until the shutdown.
    pub async fn run(self, shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.stopped() => {}
            () = self.take_part() => {}
        }
    }

    async fn take_part(&self) {
        let mut yields = true;
        loop {
            match self.place() {
                Place::Ended => return,
                Place::Leads => {
                    self.ear.hear();
                    // It has stopped then, which the next look shows.
                    let _ = self.link.raft.trigger().heartbeat().await;
                    sleep(RAFT_HEARTBEAT).await;
                }
                Place::Alone { begun } => {
                    if !begun {
                        self.stand().await;
                    }
                    self.outcome().await;
                }
                Place::Follows => yields = self.follow(yields).await,
                Place::Watches => {
                    let mut metrics = self.link.raft.metrics();
                    let own = self.link.own;
                    let votes = metrics.wait_for(|now| {
                        now.running_state.is_err() || now.membership_config.membership().voter_ids().any(|id| id == own)
                    });
                    // An error is a replica that is gone, which the next look shows.
                    let _ = votes.await;
                    self.ear.hear();
                }
            }
        }
    }

    fn place(&self) -> Place {
        let metrics = self.link.raft.metrics();
        // A replica that is gone changes nothing any more.
        if metrics.has_changed().is_err() {
            return Place::Ended;
        }
        let metrics = metrics.borrow();
        let mut voters = metrics.membership_config.membership().voter_ids();
        match metrics.state {
            _ if metrics.running_state.is_err() => Place::Ended,
            ServerState::Shutdown => Place::Ended,
            ServerState::Leader => Place::Leads,
            _ if !voters.any(|voter| voter == self.link.own) => Place::Watches,
            state if metrics.membership_config.membership().voter_ids().count() == 1 => {
                Place::Alone { begun: state == ServerState::Candidate }
            }
            _ => Place::Follows,
        }
    }

    /// One silence, or none. Whether it yields to one that has more of the log, the next time: in each silence once, since that
    /// one may not get a quorum.
    async fn follow(&self, yields: bool) -> bool {
        let heard = self.ear.heard();
        let mut asked = self.silence(heard + SILENCE_ODD).await;
        if self.ear.heard() > heard {
            return true;
        }
        let soon = heard + SILENCE_BINDS + within(ELECTION_SOON);
        if !asked {
            let due = if self.is_gone().await { soon } else { heard + within(ELECTION_PATIENCE) };
            asked = self.silence(due).await;
        }
        if asked {
            sleep_until(soon).await;
        }
        if self.ear.heard() > heard {
            return true;
        }
        let (pause, yields) = match self.canvass(yields).await {
            // Meanwhile it may have been heard, or given its vote away.
            Mood::Follow if self.ear.heard() == heard => {
                self.stand().await;
                self.outcome().await;
                return true;
            }
            Mood::HasMore => (within(ELECTION_RETRY), false),
            Mood::Follow | Mood::Wait => (within(ELECTION_AGAIN), yields),
        };
        self.silence(Instant::now() + pause).await;
        yields
    }

    /// Waits until then; true when it was asked to stand before.
    async fn silence(&self, until: Instant) -> bool {
        tokio::select! {
            () = sleep_until(until) => false,
            () = self.ear.0.asked.notified() => true,
        }
    }

    /// Nobody listens where the leader was, so its process has ended. One that stands still, or is cut off, keeps its
    /// connections and only says nothing.
    async fn is_gone(&self) -> bool {
        let leader = self.link.raft.metrics().borrow().current_leader;
        match leader {
            Some(leader) if leader != self.link.own => {
                let own = self.link.own;
                let call = Request::Raft(Call::Canvass(Canvass { by: own, last: None }));
                let answer = self.link.transport.call(leader, call, CANVASS_LIMIT).await;
                matches!(answer, Err(CallError::Unreachable { .. }))
            }
            _ => true,
        }
    }

    async fn canvass(&self, yields: bool) -> Mood {
        let last = self.durable.last();
        let (voters, leader) = {
            let metrics = self.link.raft.metrics();
            let metrics = metrics.borrow();
            (metrics.membership_config.membership().get_joint_config().clone(), metrics.current_leader)
        };
        let own = self.link.own;
        let others: BTreeSet<u64> = voters.iter().flatten().copied().filter(|voter| *voter != own).collect();
        // The leader is silent: it is asked only when it takes its vote too, since it may have begun anew.
        let (silent, others): (Vec<u64>, Vec<u64>) = others.into_iter().partition(|other| Some(*other) == leader);
        let mut answers = self.ask(&others, last).await;
        let found = mood(&voters, (own, last), &answers, yields);
        if found != Mood::Wait {
            return found;
        }
        answers.extend(self.ask(&silent, last).await);
        mood(&voters, (own, last), &answers, yields)
    }

    async fn ask(&self, others: &[u64], last: Option<LogId>) -> Vec<(u64, Canvassed)> {
        let asked = others.iter().map(|other| async move {
            let call = Request::Raft(Call::Canvass(Canvass { by: self.link.own, last }));
            let answer = match self.link.transport.call(*other, call, CANVASS_LIMIT).await {
                Ok(Reply::Raft(Answer::Canvassed(answer))) => Some(answer),
                // A version from before canvasses; it says no when it is asked for its vote.
                Err(CallError::Refused(_)) => Some(Canvassed { hears: false, last: None }),
                _ => None,
            };
            Some((*other, answer?))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn stand(&self) {
        tracing::info!("nobody leads: standing for election");
        // It has stopped then, which the next look shows.
        let _ = self.link.raft.trigger().elect().await;
    }

    /// Waits until somebody leads, but not for long.
    async fn outcome(&self) {
        let mut metrics = self.link.raft.metrics();
        let term = metrics.borrow().current_term;
        let decided =
            metrics.wait_for(|now| now.state.is_leader() || now.current_term > term && now.current_leader.is_some());
        // Then the next look shows it.
        let _ = timeout(within(ELECTION_RETRY), decided).await;
    }
}

/// What follows from the answers of the others: enough of them, in each set of voters that counts, hear nobody and have no
/// more of the log.
fn mood(
    voters: &[BTreeSet<u64>],
    (own, last): (u64, Option<LogId>),
    answers: &[(u64, Canvassed)],
    yields: bool,
) -> Mood {
    let silent = answers.iter().filter(|(_, answer)| !answer.hears);
    if yields && silent.clone().any(|(_, answer)| answer.last > last) {
        return Mood::HasMore;
    }
    let followers: BTreeSet<u64> = silent.filter(|(_, answer)| answer.last <= last).map(|(from, _)| *from).collect();
    let quorum = |voters: &BTreeSet<u64>| {
        voters.iter().filter(|voter| **voter == own || followers.contains(voter)).count() * 2 > voters.len()
    };
    if voters.iter().all(quorum) { Mood::Follow } else { Mood::Wait }
}

fn within(range: Range<Duration>) -> Duration {
    rand::random_range(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openraft::CommittedLeaderId;

    fn at(index: u64) -> Option<LogId> {
        Some(LogId::new(CommittedLeaderId::new(3, 1), index))
    }

    fn told(from: u64, hears: bool, last: u64) -> (u64, Canvassed) {
        (from, Canvassed { hears, last: at(last) })
    }

    #[test]
    fn one_stands_when_a_quorum_of_each_set_hears_nobody_and_has_no_more_of_the_log() {
        let three = [BTreeSet::from([1, 2, 3])];
        assert_eq!(mood(&three, (2, at(7)), &[told(3, false, 7)], true), Mood::Follow);
        assert_eq!(mood(&three, (2, at(7)), &[told(3, false, 6)], true), Mood::Follow);
        assert_eq!(mood(&three, (2, at(7)), &[told(3, false, 8)], true), Mood::HasMore);
        assert_eq!(mood(&three, (2, at(7)), &[told(3, false, 8)], false), Mood::Wait, "it would say no");
        assert_eq!(mood(&three, (2, at(7)), &[told(1, false, 7), told(3, false, 8)], false), Mood::Follow);
        assert_eq!(mood(&three, (2, at(7)), &[told(3, true, 8)], true), Mood::Wait);
        assert_eq!(mood(&three, (2, at(7)), &[], true), Mood::Wait);
        let half_changed = [BTreeSet::from([1, 2, 3]), BTreeSet::from([2, 4, 5])];
        assert_eq!(mood(&half_changed, (2, at(7)), &[told(3, false, 7)], true), Mood::Wait);
        assert_eq!(mood(&half_changed, (2, at(7)), &[told(3, false, 7), told(5, false, 1)], true), Mood::Follow);
    }
}
