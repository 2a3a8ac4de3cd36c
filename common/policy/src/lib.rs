//! Policies: the Cedar schema, strict validation, compilation to an index, decisions and their reasons, and the
//! starter packs.
//!
//! Place in the path of data: the controller validates what admins write, plans what each host gets and decides
//! admin calls here; the agent compiles its bundle and decides every Docker request here.
//!
//! Must not know: tokio, IO, clocks, randomness, HTTP. An evaluation error makes a decision a deny.

mod admin;
mod compiled;
mod document;
mod error;
pub mod limits;
mod nearest;
mod packs;
mod planner;
mod query;
mod rule;
mod schema;
mod text;
mod uid;
mod validate;

pub use admin::AdminCompiled;
pub use compiled::{Compiled, no_bundle};
pub use error::CompileError;
pub use packs::{PackInfo, packs};
pub use planner::Planner;
pub use query::{AdminQuery, AdminResource, Query};
pub use rule::{Parsed, RuleInfo};
pub use schema::schema_text;
pub use validate::validate;
