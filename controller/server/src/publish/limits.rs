//! Limits of publishing, each with its reason.

use std::time::Duration;

/// Bundles of late that hosts may still hold, so that a change is sent as the difference from them: some revisions of some
/// hundred scopes.
pub const PAST_MAX: usize = 1024;
/// The same in bytes.
pub const PAST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Differences that are kept: as many as there are pairs of bundles in use at one time.
pub const DIFFERENCES_MAX: usize = 2048;
/// Least time between two revisions that are handed out. The first is handed out at once; while a thousand changes come one
/// after the other, every host would otherwise look at each of them.
pub const PUBLISH_PAUSE: Duration = Duration::from_millis(100);
