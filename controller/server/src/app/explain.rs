//! One recorded decision: what it was made of, and what the policies of today say about the same request.

use super::{App, AppError, Caller, judgement::Judge};
use crate::policy_set;
use std::collections::BTreeSet;
use wharden_model::{
    AdminAction, Decision, DecisionEvent, PolicyName,
    api::{Advice, Explanation, NamedDocument},
};
use wharden_state::State;

impl App {
    pub async fn event(&self, caller: &Caller, id: &str) -> Result<DecisionEvent, AppError> {
        self.may(caller, AdminAction::EventRead, &self.cluster()).await?;
        self.event_named(id).await
    }

    pub async fn explain_event(&self, caller: &Caller, id: &str) -> Result<Explanation, AppError> {
        self.may(caller, AdminAction::EventRead, &self.cluster()).await?;
        self.may(caller, AdminAction::PolicyTest, &self.cluster()).await?;
        let event = self.event_named(id).await?;
        let state = self.state();
        let cluster = self.keys.cluster_id.clone();
        let work = move || {
            let judge = Judge::new(&cluster, &state, policy_set::policies(&state), &event.host_id)?;
            let again = judge.again(&event)?;
            let (now, advice) = again.map_or((None, Advice::default()), |(_, now, advice)| (Some(now), advice));
            let documents = documents(&state, &event.decision, now.as_ref(), &advice);
            Ok(Explanation { event, now, documents, advice })
        };
        self.workbench.run(&caller.user, work).await
    }
}

/// The stored documents of every rule that is named, by name.
fn documents(state: &State, then: &Decision, now: Option<&Decision>, advice: &Advice) -> Vec<NamedDocument> {
    let decisions = std::iter::once(then).chain(now);
    let rules = decisions.flat_map(|d| d.rules.iter().chain(&d.monitor)).chain(advice.near.iter().map(|n| &n.rule));
    let names: BTreeSet<&str> = rules.filter_map(|rule| rule.id.split_once('/')).map(|(name, _)| name).collect();
    let found = names.into_iter().filter_map(|name| PolicyName::new(name).ok()).filter_map(|name| {
        let policy = state.policies.get(&name)?;
        Some(NamedDocument {
            name,
            mode: policy.current.mode,
            version: policy.current.version,
            revision: policy.revision,
            updated_by: policy.current.updated_by.clone(),
            updated_at: policy.current.updated_at,
        })
    });
    found.collect()
}
