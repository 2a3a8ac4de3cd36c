//! Rules that permit an action and miss a request: which part of each keeps it from applying.
//!
//! Asked for by people, not by the guard: nothing is indexed, and every part is evaluated by Cedar by itself.

use crate::{
    CompileError, Query,
    directory::Directory,
    enforceable::{self, Enforceable},
    head::{PrincipalKind, ResourceHead},
    limits::{NEAR_EVALUATED, NEAR_SHOWN},
    probe::{Place, request},
    reading::Reads,
};
use cedar_policy::{Authorizer, Entities, Policy, PolicySet, Request, pst};
use std::sync::Arc;
use wharden_model::{
    BundlePolicy, Effect, Labels,
    api::{Miss, MissPart, NearMiss},
    decision::KnownUser,
};

/// Rules in mode `enforce` whose action is the asked one and which do not permit it, those with the fewest missing
/// parts first, [`NEAR_SHOWN`] at most; none when another one permits it. `labels` are those of the query's host. At most [`NEAR_EVALUATED`] rules are
/// looked at, in the order of their names.
///
/// # Errors
/// [`CompileError`] when a document cannot be enforced.
pub fn near_misses(
    policies: &[BundlePolicy],
    users: &[KnownUser],
    labels: &Labels,
    q: &Query<'_>,
) -> Result<Vec<NearMiss>, CompileError> {
    let (directory, place) = (Directory::new(users), Place::new(labels));
    let rules = enforceable::all(policies)?;
    let permits = rules.iter().filter(|rule| {
        rule.enforced
            && rule.effect == Effect::Allow
            && rule.source.heads.actions.iter().any(|key| key.covers(q.action))
            && may_be(&rule.source.heads.resource, q)
    });
    let mut found: Vec<_> = permits
        .take(NEAR_EVALUATED)
        .map(|rule| NearMiss { rule: rule.shown.clone(), misses: misses(rule, q, &directory, &place) })
        .collect();
    // It is permitted: what refuses it is a forbid, and no other permit would help.
    if found.iter().any(|near| near.misses.is_empty()) {
        return Ok(Vec::new());
    }
    found.sort_by_key(|near| near.misses.len());
    found.truncate(NEAR_SHOWN);
    Ok(found)
}

/// False for rules about things of another kind: they are not near.
fn may_be(head: &ResourceHead, q: &Query<'_>) -> bool {
    match head {
        ResourceHead::Any | ResourceHead::HostGroup(None, _) | ResourceHead::Host(None, _) => true,
        ResourceHead::Kind(kind)
        | ResourceHead::HostGroup(Some(kind), _)
        | ResourceHead::Host(Some(kind), _)
        | ResourceHead::Thing(kind, _) => *kind == q.resource.kind,
        ResourceHead::Never => false,
    }
}

fn misses(rule: &Enforceable, q: &Query<'_>, directory: &Directory, place: &Place) -> Vec<Miss> {
    let (heads, tree) = (&rule.source.heads, &rule.source.tree);
    let mut misses = Vec::new();
    let miss = |part, text: String| Miss { part, text, error: String::new() };
    let kind = PrincipalKind::of(q.principal);
    let groups = if matches!(kind, PrincipalKind::User) { &directory.get(q.principal.id()).groups[..] } else { &[] };
    if !heads.principal.covers(kind, q.principal.id(), || groups) {
        misses.push(miss(MissPart::Principal, format!("principal {}", tree.principal)));
    }
    if !is_there(&heads.resource, q, place) {
        misses.push(miss(MissPart::Resource, format!("resource {}", tree.resource)));
    }
    for clause in tree.clauses() {
        let (part, wanted, pieces) = match clause {
            pst::Clause::When(expr) => (MissPart::When, true, split(expr, pst::BinaryOp::And)),
            pst::Clause::Unless(expr) => (MissPart::Unless, false, split(expr, pst::BinaryOp::Or)),
        };
        let before = misses.len();
        for piece in pieces {
            match holds(&piece, q, directory, place) {
                Ok(value) if value == wanted => {}
                Ok(_) => misses.push(miss(part, piece.to_string())),
                // What stands before it is what keeps it from being asked at all.
                Err(_) if misses.len() > before => break,
                Err(error) => misses.push(Miss { part, text: piece.to_string(), error }),
            }
        }
    }
    misses
}

fn is_there(head: &ResourceHead, q: &Query<'_>, place: &Place) -> bool {
    match head {
        ResourceHead::Any | ResourceHead::Kind(_) => true,
        ResourceHead::HostGroup(_, group) => place.groups.contains(group),
        ResourceHead::Host(_, id) => id == q.host.as_str(),
        ResourceHead::Thing(_, id) => *id == q.resource.id,
        ResourceHead::Never => false,
    }
}

/// The operands of a chain of one operator, from the left.
fn split(expr: &Arc<pst::Expr>, by: pst::BinaryOp) -> Vec<Arc<pst::Expr>> {
    match expr.as_ref() {
        pst::Expr::BinaryOp { op, left, right } if *op == by => {
            let mut all = split(left, by);
            all.extend(split(right, by));
            all
        }
        _ => vec![Arc::clone(expr)],
    }
}

fn holds(piece: &Arc<pst::Expr>, q: &Query<'_>, directory: &Directory, place: &Place) -> Result<bool, String> {
    let template = pst::Template::new(
        pst::PolicyID("piece".into()),
        pst::Effect::Permit,
        pst::PrincipalConstraint::Any,
        pst::ActionConstraint::Any,
        pst::ResourceConstraint::Any,
    )
    .try_with_clauses([pst::Clause::When(Arc::clone(piece))])
    .map_err(|e| e.to_string())?;
    let reads = Reads::of(&template);
    let rule = pst::StaticPolicy::try_from(template).map_err(|e| e.to_string())?;
    let policy = Policy::from_pst(pst::Policy::Static(rule)).map_err(|e| e.to_string())?;
    let set = PolicySet::from_policies([policy]).map_err(|e| e.to_string())?;
    let (request, entities): (Request, Entities) = request(q, &reads, directory, place)?;
    let response = Authorizer::new().is_authorized(&request, &set, &entities);
    if let Some(cedar_policy::AuthorizationError::PolicyEvaluationError(error)) = response.diagnostics().errors().next()
    {
        return Err(error.inner().to_string());
    }
    Ok(response.decision() == cedar_policy::Decision::Allow)
}
