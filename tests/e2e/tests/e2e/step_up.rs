//! Step-up: what can hurt needs a second factor that is fresh, or one for that one request.

use serde_json::{Value, json};
use wharden_harness::{Admin, Answer, Controller, Factor, Place, Rest, admin::small_change};

fn controller(place: &Place) -> Controller {
    let mut controller = Controller::init(place, "controller");
    controller.start();
    controller
}

/// A change with this second factor.
fn with(rest: &Rest, method: &str, path: &str, body: &Value, factor: &Factor) -> Answer {
    let method = method.parse().expect("method");
    let body = Some(body.to_string().into_bytes());
    rest.send_with(&method, path, body, &[(factor.header, &factor.code)]).expect("an answer")
}

#[test]
fn what_can_hurt_needs_a_code_of_its_own_and_each_code_works_once() {
    let place = Place::new();
    let controller = controller(&place);
    let mut admin = Admin::bootstrap(&controller, "ada");
    admin.user("bob", &["launchers"]);
    let alone = admin.rest().alone();

    // Fresh from the login: daily work is allowed, what can hurt is not.
    alone.put("/v1/capacity/thresholds/few", small_change("few")).ok();
    let needed = [
        alone.post("/v1/users/bob/invite", Value::Null),
        alone.patch("/v1/users/bob", json!({"disabled": true})),
        alone.delete("/v1/users/bob"),
        alone.put("/v1/groups/launchers/members/ada", Value::Null),
        alone.delete("/v1/groups/launchers"),
        alone.post("/v1/groups", json!({"name": "made", "members": ["ada"]})),
        alone.post("/v1/groups", json!({"name": "empty"})),
        alone.post("/v1/users", json!({"name": "mallory", "groups": ["launchers"]})),
        alone.post("/v1/tokens", json!({"ttl_s": 600, "uses": 1})),
        alone.post("/v1/packs/baseline/apply", json!({})),
        alone.put(
            "/v1/policies/hosts",
            json!({"text": "@id(\"ps\") permit (principal, action == Docker::Action::\"container.list\", resource);"}),
        ),
        alone.put(
            "/v1/policies/rights",
            json!({"text": "@id(\"all\") permit (principal, action in Wharden::Action::\"write\", resource);"}),
        ),
    ];
    for answer in &needed {
        answer.refused(403, "step_up_required");
    }
    assert_eq!(alone.get("/v1/users/bob").ok()["disabled"], false);

    let factor = Factor::totp(&admin.totp.code());
    with(&alone, "PATCH", "/v1/users/bob", &json!({"disabled": true}), &factor).ok();
    // The same code again, for the same or for another change.
    with(&alone, "PATCH", "/v1/users/bob", &json!({"disabled": false}), &factor).refused(403, "bad_code");
    with(&alone, "DELETE", "/v1/users/bob", &Value::Null, &factor).refused(403, "bad_code");
    assert_eq!(alone.get("/v1/users/bob").ok()["disabled"], true);
    // A recovery code does as well, once.
    let factor = Factor::recovery(&admin.recovery_codes[0]);
    with(&alone, "PATCH", "/v1/users/bob", &json!({"disabled": false}), &factor).ok();
    with(&alone, "PATCH", "/v1/users/bob", &json!({"disabled": true}), &factor).refused(403, "bad_code");
    assert_eq!(alone.get("/v1/users/bob").ok()["disabled"], false);
    // Another's code is no code.
    let mut eve = admin.invite(&controller, "eve", &["admins"]);
    let factor = Factor::totp(&eve.totp.code());
    with(&alone, "DELETE", "/v1/users/bob", &Value::Null, &factor).refused(403, "bad_code");
    // Two codes at once are not a choice.
    let two = [("wharden-totp", "123456"), ("wharden-totp", "654321")];
    let delete = "DELETE".parse().expect("method");
    alone.send_with(&delete, "/v1/users/bob", None, &two).expect("an answer").refused(400, "invalid");
}

