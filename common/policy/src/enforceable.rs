//! One rule, ready to take part in decisions.

use crate::{builtin, document::Document, error::CompileError, head::Heads, reading::Reads, rule::RuleInfo, validate};
use cedar_policy::{Policy, pst};
use std::collections::BTreeSet;
use wharden_model::{BundlePolicy, Effect, Mode, decision};

/// A rule of a document that decides or monitors.
#[derive(Debug)]
pub(crate) struct Enforceable {
    /// Its name and annotations, as decisions show them.
    pub shown: decision::Rule,
    pub effect: Effect,
    /// It decides; else it only monitors.
    pub enforced: bool,
    pub heads: Heads,
    pub reads: Reads,
    /// As Cedar's syntax tree, for conditions.
    pub tree: pst::Template,
}

impl Enforceable {
    fn new(document: &str, enforced: bool, info: &RuleInfo, policy: &Policy) -> Result<Self, String> {
        let tree = policy.to_pst().map_err(|e| e.to_string())?.body().clone();
        Ok(Self {
            shown: decision::Rule {
                id: format!("{document}/{}", info.id),
                reason: info.reason.clone(),
                severity: info.severity.clone(),
                cis: info.cis.clone(),
            },
            effect: info.effect,
            enforced,
            heads: Heads::of(&tree),
            reads: Reads::of(&tree),
            tree,
        })
    }

    /// A Cedar policy that is satisfied exactly when this rule is, always a `permit` so that Cedar names every
    /// satisfied one whatever the others say. Without its head when the index has answered for that already.
    ///
    /// It is made from the syntax tree and carries no source positions, which halves the time of evaluation.
    pub fn probe(&self, index: usize, with_head: bool) -> Result<Policy, String> {
        let (principal, action, resource) = if with_head {
            (self.tree.principal.clone(), self.tree.action.clone(), self.tree.resource.clone())
        } else {
            (pst::PrincipalConstraint::Any, pst::ActionConstraint::Any, pst::ResourceConstraint::Any)
        };
        let id = pst::PolicyID(index.to_string().into());
        let template = pst::Template::new(id, pst::Effect::Permit, principal, action, resource)
            .try_with_clauses(self.tree.clauses().clone())
            .map_err(|e| e.to_string())?;
        let rule = pst::StaticPolicy::try_from(template).map_err(|e| e.to_string())?;
        Policy::from_pst(pst::Policy::Static(rule)).map_err(|e| e.to_string())
    }
}

/// Reads every document that is not disabled, the built-in one first, then by name.
pub(crate) fn all(policies: &[BundlePolicy]) -> Result<Vec<Enforceable>, CompileError> {
    let mut rules = Vec::new();
    for (info, policy) in &builtin::document().rules {
        rules.extend(Enforceable::new(builtin::NAME, true, info, policy).ok());
    }
    let mut names = BTreeSet::new();
    let mut sorted: Vec<_> = policies.iter().filter(|policy| policy.mode != Mode::Disabled).collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    for policy in sorted {
        if policy.name.as_str() == builtin::NAME {
            return Err(CompileError::Reserved(policy.name.clone()));
        }
        if !names.insert(&policy.name) {
            return Err(CompileError::Duplicate(policy.name.clone()));
        }
        for (info, rule) in &read(policy)?.rules {
            let enforced = policy.mode == Mode::Enforce;
            let rule = Enforceable::new(policy.name.as_str(), enforced, info, rule).map_err(|message| {
                CompileError::Unreadable { document: policy.name.clone(), rule: info.id.clone(), message }
            })?;
            rules.push(rule);
        }
    }
    Ok(rules)
}

/// A document, validated.
pub(crate) fn read(policy: &BundlePolicy) -> Result<Document, CompileError> {
    validate::read(&policy.text).map_err(|issues| CompileError::Invalid { document: policy.name.clone(), issues })
}
