//! What the engine knows: a small client of its socket, the lookups that a request needs before it can be judged, and the
//! inventory of the host, kept current by the engine's events and told to the controller as deltas.
//!
//! ```text
//! engine ─ list, inspect, events ─▶ keeper ─▶ ledger, by number of change ─▶ told ─▶ session
//! ```
//!
//! Must not know: policies, who is calling, what is decided.

mod allowance;
mod changes;
mod described;
mod engine;
mod facts;
mod host_path;
mod host_report;
mod image_owners;
mod keeper;
mod last_labels;
mod layers;
mod ledger;
mod listed_ids;
mod lookup;
mod mark;
mod told;

pub use allowance::Allowance;
pub use described::Process;
pub use engine::{Engine, EngineError, Reply};
pub use host_path::resolve as resolve_host_path;
pub use host_report::host_report;
pub use image_owners::{Before, FILE as IMAGE_OWNERS_FILE, ImageOwners};
pub use keeper::Keeper;
pub use last_labels::LastLabels;
pub use layers::Layers;
pub use lookup::{LookupError, Lookups, look_up, look_up_all, look_up_answer};
pub use mark::{HEADER as MARK_HEADER, Mark};
pub use told::Told;