#[test]
fn one_code_on_many_requests_at_once_makes_one_change() {
    let place = Place::new();
    let controller = controller(&place);
    let admin = Admin::bootstrap(&controller, "ada");
    for n in 0..8 {
        admin.user(&format!("u{n}"), &[]);
    }
    let factor = Factor::recovery(&admin.recovery_codes[0]);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        // Fewer than the wrong codes that end a session: to the late ones the code is none any more.
        let threads: Vec<_> = (0..5)
            .map(|n| {
                let (alone, factor) = (admin.rest().alone(), factor.clone());
                scope.spawn(move || with(&alone, "DELETE", &format!("/v1/users/u{n}"), &Value::Null, &factor).status)
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("a thread")).collect()
    });
    assert_eq!(answers.iter().filter(|s| **s == 204).count(), 1, "{answers:?}");
    let left = admin.rest().get("/v1/users").ok();
    assert_eq!(left.as_array().map(Vec::len), Some(8), "seven and the admin: {left}");
}

#[test]
fn guessing_codes_ends_the_session() {
    let place = Place::new();
    let controller = controller(&place);
    let mut admin = Admin::bootstrap(&controller, "ada");
    admin.user("bob", &[]);
    let alone = admin.rest().alone();
    let wrong = Factor::totp(&admin.totp.wrong_code());
    for _ in 0..5 {
        with(&alone, "DELETE", "/v1/users/bob", &Value::Null, &wrong).refused(403, "bad_code");
    }
    let right = Factor::totp(&admin.totp.code());
    with(&alone, "DELETE", "/v1/users/bob", &Value::Null, &right).refused(401, "not_logged_in");
    // The account itself is not locked: its owner logs in and finds the attempts in the audit.
    admin.login();
    let audit = admin.rest().get("/v1/audit?limit=100").ok();
    let wrong = audit["records"].as_array().expect("records").iter().filter(|r| r["action"] == "session.step_up");
    assert_eq!(wrong.count(), 5, "{audit}");
}

#[test]
fn guessing_codes_ends_the_session_when_only_policy_asks_for_one() {
    let place = Place::new();
    let controller = controller(&place);
    let mut admin = Admin::bootstrap(&controller, "ada");
    admin.put_policy(
        "stricter",
        "@id(\"each\") forbid (principal, action == Wharden::Action::\"token.create\", resource) \
         when { context.mfa_age_seconds > 0 };",
    );
    let alone = admin.rest().alone();
    let token = json!({"ttl_s": 600, "uses": 1});
    let wrong = Factor::totp(&admin.totp.wrong_code());
    let spent = Factor::totp(&admin.totp.spent_code());
    with(&alone, "POST", "/v1/tokens", &token, &spent).refused(403, "bad_code");
    for _ in 0..5 {
        with(&alone, "POST", "/v1/tokens", &token, &wrong).refused(403, "bad_code");
    }
    let right = Factor::totp(&admin.totp.code());
    with(&alone, "POST", "/v1/tokens", &token, &right).refused(401, "not_logged_in");
}

#[test]
fn policy_may_ask_for_more_and_not_for_less() {
    let place = Place::new();
    let controller = controller(&place);
    let mut admin = Admin::bootstrap(&controller, "ada");
    admin.put_policy(
        "stricter",
        r#"
@id("each-token-its-code")
@reason("join tokens are made with a code each")
forbid (principal, action == Wharden::Action::"token.create", resource) when { context.mfa_age_seconds > 0 };
@id("lax")
permit (principal in Group::"admins", action == Wharden::Action::"user.delete", resource)
when { context.mfa_age_seconds < 1000000 };
"#,
    );
    admin.user("bob", &[]);
    let alone = admin.rest().alone();
    let token = json!({"ttl_s": 600, "uses": 1});
    let refused = alone.post("/v1/tokens", token.clone()).refused(403, "step_up_required");
    assert!(refused["message"].as_str().expect("message").contains("a code each"), "{refused}");
    let factor = Factor::totp(&admin.totp.code());
    with(&alone, "POST", "/v1/tokens", &token, &factor).ok();
    // The floor holds whatever policy permits.
    alone.delete("/v1/users/bob").refused(403, "step_up_required");
}
