//! Everything that can go wrong with the store, one variant a cause.

use std::{io, path::PathBuf};

/// Why a write, or a barrier, did not happen. It stays: after one, nothing more is written until the process restarts,
/// since the system may have dropped what it could not write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    #[error("the log cannot be written: {0}; free space or repair the disk, then start again")]
    Write(String),
    #[error("the disk did not confirm a write: {0}; free space or repair the disk, then start again")]
    Barrier(String),
    #[error("the disk did not confirm a write within {seconds} s; free space or repair the disk, then start again")]
    Stuck { seconds: u64 },
    #[error("the log's writer has stopped")]
    Stopped,
}

/// Why entries cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the log cannot be read: {0}")]
    Backend(String),
    #[error("the record {key} of the log: {error}; restore the folder from a backup, or let this controller join anew")]
    Record { key: String, error: FormError },
}

/// Why stored bytes are not what they should be. What they say is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("it is empty")]
    Empty,
    #[error("it has version {0}; this program knows up to version {newest}", newest = crate::form::VERSION_LEVELS)]
    Version(u8),
    #[error("it is damaged at byte {0}")]
    Content(usize),
    #[error("it holds entry {0}")]
    OtherIndex(u64),
}

/// Why a snapshot file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFileError {
    #[error("{0}")]
    Io(io::Error),
    #[error("{0}; free space or repair the disk, then start again")]
    NotWritten(io::Error),
    #[error("it is cut short")]
    Cut,
    #[error("its last line: {0}")]
    Trailer(FormError),
    #[error("its content does not match its checksum")]
    Checksum,
    #[error("{0}")]
    State(#[from] wharden_state::SnapshotError),
}

/// Why a store cannot be opened. No record on the disk was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the data folder {path}: {error}")]
    Folder { path: PathBuf, error: io::Error },
    #[error("{path} holds something else than a Wharden store: give an empty folder or the right one")]
    NotOurs { path: PathBuf },
    #[error("{path} was written in form {found:?}, this program knows {known:?}: start the version that wrote it")]
    UnknownVersion { path: PathBuf, found: String, known: &'static str },
    #[error(
        "{path} was made with the store {found:?}, which this program does not have: start the version that made it"
    )]
    UnknownEngine { path: PathBuf, found: String },
    #[error("{path} is in use by another process")]
    InUse { path: PathBuf },
    #[error(
        "the log in {path} cannot be opened: {reason}; restore the folder from a backup, or let this controller join anew"
    )]
    Log { path: PathBuf, reason: String },
    #[error(
        "the log in {path} is empty although it was written before; restore the folder from a backup, or let this controller join anew"
    )]
    Emptied { path: PathBuf },
    #[error("the log cannot be read: {reason}")]
    Read { reason: String },
    #[error("the log in {path} cannot be written: {reason}")]
    Write { path: PathBuf, reason: String },
    #[error("the record {key} of the log: {error}; restore the folder from a backup, or let this controller join anew")]
    Record { key: String, error: FormError },
    #[error(
        "entry {expected} of the log is missing (the next one is {found}); restore the folder from a backup, or let this controller join anew"
    )]
    Gap { expected: u64, found: u64 },
    #[error("the snapshot {path}: {error}; restore the folder from a backup, or let this controller join anew")]
    Snapshot { path: PathBuf, error: SnapshotFileError },
    #[error("the record {key} of the log: {error}; start the version that wrote it")]
    NewerRecord { key: String, error: FormError },
    #[error("the snapshot {path}: {error}; start the version that wrote it")]
    NewerSnapshot { path: PathBuf, error: SnapshotFileError },
    #[error(
        "the log begins after entry {purged}, but no snapshot reaches that far; restore the folder from a backup, or let this controller join anew"
    )]
    SnapshotMissing { purged: u64 },
}
