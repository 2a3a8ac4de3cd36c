//! Hosts.

use super::{App, AppError, Caller, access};
use crate::{fleet::HostLive, policy_set};
use std::sync::Arc;
use tokio::task::spawn_blocking;
use wharden_model::{
    AdminAction, HostId, Labels, StepUp,
    api::{Host, HostPatch, HostStatus},
};
use wharden_policy::{AdminResource, HostLabels};
use wharden_state::{Command, HostCommand, Kind, State};

impl App {
    fn host_of(&self, id: &HostId, host: &wharden_state::Host, live: HostLive) -> Host {
        let status = match (host.revoked_at, live.connected) {
            (Some(_), _) => HostStatus::Revoked,
            (None, true) => HostStatus::Connected,
            (None, false) if self.fleet.awaits(&live) => HostStatus::Awaited,
            (None, false) => HostStatus::Lost,
        };
        Host {
            id: id.clone(),
            name: host.name.clone(),
            labels: host.labels.clone(),
            posture: host.posture,
            status,
            enrolled_at: host.enrolled_at,
            certificate_expires_at: host.certificate_expires_at,
            last_seen_at: live.last_seen_at,
            held_revision: live.held_revision,
            nack: live.nack,
            report: live.report,
        }
    }

    async fn host_at(&self, state: &State, id: &HostId) -> Result<Host, AppError> {
        let host = state.hosts.get(id).ok_or_else(|| AppError::not_found(Kind::Host, id.as_str()))?;
        let here = self.fleet.status(id);
        let live = if here.connected { here } else { self.live(id, &self.hosts_elsewhere().await) };
        Ok(self.host_of(id, host, live))
    }

    pub async fn hosts(&self, caller: &Caller) -> Result<Vec<Host>, AppError> {
        let state = self.state();
        let elsewhere = self.hosts_elsewhere().await;
        let all = state
            .hosts
            .iter()
            .map(|(id, h)| {
                let resource = AdminResource::Host { id: id.clone(), labels: h.labels.clone() };
                (resource, self.host_of(id, h, self.live(id, &elsewhere)))
            })
            .collect();
        self.readable(caller, AdminAction::HostRead, all).await
    }

    pub async fn host(&self, caller: &Caller, text: &str) -> Result<Host, AppError> {
        let state = self.state();
        let (id, resource) = self.host_asked(caller, AdminAction::HostRead, &state, text).await?;
        self.may(caller, AdminAction::HostRead, &resource).await.map_err(|error| as_asked(text, error))?;
        self.host_at(&state, &id).await
    }

    /// The host that is called so. Who might do this to no host without labels hears of one that is not there what is said of one
    /// that is.
    async fn host_asked(
        &self,
        caller: &Caller,
        action: AdminAction,
        state: &State,
        text: &str,
    ) -> Result<(HostId, AdminResource), AppError> {
        let missing = match self.find_host(state, text) {
            Ok(id) => return access::host_resource(state, &id).map(|resource| (id, resource)),
            Err(missing) => missing,
        };
        match self.check(caller, action, &no_host()?).await {
            Err(error @ AppError::Forbidden { .. }) => {
                let error = as_asked(text, error);
                self.refused(caller, action.name(), shown(text), &error).await?;
                Err(error)
            }
            _ => Err(missing),
        }
    }

    /// Refuses who may do this to no host at all.
    pub(super) async fn may_some_host(&self, caller: &Caller, action: AdminAction) -> Result<(), AppError> {
        let state = self.state();
        let compiled = self.access.at(&state).await?;
        let mut with_code = None;
        for (id, host) in state.hosts.iter() {
            let resource = AdminResource::Host { id: id.clone(), labels: host.labels.clone() };
            match self.check_by(&compiled, caller, action, &resource) {
                Ok(()) => return Ok(()),
                Err(AppError::Forbidden { .. }) => {}
                Err(_) => with_code = with_code.or(Some(resource)),
            }
        }
        let asked = with_code.map_or_else(no_host, Ok)?;
        self.may(caller, action, &asked).await.map_err(|error| error.about("any host"))
    }

    pub async fn patch_host(&self, caller: &Caller, text: &str, patch: HostPatch) -> Result<Host, AppError> {
        // Its labels are what is judged by.
        self.before_a_change().await?;
        let state = self.state();
        let first = if patch.labels.is_some() { AdminAction::HostLabel } else { AdminAction::HostPosture };
        let (id, resource) = self.host_asked(caller, first, &state, text).await?;
        let hidden = |error| as_asked(text, error);
        // Both rights are checked before either change is made.
        if let Some(labels) = &patch.labels {
            self.may(caller, AdminAction::HostLabel, &resource).await.map_err(hidden)?;
            let (held, of, new) = (Arc::clone(&state), id.clone(), labels.clone());
            let floor = spawn_blocking(move || label_floor(&held, &of, &new)).await.map_err(AppError::internal)?;
            // Who runs some hosts must not move others in, nor these out of sight.
            let after = AdminResource::Host { id: id.clone(), labels: labels.clone() };
            self.may_with(caller, AdminAction::HostLabel, &after, floor).await.map_err(hidden)?;
        }
        if patch.posture.is_some() {
            self.may(caller, AdminAction::HostPosture, &resource).await.map_err(hidden)?;
        }
        if patch == HostPatch::default() {
            return Err(AppError::invalid("", "there is nothing to change: give labels or posture"));
        }
        let command = HostCommand::Patch { id: id.clone(), labels: patch.labels, posture: patch.posture };
        self.change(caller, Command::Host(command)).await?;
        self.host_at(&self.state(), &id).await
    }

    pub async fn revoke_host(&self, caller: &Caller, text: &str) -> Result<Host, AppError> {
        // Its labels are what is judged by.
        self.before_a_change().await?;
        let state = self.state();
        let (id, resource) = self.host_asked(caller, AdminAction::HostRevoke, &state, text).await?;
        self.may(caller, AdminAction::HostRevoke, &resource).await.map_err(|error| as_asked(text, error))?;
        self.change(caller, Command::Host(HostCommand::Revoke { id: id.clone() })).await?;
        self.host_at(&self.state(), &id).await
    }
}

/// Labels that rules look at decide what the rules say on this host: who sets or takes one shows a code. The rules of documents
/// that are disabled count too, for they may be turned on later.
fn label_floor(state: &State, id: &HostId, after: &Labels) -> StepUp {
    let before = state.hosts.get(id).map(|host| host.labels.clone()).unwrap_or_default();
    let changes = |one: &Labels, other: &Labels| {
        let changed = one.iter().filter(|(key, value)| other.get(key) != Some(value));
        changed.map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let changed = [changes(&before, after), changes(after, &before)].concat();
    match HostLabels::of(&policy_set::stored(state)) {
        Ok(read) if !changed.iter().any(|(key, value)| read.has(key, value)) => AdminAction::HostLabel.step_up(),
        _ => StepUp::Code,
    }
}

/// A host that is not there.
fn no_host() -> Result<AdminResource, AppError> {
    let id = HostId::new("h-0000000000000000").map_err(AppError::internal)?;
    Ok(AdminResource::Host { id, labels: Labels::none() })
}

/// A host as it was asked for, for those who are told no more of it.
fn shown(text: &str) -> String {
    format!("host {}", text.chars().take(80).collect::<String>())
}

/// A refusal that does not tell the id of what was asked for by name.
fn as_asked(text: &str, error: AppError) -> AppError {
    error.about(&shown(text))
}
