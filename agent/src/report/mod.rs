//! Decision events on their way to the controller: queue → spool on disk → batches → trimmed when acknowledged.
//!
//! The guard hands over an event and never waits. What does not fit is counted: the sequence number that it would have
//! had stays unused, so that a gap tells what is missing and where. Queue and spool are shared: one principal may fill a part
//! of each.
//!
//! Must not know: the session's protocol, policies.

mod event;
mod kept;
mod reporter;
mod segment;
mod share;
mod spool;

pub use event::{Draft, fit};
pub use reporter::{Reporter, Writer};
pub use spool::{Batch, FOLDER as SPOOL, Spool, SpoolError, SpoolStats};
