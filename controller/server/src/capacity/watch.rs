//! Looks, remembers, plans, answers.

use super::{
    accepted::{Accepted, settle},
    admission::Policies,
    ask::{Ask, Told},
    fleet::{Fleet, fleet, limited},
    limits::{
        ACCEPTED_MAX, FORECASTS_MAX, HISTORY_MAX, HISTORY_PAGE, LOOK_EVERY, LOOKS_PER_CONTAINERS, PLAN_EVERY_S,
        POLICIES_ASKED,
    },
    preview::{Carried, preview},
    track::Track,
    view::{FleetView, SeenHost},
};
use crate::alerts::{Alerts, table::HOST_FULL};
use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Notify, time::timeout};
use wharden_capacity::{Input, Moves, explain, plan};
use wharden_model::{
    ClusterId, HostId, Timestamp, UserName,
    api::{
        CapacityAdvice, CapacityExplanation, CapacityForecast, CapacityHappening, CapacityHistory, CapacityRecord,
        CapacityStatus,
    },
    capacity::{Advice, AdviceId, Amount, CapacityPlan, HostRef, Signal, Transition, show_permille},
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
    /// Somebody wants a new plan.
    wake: Notify,
}

#[derive(Default)]
pub(super) struct Held {
    tracks: BTreeMap<HostId, Track>,
    moves: Moves,
    accepted: Vec<Accepted>,
    history: VecDeque<CapacityRecord>,
    plan: CapacityPlan,
    looks: u64,
    /// What the last plan was made for does not hold any more.
    stale: bool,
}

impl Watch {
    pub fn new(
        state: impl Fn() -> Arc<State> + Send + Sync + 'static,
        cluster: ClusterId,
        view: Arc<dyn FleetView>,
        clock: Arc<dyn Clock>,
        alerts: Alerts,
    ) -> Self {
        let (state, held, wake) = (Box::new(state), Mutex::default(), Notify::new());
        Self(Arc::new(Parts { state, cluster, view, clock, alerts, held, wake }))
    }

