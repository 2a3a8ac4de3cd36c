//! What comes in masses: policy texts that take long to check. Whoever sends it
//! is slowed, and nobody else.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use wharden_harness::{Admin, Controller, Place};

#[test]
fn texts_that_take_long_to_check_wait_in_a_line_of_their_own() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let ada = Admin::bootstrap(&controller, "ada");
    let rest = ada.rest();
    let names = "principal == User::\"a\" || ".repeat(40);
    let dear = |rules: usize, salt: &str| {
        let rule = format!("forbid (principal, action, resource) unless {{ {names} context has privileged }};\n");
        format!("// {salt}\n{}", rule.repeat(rules))
    };
    let verdict = rest.post("/v1/policy/validate", json!({"text": dear(50, "")})).ok();
    assert!(verdict["issues"][0]["message"].as_str().is_some_and(|m| m.contains("times the work")), "{verdict}");
    rest.put("/v1/policies/dear", json!({"text": dear(50, "")})).refused(422, "invalid_policy");
    let draft =
        |n: usize| json!({"name": format!("d{n}"), "mode": "enforce", "text": "permit (principal, action, resource);"});
    let test = |drafts: usize| {
        let drafts: Vec<Value> = (0..drafts).map(draft).collect();
        let request = json!({"method": "GET", "path": "/v1.47/containers/json"});
        rest.post("/v1/policy/test", json!({"user": "ada", "request": request, "drafts": drafts}))
    };
    test(8).ok();
    test(9).refused(413, "too_large");

    // One who sends as many as it can hears that it has to wait, and the controller lives on.
    let told = AtomicBool::new(false);
    let healthy = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..24)
            .map(|sender| {
                let (rest, told, dear) = (rest.alone(), &told, &dear);
                scope.spawn(move || {
                    for round in 0..20 {
                        if told.load(Ordering::Relaxed) {
                            break;
                        }
                        let text = dear(3, &format!("{sender} {round}"));
                        let answer = rest.post("/v1/policy/validate", json!({"text": text}));
                        match answer.status {
                            429 => {
                                answer.refused(429, "too_many");
                                told.store(true, Ordering::Relaxed);
                            }
                            _ => drop(answer.ok()),
                        }
                    }
                })
            })
            .collect();
        let mut healthy = 0;
        while senders.iter().any(|sender| !sender.is_finished()) {
            assert_eq!(controller.rest().get("/healthz").status, 200);
            healthy += 1;
        }
        for sender in senders {
            sender.join().expect("a sender");
        }
        healthy
    });
    assert!(told.load(Ordering::Relaxed) && healthy > 0, "nobody was told to wait");
    assert_eq!(rest.post("/v1/policy/validate", json!({"text": dear(1, "after")})).ok()["valid"], true);
}
