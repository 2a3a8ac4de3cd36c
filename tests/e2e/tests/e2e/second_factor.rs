//! The second factor is replaced only by who has it, by another admin, or by root at a console.

use serde_json::{Value, json};
use std::process::Command;
use wharden_harness::{Admin, Answer, Controller, Factor, Output, Place, Rest, Totp, admin::PASSWORD, bins};

const NEW_PASSWORD: &str = "another horse, another battery";

fn controller(place: &Place) -> Controller {
    let mut controller = Controller::init(place, "controller");
    controller.start();
    controller
}

fn post(rest: &Rest, path: &str, body: &Value, factor: &Factor) -> Answer {
    let body = Some(body.to_string().into_bytes());
    rest.send_with(&"POST".parse().expect("method"), path, body, &[(factor.header, &factor.code)]).expect("an answer")
}

fn log_in(controller: &Controller, password: &str, factor: (&str, &str)) -> Answer {
    controller.rest().post("/v1/login", json!({"username": "ada", "password": password, factor.0: factor.1}))
}

#[test]
fn an_authenticator_is_replaced_with_a_code_of_the_old_one_or_a_recovery_code() {
    let place = Place::new();
    let controller = controller(&place);
    let mut ada = Admin::bootstrap(&controller, "ada");
    let bob = ada.invite(&controller, "bob", &[]);
    let alone = ada.rest().alone();

    let begun = alone.post("/v1/account/totp", Value::Null).ok();
    let mut new = Totp::new(begun["totp_secret"].as_str().expect("secret"));
    let complete = json!({"enrolment": begun["enrolment"], "code": new.code()});
    // The new one's own code is not enough.
    alone.post("/v1/account/totp/complete", complete.clone()).refused(403, "step_up_required");
    let spent = Factor::recovery(&ada.recovery_codes[0]);
    // Nor is it somebody else's, nor a token's to complete.
    assert_eq!(post(bob.rest(), "/v1/account/totp/complete", &complete, &spent).status / 100, 4);
    assert_eq!(controller.rest().post("/v1/enrolment/complete", complete.clone()).status / 100, 4);
    post(&alone, "/v1/account/totp/complete", &complete, &spent).ok();

    // The old authenticator and the old recovery codes are void, the new ones count.
    let old = ada.totp.code();
    log_in(&controller, PASSWORD, ("code", &old)).refused(401, "bad_credentials");
    log_in(&controller, PASSWORD, ("recovery_code", &ada.recovery_codes[1])).refused(401, "bad_credentials");
    let fresh = begun["recovery_codes"][0].as_str().expect("recovery code");
    log_in(&controller, PASSWORD, ("recovery_code", fresh)).ok();
    log_in(&controller, PASSWORD, ("code", &new.code())).ok();
    // The same enrolment once more does not make them good again.
    let next = Factor::recovery(begun["recovery_codes"][1].as_str().expect("recovery code"));
    let again = json!({"enrolment": begun["enrolment"], "code": new.code()});
    post(&alone, "/v1/account/totp/complete", &again, &next).refused(401, "bad_credentials");
    log_in(&controller, PASSWORD, ("recovery_code", fresh)).refused(401, "bad_credentials");
    alone.get("/v1/whoami").ok();
}

