//! Guessing: names and addresses wait for longer and longer, whether or not there is such a user, and nobody is locked out
//! of the device that they use.

use serde_json::{Value, json};
use wharden_harness::{Admin, Answer, Cli, Controller, Place, admin::PASSWORD, eventually, limits::SETTLE};

fn log_in(controller: &Controller, name: &str, password: &str, code: &str, device: Option<&str>) -> Answer {
    let mut login = json!({"username": name, "password": password, "code": code});
    if let Some(device) = device {
        login["device"] = Value::from(device);
    }
    controller.rest().post("/v1/login", login)
}

/// Guesses until the name waits for so many seconds at least.
fn guess_until_it_waits(controller: &Controller, name: &str, seconds: u64) {
    eventually(&format!("{name} waits"), 2 * SETTLE, || {
        let answer = log_in(controller, name, "not the password at all", "000000", None);
        if answer.status == 401 {
            answer.refused(401, "bad_credentials");
            return None;
        }
        let body = answer.refused(429, "too_many");
        (body["retry_after_s"].as_u64() >= Some(seconds)).then_some(())
    });
}

#[test]
fn a_name_waits_everywhere_but_on_the_devices_of_its_owner() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let mut ada = Admin::bootstrap(&controller, "ada");
    let tokens = ada.login();
    let device = tokens["device"].as_str().expect("a device token").to_owned();
    guess_until_it_waits(&controller, "ada", 12);
    // The right factors from elsewhere wait too; from a known device they pass.
    log_in(&controller, "ada", PASSWORD, &ada.totp.code(), None).refused(429, "too_many");
    let made_up = format!("wdt_{}", "a".repeat(52));
    log_in(&controller, "ada", PASSWORD, &ada.totp.spent_code(), Some(&made_up)).refused(429, "too_many");
    let again = log_in(&controller, "ada", PASSWORD, &ada.totp.code(), Some(&device)).ok();
    // The token is swapped, and by itself it opens nothing.
    let next = again["device"].as_str().expect("a device token").to_owned();
    assert_ne!(next, device);
    for _ in 0..5 {
        log_in(&controller, "ada", "a guess from a stolen device", "000000", Some(&next))
            .refused(401, "bad_credentials");
    }
    let audit = ada.rest().get("/v1/audit?limit=1000").ok();
    let failed =
        audit["records"].as_array().expect("records").iter().filter(|r| {
            r["action"] == "session.login" && r["outcome"].as_str().is_some_and(|o| o.starts_with("refused"))
        });
    assert!(failed.count() >= 10, "every attempt is in the audit: {audit}");
}

#[test]
fn a_name_that_is_not_there_waits_like_one_that_is() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let _ada = Admin::bootstrap(&controller, "ada");
    guess_until_it_waits(&controller, "nobody", 4);
    // What was counted is in the replicated state: a restart forgets nothing.
    controller.stop();
    controller.start();
    guess_until_it_waits(&controller, "nobody", 4);
}

#[test]
fn an_admin_sees_who_is_locked_out_and_lifts_it() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let mut ada = Admin::bootstrap(&controller, "ada");
    let mut bob = ada.invite(&controller, "bob", &[]);
    let cli = Cli::new(&place, &controller, "ada");
    cli.log_in(&mut ada);
    assert!(!cli.run(&["user", "show", "bob"]).ok().contains("Failed logins"));
    guess_until_it_waits(&controller, "bob", 12);
    // Who waits is not told why.
    let said = log_in(&controller, "bob", PASSWORD, &bob.totp.spent_code(), None).refused(429, "too_many");
    assert!(!said.to_string().contains("127.0.0.1"), "{said}");

    let shown = cli.run(&["user", "show", "bob"]).ok();
    for words in ["locked", "Failed logins", "Locked until", "127.0.0.1 ("] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    let failed = &cli.json(&["user", "show", "bob"])["failed_logins"];
    assert!(failed["count"].as_u64() > Some(5) && failed["locked_until"].is_u64(), "{failed}");
    assert_eq!(failed["sources"][0]["address"], "127.0.0.1");
    // Others see their own account and no other one, and lift nothing.
    bob.rest().get("/v1/users/ada").refused(403, "forbidden");
    bob.rest().post("/v1/users/bob/unlock", Value::Null).refused(403, "forbidden");
    controller.rest().post("/v1/users/bob/unlock", Value::Null).refused(401, "not_logged_in");
    ada.rest().alone().post("/v1/users/bob/unlock", Value::Null).refused(403, "step_up_required");

    let code = ada.totp.code();
    let lifted = cli.run(&["user", "unlock", "bob", "--totp", &code, "-o", "json"]).json();
    assert_eq!(lifted["failed_logins"], Value::Null, "{lifted}");
    // A restart forgets none of it: it is in the replicated state.
    controller.stop();
    controller.start();
    bob.login();
    let audit = ada.rest().get("/v1/audit?limit=1000").ok();
    let records = audit["records"].as_array().expect("records");
    let record = records.iter().find(|record| record["detail"] == "unlocked" && record["outcome"] == "applied");
    let before = record.expect("a record")["before"].as_str().expect("text");
    assert!(before.contains("failed logins, locked until") && before.contains("from 127.0.0.1 ("), "{before}");
}
