//! From the rules that were satisfied to the decision: a forbid outweighs every permit, an error denies, and rules
//! that only monitor are told but never decide.

use crate::{document::SEVERITIES, enforceable::Enforceable};
use std::cmp::Reverse;
use wharden_model::{Decision, Effect, Revision, decision::Rule};

/// What evaluation found. Rules are named by their index.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub satisfied: Vec<usize>,
    pub errors: Vec<(usize, String)>,
}

impl Tally {
    /// The decision over these rules, which are in the order of their names.
    pub fn decision(mut self, rules: &[Enforceable], revision: Revision) -> Decision {
        self.satisfied.sort_unstable();
        self.errors.sort_unstable();
        let enforced = Sides::of(&self, rules, |rule| rule.enforced);
        let effect = enforced.effect();
        let errors = self
            .errors
            .iter()
            .filter(|(index, _)| rules[*index].enforced)
            .map(|(index, message)| format!("{}: {message}", rules[*index].shown.id))
            .collect();
        Decision { effect, rules: enforced.decisive(), monitor: self.monitor(rules, effect), errors, revision }
    }

    /// The monitoring rules that would have changed the answer, were they enforced.
    fn monitor(&self, rules: &[Enforceable], effect: Effect) -> Vec<Rule> {
        let touched = self.satisfied.iter().chain(self.errors.iter().map(|(index, _)| index));
        if touched.into_iter().all(|index| rules[*index].enforced)
            || Sides::of(self, rules, |_| true).effect() == effect
        {
            return Vec::new();
        }
        let monitoring = Sides::of(self, rules, |rule| !rule.enforced);
        let mut changed = match effect {
            Effect::Allow => shown(&monitoring.forbids),
            Effect::Deny => shown(&monitoring.permits),
        };
        changed.extend(monitoring.errors.iter().map(|(rule, message)| Rule {
            reason: format!("it could not be evaluated, which would refuse the request: {message}"),
            ..rule.shown.clone()
        }));
        changed
    }
}

/// The satisfied rules of some kind, by effect.
struct Sides<'a> {
    permits: Vec<&'a Enforceable>,
    forbids: Vec<&'a Enforceable>,
    errors: Vec<(&'a Enforceable, &'a str)>,
}

impl<'a> Sides<'a> {
    fn of(tally: &'a Tally, rules: &'a [Enforceable], wanted: impl Fn(&Enforceable) -> bool) -> Self {
        let satisfied = tally.satisfied.iter().map(|index| &rules[*index]).filter(|rule| wanted(rule));
        let (permits, forbids) = satisfied.partition(|rule| rule.effect == Effect::Allow);
        let errors = tally.errors.iter().map(|(index, message)| (&rules[*index], message.as_str()));
        Self { permits, forbids, errors: errors.filter(|(rule, _)| wanted(rule)).collect() }
    }

    fn effect(&self) -> Effect {
        if self.errors.is_empty() && self.forbids.is_empty() && !self.permits.is_empty() {
            Effect::Allow
        } else {
            Effect::Deny
        }
    }

    fn decisive(&self) -> Vec<Rule> {
        match self.effect() {
            Effect::Allow => shown(&self.permits),
            Effect::Deny => {
                let mut forbids = shown(&self.forbids);
                // The worst is what a refused person reads first.
                forbids.sort_by_key(|rule| Reverse(SEVERITIES.iter().position(|severity| *severity == rule.severity)));
                forbids
            }
        }
    }
}

fn shown(rules: &[&Enforceable]) -> Vec<Rule> {
    rules.iter().map(|rule| rule.shown.clone()).collect()
}
