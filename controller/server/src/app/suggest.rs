//! The least rules that allow what a user did: written from recorded decisions, validated, and tried on them.

use super::{App, AppError, Caller, simulate::Side};
use crate::{events::HostFilter, policy_set};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wharden_model::{
    Action, AdminAction, BundlePolicy, ClusterId, DecisionEvent, Effect, EventQuery, Labels, Mode, Outcome, PolicyName,
    Principal,
    api::{PolicySuggestion, SimulatedChange, SuggestRequest, Wildcard},
};
use wharden_policy::suggest::{Suggested, Terms, is_open, suggest};
use wharden_state::State;

/// Events whose neighbours are tried: each has some dozens.
const TRIED: usize = 200;
/// Examples shown of each refusal that would stay.
const EXAMPLES: usize = 3;

impl App {
    pub async fn suggest_policy(&self, caller: &Caller, request: SuggestRequest) -> Result<PolicySuggestion, AppError> {
        self.may(caller, AdminAction::PolicyTest, &self.cluster()).await?;
        self.may(caller, AdminAction::EventRead, &self.cluster()).await?;
        let state = self.state();
        let hosts = match (&request.host, &request.label) {
            (Some(_), Some(_)) => return Err(AppError::invalid("label", "give a host or a label, not both")),
            (host, None) => HostFilter::resolve(&state, host.as_deref())?,
            (None, Some(label)) => labelled(&state, label)?,
        };
        let query = EventQuery {
            user: Some(request.user),
            since: request.since,
            until: request.until,
            ..EventQuery::default()
        };
        let (events, truncated) = self.reader.newest(&query, &hosts).await?;
        let terms = Terms { wildcards: request.wildcards.into_iter().collect(), group: request.label };
        let (cluster, include_refused) = (self.keys.cluster_id.clone(), request.include_refused);
        let work = move || {
            let found = made(&cluster, &state, &events, &terms, include_refused)?;
            Ok(PolicySuggestion { truncated, ..found })
        };
        self.workbench.run(&caller.user, work).await
    }
}

/// The hosts that have a label.
fn labelled(state: &State, label: &str) -> Result<HostFilter, AppError> {
    let wanted = Labels::parse([label]).map_err(|e| AppError::invalid("label", e.to_string()))?;
    let has = |labels: &Labels| wanted.iter().all(|(key, value)| labels.get(key) == Some(value));
    let hosts: BTreeSet<_> =
        state.hosts.iter().filter(|(_, host)| has(&host.labels)).map(|(id, _)| id.clone()).collect();
    if hosts.is_empty() {
        return Err(AppError::invalid("label", format!("no host has the label {label}")));
    }
    Ok(HostFilter::Only(hosts))
}

fn made(
    cluster: &ClusterId,
    state: &Arc<State>,
    events: &[DecisionEvent],
    terms: &Terms,
    include_refused: bool,
) -> Result<PolicySuggestion, AppError> {
    let (mut used, mut refused, mut skipped, mut open) = (Vec::new(), 0, 0, 0);
    for event in events {
        match event.outcome {
            Outcome::Denied if !include_refused => refused += 1,
            _ if is_open(event.action) => open += 1,
            Outcome::Invalid => skipped += 1,
            _ if event.facts.is_none() || matches!(event.principal, Principal::Workload { .. }) => skipped += 1,
            _ => used.push(event),
        }
    }
    let suggested = suggest(used.iter().copied(), terms).map_err(|e| AppError::invalid("wildcards", e.to_string()))?;
    let given = used.len();
    used.retain(|event| suggested.covers(event));
    skipped += (given - used.len()) as u64;
    wharden_policy::validate(&suggested.text)
        .map_err(|issues| AppError::internal(format!("a suggestion is not valid: {issues:?}")))?;
    let policy = BundlePolicy { name: free_name(state)?, mode: Mode::Enforce, text: suggested.text.clone() };
    let is_list =
        |event: &&&DecisionEvent| !(terms.wildcards.contains(&Wildcard::Listed) || event.action.shows().is_empty());
    let lists: BTreeSet<_> = used.iter().filter(is_list).map(|event| event.action).collect();
    let mutations = prove(cluster, state, &policy, &suggested, &used)?;
    Ok(PolicySuggestion {
        still_refused: still_refused(cluster, state, policy, &used)?,
        text: suggested.text,
        rules: suggested.rules as u64,
        events: used.len() as u64,
        refused,
        skipped,
        open,
        lists: lists.into_iter().collect(),
        truncated: false,
        mutations,
    })
}

/// A name that no stored policy has.
fn free_name(state: &State) -> Result<PolicyName, AppError> {
    let mut name = "suggestion".to_owned();
    loop {
        let candidate = PolicyName::new(name.as_str()).map_err(AppError::internal)?;
        if !state.policies.contains_key(&candidate) {
            return Ok(candidate);
        }
        name.push_str("-x");
    }
}

