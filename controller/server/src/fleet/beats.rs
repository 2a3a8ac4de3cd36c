//! When each host's next heartbeat is due. A heartbeat that comes alone wakes a thread, which costs far more than to read it;
//! so each session has a moment of its own within the interval, shared with others, and the answer to a heartbeat says how
//! long it is until then. The groups follow each other, so that none is a wave.

use super::limits::BEAT_GROUPS;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Beats {
    since: Instant,
    interval: Duration,
}

impl Beats {
    pub fn new(interval: Duration) -> Self {
        // What a welcome can say.
        Self { since: Instant::now(), interval: interval.max(Duration::from_secs(1)) }
    }

    /// The longest time between two, as a welcome says it.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// From now to the next one of a session, by its number: an interval after one that came at its moment.
    pub fn next(&self, session: u64, now: Instant) -> Duration {
        let every = millis(self.interval);
        let group = millis(BEAT_GROUPS);
        let own = session % (every / group).max(1) * group;
        let elapsed = millis(now.saturating_duration_since(self.since)) % every;
        let wait = (own + every - elapsed) % every;
        // One that comes somewhat early is this interval's, not the last one's.
        let wait = if wait < every / 10 { wait + every } else { wait };
        Duration::from_millis(wait)
    }
}

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::FleetConfig;
    use std::collections::BTreeMap;

    #[test]
    fn heartbeats_gather_in_groups_of_one_size_and_stay_there() {
        let config = FleetConfig::default();
        let beats = Beats::new(config.heartbeat);
        let mut moments: BTreeMap<u64, usize> = BTreeMap::new();
        for session in 0..8000 {
            // It opened at any time, and each message takes its time.
            let mut now = beats.since + Duration::from_millis(session * 7919 % 60_000);
            for turn in 0..5 {
                let wait = beats.next(session, now);
                assert!(wait <= config.heartbeat + config.heartbeat / 10 && wait < config.silence(), "{wait:?}");
                assert!(turn == 0 || wait >= config.heartbeat - Duration::from_millis(20), "{wait:?}");
                now += wait + Duration::from_millis(session % 20);
            }
            let at = millis(now - beats.since) % millis(config.heartbeat);
            *moments.entry(at / millis(BEAT_GROUPS)).or_default() += 1;
        }
        let groups = millis(config.heartbeat) / millis(BEAT_GROUPS);
        assert_eq!(moments.len() as u64, groups);
        assert!(moments.values().all(|hosts| *hosts as u64 == 8000 / groups), "{moments:?}");
    }

    #[test]
    fn one_that_comes_early_is_not_asked_again_at_once() {
        let beats = Beats::new(Duration::from_secs(20));
        let early = beats.since + Duration::from_secs(20) - Duration::from_millis(3);
        assert_eq!(beats.next(0, early), Duration::from_millis(20_003));
        let shortest = Beats::new(Duration::from_millis(100));
        assert!(shortest.next(7, Instant::now()) <= Duration::from_millis(1100));
    }
}
