//! Limits, each with its reason.

use std::time::Duration;

/// Longest that a worker may take from its start to its moment: far above what a loaded machine needs. One that takes
/// longer hangs.
pub const WORKER_LIMIT: Duration = Duration::from_secs(120);
/// Cuts that one store lives through before the next begins. More would only make the log to compare longer.
pub const CUTS_PER_STORE: u64 = 8;
/// Operations of one worker, when its moment does not come before.
pub const OPS_PER_WORKER: u64 = 150;