#[test]
fn password_and_recovery_codes_are_changed_by_their_owner_only() {
    let place = Place::new();
    let controller = controller(&place);
    let mut ada = Admin::bootstrap(&controller, "ada");
    let mut other = controller.rest();
    let tokens =
        other.post("/v1/login", json!({"username": "ada", "password": PASSWORD, "code": ada.totp.code()})).ok();
    other.set_bearer(tokens["access_token"].as_str().expect("access token"));
    let alone = ada.rest().alone();

    let change = |current: &str| json!({"current_password": current, "new_password": NEW_PASSWORD});
    alone.post("/v1/account/password", change(PASSWORD)).refused(403, "step_up_required");
    let code = Factor::recovery(&ada.recovery_codes[0]);
    post(&alone, "/v1/account/password", &change("wrong wrong wrong"), &code).refused(400, "invalid");
    // A guess costs the code.
    post(&alone, "/v1/account/password", &change(PASSWORD), &code).refused(403, "bad_code");
    let code = Factor::recovery(&ada.recovery_codes[4]);
    post(&alone, "/v1/account/password", &change(PASSWORD), &code).ok();
    post(&alone, "/v1/account/password", &change(NEW_PASSWORD), &code).refused(403, "bad_code");
    other.get("/v1/whoami").refused(401, "not_logged_in");
    alone.get("/v1/whoami").ok();
    log_in(&controller, PASSWORD, ("recovery_code", &ada.recovery_codes[1])).refused(401, "bad_credentials");
    log_in(&controller, NEW_PASSWORD, ("recovery_code", &ada.recovery_codes[1])).ok();

    let code = Factor::recovery(&ada.recovery_codes[2]);
    let made = post(&alone, "/v1/account/recovery-codes", &Value::Null, &code).ok();
    assert_eq!(made["recovery_codes"].as_array().map(Vec::len), Some(10));
    log_in(&controller, NEW_PASSWORD, ("recovery_code", &ada.recovery_codes[3])).refused(401, "bad_credentials");
    log_in(&controller, NEW_PASSWORD, ("recovery_code", made["recovery_codes"][0].as_str().expect("code"))).ok();
}

#[test]
fn another_admin_resets_a_lost_device_and_nobody_resets_the_last_one() {
    let place = Place::new();
    let controller = controller(&place);
    let ada = Admin::bootstrap(&controller, "ada");
    let bob = ada.invite(&controller, "bob", &["admins"]);
    ada.rest().alone().post("/v1/users/bob/reset", Value::Null).refused(403, "step_up_required");
    ada.rest().post("/v1/users/ada/reset", Value::Null).refused(403, "forbidden");
    let invite = ada.rest().post("/v1/users/bob/reset", Value::Null).ok();
    bob.rest().get("/v1/whoami").refused(401, "not_logged_in");
    let taken = json!({"token": invite["invite"], "username": "bob", "password": NEW_PASSWORD});
    controller.rest().post("/v1/enrolment", taken).ok();
}

#[test]
fn root_at_the_console_lets_the_only_admin_in_again_and_the_audit_is_loud() {
    let place = Place::new();
    let mut controller = controller(&place);
    let ada = Admin::bootstrap(&controller, "ada");
    let recover = |user: &str| {
        let mut command = Command::new(bins::path("wharden-controller"));
        command.args(["recover", "--json", "--user", user, "--data-dir"]).arg(controller.dir());
        Output::of(&mut command, b"")
    };
    let said = recover("nobody").fails_with(1);
    assert!(said.contains("nobody"), "{said}");
    let invite = recover("ada").json();
    ada.rest().get("/v1/whoami").refused(401, "not_logged_in");
    let mode = std::fs::metadata(controller.dir().join("console.sock")).expect("socket").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);

    let rest = controller.rest();
    let begun = rest
        .post("/v1/enrolment", json!({"token": invite["invite"], "username": "ada", "password": NEW_PASSWORD}))
        .ok();
    let mut totp = Totp::new(begun["totp_secret"].as_str().expect("secret"));
    rest.post("/v1/enrolment/complete", json!({"enrolment": begun["enrolment"], "code": totp.code()})).ok();
    let tokens = log_in(&controller, NEW_PASSWORD, ("code", &totp.code())).ok();
    let mut rest = controller.rest();
    rest.set_bearer(tokens["access_token"].as_str().expect("access token"));
    let audit = rest.get("/v1/audit?limit=100").ok();
    let found = audit["records"].as_array().expect("records").iter().find(|r| r["action"] == "account.recover");
    let found = found.expect("a record");
    assert!(found["detail"].as_str().is_some_and(|d| d.contains("AT THE CONSOLE by uid 0")), "{found}");
    assert!(controller.log().contains("RECOVERY"), "the log says so too");

    controller.stop();
    let mut command = Command::new(bins::path("wharden-controller"));
    command.args(["recover", "--user", "ada", "--data-dir"]).arg(controller.dir());
    let said = Output::of(&mut command, b"").fails_with(1);
    assert!(said.contains("start it first"), "{said}");
}
