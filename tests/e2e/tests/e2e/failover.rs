//! Controllers that die: what the others do, and what becomes of those that come back.

use serde_json::{Value, json};
use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
};
use wharden_harness::{Agent, Place, cluster::Cluster, eventually, limits::SETTLE};

/// Writes at a controller, trying again while there is no leader.
fn write(cluster: &Cluster, at: usize, name: &str) {
    let rest = cluster.rest(at);
    eventually("a write", SETTLE * 2, || {
        let body = json!({"name": name}).to_string().into_bytes();
        let answer = rest.try_send(&reqwest::Method::POST, "/v1/users", Some(body)).ok()?;
        // A write whose answer said "unavailable" may have been taken.
        (answer.status == 201 || answer.status == 200 || answer.status == 409).then_some(())
    });
}

fn users(cluster: &Cluster, at: usize) -> Vec<String> {
    let users = cluster.rest(at).get("/v1/users").ok();
    users.as_array().expect("users").iter().map(|u: &Value| u["name"].as_str().expect("name").to_owned()).collect()
}

#[test]
fn writes_go_on_when_the_leader_is_killed_and_it_catches_up_when_it_is_back() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    for round in 0..3 {
        let leader = cluster.leader(round % 3);
        let others: Vec<usize> = (0..3).filter(|n| *n != leader).collect();
        write(&cluster, leader, &format!("before-{round}"));
        cluster.controllers[leader].kill();
        for at in &others {
            write(&cluster, *at, &format!("without-{round}-{at}"));
        }
        cluster.controllers[leader].start();
        let expected = users(&cluster, others[0]);
        eventually("what was written meanwhile", SETTLE, || (users(&cluster, leader) == expected).then_some(()));
        for at in 0..3 {
            assert_eq!(cluster.rest(at).get("/v1/audit/verify").ok()["intact"], true);
        }
    }
    // Every acknowledged write is there.
    let all = users(&cluster, 0);
    for round in 0..3 {
        assert!(all.contains(&format!("before-{round}")), "{all:?}");
    }
}

#[test]
fn without_a_quorum_nothing_is_acknowledged_and_with_it_all_goes_on() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let leader = cluster.leader(0);
    let others: Vec<usize> = (0..3).filter(|n| *n != leader).collect();
    for at in &others {
        cluster.controllers[*at].kill();
    }
    let refused = cluster.rest(leader).post("/v1/users", json!({"name": "nobody-agreed"}));
    refused.refused(503, "unavailable");
    assert!(refused.body.contains("it may still be done"), "{}", refused.body);
    // What needs no agreement is still answered.
    cluster.rest(leader).get("/v1/users").ok();
    assert_eq!(cluster.status(leader)["reachable_voters"], 1);
    cluster.controllers[others[0]].start();
    write(&cluster, others[0], "two-agreed");
    cluster.controllers[others[1]].start();
    eventually("the third one up to date", SETTLE, || {
        users(&cluster, others[1]).contains(&"two-agreed".to_owned()).then_some(())
    });
}

/// What a controller answers without a session, once it does with this status and these words.
#[track_caller]
fn told(cluster: &Cluster, at: usize, path: &str, status: u16, words: &str) -> String {
    let rest = cluster.controllers[at].rest();
    eventually(&format!("{status} and {words:?} for {path}"), SETTLE, || {
        let answer = rest.try_send(&reqwest::Method::GET, path, None).ok()?;
        (answer.status == status && answer.body.contains(words)).then_some(answer.body)
    })
}

fn metric(cluster: &Cluster, at: usize, name: &str) -> f64 {
    let all = told(cluster, at, "/metrics", 200, name);
    let line = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {all}")).parse().expect("a number")
}

/// Kills all but one, which must say what is wrong until the others are back; its log of that time.
fn is_left_alone(cluster: &mut Cluster, left: usize) -> String {
    let begin = cluster.controllers[left].log().len();
    let others: Vec<usize> = (0..3).filter(|n| *n != left).collect();
    for at in &others {
        cluster.controllers[*at].kill();
    }
    let why = told(cluster, left, "/readyz", 503, "raft: no contact with a majority of the controllers for 1");
    assert!(why.contains("2 of the 3 with a vote"), "what to do: {why}");
    assert!(metric(cluster, left, "wharden_quorum_age_seconds") >= 10.0);
    assert!(metric(cluster, left, "wharden_raft_has_leader") < 1.0);
    let status = cluster.status(left);
    assert!(status["controllers"].as_array().expect("all").iter().all(|one| one["leader"] == false), "{status}");
    cluster.controllers[left].log_says("no contact with a majority of the controllers: ");
    for at in &others {
        cluster.controllers[*at].launch();
    }
    for at in &others {
        cluster.controllers[*at].becomes_ready();
    }
    told(cluster, left, "/readyz", 200, "ok");
    assert!(metric(cluster, left, "wharden_quorum_age_seconds") < 10.0);
    eventually("a line that it is over", SETTLE, || {
        let log = cluster.controllers[left].log();
        log[begin..].contains("in contact with a majority of the controllers again").then_some(())
    });
    let log = cluster.controllers[left].log().split_off(begin);
    assert!(!log.contains("openraft"), "nothing for each attempt: {log}");
    log
}

#[test]
fn one_that_followed_and_is_left_without_a_majority_says_so() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let leader = cluster.leader(0);
    is_left_alone(&mut cluster, (leader + 1) % 3);
}

