//! The one conversation with a controller: a bundle in, acknowledgements, heartbeats, reports and events out; and the
//! renewal of the certificate that it needs.
//!
//! Must not know: the guard. Without a session everything else goes on.

mod address;
mod beat;
mod channel;
mod context;
mod epoch;
mod event_flow;
mod inventory_flow;
mod known;
mod renewal;
mod retry;
mod run;
mod stream;

pub use address::{Address, AddressError};
pub use beat::next_beat;
pub use channel::{ChannelError, open_channel};
pub use context::{Context, SessionState};
pub use epoch::{Epoch, FILE as EPOCH_FILE};
pub use known::{Controllers, FILE as CONTROLLERS_FILE, weight};
pub use renewal::run as keep_certificate;
pub use retry::retry_after;
pub use run::run as keep_session;
