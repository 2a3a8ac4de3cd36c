//! A code is good once, also when it is shown to all controllers at the same moment.

use serde_json::{Value, json};
use std::sync::Barrier;
use wharden_harness::{Answer, Factor, Place, Rest, admin::PASSWORD, cluster::Cluster};

/// Does something at every controller at the same moment.
fn at_once(cluster: &Cluster, clients: Vec<Rest>, call: impl Fn(usize, &Rest) -> Answer + Sync) -> Vec<u16> {
    let (start, call) = (Barrier::new(clients.len()), &call);
    assert_eq!(clients.len(), cluster.controllers.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(at, client)| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    call(at, &client).status
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    })
}

fn strangers(cluster: &Cluster) -> Vec<Rest> {
    cluster.controllers.iter().map(wharden_harness::Controller::rest).collect()
}

fn log_in(name: &str, factor: &str, code: &str) -> Value {
    json!({"username": name, "password": PASSWORD, factor: code})
}

#[track_caller]
fn exactly_one(answers: &[u16], good: u16, bad: u16) {
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(good), count(bad)), (1, answers.len() - 1), "{answers:?}");
}

#[test]
fn one_code_at_three_controllers_at_once_is_one_login_and_one_change() {
    let place = Place::new();
    let cluster = Cluster::of(&place, 3);
    let ben = cluster.admin.invite(&cluster.controllers[1], "ben", &["admins"]);

    for person in [&cluster.admin, &ben] {
        let code = person.totp.clone().code();
        let body = log_in(&person.name, "code", &code);
        let answers = at_once(&cluster, strangers(&cluster), |_, rest| rest.post("/v1/login", body.clone()));
        exactly_one(&answers, 200, 401);
    }
    for code in &ben.recovery_codes[..3] {
        let body = log_in("ben", "recovery_code", code);
        let answers = at_once(&cluster, strangers(&cluster), |_, rest| rest.post("/v1/login", body.clone()));
        exactly_one(&answers, 200, 401);
    }

    // The same as a second factor for a change, each controller asked for another one.
    for round in 0..2 {
        for at in 0..3 {
            cluster.admin.user(&format!("u{round}-{at}"), &[]);
        }
        let factor = Factor::recovery(&ben.recovery_codes[3 + round]);
        let clients = cluster.controllers.iter().map(|c| ben.rest().at(&c.url()).alone()).collect();
        let answers = at_once(&cluster, clients, |at, rest| {
            let method = "DELETE".parse().expect("method");
            let header = [(factor.header, factor.code.as_str())];
            rest.send_with(&method, &format!("/v1/users/u{round}-{at}"), None, &header).expect("an answer")
        });
        exactly_one(&answers, 204, 403);
    }
    let left = cluster.rest(0).get("/v1/users").ok();
    assert_eq!(left.as_array().map(Vec::len), Some(2 + 4), "{left}");
    for at in 0..3 {
        assert_eq!(cluster.rest(at).get("/v1/audit/verify").ok()["intact"], true);
    }
}