    /// Looks from time to time, for ever.
    pub async fn run(self) {
        loop {
            let watch = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || watch.look()).await {
                tracing::error!(%error, "a look at the capacity of hosts failed");
            }
            // Woken or not: either is a reason to look.
            let _ = timeout(LOOK_EVERY, self.0.wake.notified()).await;
        }
    }

    /// One look, and a plan when one is due.
    pub(super) fn look(&self) {
        let now = Timestamp(self.0.clock.now());
        let state = (self.0.state)();
        let due = self.held().observe(&state, self.0.view.as_ref(), now);
        self.held().tell(&state, &self.0.alerts);
        if due {
            self.plan(&state, now);
        }
    }

    fn plan(&self, state: &State, now: Timestamp) {
        let view = self.0.view.as_ref();
        let (fleet, moves, accepted, previous) = {
            let mut held = self.held();
            held.moves.prune(now);
            let accepted: Vec<_> = held.accepted.iter().map(|a| a.reservation.clone()).collect();
            let previous = held.plan.advice.clone();
            (fleet(&held.tracks, state, view, None), held.moves.clone(), accepted, previous)
        };
        let policies = Policies::new(&self.0.cluster, state, view, &fleet.seen, &fleet.hosts);
        let input = Input { at: now, hosts: &fleet.hosts, moves: &moves, accepted: &accepted, previous: &previous };
        let fresh = plan(input, &policies);
        let mut held = self.held();
        held.plan = fresh;
        held.stale = false;
    }

    /// Answers about the hosts of this controller.
    pub async fn answer(&self, ask: Ask) -> Told {
        let watch = self.clone();
        let answered = tokio::task::spawn_blocking(move || watch.answer_now(ask)).await;
        answered.unwrap_or(Told::Unknown)
    }

    pub(super) fn answer_now(&self, ask: Ask) -> Told {
        let now = Timestamp(self.0.clock.now());
        let state = (self.0.state)();
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
            Ask::Snooze { host, signal, until, by } => {
                let count = self.held().snooze(&state, &host, signal, until, &by, now);
                self.0.wake.notify_one();
                if count > 0 { Told::Snoozed(count) } else { Told::Unknown }
            }
        }
    }

    fn explain(&self, state: &State, host: &HostId, container: &str, now: Timestamp) -> Told {
        let view = self.0.view.as_ref();
        let (fleet, moves, accepted) = {
            let held = self.held();
            let accepted: Vec<_> = held.accepted.iter().map(|a| a.reservation.clone()).collect();
            (fleet(&held.tracks, state, view, Some(host)), held.moves.clone(), accepted)
        };
        let Some(source) = fleet.hosts.iter().position(|h| h.id == *host) else { return Told::Unknown };
        let called = |c: &&wharden_capacity::Container| {
            c.name == container || (container.len() >= 4 && c.id.starts_with(container))
        };
        let Some(found) = fleet.hosts[source].containers.iter().find(called) else { return Told::Unknown };
        let policies = Policies::new(&self.0.cluster, state, view, &fleet.seen, &fleet.hosts);
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
        let advised = self.held().advice(id).cloned();
        let Some(advice) = advised else { return Told::Unknown };
        let source = self.0.view.contents(&advice.source.host.id).unwrap_or_default();
        let target = self.0.view.contents(&advice.target.host.id).unwrap_or_default();
        let Some(seen) = source.containers.iter().find(|c| c.id == advice.container.id) else { return Told::Unknown };
        let guards = {
            let held = self.held();
            let guard = |host: &HostId| held.tracks.get(host).map(|track| track.seen.guard.clone()).unwrap_or_default();
            [guard(&advice.source.host.id), guard(&advice.target.host.id)]
        };
        let carried = Carried::new(seen, &source, &target, guards);
        Told::Commands(Box::new(preview(advice, &carried)))
    }

    fn accept(&self, state: &State, id: &AdviceId, by: &UserName, now: Timestamp) -> Told {
        let view = self.0.view.as_ref();
        let mut held = self.held();
        if let Some(known) = held.accepted.iter().find(|a| a.shown.advice.id == *id) {
            return Told::Accepted(Box::new(known.shown.clone()));
        }
        let Some(advice) = held.plan.advice.iter().find(|a| a.id == *id).cloned() else { return Told::Unknown };
        if held.accepted.len() >= ACCEPTED_MAX {
            return Told::Full;
        }
        let Fleet { hosts, .. } = fleet(&held.tracks, state, view, Some(&advice.source.host.id));
        let source = hosts.iter().find(|h| h.id == advice.source.host.id);
        let container = source.and_then(|h| h.containers.iter().find(|c| c.id == advice.container.id));
        let accepted = Accepted::new(advice, container, by.clone(), now);
        let shown = accepted.shown.clone();
        held.accepted.push(accepted);
        held.stale = true;
        let source = shown.advice.source.host.clone();
        let (container, target) = (shown.advice.container.clone(), shown.advice.target.host.clone());
        let what = CapacityHappening::Accepted { container, target, by: by.clone() };
        let mut records = vec![CapacityRecord { at: now, host: source.clone(), what }];
        if let Some(track) = held.tracks.get_mut(&source.id) {
            for reason in &shown.advice.reasons {
                let transition = track.alert_mut(reason.signal).acknowledge(by.clone(), now);
                records.extend(transition.map(|t| heard(&source, reason.signal, t, reason.value_permille, by, now)));
            }
        }
        held.remember(records);
        drop(held);
        self.0.wake.notify_one();
        Told::Accepted(Box::new(shown))
    }

    /// What is held is whole after each change.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Takes a look at all hosts. True when a plan is due.
    fn observe(&mut self, state: &State, view: &dyn FleetView, now: Timestamp) -> bool {
        let thresholds = state.capacity_thresholds();
        let with_containers = self.looks.is_multiple_of(LOOKS_PER_CONTAINERS);
        self.looks += 1;
        let mut records = Vec::new();
        let seen: BTreeMap<HostId, SeenHost> = view.hosts().into_iter().collect();
        self.tracks.retain(|id, _| seen.contains_key(id));
        for (id, mut host) in seen {
            let Some(held) = state.hosts.get(&id).filter(|host| host.revoked_at.is_none()) else { continue };
            host.capacity = limited(host.capacity, &held.labels);
            let marks = thresholds.marks(&held.labels);
            let (offset, connected) = (spread(&id), host.connected);
            let track = self.tracks.entry(id.clone()).or_default();
            // What a host that is not connected has, is how it was.
            let look = |track: &mut Track| {
                let contents = view.contents(&id).filter(|_| connected);
                contents.map(|contents| track.observe_containers(now, &contents.containers)).unwrap_or_default()
            };
            // Those of pressed hosts are what a plan is about, so they are always fresh.
            let pressed = !track.pressed().is_empty();
            if with_containers || pressed {
                let gone = look(track);
                if pressed && gone != Amount::default() {
                    track.take_off(gone);
                    self.stale = true;
                }
            }
            for changed in track.observe(now, host, &marks, offset) {
                let host = HostRef { id: id.clone(), name: held.name.clone() };
                let (signal, transition, value_permille) = (changed.signal, changed.transition, changed.value_permille);
                tracing::info!(host = %host.id, %signal, ?transition, value_permille, "capacity alert");
                let what = CapacityHappening::Alert { signal, transition, value_permille, by: None };
                records.push(CapacityRecord { at: now, host, what });
                self.stale = true;
            }
            if !with_containers && !pressed && !track.pressed().is_empty() {
                look(track);
            }
        }
        let done = settle(&mut self.accepted, &mut self.moves, view, now);
        self.stale |= !done.is_empty();
        records.extend(done);
        self.remember(records);
        let wanted = !self.accepted.is_empty() || self.tracks.values().any(|track| !track.pressed().is_empty());
        let old = now.millis_since(self.plan.at) >= PLAN_EVERY_S * 1000;
        self.stale || (wanted && old)
    }

    /// Says of each host here what is so and what is so no more, as far as the state says something else.
    fn tell(&self, state: &State, alerts: &Alerts) {
        for (id, track) in &self.tracks {
            let Some(host) = state.hosts.get(id).filter(|_| track.seen.connected) else { continue };
            for signal in Signal::ALL {
                let key = format!("{id}.{signal}");
                let told = state.alerts.get(&HOST_FULL.id(&key)).is_some_and(|alert| alert.is_open());
                match track.up(signal) {
                    Some(value) if !told => {
                        let summary = format!("{signal} of {} is at {}", host.name, show_permille(value));
                        alerts.raise(&HOST_FULL, &key, &format!("host {}", host.name), &summary, "");
                    }
                    // What is still rising was told by the controller that had the host before.
                    None if told && track.is_calm(signal) => alerts.resolve(&HOST_FULL, &key),
                    _ => {}
                }
            }
        }
    }

    fn remember(&mut self, records: Vec<CapacityRecord>) {
        self.history.extend(records);
        self.history.drain(..self.history.len().saturating_sub(HISTORY_MAX));
    }

    fn status(&self, state: &State, now: Timestamp) -> CapacityStatus {
        let thresholds = state.capacity_thresholds();
        let mut status = CapacityStatus::default();
        for (id, track) in &self.tracks {
            let Some(held) = state.hosts.get(id) else { continue };
            let host = HostRef { id: id.clone(), name: held.name.clone() };
            let marks = thresholds.marks(&held.labels);
            *(if track.seen.sampled_at.is_some() { &mut status.watched } else { &mut status.unknown }) += 1;
            status.alerts.extend(track.alerts(&host, &marks, now));
            status.forecasts.extend(track.forecasts().map(|(resource, forecast, value_permille)| CapacityForecast {
                likely_h: forecast.likely_h,
                earliest_h: forecast.earliest_h,
                latest_h: forecast.latest_h,
                host: host.clone(),
                resource,
                value_permille,
                high_permille: marks.of(resource.signal()).high_permille,
            }));
        }
        status.forecasts.sort();
        status.forecasts.truncate(FORECASTS_MAX);
        let plan = self.open_plan();
        status.planned_at = Some(plan.at).filter(|at| at.0 > 0);
        (status.advice, status.stuck) = (plan.advice.len() as u32, plan.stuck.len() as u32);
        status
    }

    /// The plan without what was accepted since it was made.
    fn open_plan(&self) -> CapacityPlan {
        let taken = |advice: &Advice| self.accepted.iter().any(|a| a.shown.advice.id == advice.id);
        let mut plan = self.plan.clone();
        plan.advice.retain(|advice| !taken(advice));
        plan
    }

    fn advice(&self, id: &AdviceId) -> Option<&Advice> {
        let accepted = self.accepted.iter().map(|a| &a.shown.advice);
        self.plan.advice.iter().chain(accepted).find(|advice| advice.id == *id)
    }

    fn snooze(
        &mut self,
        state: &State,
        host: &HostId,
        signal: Option<Signal>,
        until: Timestamp,
        by: &UserName,
        now: Timestamp,
    ) -> u32 {
        let Some(held) = state.hosts.get(host) else { return 0 };
        let named = HostRef { id: host.clone(), name: held.name.clone() };
        let Some(track) = self.tracks.get_mut(host) else { return 0 };
        let mut records = Vec::new();
        for one in Signal::ALL.into_iter().filter(|one| signal.is_none_or(|wanted| wanted == *one)) {
            let value = track.alert_mut(one).up().map_or(0, |up| up.worst_permille);
            let transition = track.alert_mut(one).snooze(by.clone(), until);
            records.extend(transition.map(|t| heard(&named, one, t, value, by, now)));
        }
        let count = records.len() as u32;
        self.stale |= count > 0;
        self.remember(records);
        count
    }
}

fn heard(
    host: &HostRef,
    signal: Signal,
    transition: Transition,
    value_permille: u16,
    by: &UserName,
    at: Timestamp,
) -> CapacityRecord {
    let what = CapacityHappening::Alert { signal, transition, value_permille, by: Some(by.clone()) };
    CapacityRecord { at, host: host.clone(), what }
}

/// A part of an hour that is a host's own, so that the work of the hour is not done for all hosts at once.
fn spread(host: &HostId) -> u64 {
    let mut hasher = DefaultHasher::new();
    host.hash(&mut hasher);
    hasher.finish() % 3600
}
