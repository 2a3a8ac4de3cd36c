//! Near misses: which part of a permitting rule a request does not meet.

use crate::kit::{HOST, facts, parts};
use wharden_model::{Action, HostId, Labels, Principal, Resource, api::MissPart};
use wharden_policy::{Query, near_misses};

const RULES: &str = r#"
@id("team") permit (
  principal in Group::"web",
  action == Docker::Action::"container.create",
  resource in HostGroup::"env=staging"
)
when { resource.image like "registry/*" && !context.privileged }
unless { context.user == "root" || context.host_ports.contains(80) };

@id("own") permit (principal is User, action in Docker::Action::"run", resource)
when { resource has owner && resource.owner == User::"ben" };

@id("images") permit (principal, action, resource is Docker::Image);
@id("elsewhere") permit (principal, action == Docker::Action::"container.delete", resource);
@id("forbids") forbid (principal in Group::"x", action, resource);
"#;

fn near(user: &str, labels: &str, resource: &Resource, changes: &[(&str, wharden_model::FactValue)]) -> Vec<String> {
    let (policies, users) = parts(&[("p", RULES)], &[("ann", &["web"]), ("ben", &[])]);
    let labels: Labels = labels.parse().expect("valid");
    let (principal, host): (_, HostId) = (Principal::User { name: user.into() }, HOST.parse().expect("valid"));
    let facts = facts(Action::ContainerCreate, changes);
    let q = Query { principal: &principal, action: Action::ContainerCreate, resource, host: &host, facts: &facts };
    let found = near_misses(&policies, &users, &labels, &q).expect("compiles");
    let told = |near: &wharden_model::api::NearMiss| {
        let parts: Vec<_> = near.misses.iter().map(|m| format!("{}: {}{}", m.part.as_str(), m.text, m.error)).collect();
        format!("{} {}", near.rule.id, parts.join("; "))
    };
    assert!(found.iter().flat_map(|n| &n.misses).all(|m| m.part != MissPart::When || !m.text.is_empty()));
    found.iter().map(told).collect()
}

fn resource(image: &str, owner: &str) -> Resource {
    Resource {
        kind: wharden_model::ResourceKind::Container,
        id: "new".into(),
        name: "new".into(),
        image: image.into(),
        owner: owner.into(),
        labels: std::collections::BTreeMap::new(),
    }
}

#[test]
fn each_part_that_fails_is_named_and_no_other() {
    let told = near("ann", "env=staging", &resource("registry/app", "ann"), &[("privileged", true.into())]);
    assert_eq!(told.len(), 2, "{told:?}");
    let team = told.iter().find(|t| t.starts_with("p/team")).expect("team");
    assert_eq!(team, "p/team when: !context.privileged");

    let told = near("ben", "env=prod", &resource("other/app", ""), &[("user", "root".into())]);
    let team = told.iter().find(|t| t.starts_with("p/team")).expect("team");
    assert_eq!(
        team,
        "p/team principal: principal in Group::\"web\"; resource: resource in HostGroup::\"env=staging\"; \
         when: resource.image like \"registry/*\"; unless: context.user == \"root\""
    );
    // Without an owner the second half of the condition is never asked.
    let own = told.iter().find(|t| t.starts_with("p/own")).expect("own");
    assert_eq!(own, "p/own when: resource has owner");
    // The nearest comes first.
    assert!(told[0].starts_with("p/own"), "{told:?}");
}

#[test]
fn what_is_permitted_has_no_near_miss() {
    assert_eq!(near("ben", "", &resource("x", "ann"), &[]).len(), 2);
    let told = near("ben", "", &resource("x", "ben"), &[]);
    assert!(told.is_empty(), "{told:?}");
}
