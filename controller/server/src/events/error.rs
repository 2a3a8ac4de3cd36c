//! Why events could not be stored or found.

use std::path::PathBuf;
use wharden_model::limits::EVENTS_PAGE_MAX;

/// Why the store does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the folder of events {path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error(
        "{path} says {found:?}, which is no form of events that this version knows ({known:?}): use the version that wrote it, or another folder"
    )]
    Format { path: PathBuf, found: String, known: &'static str },
}

/// Why events were not stored. The agent keeps them and sends them again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("events cannot be written: {0}")]
    Io(String),
    #[error("an append of {0} bytes is more than one message may carry")]
    TooLarge(usize),
    #[error("the event store has stopped")]
    Stopped,
    #[error("copies of events came damaged")]
    Damaged,
}

/// Why a query was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("decision: {0}")]
    Decision(String),
    #[error("action: {0:?} is neither an action, like container.create, nor a noun, like container")]
    Action(String),
    #[error("host: there is no host with the id or name {0:?}")]
    UnknownHost(String),
    #[error("until: it is not after since, so that nothing is between them")]
    Nothing,
    #[error("limit: {0} is not 1 to {EVENTS_PAGE_MAX}")]
    Limit(usize),
    #[error("wait: {0} s is more than 30 s")]
    Wait(u64),
    #[error("after: {0:?} is not a cursor of events; leave it out to begin with the newest events")]
    Cursor(String),
    #[error("the event is older than what one look-up reads: find it with a query, by its time")]
    TooFar,
    #[error("events cannot be read: {0}")]
    Io(String),
}
