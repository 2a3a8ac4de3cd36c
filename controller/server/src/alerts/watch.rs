//! The leader looks at the whole cluster and says what is wrong.

use super::{
    config::AlertsConfig,
    handle::Alerts,
    hosts::{self, Hosts},
    judge,
    limits::{HAPPENED_KEPT_S, LOOK, OVER_AFTER},
    table::{APPLY_LAG, CONTROLLER_AWAY, Row, TOKEN_REUSED},
    view::{Sight, View},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::Instant;
use wharden_model::{AlertFact, AlertId, Timestamp};
use wharden_runtime::{metrics::Metrics, shutdown::Shutdown};
use wharden_state::State;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Whose {
    controller: u64,
}

#[derive(Clone, Default)]
struct WatchMetrics {
    reachable: Gauge,
    skew: Family<Whose, Gauge>,
    open: Gauge,
    ca_ends: Gauge,
}

impl WatchMetrics {
    fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(|registry| {
            registry.register("controllers_reachable", "Controllers that answer this one", own.reachable.clone());
            registry.register("clock_skew_milliseconds", "How far clocks are ahead of this one", own.skew.clone());
            registry.register("alerts_open", "Alerts that are not over", own.open.clone());
            registry.register("ca_ends_timestamp_seconds", "End of the CA of the cluster", own.ca_ends.clone());
        });
        own
    }

    fn show(&self, view: &View, state: &State) {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.ca_ends.set(i64::try_from(view.ca_ends_at.as_secs()).unwrap_or(i64::MAX));
        self.reachable.set(count(view.controllers.values().filter(|seen| seen.status.is_some()).count()));
        self.open.set(count(state.alerts.values().filter(|alert| alert.is_open()).count()));
        // Of one that is gone, or says nothing, nothing is known.
        for controller in 1..=state.controllers.last_number {
            match view.controllers.get(&controller).and_then(|seen| seen.ahead_ms) {
                Some(ahead) => drop(self.skew.get_or_create(&Whose { controller }).set(ahead)),
                None => drop(self.skew.remove(&Whose { controller })),
            }
        }
    }
}

/// Looks at the cluster until the shutdown, and raises while this controller leads.
pub fn start(sight: Sight, alerts: Alerts, config: AlertsConfig, metrics: &Metrics, shutdown: &Shutdown) {
    let watch = Watch { sight, alerts, config, metrics: WatchMetrics::new(metrics) };
    shutdown.spawn_until_stopped("watch", watch.run());
}

struct Watch {
    sight: Sight,
    alerts: Alerts,
    config: AlertsConfig,
    metrics: WatchMetrics,
}

/// What is remembered from one look to the next, while this controller leads.
struct Memory {
    since: Instant,
    held: Held,
    hosts: Hosts,
    /// When a controller first did not say which hosts it has.
    silent: BTreeMap<u64, Instant>,
}

impl Memory {
    fn new() -> Self {
        let (held, hosts) = (Held::default(), Hosts::default());
        Self { since: Instant::now(), held, hosts, silent: BTreeMap::new() }
    }
}

impl Watch {
    async fn run(self) {
        let mut memory = None;
        loop {
            tokio::time::sleep(LOOK.min(Duration::from_secs(self.config.lost_s.max(1)))).await;
            let view = self.sight.controllers().await;
            let state = self.sight.raft.state();
            self.metrics.show(&view, &state);
            if !self.sight.raft.leads() {
                memory = None;
                continue;
            }
            let memory = memory.get_or_insert_with(Memory::new);
            self.look(&view, &state, memory).await;
        }
    }

