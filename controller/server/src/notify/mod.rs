//! Notifications: alerts, sent on by webhook and e-mail.
//!
//! ```text
//! state.alerts, state.channels ─▶ due (pure) ─▶ sender ─▶ webhook | mail
//!        ▲                                        │ not taken: later, and later
//!        └────────── Delivered, in batches ◀──────┘ taken
//! ```
//!
//! Only the leader sends, and only after it has made sure that it leads. What was taken is in the state, so that the next
//! leader goes on there; when a leader falls between sending and writing down, a message comes twice, under the same id.

mod due;
mod letter;
pub mod limits;
mod mail;
mod notifier;
mod secrets;
mod sender;
#[cfg(test)]
mod tests;
mod webhook;

pub use letter::{Letter, Occasion};
pub use mail::mailbox;
pub use notifier::start;
pub use secrets::{ChannelSecrets, record as secrets_record};
pub use sender::{SendError, Sender};
pub use webhook::read_url;
