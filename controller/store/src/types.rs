//! What openraft is told about us.

use std::io::Cursor;
use wharden_state::{Batch, Replies};

openraft::declare_raft_types!(
    /// Log entries carry a [`Batch`] of commands, answers are its [`Replies`].
    pub TypeConfig: D = Batch, R = Replies, NodeId = u64, Node = openraft::BasicNode,
);

/// Number of a controller.
pub type NodeId = u64;
/// One entry of the log.
pub type LogEntry = openraft::Entry<TypeConfig>;
/// Place of an entry in the log.
pub type LogId = openraft::LogId<NodeId>;
/// Whom this controller votes for, and in which term.
pub type Vote = openraft::Vote<NodeId>;
/// Who the members are, and since which entry.
pub type Membership = openraft::StoredMembership<NodeId, openraft::BasicNode>;
