//! One rule, ready to take part in decisions.

use crate::{
    builtin,
    error::CompileError,
    source::{self, Source},
};
use cedar_policy::{Policy, pst};
use std::{collections::BTreeSet, sync::Arc};
use wharden_model::{BundlePolicy, Effect, Mode, decision};

/// A rule of a document that decides or monitors.
#[derive(Debug)]
pub(crate) struct Enforceable {
    /// Its name and annotations, as decisions show them.
    pub shown: decision::Rule,
    pub effect: Effect,
    /// It decides; else it only monitors.
    pub enforced: bool,
    pub source: Arc<Source>,
}

impl Enforceable {
    fn new(document: &str, enforced: bool, source: &Arc<Source>) -> Self {
        let info = &source.info;
        Self {
            shown: decision::Rule {
                id: format!("{document}/{}", info.id),
                reason: info.reason.clone(),
                severity: info.severity.clone(),
                cis: info.cis.clone(),
                hides: info.hides,
                mends: info.mends.clone(),
            },
            effect: info.effect,
            enforced,
            source: Arc::clone(source),
        }
    }

    /// A Cedar policy that is satisfied exactly when this rule is, always a `permit` so that Cedar names every
    /// satisfied one whatever the others say. Without its head when the index has answered for that already.
    ///
    /// It is made from the syntax tree and carries no source positions, which evaluation would copy at every step.
    pub fn probe(&self, index: usize, with_head: bool) -> Result<Policy, String> {
        let tree = &self.source.tree;
        let (principal, action, resource) = if with_head {
            (tree.principal.clone(), tree.action.clone(), tree.resource.clone())
        } else {
            (pst::PrincipalConstraint::Any, pst::ActionConstraint::Any, pst::ResourceConstraint::Any)
        };
        let id = pst::PolicyID(index.to_string().into());
        let template = pst::Template::new(id, pst::Effect::Permit, principal, action, resource)
            .try_with_clauses(tree.clauses().clone())
            .map_err(|e| e.to_string())?;
        let rule = pst::StaticPolicy::try_from(template).map_err(|e| e.to_string())?;
        Policy::from_pst(pst::Policy::Static(rule)).map_err(|e| e.to_string())
    }
}

/// The built-in rules and those of every document that is not disabled, in the order of their names.
pub(crate) fn all(policies: &[BundlePolicy]) -> Result<Vec<Enforceable>, CompileError> {
    let mut rules: Vec<_> =
        builtin::rules().iter().map(|source| Enforceable::new(builtin::NAME, true, source)).collect();
    let mut names = BTreeSet::new();
    for policy in policies.iter().filter(|policy| policy.mode != Mode::Disabled) {
        if policy.name.as_str() == builtin::NAME {
            return Err(CompileError::Reserved(policy.name.clone()));
        }
        if !names.insert(&policy.name) {
            return Err(CompileError::Duplicate(policy.name.clone()));
        }
        let enforced = policy.mode == Mode::Enforce;
        let sources = source::read(policy)?;
        rules.extend(sources.iter().map(|source| Enforceable::new(policy.name.as_str(), enforced, source)));
    }
    rules.sort_by(|a, b| a.shown.id.cmp(&b.shown.id));
    Ok(rules)
}
