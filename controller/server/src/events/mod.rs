//! Decision events as the agents report them: stored on this controller's disk, never through the Raft log.
//!
//! Place in the path of data: `fleet` appends what a session brings and acknowledges what is durable; the REST side
//! queries. `(host, run, seq)` names an event for ever, so that what an agent sends twice is stored once.
//!
//! Must not know: tonic, axum, policy.

mod error;
mod filter;
pub mod limits;
mod store;

pub use error::{AppendError, OpenError, QueryError};
pub use filter::HostFilter;
pub use limits::EventLimits;
pub use store::EventStore;
