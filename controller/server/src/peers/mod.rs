//! Controllers talking to each other: port 7442, TLS 1.3, certificates on both sides.
//!
//! Place in the path of data: below `raft`, `cluster` and whoever needs something that another controller has.
//!
//! ```text
//! Transport (trait) ─ Client: one channel per peer and lane ──▶ tls ──▶ Server ─▶ Inbound (trait) ─▶ who answers
//!    the caller checks: it is controller N, with the certificate that the state names
//!    the called one checks: a present member, with the certificate that the state names
//! ```
//!
//! Both ends are traits, so that a simulation can put its own network between them. Raft's own messages, parts of
//! snapshots, and everything else have connections of their own: a snapshot never holds up a vote.

mod client;
mod identity;
pub mod limits;
mod message;
mod roster;
mod server;
mod transport;

pub use client::{Client, split};
pub use identity::{PeerIdentity, forget_key, load_key, store_key};
pub use message::{PeerHost, PeerStatus, Present, Reply, Request};
pub use roster::{Known, Roster, Stranger};
pub use server::{Door, JoinRefusal, ServeError, Server};
pub use transport::{CallError, Inbound, Transport};

#[cfg(test)]
mod forms;
#[cfg(test)]
mod tests;
