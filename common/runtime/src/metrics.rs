//! Metrics in the OpenMetrics text form.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric, text},
    metrics::gauge::ConstGauge,
    registry::Registry,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The `Content-Type` of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of a process. Clones are the same metrics.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Metrics {
    /// Every name begins with `prefix_`.
    pub fn new(prefix: &str) -> Self {
        Self(Arc::new(Mutex::new(Registry::with_prefix(prefix))))
    }

    /// Lets a part add its metrics, once, when it starts.
    pub fn register<T>(&self, add: impl FnOnce(&mut Registry) -> T) -> T {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds gauges whose names, descriptions and values are read whenever somebody asks.
    pub fn gauges<N: EncodeGaugeValue + 'static>(
        &self,
        read: impl Fn() -> Vec<(&'static str, &'static str, N)> + Send + Sync + 'static,
    ) {
        self.register(|registry| registry.register_collector(Box::new(Gauges(read))));
    }

    /// The text that a scraper gets.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a string fails only if a metric's own encoder does; what was written until then is still true.
        let done = text::encode(&mut out, &self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if done.is_err() {
            tracing::warn!("a metric could not be written; the answer is cut short");
        }
        out
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

struct Gauges<F>(F);

impl<F> fmt::Debug for Gauges<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl<N, F> Collector for Gauges<F>
where
    N: EncodeGaugeValue + 'static,
    F: Fn() -> Vec<(&'static str, &'static str, N)> + Send + Sync + 'static,
{
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in (self.0)() {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn what_is_registered_is_encoded_with_the_prefix() {
        let metrics = Metrics::new("wharden");
        let counter = Counter::<u64>::default();
        metrics.register(|registry| registry.register("decisions", "Decisions made", counter.clone()));
        counter.inc_by(3);
        let text = metrics.encode();
        assert!(text.contains("wharden_decisions_total 3"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn gauges_are_read_whenever_somebody_asks() {
        let metrics = Metrics::new("wharden");
        let asked = std::sync::atomic::AtomicI64::new(0);
        metrics.gauges(move || vec![("asked", "Times", 1 + asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed))]);
        for times in 1..3 {
            let text = metrics.encode();
            assert!(text.contains(&format!("# TYPE wharden_asked gauge\nwharden_asked {times}\n")), "{text}");
        }
    }
}
