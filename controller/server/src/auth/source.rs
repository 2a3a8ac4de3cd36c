//! Attempts without a session, counted by the address that they come from.

use crate::limits;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};
use wharden_model::Timestamp;

/// A token bucket an address: a burst, then so many a minute. The fullest bucket is forgotten first.
pub struct Sources {
    /// Thousandths of an attempt in a full bucket.
    full: u64,
    per_minute: u64,
    buckets: Mutex<BTreeMap<IpAddr, Bucket>>,
}

struct Bucket {
    /// Thousandths of an attempt.
    left: u64,
    at: Timestamp,
}

impl Bucket {
    fn refill(&mut self, now: Timestamp, full: u64, per_minute: u64) {
        let gained = now.millis_since(self.at).saturating_mul(per_minute) / 60;
        self.left = self.left.saturating_add(gained).min(full);
        self.at = now;
    }
}

impl Sources {
    /// For what costs a password hash: logins, enrolments, refreshes.
    pub fn of_logins() -> Self {
        Self::new(limits::SOURCE_BURST, limits::SOURCE_PER_MINUTE)
    }

    /// For everything else that needs no session.
    pub fn of_open_routes() -> Self {
        Self::new(limits::OPEN_BURST, limits::OPEN_PER_MINUTE)
    }

    fn new(burst: u32, per_minute: u32) -> Self {
        Self { full: u64::from(burst) * 1000, per_minute: u64::from(per_minute), buckets: Mutex::default() }
    }

    /// Takes one attempt.
    ///
    /// # Errors
    /// The seconds to wait when there is none left.
    pub fn take(&self, source: IpAddr, now: Timestamp) -> Result<(), u64> {
        let source = network(source);
        let (full, per_minute) = (self.full, self.per_minute);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= limits::SOURCES_MAX && !buckets.contains_key(&source) {
            buckets.retain(|_, bucket| {
                bucket.refill(now, full, per_minute);
                bucket.left < full
            });
            let fullest = buckets.iter().max_by_key(|(_, bucket)| bucket.left).map(|(source, _)| *source);
            if let Some(fullest) = fullest.filter(|_| buckets.len() >= limits::SOURCES_MAX) {
                buckets.remove(&fullest);
            }
        }
        let bucket = buckets.entry(source).or_insert(Bucket { left: full, at: now });
        bucket.refill(now, full, per_minute);
        match bucket.left.checked_sub(1000) {
            Some(left) => {
                bucket.left = left;
                Ok(())
            }
            None => Err(((1000 - bucket.left) * 60).div_ceil(per_minute.max(1) * 1000).max(1)),
        }
    }

    /// Gives an attempt back: it was a good one.
    pub fn give_back(&self, source: IpAddr) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&network(source)) {
            bucket.left = (bucket.left + 1000).min(self.full);
        }
    }
}

/// Whoever has an IPv6 address has its whole /64 network.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_burst_then_a_trickle() {
        let sources = Sources::of_logins();
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

    #[test]
    fn newcomers_are_served_and_whoever_has_used_theirs_up_is_not_forgotten() {
        let sources = Sources::of_logins();
        let bad = IpAddr::from([192, 0, 2, 1]);
        while sources.take(bad, Timestamp(0)).is_ok() {}
        for n in 0..limits::SOURCES_MAX + 10 {
            let n = u32::try_from(n).expect("few");
            assert_eq!(sources.take(Ipv4Addr::from_bits(n).into(), Timestamp(0)), Ok(()));
        }
        assert!(sources.take(bad, Timestamp(0)).is_err());
        assert!(sources.buckets.lock().expect("lock").len() <= limits::SOURCES_MAX);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one() {
        let sources = Sources::of_logins();
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for n in 0..limits::SOURCE_BURST {
            assert_eq!(sources.take(ip(&format!("2001:db8:1:2::{n:x}")), Timestamp(0)), Ok(()));
        }
        assert!(sources.take(ip("2001:db8:1:2:ffff::9"), Timestamp(0)).is_err());
        assert_eq!(sources.take(ip("2001:db8:1:3::1"), Timestamp(0)), Ok(()));
    }
}
