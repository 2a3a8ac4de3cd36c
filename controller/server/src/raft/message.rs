//! What replicas say to each other, as it goes over the wire: openraft's own messages as JSON, parts of snapshots as they
//! are.

use openraft::{
    SnapshotMeta, Vote,
    error::SnapshotMismatch,
    raft::{AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotResponse, VoteRequest, VoteResponse},
};
use serde::{Deserialize, Serialize};
use wharden_store::{LogId, TypeConfig};

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    Append(AppendEntriesRequest<TypeConfig>),
    Vote(VoteRequest<u64>),
    Snapshot(Part),
    /// Would you follow me.
    Canvass(Canvass),
    /// You do not have what you had acknowledged.
    Lost(Lost),
}

impl Call {
    /// In whose name it is: the leader or candidate.
    pub fn author(&self) -> u64 {
        let vote = match self {
            Self::Append(request) => &request.vote,
            Self::Vote(request) => &request.vote,
            Self::Snapshot(part) => &part.vote,
            Self::Canvass(canvass) => return canvass.by,
            Self::Lost(lost) => &lost.vote,
        };
        vote.leader_id.node_id
    }
}

/// What a leader tells one that has lost part of its log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lost {
    pub vote: Vote<u64>,
    /// An entry that was acknowledged to this leader in its term, and is not there.
    pub at: LogId,
}

/// A question before an election, which changes nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Canvass {
    pub by: u64,
    /// The last entry of the asker's log.
    pub last: Option<LogId>,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Canvassed {
    /// It hears a leader, or leads with a quorum behind it.
    pub hears: bool,
    /// The last entry of its log.
    pub last: Option<LogId>,
}

/// A part of a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub vote: Vote<u64>,
    pub meta: SnapshotMeta<u64, openraft::BasicNode>,
    pub offset: u64,
    pub done: bool,
    /// Whoever sends it wants to know how much is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumes: bool,
    /// Travels beside the JSON.
    #[serde(skip)]
    pub data: Vec<u8>,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Append(AppendEntriesResponse<u64>),
    Vote(VoteResponse<u64>),
    Snapshot(InstallSnapshotResponse<u64>),
    /// The same to one that resumes: the first so many bytes are there.
    Have {
        vote: Vote<u64>,
        bytes: u64,
    },
    /// The parts that were sent do not continue what is there: begin again.
    Mismatch(SnapshotMismatch),
    Canvassed(Canvassed),
    /// This replica cannot answer.
    Failed(String),
}
