//! Decision events as the agents report them: stored on this controller's disk, never through the Raft log.
//!
//! Place in the path of data: `fleet` appends what a session brings and acknowledges what is durable; the REST side
//! queries. `(host, run, seq)` names an event for ever, so that what an agent sends twice is stored once.
//!
//! ```text
//! take ──── stamp ─┐   (`copies` has it stored by another controller in between)
//! keep ──── copy ──┴─ queue ─▶ writer thread: drop known ─ write ─ one fsync for all that waited ─ view ─▶ acks
//! part ──── matcher ─────────▶ scan: segments of the newest view, up to what is closed ─▶ merge: one page of all stores
//! ```
//!
//! Every event has a stamp by the clock of the controller that took it, in every copy the same. Stamp and name are the order
//! of all pages (`order`), and a store says before which stamp nothing will appear any more (`pending`).
//!
//! The folder holds `format` and segments named after the index of their first event. Segments go when their events are too
//! old, and the oldest when the total is too large.
//!
//! Must not know: tonic, axum, policy.

mod error;
mod exchange;
mod files;
mod filter;
mod folder;
mod incoming;
pub mod limits;
mod matcher;
mod merge;
mod metrics;
mod order;
mod pending;
mod record;
mod runs;
mod scan;
mod segment;
mod store;
mod writer;

pub use error::{AppendError, OpenError, QueryError};
pub use exchange::{Ask, HeldPage, Kept, Other, Taken};
pub use filter::HostFilter;
pub use limits::EventLimits;
pub use merge::{Merged, following, newest};
pub use order::Place;
pub use runs::RunKey;
pub use scan::{Part, Placed};
pub use store::{EventStore, checked, drop_old, page};

#[cfg(test)]
pub(crate) mod tests;
