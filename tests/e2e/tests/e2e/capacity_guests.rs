//! A full host whose own controller has no other host: another controller finds the room.

use serde_json::{Value, json};
use std::path::Path;
use wharden_harness::{
    Agent, Engine, Place,
    cluster::Cluster,
    eventually,
    limits::{LOOKS, SETTLE},
};

/// Hosts until two have their sessions with different controllers: which one it is, their ids say.
const TRIES: usize = 12;

const OPEN: &str = "the session is open controller=";

/// The controller that an agent had its last session with.
fn controller_of(agent: &Agent) -> String {
    let log = agent.log();
    let (_, at) = log.rsplit_once(OPEN).expect("it has had a session");
    at.split_whitespace().next().expect("an address").to_owned()
}

fn agent(cluster: &Cluster, place: &Place, engine: &Path, name: &str) -> Agent {
    let token = cluster.admin.join_token("observe", 1, &json!({"containers-max": "10"}));
    let mut agent = Agent::new(place, name, engine);
    agent.enroll(&cluster.controllers[0].agent_address(), &token, name).ok();
    agent.start();
    // It begins where it enrolled. Once it knows of the others, it goes where it belongs.
    agent.log_says("the list of controllers has changed");
    agent.stop();
    agent.start();
    eventually("its next session", SETTLE, || (agent.log().matches(OPEN).count() > 1).then_some(()));
    agent
}

#[test]
fn a_host_that_finds_no_room_at_home_is_relieved_by_a_host_of_another_controller() {
    let place = Place::new();
    let engines = [Engine::start(&place), Engine::start_empty(&place, "second")];
    for n in 1..=8 {
        engines[0].docker().run(&["run", "-d", "--name", &format!("job-{n}"), "app", "sleep", "1000"]).ok();
    }
    let cluster = Cluster::of(&place, 2);
    let mark = |high: u16, low: u16, hold_s: u32| json!({"high_permille": high, "low_permille": low, "hold_s": hold_s});
    // Nothing but the number of containers is to count on a machine that other tests keep busy.
    let others = ["cpu", "memory", "disk", "pids", "psi_cpu", "psi_memory", "psi_io"];
    let mut marks: serde_json::Map<String, Value> =
        others.iter().map(|signal| ((*signal).to_owned(), mark(1000, 990, 3600))).collect();
    marks.insert("containers".to_owned(), mark(795, 790, 0));

    let full = agent(&cluster, &place, engines[0].socket(), "full");
    let away = (0..TRIES).find_map(|n| {
        let mut away = agent(&cluster, &place, engines[1].socket(), &format!("away-{n}"));
        if controller_of(&away) != controller_of(&full) {
            return Some(away);
        }
        away.stop();
        let host = cluster.admin.hosts(&format!("away-{n}"))[0]["id"].as_str().expect("an id").to_owned();
        cluster.rest(0).post(&format!("/v1/hosts/{host}/revoke"), Value::Null).ok();
        None
    });
    let away = away.expect("a host of the other controller");

    eventually("both hosts are watched", LOOKS, || {
        (cluster.rest(0).get("/v1/capacity").ok()["watched"] == 2).then_some(())
    });
    cluster.rest(0).put("/v1/capacity/thresholds/few", json!({"marks": marks})).ok();

    let plan = eventually("a move to the other controller's host", LOOKS, || {
        let plan = cluster.rest(1).get("/v1/capacity/plan").ok()["plan"].clone();
        let advised = plan["advice"].as_array().is_some_and(|advice| advice.len() == 1);
        (advised && plan["stuck"].as_array().is_some_and(Vec::is_empty)).then_some(plan)
    });
    assert_ne!(controller_of(&full), controller_of(&away), "nobody has moved meanwhile");
    let advice = &plan["advice"][0];
    assert_eq!(advice["source"]["host"]["name"], "full", "{advice}");
    assert!(advice["target"]["host"]["name"].as_str().is_some_and(|name| name.starts_with("away-")), "{advice}");
    let id = advice["id"].as_str().expect("an id");
    let container = advice["container"]["name"].as_str().expect("a name");

    // Whichever controller is asked.
    for at in [0, 1] {
        let rest = cluster.rest(at);
        let commands = rest.get(&format!("/v1/capacity/advice/{id}/commands")).ok();
        assert!(commands["steps"].as_array().is_some_and(|steps| steps.len() > 5), "{commands}");
        let explained = rest.get(&format!("/v1/capacity/hosts/full/containers/{container}")).ok();
        assert_eq!(explained["targets_in_all"], 1, "{explained}");
    }
    cluster.rest(0).post(&format!("/v1/capacity/advice/{id}/accept"), Value::Null).ok();
    eventually("its own controller knows that somebody is at it", SETTLE, || {
        let status = cluster.rest(0).get("/v1/capacity").ok();
        (status["alerts"][0]["state"].to_string().contains("acknowledged") && status["stuck"] == 0).then_some(())
    });
}