    async fn look(&self, view: &View, state: &State, memory: &mut Memory) {
        let now = Instant::now();
        let lost = Duration::from_secs(self.config.lost_s);
        let facts = judge::controllers(view, &self.config);
        let (ready, over) = memory.held.step(facts, now, lost, &open(state, judge::KINDS));
        for fact in ready {
            self.alerts.raise_fact(fact);
        }
        for id in over.into_iter().chain(past(state, view.at)) {
            self.alerts.resolve_id(id);
        }
        if now.duration_since(memory.since) < Duration::from_secs(self.config.grace_s) {
            return;
        }
        let roll = self.sight.hosts().await;
        memory.silent.retain(|number, _| roll.silent.contains(number));
        for number in &roll.silent {
            memory.silent.entry(*number).or_insert(now);
        }
        // Hosts may have their sessions with a controller that cannot say so. When it is gone for long, they moved.
        if memory.silent.values().any(|since| now.duration_since(*since) < lost.saturating_mul(2)) {
            return;
        }
        let facts = memory.hosts.judge(state, &roll, now, view.at, &self.config);
        let present: BTreeSet<AlertId> = facts.iter().map(|fact| fact.id.clone()).collect();
        for fact in facts {
            self.alerts.raise_fact(fact);
        }
        for id in open(state, hosts::KINDS).difference(&present) {
            self.alerts.resolve_id(id.clone());
        }
    }
}

/// What happened at one moment is over after a while.
pub(super) fn past(state: &State, at: Timestamp) -> Vec<AlertId> {
    let is_past = |id: &AlertId| state.alerts.get(id).is_some_and(|a| a.raised_at.plus_secs(HAPPENED_KEPT_S) <= at);
    open(state, &[&TOKEN_REUSED]).into_iter().filter(is_past).collect()
}

/// Alerts of these kinds that are not over.
fn open(state: &State, kinds: &[&Row]) -> BTreeSet<AlertId> {
    let of_kind = |id: &AlertId| kinds.iter().any(|row| row.kind == id.kind().as_str());
    let open = state.alerts.iter().filter(|(id, alert)| alert.is_open() && of_kind(id));
    open.map(|(id, _)| id.clone()).collect()
}

/// For how long something has been so, or has not been so any more.
#[derive(Default)]
pub(super) struct Held {
    since: BTreeMap<AlertId, Instant>,
    gone: BTreeMap<AlertId, Instant>,
}

impl Held {
    /// What is to be raised and what is over, after one more look.
    pub(super) fn step(
        &mut self,
        facts: Vec<AlertFact>,
        now: Instant,
        lost: Duration,
        open: &BTreeSet<AlertId>,
    ) -> (Vec<AlertFact>, Vec<AlertId>) {
        let present: BTreeSet<AlertId> = facts.iter().map(|fact| fact.id.clone()).collect();
        self.since.retain(|id, _| present.contains(id));
        self.gone.retain(|id, _| open.contains(id) && !present.contains(id));
        let mut ready = Vec::new();
        for fact in facts {
            let since = *self.since.entry(fact.id.clone()).or_insert(now);
            let patient = [CONTROLLER_AWAY.kind, APPLY_LAG.kind].contains(&fact.kind().as_str());
            if !patient || now.duration_since(since) >= lost {
                ready.push(fact);
            }
        }
        let mut over = Vec::new();
        for id in open.difference(&present) {
            let gone = *self.gone.entry(id.clone()).or_insert(now);
            if now.duration_since(gone) >= OVER_AFTER.min(lost) {
                over.push(id.clone());
            }
        }
        (ready, over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Seen;

    #[test]
    fn a_clock_that_nobody_has_heard_shows_no_skew() {
        let metrics = Metrics::new("wharden");
        let (shown, mut state, mut view) = (WatchMetrics::new(&metrics), State::default(), View::default());
        state.controllers.last_number = 3;
        view.controllers = (1..=3).map(|n| (n, Seen { ahead_ms: Some(7), ..Seen::default() })).collect();
        let told = |controller: u64| {
            metrics.encode().contains(&format!("wharden_clock_skew_milliseconds{{controller=\"{controller}\"}} 7"))
        };
        shown.show(&view, &state);
        assert_eq!([1, 2, 3].map(told), [true; 3]);
        view.controllers.remove(&2);
        view.controllers.insert(3, Seen::default());
        shown.show(&view, &state);
        assert_eq!([1, 2, 3].map(told), [true, false, false], "one was removed, one does not answer");
    }
}
