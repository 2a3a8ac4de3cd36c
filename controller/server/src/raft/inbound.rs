//! What this replica answers to others.

use super::{
    Raft,
    message::{Answer, Call, Lost, Part},
    propose::Miss,
};
use crate::{limits, peers::Reply};
use openraft::{
    BasicNode,
    error::{InstallSnapshotError, RaftError},
    raft::InstallSnapshotRequest,
};
use tokio::time::timeout;
use wharden_state::Entry;
use wharden_store::limits::COMMAND_MAX;

impl Raft {
    /// Answers another replica. Whoever asks has proved to be controller `from`; in another's name it may not speak.
    pub async fn answer(&self, from: u64, call: Call) -> Answer {
        if call.author() != from {
            return Answer::Failed(format!("controller {from} speaks for controller {}", call.author()));
        }
        match call {
            Call::Append(request) => {
                // Before the disk has it: a slow disk is no silence.
                self.heard(&request.vote);
                self.inner.append_entries(request).await.map_or_else(|e| Answer::Failed(e.to_string()), Answer::Append)
            }
            Call::Vote(request) => match self.inner.vote(request).await {
                Ok(response) => {
                    if response.vote_granted {
                        self.ear.hear();
                    }
                    Answer::Vote(response)
                }
                Err(error) => Answer::Failed(error.to_string()),
            },
            Call::Snapshot(part) => {
                self.heard(&part.vote);
                self.take(part).await
            }
            Call::Canvass(canvass) => self.canvassed(&canvass),
            Call::Lost(lost) => Answer::Failed(self.lost(&lost).await),
        }
    }

    /// The leader was told by whoever had its address that this log has less than it had. Of two processes with the same
    /// certificate only the one of which that is true gives up.
    async fn lost(&self, lost: &Lost) -> String {
        let (at, last) = (lost.at.index, self.durable.last());
        if last.is_some_and(|last| last.index >= at) {
            return format!("entry {at} is here");
        }
        // Who was told first has said which.
        let _ = self.lost.set(at);
        self.stop().await;
        format!("entry {at} is lost")
    }

    /// openraft keeps what it has of a snapshot by the snapshot's id until another one comes. The id says which bytes it has,
    /// so they may come from one leader and then from another.
    async fn take(&self, part: Part) -> Answer {
        let Part { vote, meta, offset, done, resumes, data } = part;
        let end = offset.saturating_add(data.len() as u64);
        if end > limits::RAFT_SNAPSHOT_MAX {
            return Answer::Failed(format!("a snapshot has at most {} bytes", limits::RAFT_SNAPSHOT_MAX));
        }
        // Held until openraft has it too, so that nothing is counted that it dropped.
        let mut arriving = self.arriving.lock().await;
        let (id, held) = arriving.take().unwrap_or_default();
        let held = if id == meta.snapshot_id { held } else { 0 };
        let id = meta.snapshot_id.clone();
        match self.inner.install_snapshot(InstallSnapshotRequest { vote, meta, offset, data, done }).await {
            Ok(response) if done || response.vote > vote => Answer::Snapshot(response),
            Ok(response) => {
                let bytes = if offset <= held { held.max(end) } else { held };
                *arriving = Some((id, bytes));
                if resumes { Answer::Have { vote: response.vote, bytes } } else { Answer::Snapshot(response) }
            }
            Err(RaftError::APIError(InstallSnapshotError::SnapshotMismatch(mismatch))) => Answer::Mismatch(mismatch),
            Err(error) => Answer::Failed(error.to_string()),
        }
    }

    /// Commits what another controller forwards, if this one leads.
    pub async fn commit_for(&self, entries: Vec<Entry>) -> Reply {
        let size: usize = entries.iter().map(wharden_store::Store::command_size).fold(0, usize::saturating_add);
        if size > COMMAND_MAX || entries.len() > limits::BATCH_ENTRIES {
            return Reply::Failed("more changes than one log entry takes".to_owned());
        }
        match timeout(limits::PROPOSE_LIMIT, self.link.here(entries)).await {
            Ok(Ok((index, replies))) => Reply::Proposed { index, replies },
            Ok(Err(Miss::Elsewhere(leader))) => Reply::NotLeader { leader },
            Ok(Err(Miss::Again(why) | Miss::Dead(why))) => Reply::Failed(why),
            Err(_) => Reply::Failed("there is no quorum".to_owned()),
        }
    }

    /// The index that a reader must have applied to see everything that was acknowledged before now, if this one leads.
    pub async fn read_index(&self) -> Reply {
        match timeout(limits::READ_LIMIT, self.inner.get_read_log_id()).await {
            Ok(Ok((read, _))) => Reply::ReadIndex { index: read.map(|id| id.index) },
            Ok(Err(error)) => error.forward_to_leader::<BasicNode>().map_or_else(
                || Reply::Failed(error.to_string()),
                |forward| Reply::NotLeader { leader: forward.leader_id },
            ),
            Err(_) => Reply::Failed("there is no quorum".to_owned()),
        }
    }
}
