//! Attempts without a session, counted by the address that they come from.

use crate::limits;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};
use wharden_model::Timestamp;

/// A token bucket an address: a burst, then so many a minute. The fullest bucket is forgotten first.
#[derive(Default)]
pub struct Sources {
    buckets: Mutex<BTreeMap<IpAddr, Bucket>>,
}

struct Bucket {
    /// Thousandths of an attempt.
    left: u64,
    at: Timestamp,
}

const FULL: u64 = limits::SOURCE_BURST as u64 * 1000;

impl Bucket {
    fn refill(&mut self, now: Timestamp) {
        let gained = now.millis_since(self.at).saturating_mul(u64::from(limits::SOURCE_PER_MINUTE)) / 60;
        self.left = self.left.saturating_add(gained).min(FULL);
        self.at = now;
    }
}

impl Sources {
    /// Takes one attempt.
    ///
    /// # Errors
    /// The seconds to wait when there is none left.
    pub fn take(&self, source: IpAddr, now: Timestamp) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= limits::SOURCES_MAX && !buckets.contains_key(&source) {
            buckets.retain(|_, bucket| {
                bucket.refill(now);
                bucket.left < FULL
            });
            if buckets.len() >= limits::SOURCES_MAX {
                return Err(60);
            }
        }
        let bucket = buckets.entry(source).or_insert(Bucket { left: FULL, at: now });
        bucket.refill(now);
        match bucket.left.checked_sub(1000) {
            Some(left) => {
                bucket.left = left;
                Ok(())
            }
            None => Err((1000 - bucket.left).div_ceil(1000).max(1) * 60 / u64::from(limits::SOURCE_PER_MINUTE).max(1)),
        }
    }

    /// Gives an attempt back: it was a good one.
    pub fn give_back(&self, source: IpAddr) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&source) {
            bucket.left = (bucket.left + 1000).min(FULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_trickle() {
        let sources = Sources::default();
        let ip = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..limits::SOURCE_BURST {
            assert_eq!(sources.take(ip, Timestamp(0)), Ok(()));
        }
        assert_eq!(sources.take(ip, Timestamp(0)), Err(2));
        assert_eq!(sources.take(IpAddr::from([127, 0, 0, 2]), Timestamp(0)), Ok(()));
        assert_eq!(sources.take(ip, Timestamp(2000)), Ok(()));
        assert!(sources.take(ip, Timestamp(2000)).is_err());
        sources.give_back(ip);
        assert_eq!(sources.take(ip, Timestamp(2000)), Ok(()));
    }
}
