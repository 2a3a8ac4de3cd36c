use std::time::Duration;

/// What only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub cpu_ns: u64,
    pub disk_read: u64,
    pub disk_write: u64,
    pub net_rx: u64,
    pub net_tx: u64,
}

/// By how much a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    pub cpu_millicores: u64,
    pub disk_read_bps: u64,
    pub disk_write_bps: u64,
    pub net_rx_bps: u64,
    pub net_tx_bps: u64,
}

impl Counters {
    /// How fast they grew. A counter that went back belongs to something new, and counts from there.
    pub fn since(&self, before: &Self, time: Duration) -> Rates {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let grown = |now: u64, before: u64| now.saturating_sub(before);
        let a_second = |now: u64, before: u64| grown(now, before).saturating_mul(1000) / millis;
        Rates {
            // Nanoseconds a millisecond are millionths; a thousandth of a processor is a thousand of them.
            cpu_millicores: grown(self.cpu_ns, before.cpu_ns) / millis / 1000,
            disk_read_bps: a_second(self.disk_read, before.disk_read),
            disk_write_bps: a_second(self.disk_write, before.disk_write),
            net_rx_bps: a_second(self.net_rx, before.net_rx),
            net_tx_bps: a_second(self.net_tx, before.net_tx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_becomes_a_rate() {
        let before = Counters { cpu_ns: 1_000, disk_read: 100, net_rx: 500, ..Counters::default() };
        let now = Counters { cpu_ns: 3_000_001_000, disk_read: 300, net_rx: 400, ..Counters::default() };
        let wanted = Rates { cpu_millicores: 1500, disk_read_bps: 100, ..Rates::default() };
        assert_eq!(now.since(&before, Duration::from_secs(2)), wanted);
        assert_eq!(now.since(&now, Duration::ZERO), Rates::default());
    }
}
