//! Service accounts: keys that look where policies let them, and change nothing, whatever policies say.

use serde_json::{Value, json};
use wharden_harness::{Admin, Cli, Controller, Output, Place, Rest};

fn world(place: &Place) -> (Controller, Admin) {
    let mut controller = Controller::init(place, "controller");
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    (controller, admin)
}

fn with_key(controller: &Controller, made: &Value) -> Rest {
    let mut rest = controller.rest();
    rest.set_bearer(made["key"].as_str().expect("key"));
    rest
}

#[test]
fn a_service_account_looks_where_a_policy_lets_it_and_administers_nothing() {
    let place = Place::new();
    let (controller, ada) = world(&place);
    ada.rest()
        .alone()
        .post("/v1/service-accounts", json!({"name": "ci", "ttl_s": 86400}))
        .refused(403, "step_up_required");
    let made = ada.rest().post("/v1/service-accounts", json!({"name": "ci", "ttl_s": 86400, "purpose": "tests"})).ok();
    let ci = with_key(&controller, &made);
    // Without a policy it sees nothing.
    ci.get("/v1/policies").refused(403, "forbidden");
    ada.put_policy(
        "ci",
        r#"
@id("everything")
permit (principal == ServiceAccount::"ci", action in Wharden::Action::"read", resource);
@id("writes-for-anybody")
permit (principal, action in [Wharden::Action::"write", Wharden::Action::"remove"], resource);
"#,
    );
    ci.get("/v1/policies").ok();
    ci.post("/v1/policy/validate", json!({"text": "permit (principal, action, resource);"})).ok();
    ci.get("/v1/status").ok();
    // The floor: nothing that changes, nothing about people or sessions, although a rule permits it to everybody.
    let document = ci.get("/openapi.json").ok();
    let mut refused = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let looks = ci.get("/v1/whoami").status == 401;
            assert!(looks, "a key is no session");
            let only_looks = method == "get" || path.starts_with("/v1/policy/");
            let people =
                ["/v1/users", "/v1/sessions", "/v1/whoami", "/v1/docker/hosts"].iter().any(|p| path.starts_with(p));
            if operation.get("security").is_none() || (only_looks && !people) {
                continue;
            }
            let concrete = path.replace(['{', '}'], "");
            let method = method.to_uppercase().parse().expect("method");
            ci.send(&method, &concrete, Some(b"{}".to_vec())).refused(401, "not_logged_in");
            refused += 1;
        }
    }
    assert!(refused > 25, "only {refused} operations were refused");

    // The CLI takes the key in place of a session.
    let cli = Cli::new(&place, &controller, "ci");
    let mut list = cli.command(&["policy", "list", "-o", "json"]);
    let listed = Output::of(list.env("WHARDEN_TOKEN", made["key"].as_str().expect("key")), b"").json();
    assert!(listed.as_array().is_some_and(|all| all.iter().any(|p| p["name"] == "ci")), "{listed}");

    // Another key, and the first is void; then no account.
    let again = ada.rest().post("/v1/service-accounts/ci/rotate", json!({"ttl_s": 86400})).ok();
    ci.get("/v1/policies").refused(401, "not_logged_in");
    let ci = with_key(&controller, &again);
    ci.get("/v1/policies").ok();
    let seen = ada.rest().get("/v1/service-accounts").ok();
    assert_eq!((seen[0]["name"].as_str(), seen[0].get("key")), (Some("ci"), None), "{seen}");
    ada.rest().delete("/v1/service-accounts/ci").ok();
    ci.get("/v1/policies").refused(401, "not_logged_in");
    let log = controller.log();
    for key in [&made["key"], &again["key"]] {
        assert!(!log.contains(key.as_str().expect("key")), "a key is in the log");
    }
}
