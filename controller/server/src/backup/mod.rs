//! Backups: the whole replicated state and the cluster key in one file that only the holder of an age key can read.
//!
//! Place in the path of data: beside it. A backup is a reading of the state at one point of the log; `restore` makes a
//! store out of it from which a controller starts. Decision events are not in it: they are no part of the state.
//!
//! Who may read backups is settled on the controller's own disk (`backup_recipients`), never by a call: a stolen
//! session must not be able to choose the key that the cluster key is encrypted to.

mod console;
mod form;
mod key;
pub mod limits;
mod moment;
mod open;
mod restore;
mod schedule;
mod write;

pub use console::{Summary, keygen_to, verify};
pub use form::Header;
pub use key::{Identities, KeyError, Recipients, keygen};
pub use moment::Moment;
pub use open::{OpenError, Opened, open};
pub use restore::{Restored, Source, restore};
pub use schedule::{BackupMetrics, Schedule, file_name, newest};
pub use write::{WriteError, write};

#[cfg(test)]
mod tests;
