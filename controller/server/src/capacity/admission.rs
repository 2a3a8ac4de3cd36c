//! Would a target take a container: is its name free, and do the policies there say what they say where it is now?
//!
//! Not all of a creation is known here (the agent tells no commands and no environment). So the same question, with
//! what is known, is decided for both hosts: a rule that refuses on the target and not on the source is a reason not to go
//! there. What is refused on both says nothing about the move. On the target it is asked of the image that the container is
//! made from there.

use super::{
    fleet::Resident,
    image::keeping,
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
use wharden_docker::ImageRef;
use wharden_model::{
    Action, ClusterId, Decision, Effect, Facts, HostId, Posture, Principal, Resource, ResourceKind, Scope,
    capacity::{AdviceId, ObstacleKind},
};
use wharden_policy::{Compiled, Planner, Query};
use wharden_state::State;

/// The policies of one state, compiled as they are asked for.
pub struct Policies<'a> {
    state: &'a State,
    view: &'a dyn FleetView,
    residents: &'a BTreeMap<String, Resident>,
    planner: Option<Planner>,
    compiled: RefCell<BTreeMap<Scope, Option<Rc<Compiled>>>>,
}

impl<'a> Policies<'a> {
    pub fn new(
        cluster: &ClusterId,
        state: &'a State,
        view: &'a dyn FleetView,
        residents: &'a BTreeMap<String, Resident>,
    ) -> Self {
        let planner = Planner::new(cluster.clone(), policy_set::policies(state), policy_set::users(state)).ok();
        Self { state, view, residents, planner, compiled: RefCell::default() }
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

    fn decide(&self, host: &HostId, seen: &SeenContainer, image: &str) -> Option<Decision> {
        let facts = facts(seen, image);
        let principal = Principal::User { name: seen.owner.clone() };
        let resource = Resource {
            kind: ResourceKind::Container,
            id: seen.name.clone(),
            name: seen.name.clone(),
            image: image.to_owned(),
            owner: seen.owner.clone(),
            labels: seen.labels.clone(),
        };
        let action = Action::ContainerCreate;
        let query = Query { principal: &principal, action, resource: &resource, host, facts: &facts };
        Some(self.of(host)?.decide(&query))
    }

    /// Why a policy is in the way; `None` when none is.
    fn refusal(&self, resident: &Resident, target: &HostId) -> Option<String> {
        let Resident { home, seen, image } = resident;
        if self.state.hosts.get(target).is_some_and(|host| host.posture == Posture::Observe) {
            return None;
        }
        let kept = keeping(seen, &AdviceId::of(&seen.id, home, target));
        let image = kept.as_ref().unwrap_or(image);
        let (Some(here), Some(there)) = (self.decide(home, seen, &seen.image), self.decide(target, seen, image)) else {
            return Some("its policies could not be looked at".to_owned());
        };
        if there.effect == Effect::Allow {
            return None;
        }
        let why = only_there(&here, there)?.why();
        Some(if *image == seen.image { why } else { format!("{why} (its image is {image} there)") })
    }
}

impl Admission for Policies<'_> {
    fn admits(&self, container: &Container, target: &Host) -> Result<(), Denial> {
        let contents = self.view.contents(&target.id).unwrap_or_default();
        if contents.containers.iter().any(|other| other.name == container.name) {
            let detail = format!("the name {} is taken on {}", container.name, target.name);
            return Err(Denial { kind: ObstacleKind::Name, detail });
        }
        let refusal = match self.residents.get(&container.id) {
            Some(resident) => self.refusal(resident, &target.id),
            None => Some("nothing is known of the container any more".to_owned()),
        };
        match refusal {
            Some(why) => Err(Denial { kind: ObstacleKind::Policy, detail: format!("on {}: {why}", target.name) }),
            None => Ok(()),
        }
    }
}

/// The refusal there, by the rules that do not refuse here; `None` when there is nothing to it that is not so here.
fn only_there(here: &Decision, mut there: Decision) -> Option<Decision> {
    if here.effect == Effect::Allow || !there.errors.is_empty() {
        return Some(there);
    }
    let unpermitted = there.rules.is_empty() && !here.rules.is_empty();
    there.rules.retain(|rule| here.rules.iter().all(|known| known.id != rule.id));
    (unpermitted || !there.rules.is_empty()).then_some(there)
}

/// What is known of how a container is made from this image.
fn facts(seen: &SeenContainer, image: &str) -> Facts {
    let mut facts = Facts::zero(Action::ContainerCreate);
    facts.set("privileged", seen.privileged);
    match ImageRef::parse(image) {
        Some(reference) => {
            facts.set("image", reference.to_string());
            facts.set("image_registry", reference.registry);
            facts.set("image_repository", reference.repository);
            facts.set("image_tag", reference.tag);
            facts.set("image_digest", reference.digest);
        }
        None => facts.set("image", image),
    }
    facts.set("name", seen.name.as_str());
    facts.set("host_ports", seen.ports.iter().map(|p| i64::from(p.port)).collect::<BTreeSet<i64>>());
    facts.set("networks", seen.networks.iter().cloned().collect::<BTreeSet<String>>());
    facts.set("devices", seen.devices.iter().cloned().collect::<BTreeSet<String>>());
    facts.set("labels", seen.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<BTreeSet<String>>());
    facts
}
