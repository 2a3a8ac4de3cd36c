//! Admins: two factors always, each one-time thing once, and policies decide who may do what here.

use serde_json::{Value, json};
use wharden_harness::{Admin, Cli, Controller, Place, admin::PASSWORD};

fn controller(place: &Place) -> Controller {
    let mut controller = Controller::init(place, "controller");
    controller.start();
    controller
}

#[test]
fn there_is_no_session_with_one_factor() {
    let place = Place::new();
    let controller = controller(&place);
    let mut admin = Admin::bootstrap(&controller, "ada");
    let anonymous = controller.rest();
    let login = |password: &str, code: Option<&str>| {
        let mut body = json!({"username": "ada", "password": password});
        if let Some(code) = code {
            body["code"] = Value::from(code);
        }
        anonymous.post("/v1/login", body)
    };
    // Neither factor alone, nor a wrong one, and the answer never says which was wrong.
    let wrong = admin.totp.wrong_code();
    assert_eq!(login(PASSWORD, None).status / 100, 4);
    let one = login(PASSWORD, Some(&wrong)).refused(401, "bad_credentials");
    let code = admin.totp.code();
    let other = login("not the password at all", Some(&code)).refused(401, "bad_credentials");
    assert_eq!(one["message"], other["message"]);
    let unknown = anonymous
        .post("/v1/login", json!({"username": "nobody", "password": PASSWORD, "code": wrong}))
        .refused(401, "bad_credentials");
    assert_eq!(one["message"], unknown["message"]);

    // A code is good once.
    let code = admin.totp.code();
    login(PASSWORD, Some(&code)).ok();
    login(PASSWORD, Some(&code)).refused(401, "bad_credentials");

    // Nothing but login, health and version works without a session.
    for path in ["/healthz", "/readyz", "/version", "/openapi.json", "/metrics"] {
        assert_eq!(anonymous.get(path).status, 200, "{path}");
    }
    let paths = anonymous.get("/openapi.json").ok();
    let mut tried = 0;
    for (path, methods) in paths["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let open = ["/v1/login", "/v1/enrolment", "/v1/session/refresh"].iter().any(|p| path.starts_with(p));
            if !path.starts_with("/v1/") || open {
                continue;
            }
            let concrete = path.replace(['{', '}'], "");
            let method = method.to_uppercase().parse().expect("method");
            let answer = anonymous.send(&method, &concrete, Some(b"{}".to_vec()));
            answer.refused(401, "not_logged_in");
            tried += 1;
        }
    }
    assert!(tried > 25, "only {tried} routes in the OpenAPI document");
    assert_eq!(admin.rest().get("/v1/whoami").ok()["factors"], json!(["password", "totp"]));
}

#[test]
fn the_bootstrap_token_works_once() {
    let place = Place::new();
    let controller = controller(&place);
    let _admin = Admin::bootstrap(&controller, "ada");
    let again = json!({"token": controller.bootstrap_token, "username": "eve", "password": PASSWORD});
    let answer = controller.rest().post("/v1/enrolment", again);
    assert_eq!(answer.status / 100, 4, "{answer}");
    let wrong = json!({"token": "wbt_nonsense", "username": "eve", "password": PASSWORD});
    assert_eq!(controller.rest().post("/v1/enrolment", wrong).status / 100, 4);
}

#[test]
fn recovery_codes_and_refresh_tokens_work_once() {
    let place = Place::new();
    let controller = controller(&place);
    let admin = Admin::bootstrap(&controller, "ada");
    assert_eq!(admin.recovery_codes.len(), 10);
    let rest = controller.rest();
    let login = json!({"username": "ada", "password": PASSWORD, "recovery_code": admin.recovery_codes[3]});
    let tokens = rest.post("/v1/login", login.clone()).ok();
    assert_eq!(tokens["recovery_codes_left"], 9);
    rest.post("/v1/login", login).refused(401, "bad_credentials");

    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    let renewed = rest.post("/v1/session/refresh", refresh.clone()).ok();
    assert_ne!(renewed["refresh_token"], tokens["refresh_token"]);
    // A refresh token that comes back was stolen: the whole session ends.
    assert_eq!(rest.post("/v1/session/refresh", refresh).status, 401);
    let newest = json!({"refresh_token": renewed["refresh_token"]});
    assert_eq!(rest.post("/v1/session/refresh", newest).status, 401);
}

