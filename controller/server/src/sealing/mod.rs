//! The cluster key on this controller, and the change of it while the cluster runs.
//!
//! ```text
//! app: Offer ─▶ new key to the disk of every controller, over TLS on both sides ─▶ app: Use
//!        │ one cannot be reached, or cannot write: Withdraw                          │
//!        ▼                                                                           ▼
//!   nothing changed        keeper, on the leader: Reseal, until nothing is left, then Finish
//!                          keeper, on each: what no state needs any more leaves the disk
//! ```
//!
//! The key never is in the log, not even sealed: whoever has the old key and the state must not get the new one. What is in
//! the log is names and steps (`wharden_state::Sealing`), so every controller knows from each step which keys it needs. A key
//! is on the disks of all before anything is sealed with it, and leaves a disk only when a read that every acknowledged entry
//! counts in says that nothing needs it; a crash in between costs nothing but time.

mod holder;
mod keeper;
mod reseal;

#[cfg(test)]
mod tests;

pub use holder::{Holder, arranged};
pub use keeper::{follow, keep};
pub use reseal::record_id;
