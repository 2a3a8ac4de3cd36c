use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
};
use std::fmt;
use wharden_model::Outcome;
use wharden_runtime::metrics::Metrics;

/// What the guard counts.
#[derive(Clone, Debug)]
pub struct Stats {
    requests: Family<OutcomeLabel, Counter>,
    /// Seconds from the end of a request's head to its decision.
    pub decided_in: Histogram,
    /// Connections refused because of a limit.
    pub turned_away: Counter,
    /// Connections that their client had closed before they were accepted.
    pub gone: Counter,
    /// Connections cut off before the agent's memory was used up.
    pub cut_for_memory: Counter,
    /// Requests refused because what was still being sent held all the room.
    pub no_room: Counter,
    /// Requests that could not be served because the engine did not answer.
    pub engine_errors: Counter,
    /// Tunnels opened.
    pub tunnels: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: OutcomeValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OutcomeValue(Outcome);

impl EncodeLabelValue for OutcomeValue {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.0.as_str(), encoder)
    }
}

impl Stats {
    /// Registers everything.
    pub fn new(metrics: &Metrics) -> Self {
        let stats = Self {
            requests: Family::default(),
            decided_in: Histogram::new([50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 5e-3, 25e-3, 100e-3, 1.0, 10.0]),
            turned_away: Counter::default(),
            gone: Counter::default(),
            cut_for_memory: Counter::default(),
            no_room: Counter::default(),
            engine_errors: Counter::default(),
            tunnels: Counter::default(),
        };
        metrics.register(|registry| {
            registry.register("guard_requests", "Requests by what became of them", stats.requests.clone());
            registry.register(
                "guard_decided_in_seconds",
                "Time from the end of a request's head to its decision",
                stats.decided_in.clone(),
            );
            registry.register("guard_turned_away", "Connections refused because of a limit", stats.turned_away.clone());
            registry.register("guard_gone", "Connections closed before they were accepted", stats.gone.clone());
            registry.register(
                "guard_cut_for_memory",
                "Connections cut off before the agent's memory was used up",
                stats.cut_for_memory.clone(),
            );
            registry.register(
                "guard_no_room",
                "Requests refused for lack of memory for heads and bodies",
                stats.no_room.clone(),
            );
            registry.register(
                "guard_engine_errors",
                "Requests that failed because of the engine",
                stats.engine_errors.clone(),
            );
            registry.register("guard_tunnels", "Connections that became tunnels", stats.tunnels.clone());
        });
        stats
    }

    /// Counts one request.
    pub fn request(&self, outcome: Outcome) {
        self.requests.get_or_create(&OutcomeLabel { outcome: OutcomeValue(outcome) }).inc();
    }
}
