//! Every decision event on the disks of two controllers, before its agent hears that it may forget it.
//!
//! Place in the path of data: between `fleet`, where agents' events come in, and `events`, where they are stored.
//!
//! ```text
//! session ─ take: stamped ─▶ sender: to the second controller of this host ─ its answer ─▶ own disk ─▶ ack
//!                            │ away, busy or full? the next one
//!                            └ nobody? no ack: the agent keeps its events and sends them again
//! reader:  one page of all controllers' events, each once
//! mender:  who holds what? ─▶ what only I hold ─▶ to the second controller
//! ```
//!
//! The second controller is chosen like agents choose their home, by a hash of host and number: it is where the host goes
//! when its home is lost, and what it sends again is found there. It has the last word on the stamp of an event, since it may
//! hold it from the home that was lost.
//!
//! A cluster of one has no second disk. Neither has one whose level does not allow it yet: see `wharden_state::LEVEL`.

mod choice;
pub mod limits;
mod mender;
mod metrics;
mod reader;
mod recorder;
mod sender;

pub use mender::{Coverage, mend};
pub use reader::Reader;
pub use recorder::{RecordError, Recorder};

#[cfg(test)]
mod tests;
