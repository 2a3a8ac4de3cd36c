//! The cluster of controllers: founding it, joining it, keeping Raft's membership equal to what the state wants.
//!
//! Place in the path of data: beside it. Who shall be a controller is decided like everything else, by a command in the
//! log; here is what follows from it.
//!
//! ```text
//! admin ─ code ─▶ `wharden-controller join` ─▶ Admission ─ Join ─▶ state: joining
//! Keeper, on the leader:  state ⇄ plan (pure) ⇄ Raft's membership, one controller at a time ─ Settle ─▶ state
//! Removal, on each:       am I still one of them?
//! ```

mod admission;
mod answering;
mod first;
mod founding;
mod joining;
mod keeper;
pub mod plan;
mod removal;
mod survey;

pub use admission::Admission;
pub use answering::Answering;
pub use first::load as first_list;
pub use founding::{announce, enter, keep_seat};
pub use joining::{Joined, join};
pub use keeper::keep;
pub use removal::{TooOld, check_level, removed, too_old, watch};
pub use survey::{ask_all, own_status, survey};
