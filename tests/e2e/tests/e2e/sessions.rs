//! Sessions: seen, ended, and worth what the rights of their user are now; and the key that their tokens are signed with.

use serde_json::{Value, json};
use wharden_harness::{Admin, Cli, Controller, Place, Rest, admin::PASSWORD, eventually, limits::SETTLE};

fn controller(place: &Place) -> Controller {
    let mut controller = Controller::init(place, "controller");
    controller.start();
    controller
}

/// Another session of somebody, with its id.
fn another(controller: &Controller, admin: &mut Admin) -> (Rest, String) {
    let login = json!({"username": admin.name, "password": PASSWORD, "code": admin.totp.code()});
    let tokens = controller.rest().post("/v1/login", login).ok();
    let mut rest = controller.rest();
    rest.set_bearer(tokens["access_token"].as_str().expect("access token"));
    (rest, tokens["session_id"].as_str().expect("session id").to_owned())
}

fn ids(rest: &Rest) -> Vec<String> {
    let sessions = rest.get("/v1/sessions").ok();
    let sessions = sessions.as_array().expect("sessions");
    sessions.iter().map(|s| s["id"].as_str().expect("id").to_owned()).collect()
}

#[test]
fn sessions_are_listed_and_ended_one_or_all() {
    let place = Place::new();
    let controller = controller(&place);
    let mut ada = Admin::bootstrap(&controller, "ada");
    let bob = ada.invite(&controller, "bob", &[]);
    let (second, second_id) = another(&controller, &mut ada);

    let mine = ada.rest().get("/v1/sessions").ok();
    let mine = mine.as_array().expect("sessions");
    assert_eq!(mine.len(), 3, "an admin sees them all: {mine:?}");
    assert_eq!(mine.iter().filter(|s| s["current"] == true).count(), 1);
    assert!(mine.iter().all(|s| s["source"] == "127.0.0.1"), "{mine:?}");
    let bobs = ids(bob.rest());
    assert_eq!(bobs.len(), 1, "everybody else sees their own");

    // Another's is not one's to end, and it is not told whether there is one.
    bob.rest().delete(&format!("/v1/sessions/{second_id}")).refused(403, "forbidden");
    bob.rest().delete(&format!("/v1/sessions/s-{:032x}", 1)).refused(403, "forbidden");
    bob.rest().post("/v1/sessions/revoke", json!({"user": "ada"})).refused(403, "forbidden");
    second.get("/v1/whoami").ok();

    ada.rest().delete(&format!("/v1/sessions/{second_id}")).ok();
    second.get("/v1/whoami").refused(401, "not_logged_in");
    ada.rest().delete(&format!("/v1/sessions/{second_id}")).refused(404, "not_found");

    let (third, _) = another(&controller, &mut ada);
    assert_eq!(ada.rest().post("/v1/sessions/revoke", json!({})).ok()["ended"], 1);
    third.get("/v1/whoami").refused(401, "not_logged_in");
    ada.rest().get("/v1/whoami").ok();
    assert_eq!(ada.rest().post("/v1/sessions/revoke", json!({"user": "bob"})).ok()["ended"], 1);
    bob.rest().get("/v1/whoami").refused(401, "not_logged_in");
}

#[test]
fn a_change_of_groups_ends_the_sessions_of_whom_it_concerns() {
    let place = Place::new();
    let controller = controller(&place);
    let ada = Admin::bootstrap(&controller, "ada");
    let mut bob = ada.invite(&controller, "bob", &[]);
    ada.rest().post("/v1/groups", json!({"name": "auditors"})).ok();
    ada.rest().put("/v1/groups/auditors/members/bob", json!({})).ok();
    bob.rest().get("/v1/whoami").refused(401, "not_logged_in");
    bob.login();
    bob.rest().get("/v1/audit").ok();
    ada.rest().delete("/v1/groups/auditors/members/bob").ok();
    bob.rest().get("/v1/whoami").refused(401, "not_logged_in");
    // The session that makes the change has just proved itself.
    ada.rest().put("/v1/groups/auditors/members/ada", json!({})).ok();
    ada.rest().get("/v1/whoami").ok();
}

#[test]
fn the_signing_key_is_rotated_without_logging_anybody_out() {
    let place = Place::new();
    let mut controller = controller(&place);
    let mut ada = Admin::bootstrap(&controller, "ada");
    let bob = ada.invite(&controller, "bob", &[]);
    bob.rest().post("/v1/keys/signing/rotate", json!({})).refused(403, "forbidden");
    ada.rest().alone().post("/v1/keys/signing/rotate", json!({})).refused(403, "step_up_required");
    let head = |tokens: &serde_json::Value| {
        let token = tokens["access_token"].as_str().expect("access token");
        token.split_once('.').expect("a token").0.to_owned()
    };
    let before = head(&ada.login());
    let rotated = ada.rest().post("/v1/keys/signing/rotate", json!({})).ok();
    assert_eq!(rotated["key_id"].as_str().map(str::len), Some(16));
    // Tokens of the old key go on; new ones name the new key; a restart knows both.
    bob.rest().get("/v1/whoami").ok();
    ada.rest().get("/v1/whoami").ok();
    assert_ne!(head(&ada.login()), before);
    controller.stop();
    controller.start();
    bob.rest().get("/v1/whoami").ok();
    ada.rest().get("/v1/whoami").ok();
}

