//! Alerts: what a person should know of, raised once, kept in the state until it is over.
//!
//! ```text
//! readings: each controller of itself ──┐                              ┌─▶ judge ─▶ hold ─┐
//! fleet: which hosts are here ──────────┴─ peers ─▶ view, on the leader ┴─▶ hosts ─────────┤
//! any part, on any controller: Alerts::raise(row, key, …), Alerts::resolve(row, key) ──────┤
//!                                                        batches ─▶ log ─▶ state.alerts ◀──┘
//!                                                                                │
//!                                                                            `notify` sends them on
//! ```
//!
//! Every kind is a row of [`table`]. A part that finds something wrong needs the handle and a row; what is so already costs
//! nothing to say again.

mod config;
mod handle;
mod hosts;
mod judge;
pub mod limits;
mod readings;
pub mod table;
#[cfg(test)]
mod tests;
mod view;
mod watch;

pub use config::AlertsConfig;
pub use handle::Alerts;
pub use judge::{KINDS as JUDGED_KINDS, controllers as judge_controllers};
pub use readings::{BackupReading, Probe, Readings, Sampler, SinkReading};
pub use table::{CHANNEL_FAILS, ROWS, TOKEN_REUSED, is_kind};
pub use view::{Roll, Seen, Sight, View};
pub use watch::start as watch;
