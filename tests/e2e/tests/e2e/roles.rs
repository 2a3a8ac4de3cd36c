//! Roles are ordinary policies: who may do what here, on which hosts, and who may not lock themselves out.

use serde_json::{Value, json};
use wharden_harness::{Admin, Answer, Controller, Factor, Place, World};

#[test]
fn an_operator_of_staging_runs_staging_only_and_moves_no_host() {
    let world = World::setup().labels(json!({"env": "staging"})).start();
    world.admin.put_policy(
        "staging",
        r#"
@id("staging-operators")
@reason("staging-operators run the hosts of staging")
permit (
    principal in Group::"staging-operators",
    action in [Wharden::Action::"host.read", Wharden::Action::"host.label", Wharden::Action::"host.posture"],
    resource in HostGroup::"env=staging"
);
"#,
    );
    let sue = world.admin.invite(&world.controller, "sue", &["staging-operators"]);
    let host = format!("/v1/hosts/{}", world.host);
    sue.rest().patch(&host, json!({"posture": "observe"})).ok();
    sue.rest().patch(&host, json!({"labels": {"env": "staging", "rack": "4"}})).ok();
    // Out of staging, with or without a posture at the same time, she does not take it.
    sue.rest().patch(&host, json!({"labels": {"env": "prod"}})).refused(403, "forbidden");
    sue.rest().patch(&host, json!({"labels": {}, "posture": "enforce"})).refused(403, "forbidden");
    world.admin.rest().patch(&host, json!({"labels": {"env": "prod"}})).ok();
    sue.rest().get(&host).refused(403, "forbidden");
    sue.rest().patch(&host, json!({"posture": "enforce"})).refused(403, "forbidden");
    sue.rest().patch(&host, json!({"labels": {"env": "staging"}})).refused(403, "forbidden");
    // Nor does she learn which hosts are there: what is not, is answered as what is.
    let told = |name: &str| {
        let (read, change) = (sue.rest().get(&format!("/v1/hosts/{name}")), json!({"posture": "observe"}));
        let others = [
            sue.rest().patch(&format!("/v1/hosts/{name}"), change),
            sue.rest().post(&format!("/v1/hosts/{name}/revoke"), Value::Null),
        ];
        [read]
            .into_iter()
            .chain(others)
            .map(|answer| {
                let body = answer.refused(403, "forbidden");
                body["message"].as_str().expect("text").replace(name, "X")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(told("dock-1"), told("nope"));
    assert_eq!(told(&world.host), told("h-00000000000000ff"));
    world.admin.rest().get("/v1/hosts/nope").refused(404, "not_found");
    let nobody = world.admin.invite(&world.controller, "ned", &[]);
    let told = |answer: Answer, name: &str| {
        answer.refused(403, "forbidden")["message"].as_str().expect("text").replace(name, "X")
    };
    for kind in ["containers", "hosts", "volumes"] {
        let of = |host: &str| told(nobody.rest().get(&format!("/v1/inventory/{kind}?host={host}")), host);
        assert_eq!(of("dock-1"), of("nope"), "{kind}");
    }
    let list = nobody.rest().get("/v1/hosts").refused(403, "forbidden");
    assert!(!list.to_string().contains(&world.host), "{list}");
    let put = |name: &str| told(nobody.rest().put(&format!("/v1/policies/{name}"), json!({"text": ""})), name);
    assert_eq!(put("staging"), put("nope"));
    sue.rest().post("/v1/tokens", json!({"ttl_s": 600, "uses": 1})).refused(403, "forbidden");
}

#[test]
fn the_roles_of_the_pack_do_what_they_say() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let ada = Admin::bootstrap(&controller, "ada");
    for (name, group) in [("olga", "operators"), ("aud", "auditors"), ("vera", "viewers"), ("sam", "security")] {
        let somebody = ada.invite(&controller, name, &[group]);
        let token = somebody.rest().post("/v1/tokens", json!({"ttl_s": 600, "uses": 1}));
        assert_eq!(token.status == 201, name == "olga", "{name}: {token}");
        let policy =
            json!({"text": "@id(\"x\") permit (principal, action == Docker::Action::\"container.list\", resource);"});
        let put = somebody.rest().put(&format!("/v1/policies/of-{name}"), policy);
        assert_eq!(put.status == 200, name == "sam", "{name}: {put}");
        assert_eq!(somebody.rest().get("/v1/audit").status == 200, matches!(name, "aud" | "sam"), "{name}");
        somebody.rest().get("/v1/status").ok();
        somebody.rest().post(&format!("/v1/users/{name}/reset"), Value::Null).refused(403, "forbidden");
    }
}

#[test]
fn ones_own_rights_are_given_up_with_force_and_a_code_and_the_last_ones_are_not() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let mut ada = Admin::bootstrap(&controller, "ada");
    let bob = ada.invite(&controller, "bob", &["admins"]);
    let leave = "/v1/groups/admins/members/ada";
    let refused = ada.rest().delete(leave).refused(403, "forbidden");
    assert!(refused["message"].as_str().is_some_and(|m| m.contains("your own right")), "{refused}");
    let delete = "DELETE".parse().expect("method");
    let forced = |rest: &wharden_harness::Rest, path: &str, factor: &Factor| {
        let headers = [(factor.header, factor.code.as_str()), ("wharden-force", "yes")];
        rest.send_with(&delete, path, None, &headers).expect("an answer")
    };
    // Force alone is not enough.
    let alone = ada.rest().alone();
    let bare = alone.send_with(&delete, leave, None, &[("wharden-force", "yes")]).expect("an answer");
    bare.refused(403, "step_up_required");
    forced(&alone, leave, &Factor::totp(&ada.totp.code())).ok();
    ada.rest().get("/v1/audit").refused(403, "forbidden");
    // Bob is the last one now.
    let last = forced(&bob.rest().alone(), "/v1/groups/admins/members/bob", &Factor::recovery(&bob.recovery_codes[0]));
    let refused = last.refused(403, "forbidden");
    assert!(refused["message"].as_str().is_some_and(|m| m.contains("no active admin")), "{refused}");
}

#[test]
fn no_change_locks_its_author_or_everybody_out() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let ada = Admin::bootstrap(&controller, "ada");
    let policy = |text: &str| json!({"text": format!("@id(\"x\") {text}")});
    let refused = |answer: wharden_harness::Answer, why: &str| {
        let body = answer.refused(403, "forbidden");
        assert!(body["message"].as_str().is_some_and(|m| m.contains(why)), "{body}");
    };
    // By a group that is there only later.
    let suspended = policy(r#"forbid (principal in Group::"suspended", action, resource);"#);
    ada.rest().put("/v1/policies/suspended", suspended).ok();
    let group = json!({"name": "suspended", "members": ["ada"]});
    refused(ada.rest().post("/v1/groups", group), "suspended/x");
    // By a rule that protects itself, whole or not.
    let freezing = [
        r#"forbid (principal, action, resource) unless { resource == Wharden::Policy::"admin-roles" };"#,
        r#"forbid (principal, action == Wharden::Action::"policy.delete", resource == Wharden::Policy::"freeze");"#,
    ];
    for (at, text) in freezing.into_iter().enumerate() {
        refused(ada.rest().put("/v1/policies/freeze", policy(text)), "freeze/x");
        let put = "PUT".parse().expect("method");
        let code = Factor::recovery(&ada.recovery_codes[at]);
        let headers = [(code.header, code.code.as_str()), ("wharden-force", "yes")];
        let body = Some(policy(text).to_string().into_bytes());
        let forced = ada.rest().send_with(&put, "/v1/policies/freeze", body, &headers).expect("an answer");
        refused(forced, "no active admin");
    }
    // By one who may write policies and not delete them.
    let carl = ada.invite(&controller, "carl", &["security"]);
    let own = policy(r#"forbid (principal == User::"carl", action, resource);"#);
    refused(carl.rest().put("/v1/policies/nocarl", own.clone()), "your own right");
    carl.rest().get("/v1/policies").ok();
    // Others may.
    ada.rest().put("/v1/policies/nocarl", own).ok();
    carl.rest().get("/v1/policies").refused(403, "forbidden");
    ada.rest().delete("/v1/policies/nocarl").ok();
    // Nor does anybody raise themselves: a group with members is membership, an invite is no reset.
    ada.put_policy(
        "makers",
        r#"
@id("makers")
permit (
    principal in Group::"makers",
    action in [Wharden::Action::"group.create", Wharden::Action::"user.invite"],
    resource
);
"#,
    );
    let gwen = ada.invite(&controller, "gwen", &["makers"]);
    gwen.rest().post("/v1/groups", json!({"name": "auditors", "members": ["gwen"]})).refused(403, "forbidden");
    gwen.rest().post("/v1/groups", json!({"name": "auditors"})).ok();
    gwen.rest().post("/v1/users/carl/invite", Value::Null).refused(409, "conflict");
    carl.rest().get("/v1/whoami").ok();
}
