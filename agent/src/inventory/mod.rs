//! What the engine knows: a small client of its socket, and the lookups that a request needs before it can be judged.
//!
//! Must not know: policies, who is calling, what is decided.

mod engine;
mod host_path;
mod host_report;
mod lookup;
mod mark;

pub use engine::{Engine, EngineError, Reply};
pub use host_path::resolve as resolve_host_path;
pub use host_report::host_report;
pub use lookup::{LookupError, look_up, look_up_all, look_up_answer};
pub use mark::{HEADER as MARK_HEADER, Mark};
