//! The replicated state: commands by noun, one function that applies them, snapshots.
//!
//! Place in the path of data: `raft` commits a [`Batch`], the store hands each [`Entry`] to [`State::apply`], and
//! what changed is published from there. Reads look at a clone of the whole [`State`], which costs nothing.
//!
//! Must not know: Cedar, openraft, tokio, clocks, randomness, hash-ordered iteration. Two replicas that applied the
//! same log are equal byte for byte; time and randomness come in the entry. Policy is kept as text: an upgrade of
//! the policy engine must not make replicas disagree.

mod access;
mod alert;
mod apply;
mod audit;
mod capacity;
mod cluster;
mod command;
mod controller;
mod directory;
mod docker;
mod ended;
mod entry;
mod factors;
mod hex;
mod host;
mod level;
pub mod limits;
mod lines;
mod lockout;
mod policy;
mod replies;
mod restore;
mod sealing;
mod service;
mod session;
mod shared;
mod snapshot;
mod step_up;
mod token;
mod witness;

pub use access::{Account, Invite, User};
pub use alert::{Acknowledged, Alert, Channel, Message, Route, Told};
pub use apply::State;
pub use audit::{AuditLog, AuditRecord};
pub use capacity::ThresholdsHeld;
pub use cluster::{Cluster, RetiredKey, SealedKeys};
pub use command::{
    AccountCommand, AlertCommand, AuditCommand, CapacityCommand, ChannelCommand, ClusterCommand, Command,
    ControllerCommand, Delivery, DeviceProof, DockerCommand, FirstPolicy, GroupCommand, HostCommand, KeyCommand,
    PolicyCommand, PolicyOrigin, Proof, Resealed, SealedRecord, ServiceCommand, SessionCommand, TokenCommand,
    UserCommand,
};
pub use controller::{Controller, ControllerCode, ControllerStatus, Controllers, Seat};
pub use directory::Group;
pub use docker::{DockerSession, Issues};
pub use ended::{EndReason, EndedSession};
pub use entry::{Actor, Applied, Batch, Change, Entry, Kind, Origin, Rejection, Replies, Reply};
pub use hex::Hex;
pub use host::Host;
pub use level::{LEVEL, LEVEL_AUTHORS, LEVEL_COPIES, LEVEL_INVITES, LEVEL_KEYS, LEVEL_REQUEST};
pub use lockout::{Device, Failures};
pub use policy::{Policy, PolicyVersion};
pub use restore::EPOCH_ENTRIES;
pub use sealing::{KeyChange, Sealing};
pub use service::ServiceAccount;
pub use session::Session;
pub use shared::Shared;
pub use snapshot::SnapshotError;
pub use token::JoinToken;
