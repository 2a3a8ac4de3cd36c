//! What drafts would have changed: recorded decisions, decided again by the stored policies and with the drafts.

use super::{
    App, AppError, Caller,
    judgement::labels,
    policy_test::{bounded, with_drafts},
};
use crate::{events::HostFilter, policy_set};
use std::{collections::BTreeMap, sync::Arc};
use wharden_model::{
    Action, AdminAction, BundlePolicy, ClusterId, Decision, DecisionEvent, Effect, EventQuery, Facts, Outcome, Posture,
    Scope,
    api::{NoReplay, NotReplayed, SimulateRequest, SimulatedChange, Simulation},
    decision::KnownUser,
};
use wharden_policy::{Compiled, Planner, Query};
use wharden_state::State;

/// Examples shown of each change.
const EXAMPLES: usize = 3;

impl App {
    pub async fn simulate(&self, caller: &Caller, request: SimulateRequest) -> Result<Simulation, AppError> {
        self.may(caller, AdminAction::PolicyTest, &self.cluster()).await?;
        self.may(caller, AdminAction::EventRead, &self.cluster()).await?;
        if request.drafts.is_empty() {
            return Err(AppError::invalid("drafts", "there is nothing to simulate: give at least one draft"));
        }
        let state = self.state();
        bounded(&request.drafts)?;
        let hosts = HostFilter::resolve(&state, request.host.as_deref())?;
        let query =
            EventQuery { user: request.user, since: request.since, until: request.until, ..EventQuery::default() };
        let (events, truncated) = self.reader.newest(&query, &hosts).await?;
        let cluster = self.keys.cluster_id.clone();
        let work = move || {
            let drafted = with_drafts(&state, &request.drafts)?;
            replay(&cluster, &state, drafted, &events, truncated)
        };
        self.workbench.run(&caller.user, work).await
    }
}

/// One set of documents, compiled once a scope.
pub(super) struct Side {
    planner: Planner,
    compiled: BTreeMap<Scope, Compiled>,
}

impl Side {
    pub fn new(cluster: &ClusterId, policies: Vec<BundlePolicy>, users: Vec<KnownUser>) -> Result<Self, AppError> {
        let planner =
            Planner::new(cluster.clone(), policies, users).map_err(|e| AppError::invalid("drafts", e.to_string()))?;
        Ok(Self { planner, compiled: BTreeMap::new() })
    }

    pub fn decide(&mut self, state: &State, event: &DecisionEvent, facts: &Facts) -> Result<Decision, AppError> {
        let labels = labels(state, &event.host_id);
        let scope = self.planner.scope(&event.host_id, &labels, Posture::Enforce);
        if !self.compiled.contains_key(&scope) {
            let bundle = self.planner.bundle(&scope);
            let compiled = Compiled::new(&bundle, state.policy_revision).map_err(AppError::internal)?;
            self.compiled.insert(scope.clone(), compiled);
        }
        let compiled = self.compiled.get(&scope).ok_or_else(|| AppError::internal("a scope was lost"))?;
        Ok(compiled.decide(&Query {
            principal: &event.principal,
            action: event.action,
            resource: &event.resource,
            host: &event.host_id,
            facts,
        }))
    }
}

/// Events of one kind: who, what, and why; how many, and some of them.
type Kinds<W> = BTreeMap<(String, Action, W), (u64, Vec<String>)>;

fn count<W: Ord>(kinds: &mut Kinds<W>, event: &DecisionEvent, why: W) {
    let (count, examples) = kinds.entry((event.principal.to_string(), event.action, why)).or_default();
    *count += 1;
    if examples.len() < EXAMPLES {
        examples.push(event.id());
    }
}

fn replay(
    cluster: &ClusterId,
    state: &Arc<State>,
    drafted: Vec<BundlePolicy>,
    events: &[DecisionEvent],
    truncated: bool,
) -> Result<Simulation, AppError> {
    let users = policy_set::users(state);
    let mut now = Side::new(cluster, policy_set::policies(state), users.clone())?;
    let mut then = Side::new(cluster, drafted, users)?;
    let (mut replayed, mut skipped) = (0, 0);
    let (mut refused, mut allowed, mut left_out) = (Kinds::new(), Kinds::new(), Kinds::new());
    for event in events.iter().rev() {
        let Some(facts) = event.facts.clone() else {
            skipped += 1;
            let invalid = event.outcome == Outcome::Invalid;
            count(&mut left_out, event, if invalid { NoReplay::Invalid } else { NoReplay::FactsMissing });
            continue;
        };
        replayed += 1;
        let facts = facts.whole(event.action);
        let before = now.decide(state, event, &facts)?;
        let after = then.decide(state, event, &facts)?;
        let changes = match (before.effect, after.effect) {
            (Effect::Allow, Effect::Deny) => &mut refused,
            (Effect::Deny, Effect::Allow) => &mut allowed,
            _ => continue,
        };
        let rule = after.rules.first().map_or_else(|| after.why(), |rule| rule.id.clone());
        count(changes, event, rule);
    }
    let changes = |kinds| {
        listed(kinds, |who, action, rule, count, examples| SimulatedChange { who, action, rule, count, examples })
    };
    Ok(Simulation {
        replayed,
        skipped,
        truncated,
        newly_refused: changes(refused),
        newly_allowed: changes(allowed),
        not_replayed: listed(left_out, |who, action, why, count, examples| NotReplayed {
            who,
            action,
            why,
            count,
            examples,
        }),
    })
}