/// The suggestion by itself allows every event and refuses what is near; a text that does not is never given out.
fn prove(
    cluster: &ClusterId,
    state: &Arc<State>,
    policy: &BundlePolicy,
    suggested: &Suggested,
    used: &[&DecisionEvent],
) -> Result<u64, AppError> {
    // Users as nobody knows them: a disabled one would be refused whatever the text says.
    let mut alone = Side::new(cluster, vec![policy.clone()], Vec::new())?;
    let fault = |what: &str, event: &DecisionEvent| {
        AppError::internal(format!("a suggestion does not hold for {}: {what}\n{}", event.id(), policy.text))
    };
    let mut tried = 0;
    let mut seen = BTreeSet::new();
    for event in used {
        let Some(facts) = event.facts.clone() else { continue };
        let facts = facts.whole(event.action);
        if alone.decide(state, event, &facts)?.effect != Effect::Allow {
            return Err(fault("refused", event));
        }
        let key = (event.action, event.resource.name.as_str(), event.resource.image.as_str(), &event.host_id);
        if seen.len() >= TRIED || !seen.insert((key.0.name(), key.1, key.2, key.3)) {
            continue;
        }
        for near in suggested.neighbours(event) {
            let facts = near.event.facts.clone().unwrap_or_default().whole(near.event.action);
            if alone.decide(state, &near.event, &facts)?.effect == Effect::Allow {
                return Err(fault(&near.what, event));
            }
            tried += 1;
        }
    }
    Ok(tried)
}

/// What stored rules refuse with the suggestion beside them.
fn still_refused(
    cluster: &ClusterId,
    state: &Arc<State>,
    policy: BundlePolicy,
    used: &[&DecisionEvent],
) -> Result<Vec<SimulatedChange>, AppError> {
    let mut policies = policy_set::policies(state);
    policies.push(policy);
    let mut together = Side::new(cluster, policies, policy_set::users(state))?;
    let mut kinds: BTreeMap<(String, Action, String), (u64, Vec<String>)> = BTreeMap::new();
    for event in used.iter().rev() {
        let Some(facts) = event.facts.clone() else { continue };
        let decision = together.decide(state, event, &facts.whole(event.action))?;
        if decision.effect == Effect::Deny {
            let rule = decision.rules.first().map_or_else(|| decision.why(), |rule| rule.id.clone());
            let (count, examples) = kinds.entry((event.principal.to_string(), event.action, rule)).or_default();
            *count += 1;
            if examples.len() < EXAMPLES {
                examples.push(event.id());
            }
        }
    }
    let mut list: Vec<_> = kinds
        .into_iter()
        .map(|((who, action, rule), (count, examples))| SimulatedChange { who, action, rule, count, examples })
        .collect();
    list.sort_by_key(|kind| std::cmp::Reverse(kind.count));
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::{
        BootId, Decision, Facts, HostId, PartialFacts, Posture, Resource, ResourceKind, Timestamp, api::Wildcard,
    };

    fn event(seq: u64, outcome: Outcome, name: &str, facts: Option<Facts>) -> DecisionEvent {
        DecisionEvent {
            host_id: HostId::new("h-0000000000000001").expect("id"),
            boot_id: BootId::new("0000000000000001").expect("id"),
            seq,
            at: Timestamp(seq),
            principal: Principal::User { name: "alice".to_owned() },
            action: Action::ContainerStart,
            resource: Resource {
                kind: ResourceKind::Container,
                id: format!("id{seq}"),
                name: name.to_owned(),
                image: "docker.io/library/nginx:1".to_owned(),
                owner: "alice".to_owned(),
                labels: BTreeMap::new(),
            },
            outcome,
            posture: Posture::Observe,
            decision: Decision { effect: Effect::Deny, rules: vec![], monitor: vec![], errors: vec![], revision: 1 },
            facts,
            partial_facts: None,
            request: String::new(),
            error: String::new(),
            decided_in_us: 0,
        }
    }

    #[test]
    fn what_was_refused_invalid_or_not_kept_is_counted_and_left_out() {
        let (cluster, state) = (ClusterId::new("c-0000000000000001").expect("id"), Arc::new(State::default()));
        let facts = || Some(Facts::default());
        let ping = DecisionEvent {
            action: Action::SystemPing,
            resource: Resource { kind: ResourceKind::Engine, ..event(9, Outcome::Allowed, "", None).resource },
            ..event(9, Outcome::Allowed, "", facts())
        };
        let events = [
            event(1, Outcome::Allowed, "web", facts()),
            event(2, Outcome::WouldDeny, "db", facts()),
            event(3, Outcome::Denied, "secret", facts()),
            event(4, Outcome::Invalid, "odd", None),
            DecisionEvent {
                partial_facts: Some(PartialFacts {
                    missing: BTreeSet::from(["labels".to_owned()]),
                    ..PartialFacts::default()
                }),
                ..event(5, Outcome::Allowed, "long", None)
            },
            ping,
        ];
        let made = |terms: &Terms, refused| made(&cluster, &state, &events, terms, refused).expect("made");
        let found = made(&Terms::default(), false);
        assert_eq!((found.events, found.refused, found.skipped, found.open), (2, 1, 2, 1));
        assert_eq!(found.rules, 1, "{}", found.text);
        assert!(found.text.contains("[\"db\", \"web\"].contains(resource.name)"), "{}", found.text);
        assert!(!["secret", "odd", "long", "ping"].iter().any(|word| found.text.contains(word)), "{}", found.text);
        assert!(found.mutations > 5 && found.still_refused.is_empty(), "{found:?}");
        assert!(made(&Terms::default(), true).text.contains("secret"));
        let odd = events.clone().map(|event| match event.seq {
            2 => DecisionEvent { resource: Resource { name: "ngin\u{445}".to_owned(), ..event.resource }, ..event },
            _ => event,
        });
        let found = super::made(&cluster, &state, &odd, &Terms::default(), false).expect("no fault of the controller");
        assert_eq!((found.events, found.rules, found.skipped), (1, 1, 3), "what mixes scripts is left out");
        let open = Terms { wildcards: BTreeSet::from([Wildcard::ContainerName]), group: None };
        assert!(!made(&open, false).text.contains("resource.name"));
    }
}
