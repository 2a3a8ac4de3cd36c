use prometheus_client::metrics::{
    counter::Counter,
    gauge::Gauge,
    histogram::{Histogram, exponential_buckets},
};
use wharden_runtime::metrics::Metrics;

/// What the publisher tells about itself.
#[derive(Clone)]
pub(super) struct PublishMetrics {
    pub revision: Gauge,
    pub failing: Gauge,
    pub plan_seconds: Histogram,
    pub bundles: Counter,
}

impl PublishMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self {
            revision: Gauge::default(),
            failing: Gauge::default(),
            plan_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
            bundles: Counter::default(),
        };
        metrics.register(|registry| {
            registry.register("publish_revision", "Revision that hosts are given", own.revision.clone());
            registry.register("publish_failing", "1 while the newest policies do not compile", own.failing.clone());
            registry.register("publish_plan_seconds", "Time to plan a set of policies", own.plan_seconds.clone());
            registry.register("publish_bundles", "Bundles made, one a scope and plan", own.bundles.clone());
        });
        own
    }
}
