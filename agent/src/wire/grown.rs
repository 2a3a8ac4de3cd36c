use crate::limits::{BUFFER_CROWDED, BUFFER_MIN, BUFFERS_GROWN_MAX};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// By how much all buffers of this process have grown.
static ALL: AtomicUsize = AtomicUsize::new(0);

/// By how much one buffer has grown, counted among all until it is dropped.
#[derive(Debug, Default)]
pub struct Grown(usize);

impl Grown {
    /// Grows to a buffer of so many bytes, unless all together are too large for that.
    pub fn reach(&mut self, bytes: usize) -> bool {
        self.reach_of(&ALL, bytes)
    }

    fn reach_of(&mut self, all: &AtomicUsize, bytes: usize) -> bool {
        let more = bytes.saturating_sub(BUFFER_MIN + self.0);
        // Large buffers leave half of it to small ones, which serve more.
        let max = if bytes > BUFFER_CROWDED { BUFFERS_GROWN_MAX / 2 } else { BUFFERS_GROWN_MAX };
        let grown = all.fetch_update(Relaxed, Relaxed, |now| (now + more <= max).then_some(now + more)).is_ok();
        self.0 += if grown { more } else { 0 };
        grown
    }
}

impl Drop for Grown {
    fn drop(&mut self) {
        ALL.fetch_sub(self.0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BUFFER_MAX;

    #[test]
    fn large_buffers_leave_room_for_small_ones_and_all_have_an_end() {
        let all = AtomicUsize::new(0);
        let grow = |bytes: usize| {
            let mut grown = Grown::default();
            let reached = grown.reach_of(&all, bytes);
            // Kept, as by a buffer that lives on.
            std::mem::forget(grown);
            reached
        };
        let large = (0..1000).filter(|_| grow(BUFFER_MAX)).count();
        assert_eq!(large, BUFFERS_GROWN_MAX / 2 / (BUFFER_MAX - BUFFER_MIN));
        let small = (0..10_000).filter(|_| grow(BUFFER_CROWDED)).count();
        assert!(small >= BUFFERS_GROWN_MAX / 2 / BUFFER_CROWDED, "{small}");
        assert!(all.into_inner() <= BUFFERS_GROWN_MAX);
        let mut mine = Grown::default();
        assert!(mine.reach(BUFFER_CROWDED) && mine.reach(BUFFER_MAX));
        assert_eq!(mine.0, BUFFER_MAX - BUFFER_MIN, "as large as it is now");
    }
}
