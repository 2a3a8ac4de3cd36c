//! What is wrong with the hosts, as the lists of all controllers show it, and for how long.

use super::{
    config::AlertsConfig,
    judge::end_of,
    limits::NAMED_MAX,
    table::{BREAK_GLASS, ENGINE_AWAY, EVENTS_LOST, HOST_CERTIFICATE, HOST_LOST, HOSTS_LOST, Row},
    view::Roll,
};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tokio::time::Instant;
use wharden_model::{AlertFact, HostId, Timestamp};
use wharden_state::{Host, State};

/// Time before the end of its certificate by which an agent has renewed it.
const RENEWED_BEFORE_S: u64 = 2 * 3600;
/// Time without a new loss after which an alert about lost events is over.
const LOSS_OVER: Duration = Duration::from_secs(600);

/// Kinds that lists of hosts decide.
pub const KINDS: &[&Row] = &[&HOST_LOST, &HOSTS_LOST, &HOST_CERTIFICATE, &EVENTS_LOST, &ENGINE_AWAY, &BREAK_GLASS];

/// What the leader remembers of hosts from one look to the next.
#[derive(Default)]
pub struct Hosts {
    missing: HashMap<HostId, Instant>,
    losses: HashMap<HostId, (u64, Option<Instant>)>,
    engineless: HashMap<HostId, Instant>,
}

impl Hosts {
    /// Everything that is wrong at this moment.
    pub fn judge(
        &mut self,
        state: &State,
        roll: &Roll,
        now: Instant,
        at: Timestamp,
        config: &AlertsConfig,
    ) -> Vec<AlertFact> {
        let after = Duration::from_secs(config.lost_s);
        let mut facts = self.lost(state, roll, now, after);
        facts.extend(self.events(state, roll, now));
        facts.extend(self.engines(state, roll, now, after));
        facts.extend(certificates(state, roll, at));
        facts.extend(passes(state, roll));
        facts
    }

    fn lost(&mut self, state: &State, roll: &Roll, now: Instant, after: Duration) -> Vec<AlertFact> {
        let missing = |id: &HostId, host: &Host| host.revoked_at.is_none() && !roll.connected.contains(id);
        self.missing.retain(|id, _| state.hosts.get(id).is_some_and(|host| missing(id, host)));
        for (id, _) in state.hosts.iter().filter(|(id, host)| missing(id, host)) {
            self.missing.entry(id.clone()).or_insert(now);
        }
        let mut lost: Vec<&HostId> =
            self.missing.iter().filter(|(_, since)| now.duration_since(**since) >= after).map(|(id, _)| id).collect();
        lost.sort_unstable();
        let many = lost.len() > NAMED_MAX;
        // Those that were named stay named.
        let named = |id: &&&HostId| !many || state.alerts.get(&HOST_LOST.id(id.as_str())).is_some_and(|a| a.is_open());
        let mut facts: Vec<AlertFact> = lost
            .iter()
            .filter(named)
            .filter_map(|id| Some((*id, state.hosts.get(*id)?)))
            .map(|(id, host)| {
                let summary = "the host has no session with any controller";
                HOST_LOST.fact(id.as_str(), &subject(id, host), summary, "it goes on enforcing what it has")
            })
            .collect();
        if many {
            let summary = format!("{} hosts have no session with any controller", lost.len());
            facts.push(HOSTS_LOST.fact("all", "hosts", &summary, "each goes on enforcing what it has"));
        }
        facts
    }

    fn events(&mut self, state: &State, roll: &Roll, now: Instant) -> Vec<AlertFact> {
        self.losses.retain(|id, _| roll.lost.contains_key(id));
        for (id, lost) in &roll.lost {
            match self.losses.get_mut(id) {
                Some((known, _)) if known == lost => {}
                Some(held) => *held = (*lost, Some(now)),
                // Whoever led before has seen it.
                None => {
                    let known = state.alerts.get(&EVENTS_LOST.id(id.as_str()));
                    let since = if known.is_some_and(|alert| !alert.is_open()) { None } else { Some(now) };
                    self.losses.insert(id.clone(), (*lost, since));
                }
            }
        }
        let recent: BTreeMap<_, _> = self
            .losses
            .iter()
            .filter(|(_, (_, since))| since.is_some_and(|since| now.duration_since(since) < LOSS_OVER))
            .collect();
        let known = recent.into_iter().filter_map(|(id, (lost, _))| Some((id, state.hosts.get(id)?, lost)));
        known
            .take(NAMED_MAX)
            .map(|(id, host, lost)| {
                let detail = format!("{lost} since the agent started");
                EVENTS_LOST.fact(id.as_str(), &subject(id, host), "decision events were lost", &detail)
            })
            .collect()
    }

    fn engines(&mut self, state: &State, roll: &Roll, now: Instant, after: Duration) -> Vec<AlertFact> {
        self.engineless.retain(|id, _| roll.engineless.contains(id));
        for id in &roll.engineless {
            self.engineless.entry(id.clone()).or_insert(now);
        }
        // In order, so that the same are named each time.
        let away = roll.engineless.iter().filter(|id| now.duration_since(self.engineless[*id]) >= after);
        away.filter_map(|id| Some((id, state.hosts.get(id)?)))
            .take(NAMED_MAX)
            .map(|(id, host)| {
                let summary = "the Docker Engine does not answer the agent";
                ENGINE_AWAY.fact(id.as_str(), &subject(id, host), summary, "whoever asks it through the guard gets 502")
            })
            .collect()
    }
}

fn passes(state: &State, roll: &Roll) -> Vec<AlertFact> {
    let known = roll.passes.iter().filter_map(|(id, pass)| Some((id, state.hosts.get(id)?, pass)));
    known
        .take(NAMED_MAX)
        .map(|(id, host, pass)| {
            let detail = format!("user {} passes until {}", pass.user, pass.until);
            BREAK_GLASS.fact(id.as_str(), &subject(id, host), "the guard lets somebody pass, by break-glass", &detail)
        })
        .collect()
}

fn certificates(state: &State, roll: &Roll, at: Timestamp) -> Vec<AlertFact> {
    let ends = |host: &Host| host.certificate_expires_at < at.plus_secs(RENEWED_BEFORE_S);
    let ending = state.hosts.iter().filter(|(_, host)| host.revoked_at.is_none() && ends(host));
    ending
        .filter(|(id, _)| roll.connected.contains(*id))
        .take(NAMED_MAX)
        .map(|(id, host)| {
            let detail = end_of(host.certificate_expires_at, at);
            HOST_CERTIFICATE.fact(id.as_str(), &subject(id, host), "the agent does not renew its certificate", &detail)
        })
        .collect()
}

fn subject(id: &HostId, host: &Host) -> String {
    format!("host {} ({id})", host.name)
}
