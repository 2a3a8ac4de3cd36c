//! One request, decided by the policies of today or by drafts, and what could be done about a refusal.

use super::{App, AppError};
use crate::policy_set;
use wharden_model::{
    BootId, BundlePolicy, ClusterId, Decision, DecisionEvent, Effect, Facts, HostId, Labels, Posture,
    api::{Advice, Remedy},
};
use wharden_policy::{Compiled, Planner, Query};
use wharden_state::State;

/// A set of documents on one host.
pub(super) struct Judge<'a> {
    state: &'a State,
    policies: Vec<BundlePolicy>,
    labels: Labels,
    compiled: Compiled,
}

impl<'a> Judge<'a> {
    pub fn new(
        cluster: &ClusterId,
        state: &'a State,
        policies: Vec<BundlePolicy>,
        host: &HostId,
    ) -> Result<Self, AppError> {
        let labels = labels(state, host);
        let planner = Planner::new(cluster.clone(), policies.clone(), policy_set::users(state))
            .map_err(|e| AppError::invalid("drafts", e.to_string()))?;
        let bundle = planner.bundle(&planner.scope(host, &labels, Posture::Enforce));
        let compiled = Compiled::new(&bundle, state.policy_revision).map_err(AppError::internal)?;
        Ok(Self { state, policies, labels, compiled })
    }

    pub fn decide(&self, q: &Query<'_>) -> Decision {
        self.compiled.decide(q)
    }

    /// What could be done about a refusal: a change of the request, or else the rules that are near.
    pub fn advice(&self, q: &Query<'_>) -> Result<Advice, AppError> {
        let remedy = self.compiled.remedy(q);
        let near = match &remedy {
            Remedy::None { .. } => {
                let users = policy_set::users(self.state);
                wharden_policy::near_misses(&self.policies, &users, &self.labels, q).map_err(AppError::internal)?
            }
            _ => Vec::new(),
        };
        Ok(Advice { remedy, near })
    }

    /// A recorded request, decided again; `None` when not all of its facts were kept.
    pub fn again(&self, event: &DecisionEvent) -> Result<Option<(Facts, Decision, Advice)>, AppError> {
        let Some(facts) = event.facts.clone() else { return Ok(None) };
        let facts = facts.whole(event.action);
        let q = Query {
            principal: &event.principal,
            action: event.action,
            resource: &event.resource,
            host: &event.host_id,
            facts: &facts,
        };
        let decision = self.decide(&q);
        let advice = match decision.effect {
            Effect::Allow => Advice { remedy: Remedy::NotNeeded, near: Vec::new() },
            Effect::Deny => self.advice(&q)?,
        };
        Ok(Some((facts, decision, advice)))
    }
}

/// The labels that a host has now; none when it is not known any more.
pub(super) fn labels(state: &State, host: &HostId) -> Labels {
    state.hosts.get(host).map(|host| host.labels.clone()).unwrap_or_default()
}

impl App {
    /// The event that is called `host/run/number`.
    pub(super) async fn event_named(&self, id: &str) -> Result<DecisionEvent, AppError> {
        let shown: String = id.chars().take(80).collect();
        let read = || {
            let mut parts = id.split('/');
            let host = HostId::new(parts.next()?).ok()?;
            let boot = BootId::new(parts.next()?).ok()?;
            let seq = parts.next()?.parse::<u64>().ok()?;
            parts.next().is_none().then_some((host, boot, seq))
        };
        let (host, boot, seq) = read().ok_or_else(|| {
            AppError::invalid("event", format!("{shown:?} is not the id of an event, host/run/number"))
        })?;
        self.event_anywhere(host, boot, seq).await?.ok_or(AppError::NoEvent(shown))
    }
}
