//! REST: parse, call the use case, convert. One file a noun; the OpenAPI document is made from the same handlers.
//!
//! Must not know: state, raft, policy.

mod account;
mod alerts;
mod auth;
mod backup;
mod body;
mod caller;
mod capacity;
mod cluster;
mod directory;
mod docker;
mod doctor;
mod drain;
mod error;
mod front;
mod health;
mod hosts;
mod inventory;
mod keys;
mod needs;
mod packs;
mod path;
mod policies;
mod records;
mod server;
mod service_accounts;
mod sessions;
mod tokens;

pub use front::{Front, Waiting};
pub use server::{ServeError, openapi, serve};

use crate::app::App;
use std::sync::Arc;
use wharden_runtime::metrics::Metrics;

/// What each operation needs, as a Markdown table.
pub fn needs_table() -> String {
    needs::table(&openapi())
}

/// What every handler can reach.
#[derive(Clone)]
pub struct Api {
    pub app: Arc<App>,
    pub metrics: Metrics,
}
