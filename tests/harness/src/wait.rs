//! Waiting for conditions. The only place that sleeps.

use crate::limits::POLL;
use std::time::{Duration, Instant};

/// Polls until `look` gives `Some`.
///
/// # Panics
/// When it has not within `limit`, saying what was waited for.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for: {what}");
        pause();
    }
}

/// True as soon as `look` is, false when it has not become so within `limit`.
pub fn within(limit: Duration, mut look: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if look() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that sleeps, between two looks at a condition")]
fn pause() {
    std::thread::sleep(POLL);
}
