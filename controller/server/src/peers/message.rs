//! Questions and answers between controllers, and their form on the wire: JSON in a frame with a version.

use crate::{
    fleet::HostLive,
    raft::{Answer, Call},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wharden_model::{BootId, DecisionEvent, EventQuery, HostId, HostReport, Revision, Timestamp, api::EventPage};
use wharden_proto::{PEER_VERSION, v1::PeerFrame};
use wharden_state::{Entry, Reply as Replied};

/// A question. A variant, once released, keeps its form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Of one replica to another.
    Raft(Call),
    /// Commit these, if you lead.
    Propose(Vec<Entry>),
    /// How far must a read go, if you lead.
    ReadIndex,
    /// How are you.
    Status,
    /// Hosts that have or had a session with you, by id, after this one.
    Hosts { after: Option<HostId> },
    /// Your decision events. An empty cursor is the place before the first.
    Events(EventQuery),
    /// One of them.
    Event { host: HostId, boot: BootId, seq: u64 },
}

/// An answer. A variant, once released, keeps its form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Raft(Answer),
    /// Committed at this index; what became of each.
    Proposed {
        index: u64,
        replies: Vec<Replied>,
    },
    NotLeader {
        leader: Option<u64>,
    },
    ReadIndex {
        index: Option<u64>,
    },
    Status(PeerStatus),
    Hosts(Vec<PeerHost>),
    Events(EventPage),
    Event(Option<Box<DecisionEvent>>),
    /// It could not be done.
    Failed(String),
    /// The asker is not a member any more.
    Removed,
}

/// How a controller is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    pub number: u64,
    /// Version of the program.
    pub version: String,
    pub role: String,
    pub term: u64,
    pub last_log_index: u64,
    pub applied_index: u64,
    pub started_at: Timestamp,
    /// Hosts with a session there.
    #[serde(default)]
    pub hosts_connected: u64,
    /// Those of them that do not hold the newest revision that concerns them.
    #[serde(default)]
    pub hosts_behind: u64,
    /// Decision events held there.
    #[serde(default)]
    pub events: u64,
}

/// A host as a controller knows it from its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerHost {
    pub id: HostId,
    pub connected: bool,
    pub last_seen_at: Option<Timestamp>,
    pub held_revision: Revision,
    pub nack: String,
    pub report: Option<HostReport>,
}

impl PeerHost {
    pub fn new(id: HostId, live: HostLive) -> Self {
        let HostLive { connected, last_seen_at, held_revision, nack, report, .. } = live;
        Self { id, connected, last_seen_at, held_revision, nack, report }
    }
}

impl From<PeerHost> for HostLive {
    fn from(host: PeerHost) -> Self {
        let PeerHost { connected, last_seen_at, held_revision, nack, report, .. } = host;
        Self { connected, last_seen_at, held_revision, nack, report, ..Self::default() }
    }
}

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error(
        "the message between controllers has version {0}, this controller ({version}) speaks version {PEER_VERSION}: bring both to versions that speak the same",
        version = env!("CARGO_PKG_VERSION")
    )]
    Version(u32),
    #[error("the message between controllers cannot be read: {0}")]
    Content(#[from] serde_json::Error),
}

impl Request {
    pub(super) fn into_frame(mut self) -> Result<PeerFrame, FrameError> {
        let attachment = match &mut self {
            Self::Raft(Call::Snapshot(part)) => std::mem::take(&mut part.data),
            _ => Vec::new(),
        };
        Ok(PeerFrame { attachment: attachment.into(), ..frame(&self)? })
    }

    pub(super) fn from_frame(frame: PeerFrame) -> Result<Self, FrameError> {
        let mut request = open(&frame)?;
        if let Self::Raft(Call::Snapshot(part)) = &mut request {
            part.data = frame.attachment.into();
        }
        Ok(request)
    }
}

impl Reply {
    pub(super) fn into_frame(self) -> Result<PeerFrame, FrameError> {
        frame(&self)
    }

    pub(super) fn from_frame(frame: &PeerFrame) -> Result<Self, FrameError> {
        open(frame)
    }
}

fn frame(content: &impl Serialize) -> Result<PeerFrame, FrameError> {
    Ok(PeerFrame { version: PEER_VERSION, body: serde_json::to_vec(content)?.into(), attachment: Bytes::new() })
}

fn open<T: for<'de> Deserialize<'de>>(frame: &PeerFrame) -> Result<T, FrameError> {
    if frame.version != PEER_VERSION {
        return Err(FrameError::Version(frame.version));
    }
    Ok(serde_json::from_slice(&frame.body)?)
}
