//! The Raft log, the vote and snapshots, on disk; and the state machine that applies the log to the replicated state.
//!
//! Place in the path of data: between `raft::propose` and `state::apply`. What is acknowledged here survives a power cut:
//! every append and every vote is followed by a barrier before anyone hears of it.
//!
//! ```text
//! <folder>/FORMAT        whose folder this is, and in which form
//! <folder>/log/          redb with its journal, or sled; one tree: vote, purged, committed, log/be64(index)
//! <folder>/snapshots/    plain files, the newest two
//! ```
//!
//! Must not know: tonic, axum, the application. Whoever wants to hear of changes gives a [`Sink`].

pub mod backend;
mod durable;
mod error;
mod folder;
mod form;
mod keys;
pub mod limits;
mod load;
mod log;
mod machine;
mod open;
mod replay;
mod seed;
mod simulated;
mod snapshot;
mod tail;
mod types;
mod writer;

pub use backend::Engine;
pub use durable::Durable;
pub use error::{FormError, OpenError, SnapshotFileError, WriteError};
pub use log::{LogReader, LogStore};
pub use machine::{Published, Sink, SnapshotBuilder, StateMachine};
pub use open::{Store, is_begun};
pub use replay::{Moment, Reach, ReplayError, Until};
pub use seed::{SeedError, seed};
pub use simulated::{Latency, Shelf, Simulated};
pub use types::{LogEntry, LogId, Membership, NodeId, TypeConfig, Vote};
