//! Modes, built-in rules, errors: what decisions say beyond allow and deny.

use crate::kit::{HOST, World, facts, parts};
use wharden_model::{Action, BundlePolicy, Decision, Effect, Facts, Mode, Principal};
use wharden_policy::{BUILTIN, CompileError, Compiled, Planner, no_bundle};

const PERMIT: &str = "@id(\"ok\") permit (principal, action, resource);";
const FORBID: &str = "@id(\"no\") @reason(\"not today\") @severity(\"high\") @cis(\"5.5\") \
                      forbid (principal, action == Docker::Action::\"container.create\", resource) \
                      when { context.privileged };";
const FAILS: &str = "@id(\"bad\") forbid (principal, action == Docker::Action::\"container.create\", resource) \
                     when { context.memory + 9223372036854775807 > 5 };";

fn decide(documents: &[(&str, &str, Mode)], memory: i64) -> Decision {
    let policies = documents.iter().map(|(name, text, mode)| BundlePolicy {
        name: name.parse().expect("valid"),
        mode: *mode,
        text: (*text).to_owned(),
    });
    let world = World::of(policies.collect(), vec![], "");
    let action = Action::ContainerCreate;
    let facts = facts(action, &[("privileged", true.into()), ("memory", memory.into())]);
    world.decide("ann", action, &world.resource(action, "ann"), &facts)
}

fn ids(rules: &[wharden_model::decision::Rule]) -> Vec<&str> {
    rules.iter().map(|rule| rule.id.as_str()).collect()
}

#[test]
fn a_forbid_outweighs_a_permit_and_shows_its_annotations() {
    let decision = decide(&[("a", PERMIT, Mode::Enforce), ("b", FORBID, Mode::Enforce)], 0);
    assert_eq!((decision.effect, ids(&decision.rules)), (Effect::Deny, vec!["b/no"]));
    let rule = &decision.rules[0];
    assert_eq!((rule.reason.as_str(), rule.severity.as_str(), rule.cis.as_str()), ("not today", "high", "5.5"));
    assert_eq!(decision.revision, 9);
    assert_eq!(decision.why(), "rule b/no forbids it: not today");
}

#[test]
fn monitored_rules_are_told_and_do_not_decide() {
    let decision = decide(&[("a", PERMIT, Mode::Enforce), ("b", FORBID, Mode::Monitor)], 0);
    assert_eq!((decision.effect, ids(&decision.rules)), (Effect::Allow, vec!["a/ok"]));
    assert_eq!(ids(&decision.monitor), ["b/no"]);
    // A monitored permit would have let it through.
    let decision = decide(&[("a", PERMIT, Mode::Monitor)], 0);
    assert_eq!((decision.effect, ids(&decision.rules)), (Effect::Deny, vec![]));
    assert_eq!(ids(&decision.monitor), ["a/ok"]);
    // Neither is told where it would have changed nothing.
    let decision = decide(&[("a", PERMIT, Mode::Monitor), ("b", FORBID, Mode::Enforce)], 0);
    assert_eq!((decision.effect, ids(&decision.monitor)), (Effect::Deny, vec![]));
    let decision = decide(&[("a", PERMIT, Mode::Enforce), ("c", PERMIT, Mode::Monitor)], 0);
    assert_eq!((decision.effect, ids(&decision.monitor)), (Effect::Allow, vec![]));
}

#[test]
fn an_evaluation_error_denies_with_the_rule_named_and_only_when_enforced() {
    let decision = decide(&[("a", PERMIT, Mode::Enforce), ("c", FAILS, Mode::Enforce)], 1);
    assert_eq!((decision.effect, ids(&decision.rules)), (Effect::Deny, vec![]));
    assert!(decision.errors[0].starts_with("c/bad: ") && decision.errors[0].contains("overflow"), "{decision:?}");
    assert!(decision.why().contains("c/bad"));
    let decision = decide(&[("a", PERMIT, Mode::Enforce), ("c", FAILS, Mode::Monitor)], 1);
    assert_eq!((decision.effect, decision.errors.len()), (Effect::Allow, 0));
    assert_eq!(ids(&decision.monitor), ["c/bad"]);
    assert!(decision.monitor[0].reason.contains("overflow"), "{decision:?}");
    let decision = decide(&[("a", PERMIT, Mode::Enforce), ("c", FAILS, Mode::Disabled)], 1);
    assert_eq!((decision.effect, decision.monitor.len()), (Effect::Allow, 0));
}

