use crate::limits::HEARTBEAT_BOUNDS;
use std::time::Duration;

/// Time to the next heartbeat, by the answer to the last one and by the welcome.
pub fn next_beat(answered_ms: u32, welcomed: Duration) -> Duration {
    if answered_ms == 0 {
        return welcomed;
    }
    let (shortest, longest) = HEARTBEAT_BOUNDS;
    Duration::from_millis(answered_ms.into())
        .clamp(Duration::from_secs(shortest.into()), Duration::from_secs(longest.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_when_the_next_beat_is_due_within_bounds() {
        let welcomed = Duration::from_secs(20);
        let next = |ms| next_beat(ms, welcomed);
        assert_eq!((next(0), next(1500)), (welcomed, Duration::from_millis(1500)));
        assert_eq!((next(1), next(u32::MAX)), (Duration::from_secs(1), Duration::from_secs(600)));
    }
}
