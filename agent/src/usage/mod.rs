//! What the host, its containers and the agent itself use: read from the kernel's files at intervals, never asked from the
//! engine. Under pressure it is measured less. The agent's own limits are set and read here too.
//!
//! Must not know: policies, who is calling, the controller.

mod container;
mod counters;
mod hierarchy;
mod host;
mod own;
mod own_limits;
mod pace;
mod sampler;

pub use own::OwnMemory;
pub use own_limits::{OwnLimits, leave_own_groups, limit_self};
pub use sampler::Sampler;
