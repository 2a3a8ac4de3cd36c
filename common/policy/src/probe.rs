//! Rules that only Cedar can answer, kept together with what they look at, and their evaluation.

use crate::{
    directory::{Directory, entity, tags},
    enforceable::Enforceable,
    head::PrincipalKind,
    query::Query,
    reading::Reads,
    tally::Tally,
    uid::{types, uid},
};
use cedar_policy::{
    AuthorizationError, Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use std::collections::BTreeSet;
use wharden_model::{FactValue, Facts, Principal, Resource};

/// Some rules of one list, ready for evaluation.
#[derive(Debug)]
pub(crate) struct Probe {
    set: PolicySet,
    reads: Reads,
    /// Rules that could not be made ready, and why. They count as failed.
    broken: Vec<(usize, String)>,
}

impl Probe {
    /// Makes these rules ready. With heads when nothing else has looked at them.
    pub fn new(rules: &[Enforceable], wanted: &[usize], with_heads: bool) -> Self {
        let mut probe = Self { set: PolicySet::new(), reads: Reads::default(), broken: Vec::new() };
        for index in wanted {
            let rule = &rules[*index];
            probe.reads.add(&rule.source.reads);
            let added =
                rule.probe(*index, with_heads).and_then(|policy| probe.set.add(policy).map_err(|e| e.to_string()));
            if let Err(message) = added {
                probe.broken.push((*index, message));
            }
        }
        probe.reads.hierarchy |= with_heads;
        probe
    }

    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Evaluates all of its rules and adds what came of it. When the request itself cannot be made, each has failed.
    pub fn run(&self, request: Result<(Request, Entities), String>, tally: &mut Tally) {
        tally.errors.extend(self.broken.iter().cloned());
        match request {
            Ok((request, entities)) => {
                let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
                let diagnostics = response.diagnostics();
                tally.satisfied.extend(diagnostics.reason().filter_map(|id| index(id.as_ref())));
                for AuthorizationError::PolicyEvaluationError(error) in diagnostics.errors() {
                    // Every policy of the set is named by a number.
                    tally.errors.extend(index(error.policy_id().as_ref()).map(|i| (i, error.inner().to_string())));
                }
            }
            Err(message) => {
                let all = self.set.policies().filter_map(|policy| index(policy.id().as_ref()));
                tally.errors.extend(all.map(|i| (i, message.clone())));
            }
        }
    }
}

fn index(id: &str) -> Option<usize> {
    id.parse().ok()
}

/// Where a host is: its groups and labels.
#[derive(Debug)]
pub(crate) struct Place {
    /// `key=value`, one for each label.
    pub groups: BTreeSet<String>,
    group_uids: Vec<EntityUid>,
    labels: Vec<(String, String)>,
}

impl Place {
    pub fn new(labels: &wharden_model::Labels) -> Self {
        Self {
            groups: labels.groups().collect(),
            group_uids: labels.groups().map(|group| uid(&types().host_group, &group)).collect(),
            labels: labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        }
    }

    /// The host as an entity.
    pub fn host(&self, id: &str) -> Result<Entity, String> {
        let labels = self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        entity(uid(&types().host, id), [], self.group_uids.iter().cloned(), tags(labels))
    }
}

/// The Cedar request of a query, with just the facts and entities that some rule will look at.
pub(crate) fn request(
    q: &Query<'_>,
    reads: &Reads,
    directory: &Directory,
    place: &Place,
) -> Result<(Request, Entities), String> {
    let principal = uid(types().principal(q.principal), q.principal.id());
    let resource = uid(types().resource(q.resource.kind), &q.resource.id);
    let action = types().action(q.action).clone();
    let context = context(q.facts, reads)?;
    let entities = entities(q, reads, directory, place, resource.clone())?;
    let request = Request::new(principal, action, resource, context, None).map_err(|e| e.to_string())?;
    Ok((request, entities))
}

fn context(facts: &Facts, reads: &Reads) -> Result<Context, String> {
    let context = if reads.whole_context {
        Context::from_pairs(facts.0.iter().map(|(name, value)| (name.to_string(), expression(value))))
    } else {
        let named = reads.facts.iter().filter_map(|name| Some((name.clone(), expression(facts.get(name)?))));
        Context::from_pairs(named)
    };
    context.map_err(|e| e.to_string())
}

fn expression(value: &FactValue) -> RestrictedExpression {
    match value {
        FactValue::Bool(value) => RestrictedExpression::new_bool(*value),
        FactValue::Long(value) => RestrictedExpression::new_long(*value),
        FactValue::String(value) => RestrictedExpression::new_string(value.clone()),
        FactValue::Set(set) => {
            RestrictedExpression::new_set(set.iter().map(|value| RestrictedExpression::new_string(value.clone())))
        }
        FactValue::LongSet(set) => {
            RestrictedExpression::new_set(set.iter().map(|value| RestrictedExpression::new_long(*value)))
        }
    }
}

fn entities(
    q: &Query<'_>,
    reads: &Reads,
    directory: &Directory,
    place: &Place,
    resource: EntityUid,
) -> Result<Entities, String> {
    let mut all = Vec::new();
    // Also when a rule names what happens to be the principal or the resource.
    let names = |ty: &str, id: &str| reads.named.iter().any(|(of, named)| of == ty && named == id);
    let with_principal = reads.principal || names(q.principal.entity_type(), q.principal.id());
    if with_principal {
        all.push(principal(q.principal, directory, reads.hierarchy)?);
    }
    if reads.resource || names_resource(q, reads) {
        all.push(thing(q.resource, resource, q.host.as_str(), place, reads.hierarchy)?);
    }
    if reads.action && reads.hierarchy {
        let group = types().action_group(q.action.group()).cloned();
        all.push(entity(types().action(q.action).clone(), [], group, [])?);
    }
    // Users and the host where they are named or reached as an owner, besides the principal who is there already.
    let mut users: BTreeSet<&str> = BTreeSet::new();
    if reads.owner && !q.resource.owner.is_empty() {
        users.insert(&q.resource.owner);
    }
    for (ty, id) in &reads.named {
        match PrincipalKind::named(ty) {
            Some(PrincipalKind::User) => {
                users.insert(id);
            }
            Some(PrincipalKind::ServiceAccount) if !q.is(PrincipalKind::ServiceAccount, id) => {
                all.push(service_account(&Principal::ServiceAccount { name: id.clone() }, reads.hierarchy)?);
            }
            _ if ty == "Host" && id == q.host.as_str() => all.push(place.host(id)?),
            _ => {}
        }
    }
    for name in users {
        if !(with_principal && q.is(PrincipalKind::User, name)) {
            all.push(directory.entity(name, reads.hierarchy)?);
        }
    }
    if all.is_empty() {
        return Ok(Entities::empty());
    }
    Entities::from_entities(all, None).map_err(|e| e.to_string())
}

fn names_resource(q: &Query<'_>, reads: &Reads) -> bool {
    let kind = q.resource.kind.name();
    reads.named.iter().any(|(ty, id)| *id == q.resource.id && ty.strip_prefix("Docker::") == Some(kind))
}

impl Query<'_> {
    fn is(&self, kind: PrincipalKind, id: &str) -> bool {
        PrincipalKind::of(self.principal) == kind && self.principal.id() == id
    }
}

