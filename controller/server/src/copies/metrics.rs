use prometheus_client::metrics::{
    counter::Counter,
    gauge::Gauge,
    histogram::{Histogram, exponential_buckets},
};
use wharden_runtime::metrics::Metrics;

/// What copying tells about itself.
#[derive(Clone)]
pub(super) struct CopyMetrics {
    /// Messages of agents.
    pub copied: Counter,
    pub calls: Counter,
    pub failed_calls: Counter,
    /// Messages that nobody took.
    pub refused: Counter,
    pub seconds: Histogram,
    pub mended: Counter,
    /// 1 while what each controller holds is known to be held by another one too.
    pub covered: Gauge,
    /// When that was looked at, in seconds since 1970.
    pub compared: Gauge,
}

impl CopyMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self {
            copied: Counter::default(),
            calls: Counter::default(),
            failed_calls: Counter::default(),
            refused: Counter::default(),
            seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 14)),
            mended: Counter::default(),
            covered: Gauge::default(),
            compared: Gauge::default(),
        };
        metrics.register(|registry| {
            let mut counter =
                |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
            counter("event_copies", "Messages of agents that another controller stored too", &own.copied);
            counter("event_copy_calls", "Calls that carried them", &own.calls);
            counter("event_copy_calls_failed", "Calls that did not succeed", &own.failed_calls);
            counter(
                "event_copies_refused",
                "Messages that no other controller took; the agents keep them",
                &own.refused,
            );
            counter("events_mended", "Decision events that were given to another controller later", &own.mended);
            registry.register("event_copy_seconds", "Time until another controller had a message", own.seconds.clone());
            let covered = own.covered.clone();
            let compared = own.compared.clone();
            registry.register(
                "events_compared_timestamp_seconds",
                "When all controllers' events were compared",
                compared,
            );
            let help = "1 while, as this controller knows, the events of each are held by another one too";
            registry.register("events_covered", help, covered);
        });
        own
    }
}
