//! The one place where changes go to the leader.
//!
//! Proposals that wait at the same moment share a log entry, and so one fsync. When this controller does not lead, the
//! batch goes to the one that does, under the same request ids: when an answer got lost, or a leader fell in the middle,
//! the same batch goes again, and what was applied before is answered from memory and not applied twice.

use super::ProposeError;
use crate::{
    limits,
    peers::{CallError, Reply, Request, Transport},
};
use openraft::BasicNode;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};
use wharden_state::{Applied, Batch, Entry, Reply as Replied};
use wharden_store::{Store, TypeConfig, limits::COMMAND_MAX};

/// An entry and where its reply goes.
pub(super) struct Proposal {
    entry: Entry,
    size: usize,
    reply: oneshot::Sender<Result<Replied, ProposeError>>,
}

/// Queues an entry and waits for its reply.
pub(super) async fn submit(queue: &mpsc::Sender<Proposal>, entry: Entry) -> Result<Applied, ProposeError> {
    let size = Store::command_size(&entry);
    if size > COMMAND_MAX {
        return Err(ProposeError::TooLarge { size, max: COMMAND_MAX });
    }
    let (reply, answer) = oneshot::channel();
    let answered = async {
        let stopping = || "the controller is stopping".to_owned();
        queue.send(Proposal { entry, size, reply }).await.map_err(|_| ProposeError::Unavailable(stopping()))?;
        answer.await.map_err(|_| ProposeError::Unconfirmed(stopping()))
    };
    match timeout(limits::PROPOSE_LIMIT, answered).await {
        Ok(answered) => Ok(answered???),
        Err(_) => Err(ProposeError::Unconfirmed("no leader with a majority took it in time".to_owned())),
    }
}

/// Why a batch was not committed this time.
pub(super) enum Miss {
    /// Another one leads; `None` while nobody does.
    Elsewhere(Option<u64>),
    /// Worth trying again.
    Again(String),
    /// This replica has stopped.
    Dead(String),
}

/// The replica, and the way to the others.
#[derive(Clone)]
pub(super) struct Link {
    pub raft: openraft::Raft<TypeConfig>,
    pub transport: Arc<dyn Transport>,
    pub own: u64,
}

impl Link {
    /// Commits on this controller, if it leads: the index, and what became of each entry.
    pub async fn here(&self, entries: Vec<Entry>) -> Result<(u64, Vec<Replied>), Miss> {
        match self.raft.client_write(Batch(entries)).await {
            Ok(response) => Ok((response.log_id.index, response.data.0)),
            Err(error) => Err(match error.forward_to_leader::<BasicNode>() {
                Some(forward) => Miss::Elsewhere(forward.leader_id.filter(|leader| *leader != self.own)),
                None => Miss::Dead(error.to_string()),
            }),
        }
    }

    async fn there(&self, leader: u64, entries: Vec<Entry>, limit: Duration) -> Result<Vec<Replied>, Miss> {
        match self.transport.call(leader, Request::Propose(entries), limit).await {
            Ok(Reply::Proposed { index, replies }) => {
                // Whoever is answered here may read here.
                self.applied(index, limit).await.map_err(Miss::Again)?;
                Ok(replies)
            }
            Ok(Reply::Failed(why)) => Err(Miss::Again(why)),
            Ok(_) => Err(Miss::Again(format!("controller {leader} does not lead"))),
            Err(CallError::Removed { number }) => Err(Miss::Dead(CallError::Removed { number }.to_string())),
            Err(error) => Err(Miss::Again(error.to_string())),
        }
    }

    /// Waits until this controller has applied the entry at `index`.
    pub async fn applied(&self, index: u64, limit: Duration) -> Result<(), String> {
        let waited = self.raft.wait(Some(limit)).applied_index_at_least(Some(index), "what was read or written").await;
        waited.map(drop).map_err(|error| error.to_string())
    }

    /// Returns when another controller leads.
    async fn replaced(&self, leader: u64) {
        let mut metrics = self.raft.metrics();
        let other = metrics.wait_for(|now| now.current_leader.is_some_and(|other| other != leader));
        if other.await.is_err() {
            // The replica is gone; the call ends by its limit.
            std::future::pending::<()>().await;
        }
    }

    async fn commit(&self, entries: &[Entry]) -> Result<Vec<Replied>, ProposeError> {
        let deadline = Instant::now() + limits::PROPOSE_LIMIT;
        let mut sent = false;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let tried = timeout_at(deadline, async {
                match self.here(entries.to_vec()).await {
                    Err(Miss::Elsewhere(Some(leader))) => tokio::select! {
                        // A leader that stands still answers nothing; the next one is asked under the same request ids.
                        sent = self.there(leader, entries.to_vec(), left) => sent,
                        () = self.replaced(leader) => Err(Miss::Again(format!("controller {leader} leads no more"))),
                    },
                    other => other.map(|(_, replies)| replies),
                }
            });
            let why = match tried.await {
                Ok(Ok(replies)) => return Ok(replies),
                Ok(Err(Miss::Dead(why))) => return Err(ProposeError::Unconfirmed(why)),
                Ok(Err(Miss::Elsewhere(_))) => "there is no leader".to_owned(),
                Ok(Err(Miss::Again(why))) => {
                    sent = true;
                    why
                }
                Err(_) => {
                    sent = true;
                    "there is no majority".to_owned()
                }
            };
            if Instant::now() + limits::ELECTION_PAUSE >= deadline {
                return Err(if sent { ProposeError::Unconfirmed(why) } else { ProposeError::Unavailable(why) });
            }
            sleep(limits::ELECTION_PAUSE).await;
        }
    }
}

/// Takes what waits, commits it as one entry, hands out the replies; until every sender is gone.
pub(super) async fn run(link: Link, mut waiting: mpsc::Receiver<Proposal>) {
    let mut held: Option<Proposal> = None;
    loop {
        let first = match held.take() {
            Some(proposal) => proposal,
            None => match waiting.recv().await {
                Some(proposal) => proposal,
                None => return,
            },
        };
        // Nobody waits for its answer any more.
        if first.reply.is_closed() {
            continue;
        }
        let mut size = first.size;
        let mut batch = vec![first];
        while batch.len() < limits::BATCH_ENTRIES {
            match waiting.try_recv() {
                Ok(next) if size + next.size > COMMAND_MAX => {
                    held = Some(next);
                    break;
                }
                Ok(next) => {
                    size += next.size;
                    batch.push(next);
                }
                Err(_) => break,
            }
        }
        let (entries, waiters): (Vec<_>, Vec<_>) = batch.into_iter().map(|p| (p.entry, p.reply)).unzip();
        let committed = link.commit(&entries).await;
        for (n, waiter) in waiters.into_iter().enumerate() {
            let reply = committed.as_ref().map_err(Clone::clone).and_then(|replies| {
                let incomplete = || ProposeError::Unconfirmed("the leader's answer is incomplete".to_owned());
                replies.get(n).cloned().ok_or_else(incomplete)
            });
            // A caller that went away does not need its reply.
            let _ = waiter.send(reply);
        }
    }
}
