//! What a watch remembers of the hosts of its controller.

use super::{
    accepted::{Accepted, settle},
    fleet::{Fleet, fleet, limited},
    guests::{Guest, Lodger},
    limits::{ACCEPTED_MAX, FORECASTS_MAX, GUESTS_MAX, HISTORY_MAX, LOOKS_PER_CONTAINERS, PLAN_EVERY_S},
    track::Track,
    view::{FleetView, SeenHost},
};
use crate::alerts::{Alerts, table::HOST_FULL};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};
use wharden_capacity::{Moves, Reservation};
use wharden_model::{
    HostId, Timestamp, UserName,
    api::{CapacityForecast, CapacityHappening, CapacityRecord, CapacityStatus},
    capacity::{Advice, AdviceId, CapacityPlan, HostRef, Signal, Thresholds, Transition, show_permille},
};
use wharden_state::State;

/// See [`Held::ground`].
pub struct Ground {
    pub fleet: Fleet,
    pub moves: Moves,
    pub accepted: Vec<Reservation>,
}

/// Everything that a watch remembers.
#[derive(Default)]
pub struct Held {
    pub tracks: BTreeMap<HostId, Track>,
    pub moves: Moves,
    pub accepted: Vec<Accepted>,
    /// Moves of hosts here that were accepted where the hosts are guests.
    pub elsewhere: Vec<Accepted>,
    /// Hosts of other controllers that are planned for here.
    pub guests: BTreeMap<HostId, Lodger>,
    /// Hosts here for which the plan found nothing, the first ones of it.
    pub homeless: Vec<Guest>,
    /// Which other controller plans for a host of here.
    pub lodged: BTreeMap<HostId, u64>,
    pub history: VecDeque<CapacityRecord>,
    pub plan: CapacityPlan,
    /// Advice of earlier plans whose container is stopped where it was: somebody may be in the middle of its commands.
    pub begun: Vec<Advice>,
    /// Those of the last look.
    thresholds: Thresholds,
    pub looks: u64,
    /// What the last plan was made for does not hold any more.
    pub stale: bool,
}

impl Held {
    /// Takes a look at all hosts. True when a plan is due.
    pub fn observe(&mut self, state: &State, view: &dyn FleetView, now: Timestamp) -> bool {
        let thresholds = state.capacity_thresholds();
        self.stale |= thresholds != self.thresholds;
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
                contents.and_then(|contents| track.observe_containers(now, &contents.containers))
            };
            // Those of pressed hosts are what a plan is about, so they are always fresh.
            let pressed = !track.pressed().is_empty();
            if with_containers || pressed {
                let gone = look(track);
                self.stale |= pressed && track.take_off(gone);
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
        let own = |host: &HostId| self.tracks.contains_key(host);
        let done = settle(&mut self.accepted, &mut self.moves, view, own, now);
        self.forget_elsewhere(view, now);
        self.thresholds = thresholds;
        self.stale |= !done.is_empty();
        records.extend(done);
        self.remember(records);
        let wanted = !self.accepted.is_empty() || self.tracks.values().any(|track| !track.pressed().is_empty());
        let old = now.millis_since(self.plan.at) >= PLAN_EVERY_S * 1000;
        self.stale || (wanted && old)
    }

    /// Says of each host here what is so and what is so no more, as far as the state says something else.
    pub fn tell(&self, state: &State, alerts: &Alerts) {
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

    pub fn remember(&mut self, records: Vec<CapacityRecord>) {
        self.history.extend(records);
        self.history.drain(..self.history.len().saturating_sub(HISTORY_MAX));
    }

    pub fn status(&self, state: &State, now: Timestamp) -> CapacityStatus {
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

    /// The plan without what was accepted since it was made, and without whom another controller plans for.
    pub fn open_plan(&self) -> CapacityPlan {
        let taken = |advice: &Advice| self.accepted.iter().any(|a| a.shown.advice.id == advice.id);
        let mut plan = self.plan.clone();
        plan.advice.retain(|advice| !taken(advice));
        plan.stuck.retain(|stuck| !self.lodged.contains_key(&stuck.host.id));
        plan
    }

    /// The guard's socket of a host; empty where nobody has told it.
    pub fn guard(&self, host: &HostId) -> String {
        let guest = self.guests.get(host).map(|lodger| &lodger.guest.guard);
        guest.or_else(|| self.tracks.get(host).map(|track| &track.seen.guard)).cloned().unwrap_or_default()
    }

    /// What a plan is made from.
    pub fn ground(
        &self,
        guests: &BTreeMap<HostId, Lodger>,
        state: &State,
        view: &dyn FleetView,
        wanted: Option<&HostId>,
    ) -> Ground {
        let mut moves = self.moves.clone();
        guests.values().flat_map(|lodger| &lodger.guest.moved).for_each(|moved| moves.learn(moved));
        let accepted = self.accepted.iter().chain(&self.elsewhere).map(|a| a.reservation.clone()).collect();
        Ground { fleet: fleet(&self.tracks, guests, state, view, wanted), moves, accepted }
    }

    /// Takes a new plan. Who is stuck of the guests is one no longer.
    pub fn take(&mut self, mut plan: CapacityPlan, fleet: &Fleet, view: &dyn FleetView, moves: &Moves) {
        self.homeless.clear();
        let guests = std::mem::take(&mut self.guests);
        let stuck: BTreeSet<HostId> = plan.stuck.iter().map(|stuck| stuck.host.id.clone()).collect();
        plan.stuck.retain(|stuck| !guests.contains_key(&stuck.host.id));
        for stuck in plan.stuck.iter().take(GUESTS_MAX) {
            if let Some(host) = fleet.hosts.iter().find(|host| host.id == stuck.host.id) {
                self.homeless.push(Guest::new(host, view, self.guard(&host.id), moves));
            }
        }
        self.guests = guests.into_iter().filter(|(id, _)| !stuck.contains(id)).collect();
        let before = std::mem::replace(&mut self.plan, plan).advice;
        let begun = std::mem::take(&mut self.begun).into_iter().chain(before);
        let begun = begun.filter(|advice| self.advice(&advice.id).is_none() && is_stopped(advice, view));
        self.begun = begun.take(ACCEPTED_MAX).collect();
        self.stale = false;
    }

    pub fn advice(&self, id: &AdviceId) -> Option<&Advice> {
        let accepted = self.accepted.iter().map(|a| &a.shown.advice);
        self.plan.advice.iter().chain(accepted).chain(&self.begun).find(|advice| advice.id == *id)
    }

    pub fn snooze(
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

/// Its container is where it was, and does not run.
fn is_stopped(advice: &Advice, view: &dyn FleetView) -> bool {
    let contents = view.contents(&advice.source.host.id).unwrap_or_default();
    contents.containers.iter().any(|c| c.id == advice.container.id && !c.up)
}

pub fn heard(
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
