use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use wharden_runtime::metrics::Metrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    pub outcome: &'static str,
}

pub(super) const OK: Outcome = Outcome { outcome: "ok" };
pub(super) const REFUSED: Outcome = Outcome { outcome: "refused" };

/// What the agents' side tells about itself.
#[derive(Clone)]
pub(super) struct FleetMetrics {
    pub connections: Counter,
    pub sessions: Gauge,
    pub opened: Counter,
    pub replaced: Counter,
    pub contested: Counter,
    pub busy: Counter,
    pub slowed: Counter,
    pub refused_connections: Counter,
    pub enrolments: Family<Outcome, Counter>,
    pub renewals: Family<Outcome, Counter>,
    pub refused_sessions: Counter,
    pub pushes: Counter,
    pub pushed_bytes: Counter,
    pub differences: Counter,
    pub acks: Counter,
    pub nacks: Counter,
}

impl FleetMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self {
            connections: Counter::default(),
            sessions: Gauge::default(),
            opened: Counter::default(),
            replaced: Counter::default(),
            contested: Counter::default(),
            busy: Counter::default(),
            slowed: Counter::default(),
            refused_connections: Counter::default(),
            enrolments: Family::default(),
            renewals: Family::default(),
            refused_sessions: Counter::default(),
            pushes: Counter::default(),
            pushed_bytes: Counter::default(),
            differences: Counter::default(),
            acks: Counter::default(),
            nacks: Counter::default(),
        };
        metrics.register(|registry| {
            registry.register("fleet_handshakes", "TLS handshakes done", own.connections.clone());
            registry.register("fleet_sessions", "Open sessions", own.sessions.clone());
            registry.register("fleet_sessions_opened", "Sessions opened", own.opened.clone());
            registry.register("fleet_sessions_replaced", "Sessions replaced by another", own.replaced.clone());
            let contested = "Sessions refused because two machines use one host's key";
            registry.register("fleet_sessions_contested", contested, own.contested.clone());
            registry.register("fleet_sessions_busy", "Sessions told to come again later", own.busy.clone());
            registry.register("fleet_sessions_slowed", "Times that a host sent more than its pace", own.slowed.clone());
            let connections = "Connections closed because there were too many of one kind";
            registry.register("fleet_connections_refused", connections, own.refused_connections.clone());
            registry.register("fleet_sessions_refused", "Sessions refused", own.refused_sessions.clone());
            registry.register("fleet_enrolments", "Calls of Enroll", own.enrolments.clone());
            registry.register("fleet_renewals", "Calls of Renew", own.renewals.clone());
            registry.register("fleet_bundle_pushes", "Bundles sent", own.pushes.clone());
            registry.register("fleet_bundle_bytes", "Bytes of bundles sent", own.pushed_bytes.clone());
            registry.register("fleet_bundle_differences", "Bundles sent as differences", own.differences.clone());
            registry.register("fleet_bundle_acks", "Bundles in force on their host", own.acks.clone());
            registry.register("fleet_bundle_nacks", "Bundles refused by their host", own.nacks.clone());
        });
        own
    }
}
