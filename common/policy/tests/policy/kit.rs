//! A host with policies and users, for tests that ask questions of it.

use std::collections::BTreeMap;
use wharden_model::{
    Action, BundlePolicy, Decision, Effect, FactValue, Facts, HostId, Mode, Posture, Principal, Resource,
    decision::KnownUser,
};
use wharden_policy::{Compiled, Planner, Query};

pub const HOST: &str = "h-0000000000000001";

pub struct World {
    pub compiled: Compiled,
    host: HostId,
}

/// Documents and users as the crate takes them.
pub fn parts(documents: &[(&str, &str)], users: &[(&str, &[&str])]) -> (Vec<BundlePolicy>, Vec<KnownUser>) {
    let policies = documents.iter().map(|(name, text)| BundlePolicy {
        name: name.parse().expect("valid"),
        mode: Mode::Enforce,
        text: (*text).to_owned(),
    });
    let users = users.iter().map(|(name, groups)| KnownUser {
        name: name.parse().expect("valid"),
        groups: groups.iter().map(|group| group.parse().expect("valid")).collect(),
        disabled: false,
    });
    (policies.collect(), users.collect())
}

/// Facts of an action at zero, but for these.
pub fn facts(action: Action, changes: &[(&str, FactValue)]) -> Facts {
    let mut facts = Facts::zero(action);
    for (name, value) in changes {
        assert!(facts.get(name).is_some(), "{action} has no fact {name}");
        facts.set(name, value.clone());
    }
    facts
}

impl World {
    /// As the controller and the agent make it: planned, bundled, compiled.
    pub fn new(documents: &[(&str, &str)], users: &[(&str, &[&str])], labels: &str) -> Self {
        let (policies, users) = parts(documents, users);
        Self::of(policies, users, labels)
    }

    pub fn of(policies: Vec<BundlePolicy>, users: Vec<KnownUser>, labels: &str) -> Self {
        let host: HostId = HOST.parse().expect("valid");
        let planner = Planner::new("c-0000000000000001".parse().expect("valid"), policies, users).expect("plans");
        let scope = planner.scope(&host, &labels.parse().expect("labels"), Posture::Enforce);
        let compiled = Compiled::new(&planner.bundle(&scope), 9).expect("compiles");
        Self { compiled, host }
    }

    pub fn resource(&self, action: Action, owner: &str) -> Resource {
        Resource {
            kind: action.resource(),
            id: "thing".into(),
            name: "thing".into(),
            image: "nginx".into(),
            owner: owner.into(),
            labels: BTreeMap::new(),
        }
    }

    pub fn decide_as(&self, principal: &Principal, action: Action, resource: &Resource, facts: &Facts) -> Decision {
        self.compiled.decide(&Query { principal, action, resource, host: &self.host, facts })
    }

    pub fn decide(&self, user: &str, action: Action, resource: &Resource, facts: &Facts) -> Decision {
        self.decide_as(&Principal::User { name: user.into() }, action, resource, facts)
    }

    #[track_caller]
    pub fn allows(&self, user: &str, action: Action, resource: &Resource, facts: &Facts) {
        let decision = self.decide(user, action, resource, facts);
        assert_eq!(decision.effect, Effect::Allow, "{user} {action}: {decision:#?}");
        assert!(!decision.rules.is_empty());
    }

    /// `rule` is one that forbids; `None` when it is only that nothing permits.
    #[track_caller]
    pub fn refuses(&self, user: &str, action: Action, resource: &Resource, facts: &Facts, rule: Option<&str>) {
        let decision = self.decide(user, action, resource, facts);
        assert_eq!(decision.effect, Effect::Deny, "{user} {action}: {decision:#?}");
        let rules: Vec<_> = decision.rules.iter().map(|rule| rule.id.as_str()).collect();
        match rule {
            Some(rule) => assert!(rules.contains(&rule), "{user} {action}: {rule} is not in {decision:#?}"),
            None => assert_eq!(rules, Vec::<&str>::new(), "{user} {action}: {decision:#?}"),
        }
    }
}
