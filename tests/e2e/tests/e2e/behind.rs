//! A controller that has not heard of the newest changes refuses nobody for that, and lets nobody pass for that.

use serde_json::{Value, json};
use wharden_harness::{
    Answer, Place, Rest,
    admin::{PASSWORD, small_change},
    cluster::Cluster,
    eventually,
    limits::SETTLE,
};

/// What a follower answers that stood still while something was made at the leader. The question is in its socket when it
/// goes on, beside what it has missed.
#[track_caller]
fn asked_behind<T: Send>(
    cluster: &mut Cluster,
    make: impl FnOnce(&Cluster, usize) -> T,
    ask: impl FnOnce(Rest, T) -> Answer + Send,
) -> Answer {
    let leader = cluster.leader(0);
    let at = (leader + 1) % 3;
    cluster.controllers[at].freeze();
    let made = make(cluster, leader);
    let rest = cluster.controllers[at].rest();
    std::thread::scope(|scope| {
        let answer = scope.spawn(move || ask(rest, made));
        cluster.controllers[at].thaw();
        answer.join().expect("an answer")
    })
}

#[test]
fn what_another_controller_did_a_moment_ago_counts_at_one_that_is_behind() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);

    for name in ["ben", "cyd", "dan"] {
        let invite = |cluster: &Cluster, leader: usize| {
            let rest = cluster.rest(leader);
            rest.post("/v1/users", json!({"name": name})).ok();
            rest.post(&format!("/v1/users/{name}/invite"), Value::Null).ok()["invite"].clone()
        };
        let body = |token| json!({"token": token, "username": name, "password": PASSWORD});
        asked_behind(&mut cluster, invite, |rest, token| rest.post("/v1/enrolment", body(token))).ok();
    }

    let key = |cluster: &Cluster, leader: usize| {
        let new = json!({"name": "ci", "ttl_s": 86400});
        cluster.rest(leader).post("/v1/service-accounts", new).ok()["key"].clone()
    };
    let look = |mut rest: Rest, key: Value| {
        rest.set_bearer(key.as_str().expect("key"));
        rest.get("/v1/policies")
    };
    // It is known, and may do nothing.
    asked_behind(&mut cluster, key, look).refused(403, "forbidden");

    // What was taken away a moment ago is gone here too: a right, then all of them.
    let bob = cluster.admin.invite(&cluster.controllers[0], "bob", &["admins"]);
    let bearer = bob.rest().bearer().expect("a session");
    let put_thresholds = |mut rest: Rest, _| {
        rest.set_bearer(&bearer);
        rest.put("/v1/capacity/thresholds/bobs", small_change("bob"))
    };
    let forbid = |cluster: &Cluster, leader: usize| {
        let text =
            "@id(\"x\") forbid (principal == User::\"bob\", action == Wharden::Action::\"capacity.update\", resource);";
        cluster.rest(leader).put("/v1/policies/no-thresholds", json!({"text": text})).ok()
    };
    asked_behind(&mut cluster, forbid, put_thresholds).refused(403, "forbidden");
    cluster.rest(0).delete("/v1/policies/no-thresholds").ok();
    for controller in &cluster.controllers {
        eventually("the right at every controller", SETTLE, || {
            (put_thresholds(controller.rest(), Value::Null).status == 200).then_some(())
        });
    }
    let end = |cluster: &Cluster, leader: usize| {
        cluster.rest(leader).post("/v1/sessions/revoke", json!({"user": "bob"})).ok()
    };
    asked_behind(&mut cluster, end, put_thresholds).refused(401, "not_logged_in");

    let name = cluster.admin.name.clone();
    let password = "another horse battery staple";
    let change = |cluster: &Cluster, leader: usize| {
        let new = json!({"current_password": PASSWORD, "new_password": password});
        cluster.rest(leader).post("/v1/account/password", new).ok();
        cluster.admin.totp.clone().code()
    };
    let log_in = |rest: Rest, code: String| {
        rest.post("/v1/login", json!({"username": name, "password": password, "code": code}))
    };
    asked_behind(&mut cluster, change, log_in).ok();
}
