use prometheus_client::metrics::{
    counter::Counter,
    gauge::Gauge,
    histogram::{Histogram, exponential_buckets},
};
use wharden_runtime::metrics::Metrics;

/// What the store tells about itself.
#[derive(Clone)]
pub(super) struct EventMetrics {
    pub stored: Counter,
    pub duplicate: Counter,
    pub refused: Counter,
    pub fsync_seconds: Histogram,
    pub bytes: Gauge,
    /// Time of the oldest event, in seconds since 1970; 0 for none.
    pub oldest_seconds: Gauge,
    pub dropped_by_age: Counter,
    pub dropped_by_size: Counter,
    /// 1 while events cannot be written.
    pub failing: Gauge,
}

impl EventMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self {
            stored: Counter::default(),
            duplicate: Counter::default(),
            refused: Counter::default(),
            fsync_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            bytes: Gauge::default(),
            oldest_seconds: Gauge::default(),
            dropped_by_age: Counter::default(),
            dropped_by_size: Counter::default(),
            failing: Gauge::default(),
        };
        metrics.register(|registry| {
            registry.register("events_stored", "Decision events stored", own.stored.clone());
            registry.register("events_duplicate", "Decision events that were stored before", own.duplicate.clone());
            registry.register("events_refused", "Decision events that could not be read", own.refused.clone());
            registry.register("events_fsync_seconds", "Time of one fsync of events", own.fsync_seconds.clone());
            registry.register("events_bytes", "Size of all event files", own.bytes.clone());
            let oldest = own.oldest_seconds.clone();
            registry.register("events_oldest_timestamp_seconds", "Time of the oldest event that is held", oldest);
            let by_age = own.dropped_by_age.clone();
            registry.register("events_dropped_by_age", "Decision events that went because of their age", by_age);
            let by_size = own.dropped_by_size.clone();
            registry.register("events_dropped_by_size", "Decision events that went to make room", by_size);
            registry.register("events_failing", "1 while events cannot be written", own.failing.clone());
        });
        own
    }
}
