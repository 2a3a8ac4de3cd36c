//! Chaos: controllers that are cut off, paused, killed and lied to, in simulation and for real, and a check of everything
//! that anybody was told meanwhile.
//!
//! ```text
//! sim      controllers as they are (raft, keeper of the membership, store, state) in one thread; network, disks, clocks and
//!          chance by seed: the same seed is the same run
//! real     controllers and agents as processes in network namespaces, under load
//! history  who asked what when and heard what; is there an order that explains it?
//! ```
//!
//! Not in the path of data. What it found is in `docs/durability.md`.

pub mod history;
pub mod limits;
pub mod real;
pub mod sim;
