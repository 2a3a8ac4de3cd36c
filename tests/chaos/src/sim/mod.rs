//! A cluster in one thread. What is real: Raft, `controller/server`'s `raft` (proposing, forwarding, reading) and the keeper
//! of its membership, `controller/store` (log, vote, snapshots), `controller/state`. What is not: the network, the disks,
//! the clocks and chance, which follow from a seed.
//!
//! ```text
//! run ─ a process for each seed, with `system.c` between it and the system ─▶ trial
//! trial: set up ─▶ clients, an operator and faults ─▶ all is healed ─▶ everything read and compared ─▶ report
//! world, a turn of 20 ms:  wire ─ what arrives ─▶ clients, then each node in an order by seed ─ what is sent ─▶ wire
//! ```
//!
//! A node is a runtime of its own, which only runs in its turn: a crash drops it, a pause leaves it out. What two nodes say
//! about the same entry of the log is compared when they say it (`ledger`); what clients were told, at the end.

mod chance;
mod clients;
mod disk;
mod faults;
mod ledger;
mod message;
mod node;
mod operator;
mod run;
mod time;
mod trial;
mod wire;
mod workload;
mod world;

pub use faults::Done;
pub use node::Flaw;
pub use run::{Found, Plan, Summary, one, run};
pub use trial::{Report, Scene, run as trial};
