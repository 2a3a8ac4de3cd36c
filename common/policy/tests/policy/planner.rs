//! What hosts get: no rule, user or group that cannot concern them, and the same rule ids everywhere.

use crate::kit::{HOST, parts};
use wharden_model::{Bundle, HostId, Labels, Posture, SessionId};
use wharden_policy::{Compiled, Planner, Remote, validate};

const OTHER: &str = "h-0000000000000002";
const ORG: &str = r#"
// first
permit (principal in Group::"dev", action in Docker::Action::"run", resource in HostGroup::"env=dev");
@id("prod") // a comment ; with a semicolon
permit (principal in Group::"ops", action in Docker::Action::"run", resource in HostGroup::"env=prod");
permit (principal == User::"zoe", action, resource in Host::"h-0000000000000002");
forbid (principal, action == Docker::Action::"image.push", resource) unless { principal in Group::"release" };
permit (principal in Group::"admins", action in Wharden::Action::"write", resource);
"#;

fn planner() -> Planner {
    let users: &[(&str, &[&str])] = &[
        ("ann", &["dev", "secret-club"]),
        ("ben", &["ops"]),
        ("cat", &["secret-club"]),
        ("dan", &["admins"]),
        ("rel", &["release"]),
        ("zoe", &[]),
        ("off", &["secret-club"]),
    ];
    let (policies, mut users) =
        parts(&[("org", ORG), ("only-dev", "permit (principal, action, resource in HostGroup::\"env=dev\");")], users);
    users[6].disabled = true;
    Planner::new("c-0000000000000001".parse().expect("valid"), policies, users).expect("plans")
}

fn bundle(planner: &Planner, host: &str, labels: &str) -> Bundle {
    let host: HostId = host.parse().expect("valid");
    let labels: Labels = labels.parse().expect("valid");
    planner.bundle(&planner.scope(&host, &labels, Posture::Enforce))
}

fn names(bundle: &Bundle) -> Vec<&str> {
    bundle.users.iter().map(|user| user.name.as_str()).collect()
}

fn rules(bundle: &Bundle) -> Vec<String> {
    let documents = bundle.policies.iter();
    let rules = documents.flat_map(|policy| {
        let rules = validate(&policy.text).expect("a bundle's texts are valid").rules;
        rules.into_iter().map(|rule| format!("{}/{}", policy.name, rule.id))
    });
    rules.collect()
}

#[test]
fn rules_of_other_host_groups_and_hosts_are_left_out_and_the_rest_keep_their_names() {
    let planner = planner();
    let prod = bundle(&planner, HOST, "env=prod");
    assert_eq!(rules(&prod), ["org/prod", "org/4"]);
    assert_eq!(names(&prod), ["ben", "off", "rel"]);
    let dev = bundle(&planner, HOST, "env=dev");
    assert_eq!(rules(&dev), ["only-dev/1", "org/1", "org/4"]);
    assert_eq!(names(&dev), ["ann", "off", "rel"]);
    let ann = &dev.users[0];
    assert_eq!(ann.groups.iter().map(|group| group.as_str()).collect::<Vec<_>>(), ["dev"], "no groups beyond need");
    assert!(dev.users[1].disabled && dev.users[1].groups.is_empty());
    for bundle in [&prod, &dev] {
        let compiled = Compiled::new(bundle, 1).expect("compiles");
        assert_eq!(compiled.rule_count(), rules(bundle).len() + 2, "and two built-in ones");
    }
}

#[test]
fn a_host_that_a_rule_names_is_a_scope_of_its_own_and_others_share() {
    let planner = planner();
    let labels = "env=prod".parse().expect("valid");
    let scope = |host: &str| planner.scope(&host.parse().expect("valid"), &labels, Posture::Observe);
    assert_eq!(scope(HOST), scope("h-00000000000000ff"));
    assert_eq!(scope(HOST).host, None);
    let named = scope(OTHER);
    assert_eq!(named.host.as_ref().map(HostId::as_str), Some(OTHER));
    let bundle = planner.bundle(&named);
    assert_eq!(rules(&bundle), ["org/prod", "org/3", "org/4"]);
    assert_eq!(names(&bundle), ["ben", "off", "rel", "zoe"]);
}

#[test]
fn a_bundle_does_not_depend_on_the_order_of_what_it_is_made_of() {
    let users: &[(&str, &[&str])] = &[("a", &["x", "y"]), ("b", &["x"])];
    let documents = [
        ("one", "permit (principal in Group::\"x\", action, resource);"),
        ("two", "permit (principal in Group::\"y\", action, resource);"),
    ];
    let (policies, known) = parts(&documents, users);
    let cluster = || "c-0000000000000001".parse().expect("valid");
    let first = Planner::new(cluster(), policies.clone(), known.clone()).expect("plans");
    let (mut policies, mut known) = (policies, known);
    policies.reverse();
    known.reverse();
    known[1].groups.reverse();
    let second = Planner::new(cluster(), policies, known).expect("plans");
    assert_eq!(bundle(&first, HOST, ""), bundle(&second, HOST, ""));
}

#[test]
fn a_document_of_which_every_rule_stays_keeps_its_text_to_the_letter() {
    let text = "// why\n\npermit (principal, action, resource); // end\n";
    let (policies, _) = parts(&[("a", text)], &[]);
    let planner = Planner::new("c-0000000000000001".parse().expect("valid"), policies, vec![]).expect("plans");
    assert_eq!(bundle(&planner, HOST, "").policies[0].text, text);
}

#[test]
fn who_comes_from_elsewhere_is_named_everywhere_and_so_are_ended_sessions() {
    let before = planner();
    let ended: SessionId = "s-00000000000000000000000000000001".parse().expect("valid");
    let remote = Remote {
        service_accounts: ["ci".parse().expect("valid")].into(),
        users: ["cat", "off", "gone"].iter().map(|name| name.parse().expect("valid")).collect(),
        ended: [ended.clone()].into(),
    };
    let prod = bundle(&before.with_remote(remote), HOST, "env=prod");
    assert_eq!(names(&prod), ["ben", "cat", "off", "rel"], "whom the directory does not know is still nobody");
    assert!(prod.users.iter().all(|user| user.groups.iter().all(|group| group.as_str() != "secret-club")));
    assert_eq!(prod.ended_sessions, [ended]);
    assert_eq!(prod.service_accounts.len(), 1);
    let unchanged = bundle(&before, HOST, "env=prod");
    assert_eq!((names(&unchanged), unchanged.ended_sessions.len()), (vec!["ben", "off", "rel"], 0));
}
