//! The agents' side of the controller: enrolment, renewal, and one session a host.
//!
//! Place in the path of data: hands out what `publish` made, takes acks and nacks back, and events to `events`.
//!
//! Must not know: axum, Cedar. Heartbeats and reports never reach the Raft log.

pub mod limits;
mod live;
mod server;

pub use limits::FleetConfig;
pub use live::{FleetCounts, HostLive};
pub use server::{Fleet, ServeError};
