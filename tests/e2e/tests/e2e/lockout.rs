//! Guessing: names and addresses wait for longer and longer, whether or not there is such a user, and nobody is locked out
//! of the device that they use.

use serde_json::{Value, json};
use wharden_harness::{Admin, Answer, Controller, Place, admin::PASSWORD, eventually, limits::SETTLE};

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
