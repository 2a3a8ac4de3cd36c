//! Would a target take a container: is its name free, and do the policies there say what they say where it is now?
//!
//! Not all of a creation is known here (the agent tells no commands and no environment). So the same question, with
//! what is known, is decided for both hosts: a rule that refuses on the target and not on the source is a reason not to go
//! there. What is refused on both says nothing about the move.

use super::{
    limits::SCOPES_MAX,
    view::{FleetView, SeenContainer},
};
use crate::policy_set;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};
use wharden_capacity::{Admission, Container, Denial, Host};
use wharden_model::{
    Action, ClusterId, Decision, Effect, Facts, HostId, Posture, Principal, Resource, ResourceKind, Scope,
    capacity::ObstacleKind,
};
use wharden_policy::{Compiled, Planner, Query};
use wharden_state::State;

/// The policies of one state, compiled as they are asked for.
pub struct Policies<'a> {
    state: &'a State,
    view: &'a dyn FleetView,
    seen: &'a BTreeMap<String, SeenContainer>,
    /// Where each of `seen` is.
    homes: BTreeMap<String, HostId>,
    planner: Option<Planner>,
    compiled: RefCell<BTreeMap<Scope, Option<Rc<Compiled>>>>,
}

impl<'a> Policies<'a> {
    pub fn new(
        cluster: &ClusterId,
        state: &'a State,
        view: &'a dyn FleetView,
        seen: &'a BTreeMap<String, SeenContainer>,
        hosts: &[Host],
    ) -> Self {
        let planner = Planner::new(cluster.clone(), policy_set::policies(state), policy_set::users(state)).ok();
        let home = |host: &Host| {
            let id = host.id.clone();
            host.containers.iter().map(move |c| (c.id.clone(), id.clone())).collect::<Vec<_>>()
        };
        let homes = hosts.iter().flat_map(home).collect();
        Self { state, view, seen, homes, planner, compiled: RefCell::default() }
    }

    /// The policies of a host; `None` when they cannot be had, which lets nothing there.
    fn of(&self, host: &HostId) -> Option<Rc<Compiled>> {
        let (planner, held) = (self.planner.as_ref()?, self.state.hosts.get(host)?);
        let scope = planner.scope(host, &held.labels, Posture::Enforce);
        let mut compiled = self.compiled.borrow_mut();
        if let Some(known) = compiled.get(&scope) {
            return known.clone();
        }
        if compiled.len() >= SCOPES_MAX {
            return None;
        }
        let fresh = Compiled::new(&planner.bundle(&scope), self.state.policy_revision).ok().map(Rc::new);
        compiled.insert(scope, fresh.clone());
        fresh
    }

    fn decide(&self, host: &HostId, seen: &SeenContainer) -> Option<Decision> {
        let facts = facts(seen);
        let principal = Principal::User { name: seen.owner.clone() };
        let resource = Resource {
            kind: ResourceKind::Container,
            id: seen.name.clone(),
            name: seen.name.clone(),
            image: seen.image.clone(),
            owner: seen.owner.clone(),
            labels: seen.labels.clone(),
        };
        let action = Action::ContainerCreate;
        let query = Query { principal: &principal, action, resource: &resource, host, facts: &facts };
        Some(self.of(host)?.decide(&query))
    }

    /// Why a policy is in the way; `None` when none is.
    fn refusal(&self, seen: &SeenContainer, source: &HostId, target: &HostId) -> Option<String> {
        if self.state.hosts.get(target).is_some_and(|host| host.posture == Posture::Observe) {
            return None;
        }
        let (Some(here), Some(there)) = (self.decide(source, seen), self.decide(target, seen)) else {
            return Some("its policies could not be looked at".to_owned());
        };
        if there.effect == Effect::Allow {
            return None;
        }
        let rules = |decision: &Decision| decision.rules.iter().map(|rule| rule.id.clone()).collect::<BTreeSet<_>>();
        let same = here.effect == Effect::Deny && rules(&there).is_subset(&rules(&here)) && there.errors.is_empty();
        (!same).then(|| there.why())
    }
}

impl Admission for Policies<'_> {
    fn admits(&self, container: &Container, target: &Host) -> Result<(), Denial> {
        let contents = self.view.contents(&target.id).unwrap_or_default();
        if contents.containers.iter().any(|other| other.name == container.name) {
            let detail = format!("the name {} is taken on {}", container.name, target.name);
            return Err(Denial { kind: ObstacleKind::Name, detail });
        }
        let refusal = match (self.seen.get(&container.id), self.homes.get(&container.id)) {
            (Some(seen), Some(source)) => self.refusal(seen, source, &target.id),
            _ => Some("nothing is known of the container any more".to_owned()),
        };
        match refusal {
            Some(why) => Err(Denial { kind: ObstacleKind::Policy, detail: format!("on {}: {why}", target.name) }),
            None => Ok(()),
        }
    }
}

/// What is known of how the container was made.
fn facts(seen: &SeenContainer) -> Facts {
    let mut facts = Facts::zero(Action::ContainerCreate);
    facts.set("privileged", seen.privileged);
    facts.set("image", seen.image.as_str());
    facts.set("name", seen.name.as_str());
    facts.set("host_ports", seen.ports.iter().map(|p| i64::from(p.port)).collect::<BTreeSet<i64>>());
    facts.set("networks", seen.networks.iter().cloned().collect::<BTreeSet<String>>());
    facts.set("devices", seen.devices.iter().cloned().collect::<BTreeSet<String>>());
    facts.set("labels", seen.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<BTreeSet<String>>());
    facts
}