/// The most frequent kind first.
fn listed<W, T>(kinds: Kinds<W>, told: impl Fn(String, Action, W, u64, Vec<String>) -> T) -> Vec<T> {
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    kinds.into_iter().map(|((who, action, why), (count, examples))| told(who, action, why, count, examples)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::{
        BootId, HostId, Mode, Outcome, PartialFacts, PolicyName, Principal, Resource, ResourceKind, Timestamp,
    };

    fn event(user: &str, seq: u64, privileged: Option<bool>) -> DecisionEvent {
        let facts = privileged.map(|yes| {
            let mut facts = Facts::zero(Action::ContainerCreate);
            facts.set("privileged", yes);
            facts.sparse()
        });
        DecisionEvent {
            host_id: HostId::new("h-0000000000000001").expect("id"),
            boot_id: BootId::new("0000000000000001").expect("id"),
            seq,
            at: Timestamp(seq),
            principal: Principal::User { name: user.to_owned() },
            action: Action::ContainerCreate,
            resource: Resource {
                kind: ResourceKind::Container,
                id: "new".to_owned(),
                name: String::new(),
                image: "base".to_owned(),
                owner: user.to_owned(),
                labels: BTreeMap::new(),
            },
            outcome: Outcome::Allowed,
            posture: Posture::Enforce,
            decision: Decision { effect: Effect::Allow, rules: vec![], monitor: vec![], errors: vec![], revision: 1 },
            facts,
            partial_facts: None,
            request: String::new(),
            error: String::new(),
            decided_in_us: 0,
        }
    }

    fn draft(name: &str, text: &str) -> BundlePolicy {
        BundlePolicy { name: PolicyName::new(name).expect("name"), mode: Mode::Enforce, text: text.to_owned() }
    }

    #[test]
    fn changes_are_grouped_and_what_cannot_be_replayed_is_counted() {
        let cluster = ClusterId::new("c-0000000000000001").expect("id");
        let state = Arc::new(State::default());
        let events: Vec<_> = (1..=5)
            .map(|n| event("alice", n, Some(n > 3)))
            .chain([event("bob", 6, Some(false)), event("alice", 7, None)])
            .collect();
        let permit = draft(
            "team",
            "@id(\"alice\") permit(principal == User::\"alice\", action == Docker::Action::\"container.create\", resource) when { !context.privileged };",
        );
        // Of what was kept in part, a rule may look at what is missing.
        let part = PartialFacts { missing: ["privileged".to_owned()].into(), ..PartialFacts::default() };
        let events: Vec<_> = events
            .into_iter()
            .chain([
                DecisionEvent { partial_facts: Some(part), ..event("alice", 8, None) },
                DecisionEvent { outcome: Outcome::Invalid, ..event("bob", 9, None) },
            ])
            .collect();
        let outcome = replay(&cluster, &state, vec![permit], &events, false).expect("replayed");
        assert_eq!((outcome.replayed, outcome.skipped, outcome.truncated), (6, 3, false));
        let gaps: Vec<_> = outcome.not_replayed.iter().map(|gap| (gap.who.as_str(), gap.why, gap.count)).collect();
        assert_eq!(gaps, [("user alice", NoReplay::FactsMissing, 2), ("user bob", NoReplay::Invalid, 1)]);
        assert!(outcome.newly_refused.is_empty(), "nothing was permitted before");
        let [change] = outcome.newly_allowed.as_slice() else { panic!("{:?}", outcome.newly_allowed) };
        assert_eq!((change.who.as_str(), change.rule.as_str(), change.count), ("user alice", "team/alice", 3));
        assert_eq!(change.examples[0], "h-0000000000000001/0000000000000001/3", "newest first");
    }
}