#[test]
fn a_missing_fact_denies_instead_of_passing_a_forbid() {
    let (policies, users) = parts(&[("a", PERMIT), ("b", FORBID)], &[]);
    let world = World::of(policies, users, "");
    let action = Action::ContainerCreate;
    let mut facts = Facts::zero(action);
    facts.0.remove("privileged");
    let decision = world.decide("ann", action, &world.resource(action, "ann"), &facts);
    assert_eq!(decision.effect, Effect::Deny);
    assert!(decision.errors[0].starts_with("b/no: "), "{decision:?}");
    facts.set("privileged", "a text");
    let decision = world.decide("ann", action, &world.resource(action, "ann"), &facts);
    assert_eq!((decision.effect, decision.errors.len()), (Effect::Deny, 1), "{decision:?}");
}

#[test]
fn a_thing_of_another_kind_than_the_action_acts_on_is_denied() {
    let world = World::new(&[("a", PERMIT)], &[], "");
    let resource = world.resource(Action::ImagePull, "ann");
    let decision = world.decide("ann", Action::ContainerCreate, &resource, &Facts::zero(Action::ContainerCreate));
    assert_eq!(decision.effect, Effect::Deny);
    assert!(decision.errors[0].contains("acts on Container, not on Image"), "{decision:?}");
}

#[test]
fn ping_is_open_and_a_disabled_user_is_refused_even_that() {
    let (_, mut users) = parts(&[], &[("ann", &[]), ("ben", &[])]);
    users[1].disabled = true;
    let world = World::of(parts(&[("a", PERMIT)], &[]).0, users, "");
    let ping = Action::SystemPing;
    let resource = world.resource(ping, "");
    world.allows("ann", ping, &resource, &Facts::zero(ping));
    world.refuses("ben", ping, &resource, &Facts::zero(ping), Some("builtin/disabled-user"));
    let create = Action::ContainerCreate;
    let rule = Some("builtin/disabled-user");
    world.refuses("ben", create, &world.resource(create, "ben"), &Facts::zero(create), rule);
    // A service account of the same name is another principal.
    let account = Principal::ServiceAccount { name: "ben".into() };
    let decision = world.decide_as(&account, create, &world.resource(create, "ben"), &Facts::zero(create));
    assert_eq!(decision.effect, Effect::Allow);
}

#[test]
fn without_a_bundle_only_ping_and_version_pass() {
    for action in Action::ALL {
        let decision = no_bundle(*action);
        let open = matches!(action, Action::SystemPing | Action::SystemVersion);
        assert_eq!((decision.effect == Effect::Allow, decision.revision), (open, 0), "{action}");
        assert!(open || decision.why().contains("no policies yet"), "{}", decision.why());
    }
}

#[test]
fn bundles_that_cannot_be_enforced_are_refused_whole() {
    let (policies, users) =
        parts(&[("good", PERMIT), ("bad", "permit (principal, action, resource) when { 1 };")], &[]);
    let cluster = || "c-0000000000000001".parse().expect("valid");
    let error = Planner::new(cluster(), policies, users).expect_err("bad is not valid");
    assert!(error.to_string().starts_with("policy bad is not valid: line 1, column"), "{error}");
    let (policies, _) = parts(&[(BUILTIN, PERMIT)], &[]);
    assert!(matches!(Planner::new(cluster(), policies, vec![]), Err(CompileError::Reserved(_))));
    let (policies, _) = parts(&[("a", PERMIT), ("a", PERMIT)], &[]);
    assert!(matches!(Planner::new(cluster(), policies, vec![]), Err(CompileError::Duplicate(_))));
    // A disabled document may be of an older or newer schema.
    let (mut policies, _) = parts(&[("old", "permit (gone);")], &[]);
    policies[0].mode = Mode::Disabled;
    let planner = Planner::new(cluster(), policies, vec![]).expect("it takes no part");
    let labels = "".parse().expect("valid");
    let scope = planner.scope(&HOST.parse().expect("valid"), &labels, wharden_model::Posture::Enforce);
    let mut bundle = planner.bundle(&scope);
    assert_eq!(Compiled::new(&bundle, 1).expect("compiles").rule_count(), 2);
    bundle.format = 99;
    assert!(matches!(Compiled::new(&bundle, 1), Err(CompileError::Format { found: 99, .. })));
}

#[test]
fn the_worst_of_the_rules_that_forbid_is_told_first() {
    let rule = |id: &str, severity: &str| format!("@id(\"{id}\") {severity} forbid (principal, action, resource);\n");
    let text = [
        rule("a", ""),
        rule("b", "@severity(\"low\")"),
        rule("c", "@severity(\"critical\")"),
        rule("d", "@severity(\"high\")"),
        rule("e", "@severity(\"critical\")"),
    ]
    .concat();
    let world = World::new(&[("p", &text)], &[], "");
    let action = Action::ContainerList;
    let decision = world.decide("ben", action, &world.resource(action, ""), &Facts::zero(action));
    let told: Vec<_> = decision.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(told, ["p/c", "p/e", "p/d", "p/b", "p/a"]);
}
