//! What parts say that is wrong, on its way to the log.

use super::{
    limits::{GATHER, RAISED_PER_CHANGE, RESOLVED_PER_CHANGE, RETRY, WAITING_MAX},
    table::{ROWS, Row},
};
use crate::raft::Raft;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;
use wharden_model::{AlertFact, AlertId};
use wharden_runtime::{metrics::Metrics, shutdown::Shutdown};
use wharden_state::{Actor, Alert, AlertCommand, Command, State};

/// Raises and resolves alerts, on any controller. Clones are the same. Saying the same again costs nothing: only what
/// changes the state goes to the log, together with what else is said at that moment.
#[derive(Clone)]
pub struct Alerts(Arc<Inner>);

struct Inner {
    waiting: Mutex<BTreeMap<AlertId, Wish>>,
    woken: Notify,
    dropped: Counter,
    held: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Raise(Box<AlertFact>),
    Resolve,
}

impl Alerts {
    /// One that holds what is said until it is started.
    pub fn new(metrics: &Metrics) -> Self {
        let inner = Inner {
            waiting: Mutex::default(),
            woken: Notify::new(),
            dropped: Counter::default(),
            held: Gauge::default(),
        };
        metrics.register(|registry| {
            registry.register("alerts_dropped", "Alerts that there was no room for", inner.dropped.clone());
            registry.register("alerts_waiting", "Alerts that wait for the log", inner.held.clone());
        });
        Self(Arc::new(inner))
    }

    /// Takes what is said to the log from now on.
    pub fn start(&self, raft: Raft, shutdown: &Shutdown) {
        shutdown.spawn_until_stopped("alerts", Self::run(Arc::clone(&self.0), raft));
    }

    /// It is so: of this kind, about this thing (`key`), in these words.
    pub fn raise(&self, row: &Row, key: &str, subject: &str, summary: &str, detail: &str) {
        self.raise_fact(row.fact(key, subject, summary, detail));
    }

    /// The same with everything said.
    pub fn raise_fact(&self, fact: AlertFact) {
        self.wish(fact.id.clone(), Wish::Raise(Box::new(fact)));
    }

    /// It is so no more.
    pub fn resolve(&self, row: &Row, key: &str) {
        self.resolve_id(row.id(key));
    }

    /// The same by its id.
    pub fn resolve_id(&self, id: AlertId) {
        self.wish(id, Wish::Resolve);
    }

    fn wish(&self, id: AlertId, wish: Wish) {
        let mut waiting = self.0.waiting();
        if waiting.len() >= WAITING_MAX && !waiting.contains_key(&id) {
            drop(waiting);
            self.0.dropped.inc();
            return;
        }
        waiting.insert(id, wish);
        drop(waiting);
        self.0.woken.notify_one();
    }

