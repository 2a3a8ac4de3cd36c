//! Limits of notifications, each with its reason.

use std::time::Duration;

/// Between two looks for something to send, while this controller leads.
pub const LOOK: Duration = Duration::from_millis(500);
/// Longest time for one message, connecting included.
pub const SEND_LIMIT: Duration = Duration::from_secs(15);
/// First wait after a failure…
pub const BACKOFF_BASE: Duration = Duration::from_secs(1);
/// …and the longest: a server that comes back has everything within five minutes.
pub const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// Messages of one channel between two looks: what was taken is written down after so many.
pub const PER_LOOK: usize = 16;
/// Bytes of an answer that are read and shown.
pub const ANSWER_MAX: usize = 300;
