//! The agents' side of the controller: enrolment, renewal, and one session a host.
//!
//! Place in the path of data: hands out what `publish` made, takes acks and nacks back, and events to `events`.
//!
//! ```text
//! Enroll   token ─▶ log (one use) ─▶ certificate
//! Renew    certificate, ended or not ─▶ certificate
//! Session  certificate ─▶ Hello ─▶ Welcome ─▶ ┬ newest bundle, one at a time ⇄ Ack | Nack
//!                                             ├ Events ─▶ EventStore ─▶ EventsAck
//!                                             └ Heartbeat, Report ─▶ live
//! ```
//!
//! A session has room for one message to its agent, made when the agent takes it: a slow reader gets the newest bundle,
//! never a queue. It ends when the host is revoked, opens another one, falls silent, or its certificate ends.
//!
//! Must not know: axum, Cedar. Heartbeats and reports never reach the Raft log.

mod controllers;
mod delivery;
mod enrolment;
mod ledger;
pub mod limits;
mod live;
mod metrics;
mod notice;
mod outbound;
mod peer;
mod refusal;
mod renewal;
mod report;
mod server;
mod service;
mod session;

pub use limits::FleetConfig;
pub use live::{FleetCounts, HostLive};
pub use server::{Fleet, ServeError};

#[cfg(test)]
mod tests;
