//! Looks, remembers, plans, answers.

use super::{
    accepted::Accepted,
    admission::Policies,
    ask::{Ask, Told},
    fleet::{Fleet, fleet},
    guests::{Peers, WithGuests},
    held::{Ground, Held},
    limits::{ACCEPTED_MAX, HISTORY_PAGE, LOOK_EVERY, POLICIES_ASKED},
    preview::{Carried, preview},
    view::FleetView,
};
use crate::alerts::Alerts;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::{sync::Notify, time::timeout};
use wharden_capacity::{Input, explain, plan};
use wharden_model::{
    ClusterId, HostId, Timestamp, UserName,
    api::{CapacityAdvice, CapacityExplanation, CapacityHappening, CapacityHistory, CapacityRecord},
    capacity::AdviceId,
};
use wharden_runtime::clock::Clock;
use wharden_state::State;

/// Clones are the same watch.
#[derive(Clone)]
pub struct Watch(Arc<Parts>);

struct Parts {
    /// The state as it was applied last.
    state: Box<dyn Fn() -> Arc<State> + Send + Sync>,
    cluster: ClusterId,
    view: Arc<dyn FleetView>,
    clock: Arc<dyn Clock>,
    alerts: Alerts,
    held: Mutex<Held>,
    /// Held while a plan is made: the plan that is kept is the one that was begun last.
    planning: Mutex<()>,
    /// Somebody wants a new plan.
    wake: Notify,
}

impl Watch {
    pub fn new(
        state: impl Fn() -> Arc<State> + Send + Sync + 'static,
        cluster: ClusterId,
        view: Arc<dyn FleetView>,
        clock: Arc<dyn Clock>,
        alerts: Alerts,
    ) -> Self {
        let (state, wake) = (Box::new(state), Notify::new());
        let (held, planning) = Default::default();
        Self(Arc::new(Parts { state, cluster, view, clock, alerts, held, planning, wake }))
    }

