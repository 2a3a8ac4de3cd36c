//! The agents' side of the controller: enrolment, renewal, and one session a host.
//!
//! Place in the path of data: hands out what `publish` made, takes acks and nacks back, and events to `events`.
//!
//! ```text
//! Enroll   token ─▶ log (one use) ─▶ certificate
//! Renew    certificate, ended or not ─▶ certificate
//! Session  certificate ─▶ Hello ─▶ Welcome ─▶ ┬ newest bundle, one at a time ⇄ Ack | Nack
//!                                             ├ Events ─▶ Recorder ─▶ EventsAck
//!                                             ├ Inventory ─▶ view ─▶ InventoryAck | InventoryReset
//!                                             ├ Heartbeat ─▶ live ─▶ HeartbeatAck: when the next one is due
//!                                             └ Report, Usage ─▶ live, view
//! ```
//!
//! A session has room for one message to its agent, made when the agent takes it: a slow reader gets the newest bundle,
//! never a queue. It ends when the host is revoked, opens another one, falls silent, or its certificate ends.
//!
//! What comes is bounded before it costs much (`connections`, `admission`), and each session by itself (`allowance`): who is
//! turned away is told when to come again. Two machines with one key are told apart from a host that starts anew (`rivals`).
//!
//! Must not know: axum, Cedar. Heartbeats, reports and inventories never reach the Raft log.

mod admission;
mod allowance;
mod beats;
mod controllers;
mod delivery;
mod enrolment;
mod frames;
mod inventory;
mod leadership;
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
mod rivals;
mod server;
mod service;
mod session;

pub use limits::FleetConfig;
pub use live::{FleetCounts, HostLive};
pub use server::{Fleet, ServeError};

#[cfg(test)]
mod tests;
