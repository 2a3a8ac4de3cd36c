//! Policies: the Cedar schema, strict validation, compilation to an index, decisions and their reasons, and the
//! starter packs.
//!
//! Place in the path of data: the controller validates what admins write, plans what each host gets and decides
//! admin calls here; the agent compiles its bundle and decides every Docker request here.
//!
//! Must not know: tokio, IO, clocks, randomness, HTTP. An evaluation error makes a decision a deny.

mod absent;
mod admin;
mod builtin;
mod compiled;
mod condition;
mod directory;
mod docker_words;
mod document;
mod effort;
mod enforceable;
mod error;
mod fact;
mod head;
mod host_labels;
mod index;
mod kept;
mod lever;
pub mod limits;
mod near;
mod nearest;
mod number;
mod packs;
mod planner;
mod probe;
mod query;
mod reading;
mod remedy;
mod rule;
mod schema;
mod source;
pub mod suggest;
mod tally;
mod text;
mod uid;
mod validate;

pub use absent::absent;
pub use admin::AdminCompiled;
pub use builtin::NAME as BUILTIN;
pub use compiled::{Compiled, no_bundle};
pub use error::CompileError;
pub use host_labels::HostLabels;
pub use lever::apply;
pub use near::near_misses;
pub use packs::{PackInfo, packs};
pub use planner::{Planner, Remote};
pub use query::{AdminQuery, AdminResource, Query};
pub use rule::{Parsed, RuleInfo};
pub use schema::schema_text;
pub use validate::validate;
