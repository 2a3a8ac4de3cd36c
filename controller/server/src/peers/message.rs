//! Questions and answers between controllers, and their form on the wire: JSON in a frame with a version.

use crate::{
    alerts::Readings,
    capacity::{Ask as CapacityAsk, Told},
    events::{Ask, HeldPage, Kept, Part, RunKey},
    fleet::HostLive,
    inventory::{Answer as Found, Kind, Sign},
    raft::{Answer, Call},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wharden_model::{
    BootId, BreakGlassPass, DecisionEvent, EventQuery, HostId, HostReport, KeyId, Revision, Timestamp,
    api::{EventPage, InventoryQuery, Secret},
};
use wharden_proto::{PEER_VERSION, v1::PeerFrame};
use wharden_state::{Entry, LEVEL, Reply as Replied};

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
    /// A page of what your hosts have.
    Inventory { kind: Kind, query: Box<InventoryQuery> },
    /// When were these hosts last heard by you.
    Heard { hosts: Vec<HostId> },
    /// Keep these records of events too: such that I take now or, to mend, such that were acknowledged before.
    Keep {
        mend: bool,
        #[serde(skip)]
        records: Bytes,
    },
    /// Your part of a page of the events of all controllers.
    Part(Ask),
    /// Which events do you hold, of the runs after this one.
    Held { after: Option<RunKey> },
    /// Which hosts have a session with you.
    Connected,
    /// Which controllers answer you.
    Reach,
    /// About the capacity of your hosts.
    Capacity(CapacityAsk),
    /// Hold this cluster key, which the state says is offered: the line of a key file. Answer when it is on your disk.
    Hold { key: Secret },
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
    Status(Box<PeerStatus>),
    Hosts(Vec<PeerHost>),
    Events(EventPage),
    Event(Option<Box<DecisionEvent>>),
    Inventory(Found),
    /// Those that were heard at all.
    Heard(Vec<(HostId, Sign)>),
    Kept(Kept),
    Part(Part),
    Held(HeldPage),
    Connected(Present),
    Reach(Vec<u64>),
    Capacity(Box<Told>),
    Holds(KeyId),
    /// It could not be done.
    Failed(String),
    /// The asker is not a member any more.
    Removed,
}

/// How a controller is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What it can do.
    #[serde(default)]
    pub level: u32,
    /// Cluster keys on its disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_keys: Vec<KeyId>,
    /// Its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Timestamp>,
    /// How it finds itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readings: Option<Readings>,
}

/// The hosts that have a session with a controller, and what is to be said of some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    pub hosts: Vec<HostId>,
    /// Events that agents lost since they started, where there are some.
    pub lost: Vec<(HostId, u64)>,
    /// Those whose engine does not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engineless: Vec<HostId>,
    /// Whom guards let pass by break-glass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<(HostId, BreakGlassPass)>,
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

/// What a controller hears, or its log says, when it cannot do what the others use.
pub(super) fn too_old(number: u64, can: u32, must: u32) -> String {
    format!(
        "controller {number} runs a version that is too old for this cluster (it can do level {can}, the cluster uses level {must}): start a newer version on it"
    )
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
            Self::Raft(Call::Snapshot(part)) => std::mem::take(&mut part.data).into(),
            Self::Keep { records, .. } => std::mem::take(records),
            _ => Bytes::new(),
        };
        Ok(PeerFrame { attachment, ..frame(&self)? })
    }

    pub(super) fn from_frame(frame: PeerFrame) -> Result<Self, FrameError> {
        let mut request = open(&frame)?;
        match &mut request {
            Self::Raft(Call::Snapshot(part)) => part.data = frame.attachment.into(),
            Self::Keep { records, .. } => *records = frame.attachment,
            _ => {}
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
    let body = serde_json::to_vec(content)?.into();
    Ok(PeerFrame { version: PEER_VERSION, body, attachment: Bytes::new(), level: LEVEL })
}

fn open<T: for<'de> Deserialize<'de>>(frame: &PeerFrame) -> Result<T, FrameError> {
    if frame.version != PEER_VERSION {
        return Err(FrameError::Version(frame.version));
    }
    Ok(serde_json::from_slice(&frame.body)?)
}