#[test]
fn a_session_is_ended_by_a_token_that_it_had_and_not_by_one_that_is_made_up() {
    let place = Place::new();
    let controller = controller(&place);
    let mut ada = Admin::bootstrap(&controller, "ada");
    let login = json!({"username": "ada", "password": PASSWORD, "code": ada.totp.code()});
    let tokens = controller.rest().post("/v1/login", login).ok();
    let token = tokens["refresh_token"].as_str().expect("refresh token").to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    let other = format!("wrt_{}", "a".repeat(parts[1].len() - 4));
    let refresh = |token: &str| controller.rest().post("/v1/session/refresh", json!({"refresh_token": token}));
    let made_up = [format!("{}.{other}", parts[0]), format!("{}.{other}.{}", parts[0], "0".repeat(parts[2].len()))];
    for made_up in &made_up {
        refresh(made_up).refused(401, "not_logged_in");
    }
    // The session goes on; a token of it that comes back ends it.
    refresh(&token).ok();
    refresh(&token).refused(401, "not_logged_in");
    let mut ended = controller.rest();
    ended.set_bearer(tokens["access_token"].as_str().expect("access token"));
    ended.get("/v1/whoami").refused(401, "not_logged_in");
    let audit = ada.rest().get("/v1/audit?limit=1000").ok();
    let records = audit["records"].as_array().expect("records").iter().filter(|r| r["action"] == "session.refresh");
    let outcomes: Vec<&str> =
        records.filter(|r| r["source"] == "127.0.0.1").filter_map(|r| r["outcome"].as_str()).collect();
    assert_eq!(outcomes.len(), made_up.len() + 1, "{audit}");
    assert!(outcomes[made_up.len()].contains("used twice"), "{outcomes:?}");
}

/// Why it says that the session has ended.
fn why(answer: &Value) -> String {
    let details = answer["details"].as_array().cloned().unwrap_or_default();
    let found = details.iter().find(|detail| detail["at"] == "session");
    found.and_then(|detail| detail["message"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn who_held_a_session_is_told_why_it_ended_and_nobody_else_is() {
    let place = Place::new();
    let mut controller = controller(&place);
    let ada = Admin::bootstrap(&controller, "ada");
    let mut bob = ada.invite(&controller, "bob", &[]);
    let cli = Cli::new(&place, &controller, "bob");
    cli.log_in(&mut bob);
    let (held, id) = another(&controller, &mut bob);
    let tokens = bob.login();
    ada.rest().post("/v1/sessions/revoke", json!({"user": "bob"})).ok();
    let said = why(&held.get("/v1/whoami").refused(401, "not_logged_in"));
    assert!(said.starts_with("it was revoked by ada at 2"), "{said}");
    let said = cli.run(&["whoami"]).fails_with(3);
    assert!(said.contains("has ended: it was revoked by ada at 2") && said.contains("wharden login"), "{said}");
    // A refresh token of the session is told too; one that is made up, of a session whose id was seen, is not.
    let refresh = |token: &str| controller.rest().post("/v1/session/refresh", json!({"refresh_token": token}));
    let token = tokens["refresh_token"].as_str().expect("refresh token");
    assert!(why(&refresh(token).refused(401, "not_logged_in")).starts_with("it was revoked by ada"));
    let parts: Vec<&str> = token.split('.').collect();
    let made_up = format!("{id}.wrt_{}.{}", "a".repeat(parts[1].len() - 4), "0".repeat(parts[2].len()));
    let answer = refresh(&made_up).refused(401, "not_logged_in");
    assert!(why(&answer).is_empty() && !answer.to_string().contains("ada"), "{answer}");

    // It is in the replicated state: a restart forgets none of it.
    bob.login();
    ada.rest().post("/v1/groups", json!({"name": "auditors"})).ok();
    ada.rest().put("/v1/groups/auditors/members/bob", json!({})).ok();
    controller.stop();
    controller.start();
    let said = why(&bob.rest().get("/v1/whoami").refused(401, "not_logged_in"));
    assert!(said.starts_with("your groups were changed by ada at 2"), "{said}");
}

#[test]
fn a_refresh_token_that_is_used_twice_is_an_alert_and_its_holder_is_told() {
    let place = Place::new();
    let controller = controller(&place);
    let ada = Admin::bootstrap(&controller, "ada");
    let mut bob = ada.invite(&controller, "bob", &[]);
    let tokens = bob.login();
    let token = tokens["refresh_token"].as_str().expect("refresh token");
    let refresh = || controller.rest().post("/v1/session/refresh", json!({"refresh_token": token}));
    refresh().ok();
    refresh().refused(401, "not_logged_in");
    let said = why(&bob.rest().get("/v1/whoami").refused(401, "not_logged_in"));
    assert!(said.starts_with("its refresh token was used a second time at 2"), "{said}");
    let id = format!("token_reused:{}", tokens["session_id"].as_str().expect("session id"));
    let alert = eventually("the alert", SETTLE, || {
        let answer = ada.rest().get(&format!("/v1/alerts/{id}"));
        (answer.status == 200).then(|| answer.ok())
    });
    assert_eq!((&alert["severity"], &alert["subject"]), (&json!("critical"), &json!("user bob")));
    assert!(alert["detail"].as_str().is_some_and(|detail| detail.contains("from 127.0.0.1")), "{alert}");
    // Once more is the same alert: the session is over.
    refresh().refused(401, "not_logged_in");
    let open = ada.rest().get("/v1/alerts").ok();
    let about: Vec<&Value> =
        open.as_array().expect("alerts").iter().filter(|alert| alert["kind"] == "token_reused").collect();
    assert_eq!(about.len(), 1, "{open}");
}