    /// Looks from time to time, for ever.
    pub async fn run(self, peers: impl Peers) {
        loop {
            let watch = self.clone();
            match tokio::task::spawn_blocking(move || watch.look()).await {
                Ok(true) => self.lodge(&peers).await,
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "a look at the capacity of hosts failed"),
            }
            // Woken or not: either is a reason to look.
            let _ = timeout(LOOK_EVERY, self.0.wake.notified()).await;
        }
    }

    /// One look, and a plan when one is due. True when there is a new plan.
    pub(super) fn look(&self) -> bool {
        let (state, now) = self.present();
        let due = self.held().observe(&state, self.0.view.as_ref(), now);
        self.held().tell(&state, &self.0.alerts);
        if due {
            self.plan(&state, now);
        }
        due
    }

    /// The state and the time as they are.
    pub(super) fn present(&self) -> (Arc<State>, Timestamp) {
        ((self.0.state)(), Timestamp(self.0.clock.now()))
    }

    pub(super) fn plan(&self, state: &State, now: Timestamp) {
        let _one_at_a_time = self.0.planning.lock().unwrap_or_else(PoisonError::into_inner);
        let (guests, previous) = {
            let mut held = self.held();
            held.moves.prune(now);
            held.forget_guests(now);
            (held.guests.clone(), held.plan.advice.clone())
        };
        let view = WithGuests { view: self.0.view.as_ref(), guests: &guests };
        let Ground { fleet, moves, accepted } = self.held().ground(&guests, state, &view, None);
        let policies = Policies::new(&self.0.cluster, state, &view, &fleet.residents);
        let input = Input { at: now, hosts: &fleet.hosts, moves: &moves, accepted: &accepted, previous: &previous };
        let fresh = plan(input, &policies);
        self.held().take(fresh, &fleet, &view, &moves);
    }

    /// Answers about the hosts of this controller.
    pub async fn answer(&self, ask: Ask) -> Told {
        let watch = self.clone();
        let answered = tokio::task::spawn_blocking(move || watch.answer_now(ask)).await;
        answered.unwrap_or(Told::Unknown)
    }

    pub(super) fn answer_now(&self, ask: Ask) -> Told {
        let (state, now) = self.present();
        match ask {
            Ask::Status => Told::Status(self.held().status(&state, now)),
            Ask::Plan => {
                let held = self.held();
                let accepted = held.accepted.iter().map(|a| a.shown.clone()).collect();
                Told::Plan(CapacityAdvice { plan: held.open_plan(), accepted, unreachable: Vec::new() })
            }
            Ask::History => {
                let records = self.held().history.iter().rev().take(HISTORY_PAGE).cloned().collect();
                Told::History(CapacityHistory { records, unreachable: Vec::new() })
            }
            Ask::Explain { host, container } => self.explain(&state, &host, &container, now),
            Ask::Commands { advice } => self.commands(&advice),
            Ask::Accept { advice, by } => self.accept(&state, &advice, &by, now),
            Ask::Look => {
                self.held().stale = true;
                self.0.wake.notify_one();
                Told::Looking
            }
            Ask::Host { of, guests } => self.host(&state, of, guests, now),
            Ask::Snooze { host, signal, until, by } => {
                let count = self.held().snooze(&state, &host, signal, until, &by, now);
                self.0.wake.notify_one();
                if count > 0 { Told::Snoozed(count) } else { Told::Unknown }
            }
        }
    }

    fn explain(&self, state: &State, host: &HostId, container: &str, now: Timestamp) -> Told {
        let guests = self.held().guests.clone();
        let view = WithGuests { view: self.0.view.as_ref(), guests: &guests };
        let Ground { fleet, moves, accepted } = self.held().ground(&guests, state, &view, Some(host));
        let Some(source) = fleet.hosts.iter().position(|h| h.id == *host) else { return Told::Unknown };
        let called = |c: &&wharden_capacity::Container| {
            c.name == container || (container.len() >= 4 && c.id.starts_with(container))
        };
        let Some(found) = fleet.hosts[source].containers.iter().find(called) else { return Told::Unknown };
        let policies = Policies::new(&self.0.cluster, state, &view, &fleet.residents);
        let input = Input { at: now, hosts: &fleet.hosts, moves: &moves, accepted: &accepted, previous: &[] };
        let explained = explain(input, &policies, source, found, POLICIES_ASKED);
        Told::Explained(Box::new(CapacityExplanation {
            container: found.named(),
            source: fleet.hosts[source].named(),
            held: explained.held,
            targets: explained.targets,
            targets_in_all: explained.targets_in_all,
            obstacles: explained.obstacles,
        }))
    }

    fn commands(&self, id: &AdviceId) -> Told {
        let (advised, guests) = {
            let held = self.held();
            (held.advice(id).cloned(), held.guests.clone())
        };
        let Some(advice) = advised else { return Told::Unknown };
        let view = WithGuests { view: self.0.view.as_ref(), guests: &guests };
        let source = view.contents(&advice.source.host.id).unwrap_or_default();
        let target = view.contents(&advice.target.host.id).unwrap_or_default();
        let Some(seen) = source.containers.iter().find(|c| c.id == advice.container.id) else { return Told::Unknown };
        let guards = {
            let held = self.held();
            let guard = |host: &HostId| held.guard(host);
            [guard(&advice.source.host.id), guard(&advice.target.host.id)]
        };
        let carried = Carried::new(&advice.id, seen, &source, &target, guards);
        Told::Commands(Box::new(preview(advice, &carried)))
    }

    fn accept(&self, state: &State, id: &AdviceId, by: &UserName, now: Timestamp) -> Told {
        let mut held = self.held();
        if let Some(known) = held.accepted.iter().find(|a| a.shown.advice.id == *id) {
            return Told::Accepted(Box::new(known.shown.clone()));
        }
        let Some(advice) = held.advice(id).cloned() else { return Told::Unknown };
        if held.accepted.len() >= ACCEPTED_MAX {
            return Told::Full;
        }
        let view = WithGuests { view: self.0.view.as_ref(), guests: &held.guests };
        let Fleet { hosts, .. } = fleet(&held.tracks, &held.guests, state, &view, Some(&advice.source.host.id));
        let source = hosts.iter().find(|h| h.id == advice.source.host.id);
        let container = source.and_then(|h| h.containers.iter().find(|c| c.id == advice.container.id));
        let accepted = Accepted::new(advice, container, by.clone(), now);
        let shown = accepted.shown.clone();
        let (container, target) = (shown.advice.container.clone(), shown.advice.target.host.clone());
        let what = CapacityHappening::Accepted { container, target, by: by.clone() };
        held.remember(vec![CapacityRecord { at: now, host: shown.advice.source.host.clone(), what }]);
        held.acknowledge(&accepted, now);
        held.accepted.push(accepted);
        held.stale = true;
        drop(held);
        self.0.wake.notify_one();
        Told::Accepted(Box::new(shown))
    }

    /// What is held is whole after each change.
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
