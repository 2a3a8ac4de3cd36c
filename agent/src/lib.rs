//! The agent on a container host: guards the engine's socket, decides each request by the bundle that it holds, and
//! keeps one session with a controller.
//!
//! Place in the path of data: `session` brings a bundle, `bundle` verifies and holds it, `guard` decides by it, `report`
//! takes what was decided back to the session. `inventory` asks the engine about the things that a request refers to, and
//! tells the controller what there is; `usage` measures; `authz` is the guard's second line, asked by the engine itself; `enrolment` is who this host is; `wire` is HTTP/1.1 as bytes.
//!
//! Must not know: Raft, the replicated state, how policies are written. An agent without a controller keeps enforcing.

pub mod authz;
pub mod boot;
pub mod break_glass;
pub mod bundle;
pub mod caller;
pub mod cli;
pub mod config;
pub mod enrolment;
pub mod guard;
pub mod inventory;
pub mod limits;
pub mod metrics;
pub mod protect;
pub mod report;
pub mod session;
pub mod status;
pub mod usage;
pub mod wire;
