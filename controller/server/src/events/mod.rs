//! Decision events as the agents report them: stored on this controller's disk, never through the Raft log.
//!
//! Place in the path of data: `fleet` appends what a session brings and acknowledges what is durable; the REST side
//! queries. `(host, run, seq)` names an event for ever, so that what an agent sends twice is stored once.
//!
//! ```text
//! append ─ incoming ─ queue ─▶ writer thread: drop known ─ write ─ one fsync for all that waited ─ view ─▶ acks
//! query ── matcher ──────────▶ scan: segments of the newest view, never past what is durable
//! ```
//!
//! The folder holds `format` (form and id of this store) and segments named after the index of their first event.
//! The oldest segments go when the total is too large.
//!
//! Must not know: tonic, axum, policy.

mod cursor;
mod error;
mod files;
mod filter;
mod folder;
mod incoming;
pub mod limits;
mod matcher;
mod metrics;
mod record;
mod runs;
mod scan;
mod segment;
mod store;
mod writer;

pub use error::{AppendError, OpenError, QueryError};
pub use filter::HostFilter;
pub use limits::EventLimits;
pub use store::EventStore;

#[cfg(test)]
mod tests;
