//! What the runner and its workers say to each other: a task on the command line, lines of JSON on the way back.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use wharden_store::{Engine, LogId, Vote};

/// What a worker is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub folder: PathBuf,
    pub engine: Engine,
    /// What the entries are made from.
    pub seed: u64,
    /// What the order of operations is made from.
    pub round: u64,
    /// Operations after which the worker ends in peace.
    pub ops: u64,
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Line {
    /// The store is open; this was in it.
    Opened(Found),
    /// The store cannot be opened, or what is in it is not what was written.
    Broken(String),
    /// An operation begins.
    Try(Op),
    /// It is acknowledged.
    Done,
    /// It is not, and the store is of no use any more.
    Failed(String),
}

/// What a worker asks of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    Vote(Vote),
    Append(Vec<LogId>),
    /// Removes this index and all after it.
    Truncate(u64),
    /// Not durable by itself.
    Committed(LogId),
    /// Applies up to here and writes a snapshot.
    Snapshot(LogId),
    /// Removes this index and all before it.
    Purge(LogId),
}

/// A store as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub vote: Option<Vote>,
    pub purged: Option<LogId>,
    pub last: Option<LogId>,
    pub committed: Option<LogId>,
    /// The last entry in the newest snapshot.
    pub snapshot: Option<u64>,
    /// Places of the entries that are there.
    pub entries: Vec<LogId>,
    /// Digest of the state of the snapshot with all entries after it.
    pub state: String,
}
