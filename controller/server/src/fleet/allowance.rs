use super::limits::{MESSAGES_BURST, MESSAGES_PER_SECOND};
use std::time::Duration;
use tokio::time::Instant;

/// How many messages of a host are read. Beyond it they wait at the host, which disturbs nobody else; an agent that is well
/// sends a tenth of this at its busiest.
pub(super) struct Allowance {
    /// Messages that may be read, as of `at`.
    left: f64,
    at: Instant,
}

impl Allowance {
    pub fn new(now: Instant) -> Self {
        Self { left: f64::from(MESSAGES_BURST), at: now }
    }

    /// One was read. True when it was the last for now.
    pub fn spend(&mut self, now: Instant) -> bool {
        let earned = (now - self.at).as_secs_f64() * f64::from(MESSAGES_PER_SECOND);
        self.left = (self.left + earned).min(f64::from(MESSAGES_BURST)) - 1.0;
        self.at = now;
        self.left < 1.0
    }

    /// From when on the next may be read; `None` when it may be now.
    pub fn closed_until(&self, now: Instant) -> Option<Instant> {
        let missing = 1.0 - self.left;
        let open = self.at + Duration::from_secs_f64((missing / f64::from(MESSAGES_PER_SECOND)).max(0.0));
        (open > now).then_some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_read_at_once_and_a_flood_at_its_pace() {
        let start = Instant::now();
        let (mut allowance, mut now, mut read) = (Allowance::new(start), start, 0_u32);
        while now < start + Duration::from_secs(10) {
            allowance.spend(now);
            read += 1;
            now = allowance.closed_until(now).unwrap_or(now);
        }
        let expected = MESSAGES_BURST + 10 * MESSAGES_PER_SECOND;
        assert!((expected - 2..=expected + 2).contains(&read), "{read}");
        let later = now + Duration::from_secs(60);
        assert!(!allowance.spend(later) && allowance.closed_until(later).is_none());
    }
}