#[test]
fn a_group_may_change_policies_and_not_delete_them() {
    let place = Place::new();
    let controller = controller(&place);
    let admin = Admin::bootstrap(&controller, "ada");
    admin.put_policy(
        "policy-editors",
        r#"
@id("edit")
permit (
    principal in Group::"policy-editors",
    action in [Wharden::Action::"policy.read", Wharden::Action::"policy.create", Wharden::Action::"policy.update"],
    resource
);
"#,
    );
    let editor = admin.invite(&controller, "ed", &["policy-editors"]);
    let text = "permit (principal, action == Docker::Action::\"container.list\", resource);";
    editor.put_policy("lists", text);
    editor.put_policy("lists", &text.replace("list", "inspect"));
    let refused = editor.rest().delete("/v1/policies/lists").refused(403, "forbidden");
    assert!(refused["message"].as_str().expect("message").contains("policy.delete"), "{refused}");
    assert_eq!(editor.rest().get("/v1/policies/lists").ok()["version"], 2);
    // Nothing else either: others cannot be read, and lists do not show them.
    editor.rest().get("/v1/users/ada").refused(403, "forbidden");
    let list = editor.rest().get("/v1/users").ok();
    assert!(list.as_array().expect("list").iter().all(|user| user["name"] == "ed"), "{list}");
    editor.rest().post("/v1/tokens", json!({"ttl_s": 600, "uses": 1})).refused(403, "forbidden");

    let cli = Cli::new(&place, &controller, "ed");
    let mut editor = editor;
    let code = editor.totp.code();
    let password = format!("{PASSWORD}\n");
    cli.run_with(&["login", "--username", "ed", "--password-stdin", "--totp", &code], &password).ok();
    let said = cli.run(&["policy", "remove", "lists", "--yes"]).fails_with(1);
    assert!(said.contains("policy.delete"), "{said}");
    admin.rest().delete("/v1/policies/lists").ok();
}

#[test]
fn the_last_admin_cannot_lock_everybody_out() {
    let place = Place::new();
    let controller = controller(&place);
    let admin = Admin::bootstrap(&controller, "ada");
    for answer in [
        admin.rest().delete("/v1/users/ada"),
        admin.rest().patch("/v1/users/ada", json!({"disabled": true})),
        admin.rest().delete("/v1/groups/admins/members/ada"),
        admin.rest().delete("/v1/policies/admin-roles"),
        admin.rest().put(
            "/v1/policies/lockout",
            json!({"text": "@id(\"out\") forbid (principal, action in Wharden::Action::\"write\", resource);"}),
        ),
    ] {
        assert!(matches!(answer.status, 403 | 409), "{answer}");
    }
    admin.rest().get("/v1/users").ok();
}

#[test]
fn a_disabled_user_is_out_at_once() {
    let place = Place::new();
    let controller = controller(&place);
    let admin = Admin::bootstrap(&controller, "ada");
    let mut bob = admin.invite(&controller, "bob", &["admins"]);
    bob.rest().get("/v1/users").ok();
    admin.rest().patch("/v1/users/bob", json!({"disabled": true})).ok();
    bob.rest().get("/v1/users").refused(401, "not_logged_in");
    let code = bob.totp.code();
    let login = json!({"username": "bob", "password": PASSWORD, "code": code});
    controller.rest().post("/v1/login", login).refused(401, "bad_credentials");
}
