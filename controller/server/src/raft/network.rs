//! Raft's way to its peers, over whatever carries messages between controllers.

use super::{
    loss::Acknowledged,
    message::{Answer, Call, Lost, Part},
};
use crate::peers::{CallError, Reply, Request, Transport};
use openraft::{
    BasicNode,
    error::{InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Unreachable},
    network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
        VoteResponse,
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use wharden_store::{Durable, LogId, TypeConfig, Vote};

use crate::limits::{OWN_DISK_PATIENCE, PEER_AWAY, PEER_RETRY};

/// Makes the way to each peer.
#[derive(Clone)]
pub(super) struct Network {
    pub transport: Arc<dyn Transport>,
    /// How far this controller's own disk has its log.
    pub durable: Durable,
    pub acknowledged: Acknowledged,
}

/// The way to one peer.
pub(super) struct Link {
    to: u64,
    presence: Presence,
    transport: Arc<dyn Transport>,
    durable: Durable,
    acknowledged: Acknowledged,
    /// Id of the snapshot that goes there, and how many bytes of it are there already.
    there: Option<(String, u64)>,
}

/// Whether the peer answers the leader. In the log it is one line when it has not for a while, and one when it does again.
#[derive(Default)]
struct Presence {
    /// The first question since its last answer.
    since: Option<Instant>,
    why: Option<String>,
    said: bool,
}

impl Presence {
    /// Before each question: the wait for an answer may be broken off.
    fn asked(&mut self, to: u64) {
        let silent = self.since.get_or_insert_with(Instant::now).elapsed();
        if silent >= PEER_AWAY && !self.said {
            let why = self.why.as_deref().unwrap_or("it says nothing");
            tracing::warn!(controller = to, why, "a controller does not answer; it is tried until it does");
            self.said = true;
        }
    }

    fn answered(&mut self, to: u64, error: Option<String>) {
        if error.is_some() {
            self.why = error;
            return;
        }
        let silent = self.since.map(|since| since.elapsed()).unwrap_or_default();
        if std::mem::take(self).said {
            tracing::info!(controller = to, after_s = silent.as_secs(), "a controller answers again");
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("controller {to}: {why}")]
struct Trouble {
    to: u64,
    why: String,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Link;

    async fn new_client(&mut self, to: u64, _node: &BasicNode) -> Link {
        Link {
            to,
            presence: Presence::default(),
            transport: Arc::clone(&self.transport),
            durable: self.durable.clone(),
            acknowledged: self.acknowledged.clone(),
            there: None,
        }
    }
}

impl Link {
    async fn ask<E: std::error::Error>(
        &self,
        call: Call,
        limit: Duration,
    ) -> Result<Answer, RPCError<u64, BasicNode, E>> {
        match self.transport.call(self.to, Request::Raft(call), limit).await {
            Ok(Reply::Raft(Answer::Failed(why))) => Err(self.away(why)),
            Ok(Reply::Raft(answer)) => Ok(answer),
            Ok(_) => Err(self.odd()),
            Err(error @ (CallError::Unreachable { .. } | CallError::Refused(_))) => Err(self.away(error.to_string())),
            Err(error) => {
                let trouble = Trouble { to: self.to, why: error.to_string() };
                Err(RPCError::Network(NetworkError::new(&trouble)))
            }
        }
    }

    /// It does not have the entry `at`, although it has acknowledged it. openraft may not hear of it as a conflict.
    async fn lost<E: std::error::Error>(&self, vote: Vote, at: LogId, limit: Duration) -> RPCError<u64, BasicNode, E> {
        let (to, index) = (self.to, at.index);
        let why = format!("it has lost entry {index}, which it had acknowledged");
        if self.acknowledged.lacks(to, &vote) {
            tracing::error!(
                controller = to,
                "a controller has lost part of its log: {why}. It gets no more and counts for nothing; bring its newest data \
                 folder back, or let a new one take its place: `wharden cluster replace {to}`"
            );
        }
        // An earlier version does not know the question; what it would answer is of no use either way.
        let _ = self.transport.call(to, Request::Raft(Call::Lost(Lost { vote, at })), limit).await;
        self.away(why)
    }

    /// Not worth trying at once again.
    fn away<E: std::error::Error>(&self, why: String) -> RPCError<u64, BasicNode, E> {
        RPCError::Unreachable(Unreachable::new(&Trouble { to: self.to, why }))
    }

    fn odd<E: std::error::Error>(&self) -> RPCError<u64, BasicNode, E> {
        let trouble = Trouble { to: self.to, why: "it gave an answer to another question".to_owned() };
        RPCError::Network(NetworkError::new(&trouble))
    }
}

impl RaftNetwork<TypeConfig> for Link {
    async fn append_entries(
        &mut self,
        mut request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, RPCError<u64, BasicNode, RaftError<u64>>> {
        let (vote, begin) = (request.vote, request.prev_log_id);
        let end = request.entries.last().map(|entry| entry.log_id).or(begin);
        // Before it is asked: what it acknowledges meanwhile, another question may have been too early for.
        let acknowledged = self.acknowledged.upto(self.to, &vote);
        // openraft counts this controller as soon as the entry is on its way to the disk.
        request.leader_commit = self.durable.tellable(request.leader_commit, OWN_DISK_PATIENCE).await;
        self.presence.asked(self.to);
        let answer = self.ask(Call::Append(request), option.hard_ttl()).await;
        self.presence.answered(self.to, answer.as_ref().err().map(ToString::to_string));
        let Answer::Append(response) = answer? else { return Err(self.odd()) };
        match (&response, begin) {
            (AppendEntriesResponse::Success, _) => self.acknowledged.has(self.to, &vote, end),
            (AppendEntriesResponse::PartialSuccess(upto), _) => self.acknowledged.has(self.to, &vote, *upto),
            (AppendEntriesResponse::Conflict, Some(begin)) if Some(begin) <= acknowledged => {
                return Err(self.lost(vote, begin, option.hard_ttl()).await);
            }
            (AppendEntriesResponse::Conflict | AppendEntriesResponse::HigherVote(_), _) => {}
        }
        Ok(response)
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<u64>, RPCError<u64, BasicNode, RaftError<u64, InstallSnapshotError>>> {
        let InstallSnapshotRequest { vote, meta, offset, data, done } = request;
        let (id, end) = (meta.snapshot_id.clone(), offset + data.len() as u64);
        let is_there = self.there.as_ref().is_some_and(|(of, bytes)| *of == id && end <= *bytes);
        // The first part always goes: its answer says how much is there by now.
        if is_there && offset > 0 && !done {
            return Ok(InstallSnapshotResponse { vote });
        }
        let end_of_log = meta.last_log_id;
        let part = Part { vote, meta, offset, done, resumes: true, data };
        // After an error only the answer to the next part that goes says it.
        self.there = None;
        match self.ask(Call::Snapshot(part), option.hard_ttl()).await? {
            Answer::Snapshot(response) => {
                if done && response.vote == vote {
                    self.acknowledged.has(self.to, &vote, end_of_log);
                }
                Ok(response)
            }
            Answer::Have { vote, bytes } => {
                self.there = Some((id, bytes));
                Ok(InstallSnapshotResponse { vote })
            }
            Answer::Mismatch(mismatch) => {
                let error = RaftError::APIError(InstallSnapshotError::SnapshotMismatch(mismatch));
                Err(RPCError::RemoteError(RemoteError::new(self.to, error)))
            }
            _ => Err(self.odd()),
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<u64>,
        option: RPCOption,
    ) -> Result<VoteResponse<u64>, RPCError<u64, BasicNode, RaftError<u64>>> {
        match self.ask(Call::Vote(request), option.hard_ttl()).await? {
            Answer::Vote(response) => Ok(response),
            _ => Err(self.odd()),
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(PEER_RETRY))
    }
}