    async fn run(inner: Arc<Inner>, raft: Raft) {
        loop {
            inner.woken.notified().await;
            tokio::time::sleep(GATHER).await;
            let wishes = std::mem::take(&mut *inner.waiting());
            for (command, part) in commands(&raft.state(), wishes) {
                if let Err(error) = raft.propose(Actor::System, Command::Alert(command)).await {
                    tracing::warn!(%error, "alerts could not be written down; it is tried again");
                    inner.put_back(part);
                    tokio::time::sleep(RETRY).await;
                    inner.woken.notify_one();
                }
            }
            inner.held.set(i64::try_from(inner.waiting().len()).unwrap_or(i64::MAX));
        }
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<AlertId, Wish>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was said since then is newer.
    fn put_back(&self, wishes: Vec<(AlertId, Wish)>) {
        let mut waiting = self.waiting();
        for (id, wish) in wishes {
            waiting.entry(id).or_insert(wish);
        }
    }
}

/// The changes that make of the state what is wished, each with the wishes that it fulfils.
fn commands(state: &State, wishes: BTreeMap<AlertId, Wish>) -> Vec<(AlertCommand, Vec<(AlertId, Wish)>)> {
    let open = |id: &AlertId| state.alerts.get(id).filter(|alert| alert.is_open());
    let (mut raised, mut resolved) = (Vec::new(), Vec::new());
    for (id, wish) in wishes {
        match &wish {
            Wish::Raise(fact) if open(&id).is_none_or(|alert| is_news(alert, fact)) => {
                raised.push((id, wish));
            }
            Wish::Resolve if open(&id).is_some() => resolved.push((id, wish)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    for part in raised.chunks(RAISED_PER_CHANGE) {
        let facts = part.iter().filter_map(|(_, wish)| match wish {
            Wish::Raise(fact) => Some((**fact).clone()),
            Wish::Resolve => None,
        });
        all.push((AlertCommand::Update { raised: facts.collect(), resolved: Vec::new() }, part.to_vec()));
    }
    for part in resolved.chunks(RESOLVED_PER_CHANGE) {
        let ids = part.iter().map(|(id, _)| id.clone()).collect();
        all.push((AlertCommand::Update { raised: Vec::new(), resolved: ids }, part.to_vec()));
    }
    all
}

/// What an alert says changes all the time; only what is worse or better goes to the log, and numbers that people count on.
fn is_news(held: &Alert, fact: &AlertFact) -> bool {
    let counts = ROWS.iter().any(|row| row.counts && row.kind == fact.kind().as_str());
    held.severity != fact.severity || (counts && held.detail != fact.detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::table::{DISK_HEADROOM, HOST_LOST};
    use wharden_model::{RequestId, Severity, Timestamp};
    use wharden_state::Entry;

    fn apply(state: &mut State, n: u64, command: Command) {
        let request_id = RequestId::new(format!("{n:032x}")).expect("id");
        let issued_at = Timestamp(n);
        let entry = Entry { request_id, actor: Actor::System, issued_at, if_revision: None, origin: None, command };
        state.apply(n, &entry).0.expect("applied");
    }

    fn state() -> State {
        let (first, _, _) =
            crate::keys::new_cluster(&wharden_pki::ClusterKeys::generate(), Timestamp(1)).expect("made");
        let mut state = State::default();
        apply(&mut state, 1, Command::Cluster(first));
        state
    }

    fn wishes(alerts: &Alerts) -> BTreeMap<AlertId, Wish> {
        std::mem::take(&mut *alerts.0.waiting())
    }

    #[test]
    fn only_what_changes_the_state_goes_to_the_log_in_few_changes() {
        let (alerts, mut state) = (Alerts::new(&Metrics::new("test")), state());
        for n in 0..20 {
            alerts.raise(&HOST_LOST, &format!("h-{n}"), "host", "lost", "");
            alerts.raise(&HOST_LOST, &format!("h-{n}"), "host", "lost", "again");
        }
        alerts.resolve(&HOST_LOST, "never");
        let changes = commands(&state, wishes(&alerts));
        assert_eq!(changes.len(), 20_usize.div_ceil(RAISED_PER_CHANGE));
        for (n, (command, _)) in changes.into_iter().enumerate() {
            apply(&mut state, 2 + n as u64, Command::Alert(command));
        }
        assert_eq!(state.alerts.len(), 20);
        alerts.raise(&HOST_LOST, "h-1", "host", "lost", "still");
        alerts.raise_fact(HOST_LOST.fact_as(Severity::Critical, "h-2", "host", "worse", ""));
        alerts.resolve(&HOST_LOST, "h-3");
        let changes = commands(&state, wishes(&alerts));
        assert_eq!(changes.len(), 2, "{changes:?}");
        for (n, (command, _)) in changes.into_iter().enumerate() {
            apply(&mut state, 50 + n as u64, Command::Alert(command));
        }
        assert_eq!(state.alerts[&HOST_LOST.id("h-2")].severity, Severity::Critical);
        assert!(!state.alerts[&HOST_LOST.id("h-3")].is_open());
    }

    #[test]
    fn what_was_said_last_counts_and_nothing_grows_without_bound() {
        let alerts = Alerts::new(&Metrics::new("test"));
        alerts.raise(&DISK_HEADROOM, "1", "", "old", "");
        let old = wishes(&alerts);
        alerts.resolve(&DISK_HEADROOM, "1");
        alerts.0.put_back(old.into_iter().collect());
        assert_eq!(wishes(&alerts)[&DISK_HEADROOM.id("1")], Wish::Resolve);
        for n in 0..=WAITING_MAX {
            alerts.resolve(&HOST_LOST, &n.to_string());
        }
        assert_eq!((wishes(&alerts).len(), alerts.0.dropped.get()), (WAITING_MAX, 1));
    }

    #[test]
    fn a_full_change_fits_a_log_entry() {
        let long = "\"".repeat(2000);
        let raised = vec![HOST_LOST.fact(&"k".repeat(500), &long, &long, &long); RAISED_PER_CHANGE];
        let ids = vec![HOST_LOST.id(&"k".repeat(500)); RESOLVED_PER_CHANGE];
        for command in [
            AlertCommand::Update { raised, resolved: Vec::new() },
            AlertCommand::Update { raised: Vec::new(), resolved: ids },
        ] {
            let size = serde_json::to_vec(&Command::Alert(command)).expect("JSON").len();
            assert!(size + 1024 < wharden_store::limits::COMMAND_MAX, "{size}");
        }
    }
}