#[test]
fn a_leader_that_is_left_without_a_majority_says_so_and_names_each_that_is_away_once() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let leader = cluster.leader(0);
    let log = is_left_alone(&mut cluster, leader);
    let lines = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(lines("a controller does not answer"), 2, "{log}");
}

#[test]
fn one_that_still_hears_a_leader_who_has_no_majority_says_so() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 5);
    let leader = cluster.leader(0);
    let left = [leader, (leader + 1) % 5];
    let lost: Vec<usize> = (0..5).filter(|at| !left.contains(at)).collect();
    for at in &lost {
        cluster.controllers[*at].kill();
    }
    for at in left {
        let why = told(&cluster, at, "/readyz", 503, "raft: no contact with a majority of the controllers for 1");
        assert!(why.contains("3 of the 5 with a vote"), "what to do: {why}");
    }
    cluster.controllers[lost[0]].start();
    for at in left {
        told(&cluster, at, "/readyz", 200, "ok");
    }
}

#[test]
fn one_that_starts_without_a_majority_says_whom_it_waits_for() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    for controller in &mut cluster.controllers {
        controller.stop();
    }
    cluster.controllers[1].launch();
    assert_eq!(told(&cluster, 1, "/healthz", 200, "ok"), "ok\n");
    told(&cluster, 1, "/readyz", 503, "controller: it has started and waits for a majority");
    assert!(metric(&cluster, 1, "wharden_quorum_age_seconds") > 0.0);
    let refused = cluster.rest(1).get("/v1/users");
    refused.refused(503, "unavailable");
    assert!(refused.body.contains("2 of the 3 with a vote"), "{}", refused.body);
    let awaited =
        format!("1 at {}, 3 at {}", cluster.controllers[0].peer_address(), cluster.controllers[2].peer_address());
    cluster.controllers[1].log_says(&awaited);
    let mut agent = TcpStream::connect(cluster.controllers[1].agent_address()).expect("somebody listens");
    agent.set_read_timeout(Some(SETTLE)).expect("a time");
    match agent.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("agents are sent elsewhere at once: {other:?}"),
    }
    cluster.controllers[2].launch();
    for at in [1, 2] {
        cluster.controllers[at].becomes_ready();
    }
    write(&cluster, 1, "two-agreed");
}

#[test]
fn all_controllers_stopped_and_started_are_the_same_cluster() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    write(&cluster, 1, "kept");
    for controller in &mut cluster.controllers {
        controller.stop();
    }
    // None is ready alone, so they are started together.
    for controller in &mut cluster.controllers {
        controller.launch();
    }
    for controller in &mut cluster.controllers {
        controller.becomes_ready();
    }
    for at in 0..3 {
        assert!(users(&cluster, at).contains(&"kept".to_owned()));
    }
}

#[test]
fn five_controllers_survive_the_loss_of_two() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 5);
    assert_eq!(cluster.status(4)["quorum"], 3);
    let leader = cluster.leader(0);
    let other = (leader + 1) % 5;
    cluster.controllers[leader].kill();
    cluster.controllers[other].kill();
    let at = (leader + 2) % 5;
    write(&cluster, at, "three-agreed");
    let third = (leader + 3) % 5;
    eventually("the write at another one", SETTLE, || {
        users(&cluster, third).contains(&"three-agreed".to_owned()).then_some(())
    });
}

/// Whether a host has a session, as a controller tells.
fn is_connected(cluster: &Cluster, at: usize, name: &str) -> bool {
    let hosts = cluster.rest(at).get("/v1/hosts").ok();
    hosts.as_array().expect("hosts").iter().any(|host| host["name"] == name && host["status"] == "connected")
}

#[test]
fn a_host_finds_another_controller_and_is_seen_and_ended_from_any() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let token = cluster.admin.join_token("observe", 1, &json!({}));
    let mut agent = Agent::new(&place, "agent", &place.join("no-engine.sock"));
    // It is told of the first one only.
    agent.enroll(&cluster.controllers[0].agent_address(), &token, "dock-1").ok();
    agent.start_without_engine();
    for at in 0..3 {
        eventually("the host, seen from every controller", SETTLE, || {
            is_connected(&cluster, at, "dock-1").then_some(())
        });
    }
    eventually("the list of all controllers on the host's disk", SETTLE, || {
        let list = std::fs::read_to_string(agent.dir().join("controllers.json")).ok()?;
        (list.matches("number").count() == 3).then_some(())
    });
    cluster.controllers[0].kill();
    for at in [1, 2] {
        eventually("the host at another controller", SETTLE * 2, || is_connected(&cluster, at, "dock-1").then_some(()));
    }
    // Started anew, it knows the others from its disk.
    agent.stop();
    agent.start_without_engine();
    eventually("the host is back", SETTLE, || is_connected(&cluster, 1, "dock-1").then_some(()));
    let host = cluster.rest(1).get("/v1/hosts").ok()[0]["id"].as_str().expect("id").to_owned();
    cluster.rest(2).post(&format!("/v1/hosts/{host}/revoke"), json!(null)).ok();
    eventually("no session of a revoked host anywhere", SETTLE, || {
        (cluster.rest(1).get("/v1/status").ok()["hosts_connected"] == 0).then_some(())
    });
    eventually("the host hears why", SETTLE, || agent.log().contains("refuses this host").then_some(()));
}
