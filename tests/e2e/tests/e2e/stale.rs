//! What holds now counts, wherever it was decided and however late a controller hears of it.

use serde_json::{Value, json};
use std::{thread, time::Duration};
use wharden_harness::{Admin, Controller, Place, cluster::Cluster, wait::eventually};

#[test]
fn a_controller_that_was_away_does_nothing_for_whoever_was_put_out_meanwhile() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let ben = cluster.admin.invite(&cluster.controllers[0], "ben", &["admins"]);
    let away = (cluster.leader(0) + 1) % 3;
    let other = (away + 1) % 3;
    ben.rest().at(&cluster.controllers[away].url()).put("/v1/policies/ground", policy("ben")).ok();

    cluster.controllers[away].freeze();
    let late = ben.rest().at(&cluster.controllers[away].url()).alone();
    let change = thread::spawn(move || {
        // Nobody answers while the process stands still.
        let policy = late.put("/v1/policies/evil", policy("ben"));
        (policy, late.post("/v1/users", json!({"name": "friend", "groups": []})))
    });
    cluster.rest(other).delete("/v1/groups/admins/members/ben").ok();
    eventually("the change waits at the controller that stands still", Duration::from_secs(20), || {
        waits(&cluster.controllers[away].rest_address()).then_some(())
    });
    cluster.controllers[away].thaw();
    let (policy, user) = change.join().expect("thread");
    policy.refused(401, "not_logged_in");
    user.refused(401, "not_logged_in");
    let names: Vec<Value> = cluster.rest(other).get("/v1/policies").ok().as_array().expect("list").clone();
    assert!(names.iter().all(|policy| policy["name"] != "evil"), "{names:?}");
}

fn policy(user: &str) -> Value {
    json!({"text": format!("permit(principal == Wharden::User::\"{user}\", action, resource);"), "mode": "monitor"})
}

/// True when something that was sent to this port has not been read, as the kernel sees it.
fn waits(address: &str) -> bool {
    let port = address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).expect("a port");
    let table = std::fs::read_to_string("/proc/net/tcp").expect("table");
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let unread = fields.get(4).and_then(|queues| queues.split_once(':')).is_some_and(|(_, rx)| rx != "00000000");
        fields.get(1).is_some_and(|own| own.ends_with(&format!(":{port:04X}")))
            && fields.get(3) == Some(&"01")
            && unread
    })
}

#[test]
fn a_request_id_that_comes_twice_makes_no_second_change_a_repetition() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    let token = admin.join_token("observe", 1, &json!({}));
    assert!(!token.is_empty());
    let id = "b".repeat(32);
    let header = [("x-request-id", id.as_str())];
    let send = |method: &str, path: &str, body: Option<Value>| {
        let method = method.parse().expect("method");
        admin.rest().send_with(&method, path, body.map(|body| body.to_string().into_bytes()), &header).expect("answer")
    };
    send("POST", "/v1/groups", Some(json!({"name": "g1", "members": []}))).ok();
    let tokens = admin.rest().get("/v1/tokens").ok();
    let token = tokens[0]["id"].as_str().expect("id").to_owned();
    assert_eq!(send("DELETE", &format!("/v1/tokens/{token}"), None).status, 204);
    assert_eq!(admin.rest().get("/v1/tokens").ok(), json!([]), "it is really gone");
    assert_eq!(send("DELETE", "/v1/groups/nothing", None).status, 403, "it needs a code");
    let records = admin.rest().get("/v1/audit?limit=100").ok();
    let of_it: Vec<&Value> = records["records"]
        .as_array()
        .expect("records")
        .iter()
        .filter(|record| record["request_id"] == id.as_str())
        .map(|record| &record["action"])
        .collect();
    assert_eq!(of_it, ["group.create", "token.delete", "group.delete"], "each is told, under the id of the answer");
}
