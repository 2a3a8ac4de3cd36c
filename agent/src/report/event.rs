use super::kept;
use crate::limits::EVENT_ENTRIES_MAX;
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{
    Action, BootId, Decision, DecisionEvent, Facts, HostId, Outcome, Posture, Principal, Resource, Timestamp,
    limits::EVENT_STRING_MAX,
};

/// A decision event that has no number yet.
#[derive(Clone, Debug)]
pub struct Draft {
    pub at: Timestamp,
    pub principal: Principal,
    pub action: Action,
    pub resource: Resource,
    pub outcome: Outcome,
    pub posture: Posture,
    pub decision: Decision,
    pub facts: Option<Facts>,
    /// Names of facts that were too long to keep.
    pub missing: BTreeSet<String>,
    pub request: String,
    pub error: String,
    pub decided_in_us: u64,
}

impl Draft {
    /// Cuts everything to the sizes that events have: thousands may wait, and labels and facts may be as large as requests.
    #[must_use]
    pub fn cut(mut self) -> Self {
        for text in [
            &mut self.request,
            &mut self.error,
            &mut self.resource.id,
            &mut self.resource.name,
            &mut self.resource.image,
            &mut self.resource.owner,
        ] {
            fit(text);
        }
        fit_map(&mut self.resource.labels);
        match &mut self.principal {
            Principal::User { name } | Principal::ServiceAccount { name } => fit(name),
            Principal::Workload { container_id, name, image, labels } => {
                for text in [container_id, name, image] {
                    fit(text);
                }
                fit_map(labels);
            }
        }
        for rules in [&mut self.decision.rules, &mut self.decision.monitor] {
            rules.truncate(EVENT_ENTRIES_MAX);
            for rule in rules {
                for text in [&mut rule.id, &mut rule.reason, &mut rule.severity, &mut rule.cis] {
                    fit(text);
                }
            }
        }
        self.decision.errors.truncate(EVENT_ENTRIES_MAX);
        self.decision.errors.iter_mut().for_each(fit);
        if let Some(facts) = &mut self.facts {
            self.missing.extend(kept::cut(facts));
        }
        self
    }

    /// The event of a draft that was cut, no longer than events are.
    pub fn number(self, host_id: HostId, boot_id: BootId, seq: u64) -> DecisionEvent {
        let (facts, partial_facts) = kept::told(self.facts, self.missing);
        let mut event = DecisionEvent {
            host_id,
            boot_id,
            seq,
            at: self.at,
            principal: self.principal,
            action: self.action,
            resource: self.resource,
            outcome: self.outcome,
            posture: self.posture,
            decision: self.decision,
            facts,
            partial_facts,
            request: self.request,
            error: self.error,
            decided_in_us: self.decided_in_us,
        };
        shorten(&mut event);
        event
    }
}

/// Cuts a text to the longest that events keep, at the end of a character, with an ellipsis.
pub fn fit(text: &mut String) {
    if text.len() > EVENT_STRING_MAX {
        let mut end = EVENT_STRING_MAX - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
}

fn fit_map(map: &mut BTreeMap<String, String>) {
    if map.len() > EVENT_ENTRIES_MAX || map.iter().any(|(k, v)| k.len().max(v.len()) > EVENT_STRING_MAX) {
        *map = std::mem::take(map)
            .into_iter()
            .take(EVENT_ENTRIES_MAX)
            .map(|(mut k, mut v)| {
                fit(&mut k);
                fit(&mut v);
                (k, v)
            })
            .collect();
    }
}

fn shorten(event: &mut DecisionEvent) {
    if !kept::shorten(event) {
        event.decision.rules.truncate(2);
        event.decision.monitor.truncate(2);
        event.decision.errors.truncate(2);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::limits::EVENT_MAX;
    use wharden_model::{Effect, ResourceKind, decision::Rule};

    pub(crate) fn draft(name: &str) -> Draft {
        Draft {
            at: Timestamp(1),
            principal: Principal::User { name: name.to_owned() },
            action: Action::ContainerCreate,
            resource: Resource {
                kind: ResourceKind::Container,
                id: "new".into(),
                name: String::new(),
                image: "busybox".into(),
                owner: name.to_owned(),
                labels: BTreeMap::new(),
            },
            outcome: Outcome::Denied,
            posture: Posture::Enforce,
            decision: Decision { effect: Effect::Deny, rules: vec![], monitor: vec![], errors: vec![], revision: 3 },
            facts: None,
            missing: BTreeSet::new(),
            request: "POST /v1.41/containers/create".into(),
            error: String::new(),
            decided_in_us: 12,
        }
    }

    #[test]
    fn an_event_is_bounded_whatever_is_in_it() {
        let long = "ä".repeat(100_000);
        let mut draft = draft(&long);
        draft.request = long.clone();
        draft.resource.labels = (0..5000).map(|i| (format!("{i}{long}"), long.clone())).collect();
        draft.decision.errors = vec![long.clone(); 500];
        let mut facts = Facts::default();
        facts.set("command", long.clone());
        draft.facts = Some(facts);
        let rule =
            Rule { id: long.clone(), reason: long.clone(), severity: long.clone(), cis: long, ..Rule::default() };
        draft.decision.rules = vec![rule; 500];
        let host = HostId::new("h-0000000000000000").expect("id");
        let boot = BootId::new("0000000000000000").expect("id");
        let event = draft.cut().number(host, boot, 1);
        assert_eq!((event.facts.as_ref(), event.partial_facts.as_ref().map(|p| p.facts.0.len())), (None, Some(0)));
        let mut many = self::draft("alice");
        let mut facts = Facts::default();
        facts.set("command", (0..EVENT_MAX).map(|n| n.to_string()).collect::<BTreeSet<_>>());
        many.facts = Some(facts);
        let many = many.cut();
        assert!(many.missing.contains("command") && many.facts.is_some_and(|facts| facts.0.is_empty()));
        assert!(event.request.len() <= EVENT_STRING_MAX && event.request.ends_with('…'));
        assert!(kept::length(&event) <= 2 * EVENT_MAX, "{}", kept::length(&event));
    }
}