fn principal(principal: &Principal, directory: &Directory, with_parents: bool) -> Result<Entity, String> {
    match principal {
        Principal::User { name } => directory.entity(name, with_parents),
        Principal::ServiceAccount { .. } => service_account(principal, with_parents),
        Principal::Workload { container_id, name, image, labels } => {
            let attrs = [text("name", name), text("image", image)];
            let labels = labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            entity(uid(&types().workload, container_id), attrs, [], tags(labels))
        }
    }
}

/// The account as an entity; what it is as an owner is its parent when somebody will ask for it.
fn service_account(account: &Principal, with_parents: bool) -> Result<Entity, String> {
    let owner = with_parents.then(|| uid(&types().user, &account.as_owner()));
    entity(uid(&types().service_account, account.id()), [text("name", account.id())], owner, [])
}

fn thing(resource: &Resource, id: EntityUid, host: &str, place: &Place, with_parents: bool) -> Result<Entity, String> {
    let owner = (!resource.owner.is_empty()).then(|| {
        let owner = RestrictedExpression::new_entity_uid(uid(&types().user, &resource.owner));
        ("owner".to_owned(), owner)
    });
    let attrs = [text("name", &resource.name), text("image", &resource.image)].into_iter().chain(owner);
    let labels = resource.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    // The host's groups are given as parents too, so that Cedar has no hierarchy left to work out.
    let parents =
        with_parents.then(|| place.group_uids.iter().cloned().chain([uid(&types().host, host)])).into_iter().flatten();
    entity(id, attrs, parents, tags(labels))
}

fn text(name: &str, value: &str) -> (String, RestrictedExpression) {
    (name.to_owned(), RestrictedExpression::new_string(value.to_owned()))
}
