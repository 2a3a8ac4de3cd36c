//! Limits of the event store, each with its reason.

use std::time::Duration;

/// Largest stored event, in bytes: every string in it is cut at 1 KiB by the agent; rules and labels are few.
pub const EVENT_MAX: usize = 64 * 1024;
/// Most bytes of one append: what one message may carry, and room for what the store adds.
pub const APPEND_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Appends that wait for the writer; further sessions wait with theirs unread.
pub const APPENDS_WAITING: usize = 64;
/// Bytes at which a group stops to gather, so that a flood does not delay the acks of the first.
pub const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// Ranges of numbers whose stamp is remembered of each run: an agent has one message on its way, and it may come again.
pub const RECENT_RANGES: usize = 8;
/// Records between two remembered offsets of a segment: a follower that is up to date reads at most these again.
pub const MARK_EVERY: u64 = 256;
/// Queries that read files at once; each holds one segment in memory.
pub const SCANS_MAX: usize = 4;
/// Bytes that a query with a cursor reads before it answers with what it has and a cursor to go on.
pub const SCAN_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes that a look-up of one event reads at most: all that is kept, unless somebody keeps much more than usual.
pub const LOOKUP_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Bytes of events in a page: a thousand of the largest would be 64 MiB.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Decisions that one simulation replays at most: tens of microseconds each.
pub const REPLAY_EVENTS: usize = 10_000;
/// Bytes of events that one simulation holds at most.
pub const REPLAY_BYTES: usize = 64 * 1024 * 1024;
/// Events of a page when the query does not say.
pub const PAGE_DEFAULT: usize = 100;
/// Longest wait of a query, in seconds.
pub const WAIT_MAX_S: u64 = 30;
/// Smallest segment, in bytes, whatever the configuration says.
pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024;
/// Largest segment, in bytes: a query reads one whole.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Between two looks whether the oldest events are too old.
pub const AGE_LOOK: Duration = Duration::from_secs(600);
/// Runs in one answer about what is held.
pub const HELD_PAGE: usize = 1000;
/// Ranges of numbers at which such an answer ends: a fifth of what one message carries.
pub const HELD_RANGES: usize = 32 * 1024;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// Size at which a segment file is closed and the next begun, in bytes.
    pub segment_bytes: u64,
    /// Size of all segments at which the oldest goes, in bytes. The newest always stays.
    pub total_bytes: u64,
    /// Age at which events go, in milliseconds; whole segments do.
    pub max_age_ms: u64,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self { segment_bytes: 8 * 1024 * 1024, total_bytes: 1024 * 1024 * 1024, max_age_ms: 90 * 24 * 3600 * 1000 }
    }
}
