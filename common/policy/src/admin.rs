//! Decisions about Wharden itself: the same documents, the `Wharden` namespace. Not indexed: admins are few and slow
//! beside hosts.

use crate::{
    builtin::NAME as BUILTIN,
    directory::{Directory, entity},
    enforceable::{self, Enforceable},
    error::CompileError,
    probe::{Place, Probe},
    query::{AdminQuery, AdminResource},
    tally::Tally,
    uid::{types, uid},
};
use cedar_policy::{Context, Entities, Entity, EntityTypeName, Request, RestrictedExpression};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wharden_model::{BundlePolicy, Decision, Effect, PolicyName, action::AdminKind, decision::KnownUser};

/// The cluster's policies as far as they speak of admin actions, ready to decide. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AdminCompiled(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Vec<Enforceable>,
    probe: Probe,
    directory: Directory,
}

impl AdminResource {
    fn kind(&self) -> AdminKind {
        match self {
            Self::User(_) => AdminKind::User,
            Self::Group(_) => AdminKind::Group,
            Self::Host { .. } => AdminKind::Host,
            Self::Policy(_) => AdminKind::Policy,
            Self::Cluster(_) => AdminKind::Cluster,
        }
    }
}

impl AdminCompiled {
    /// Compiles the rules that can concern admin actions.
    ///
    /// # Errors
    /// [`CompileError`] when a document cannot be enforced.
    pub fn new(policies: &[BundlePolicy], users: &[KnownUser]) -> Result<Self, CompileError> {
        let mut rules = enforceable::all(policies)?;
        rules.retain(|rule| rule.source.heads.wharden);
        let all: Vec<_> = (0..rules.len()).collect();
        let probe = Probe::new(&rules, &all, true);
        Ok(Self(Arc::new(Inner { rules, probe, directory: Directory::new(users) })))
    }

    /// The documents whose rules can concern admin actions, without the built-in one.
    pub fn documents(&self) -> BTreeSet<PolicyName> {
        let names = self.0.rules.iter().filter_map(|rule| rule.shown.id.split_once('/')).map(|(document, _)| document);
        names.filter(|name| *name != BUILTIN).filter_map(|name| PolicyName::new(name).ok()).collect()
    }

    /// Decides. The revision in the answer is 0: who asks knows which state it compiled.
    pub fn decide(&self, q: &AdminQuery<'_>) -> Decision {
        self.decide_as(q, &types().user)
    }

    /// The same for the service account of the name of `q.user`. What is not for service accounts is denied whatever the
    /// rules say.
    pub fn decide_for_service(&self, q: &AdminQuery<'_>) -> Decision {
        if q.action.is_for_service_accounts() {
            return self.decide_as(q, &types().service_account);
        }
        let error = format!("{} is not for service accounts", q.action);
        Decision { effect: Effect::Deny, rules: vec![], monitor: vec![], errors: vec![error], revision: 0 }
    }

    fn decide_as(&self, q: &AdminQuery<'_>, principal: &EntityTypeName) -> Decision {
        let mut tally = Tally::default();
        if q.resource.kind() == q.action.resource() {
            self.0.probe.run(self.0.request(q, principal), &mut tally);
            return tally.decision(&self.0.rules, 0);
        }
        let (asked, given) = (q.action.resource().entity_type(), q.resource.kind().entity_type());
        let error = format!("{} acts on {asked}, not on {given}", q.action);
        Decision { effect: Effect::Deny, rules: vec![], monitor: vec![], errors: vec![error], revision: 0 }
    }
}

impl Inner {
    fn request(&self, q: &AdminQuery<'_>, principal: &EntityTypeName) -> Result<(Request, Entities), String> {
        // By name, because the principal may be the resource and may be named in a rule.
        let mut users = BTreeMap::new();
        let mut all = Vec::new();
        let who = uid(principal, q.user.as_str());
        if *principal == types().user {
            users.insert(q.user.as_str(), ());
        } else {
            let name = ("name".to_owned(), RestrictedExpression::new_string(q.user.as_str().to_owned()));
            all.push(entity(who.clone(), [name], [], [])?);
        }
        let resource = match q.resource {
            AdminResource::User(name) => {
                users.insert(name.as_str(), ());
                uid(&types().user, name.as_str())
            }
            other => {
                let entity = resource(other)?;
                let uid = entity.uid();
                all.push(entity);
                uid
            }
        };
        for (ty, id) in &self.probe.reads().named {
            if ty == "User" {
                users.insert(id, ());
            }
        }
        for name in users.keys() {
            all.push(self.directory.entity(name, true)?);
        }
        let action = types().admin_action(q.action).clone();
        all.push(entity(action.clone(), [], [types().admin_group(q.action.group()).clone()], [])?);
        let entities = Entities::from_entities(all, None).map_err(|e| e.to_string())?;
        let age = ("mfa_age_seconds".to_owned(), RestrictedExpression::new_long(q.mfa_age_seconds));
        let context = Context::from_pairs([age]).map_err(|e| e.to_string())?;
        let request = Request::new(who, action, resource, context, None).map_err(|e| e.to_string())?;
        Ok((request, entities))
    }
}

fn resource(resource: &AdminResource) -> Result<Entity, String> {
    match resource {
        AdminResource::User(name) => Ok(Entity::with_uid(uid(&types().user, name.as_str()))),
        AdminResource::Group(name) => Ok(Entity::with_uid(uid(&types().group, name.as_str()))),
        AdminResource::Cluster(id) => Ok(Entity::with_uid(uid(&types().cluster, id.as_str()))),
        AdminResource::Host { id, labels } => Place::new(labels).host(id.as_str()),
        AdminResource::Policy(name) => {
            let attr = ("name".to_owned(), RestrictedExpression::new_string(name.as_str().to_owned()));
            entity(uid(&types().policy, name.as_str()), [attr], [], [])
        }
    }
}
