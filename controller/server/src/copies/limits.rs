//! Limits of copying events, each with its reason.

use std::time::Duration;

/// Longest time for one call: two fsyncs of a slow disk. One that takes longer is tried at the next controller.
pub const CALL_LIMIT: Duration = Duration::from_secs(4);
/// Time that a controller is passed over after it did not answer, unless there is no other.
pub const AWAY: Duration = Duration::from_secs(3);
/// Calls to one controller at once: the next is on its way while the last is synced.
pub const CALLS: usize = 3;
/// Messages of agents that wait for one controller; further sessions wait with theirs.
pub const WAITING: usize = 256;
/// Bytes at which a call stops to gather: half of what one message may carry.
pub const CALL_BYTES: usize = 4 * 1024 * 1024;
/// Between two comparisons of what is held.
pub const MEND_EVERY: Duration = Duration::from_secs(20);
/// Between two thoughts whether one is due: sooner when a controller came or went, or when something was found.
pub const MEND_TICK: Duration = Duration::from_secs(3);
/// Longest time for an answer of a comparison.
pub const HELD_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of one call of the mender: it shares the way with what agents wait for.
pub const MEND_BYTES: usize = 512 * 1024;
