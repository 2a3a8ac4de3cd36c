//! Decision events when a controller and its disk are lost: none that was acknowledged is missing, none is there twice.

use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{SystemTime, UNIX_EPOCH},
};
use wharden_harness::{Agent, Engine, Place, cluster::Cluster, eventually, limits::SETTLE, raw};

/// Asks the guard for something that no policy permits.
fn ask(agent: &Agent, count: usize) {
    for _ in 0..count {
        let request = b"GET /v1.41/system/df HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n";
        let answer = raw::exchange_open(agent.socket(), request);
        assert_eq!(raw::status(&answer), 403, "{answer}");
    }
}

/// Hosts that enforce, each enrolled at another controller.
fn hosts(place: &Place, engine: &Engine, cluster: &Cluster, count: usize) -> Vec<Agent> {
    let token = cluster.admin.join_token("enforce", u32::try_from(count).expect("few"), &json!({}));
    let made = (0..count).map(|n| {
        let name = format!("dock-{n}");
        let mut agent = Agent::new(place, &name, engine.socket());
        agent.enroll(&cluster.controllers[n % cluster.controllers.len()].agent_address(), &token, &name).ok();
        agent.start();
        agent
    });
    made.collect()
}

/// All events as a controller pages through them, from the first one on, and whether some may be missing.
fn all(cluster: &Cluster, at: usize) -> (Vec<Value>, bool) {
    let rest = cluster.rest(at);
    let (mut events, mut after, mut incomplete) = (Vec::new(), String::new(), false);
    loop {
        let page = rest.get(&format!("/v1/events?limit=7&after={after}")).ok();
        events.extend(page["events"].as_array().expect("events").iter().cloned());
        incomplete |= page["incomplete"] == true;
        after = page["next"].as_str().expect("a cursor").to_owned();
        if page["more"] != true {
            return (events, incomplete);
        }
    }
}

/// The name of an event.
fn id(event: &Value) -> String {
    format!("{}/{}/{:08}", event["host_id"], event["boot_id"], event["seq"].as_u64().expect("number"))
}

/// Waits until a controller tells of so many events that were asked for; its whole list.
fn settled(cluster: &Cluster, at: usize, count: usize) -> Vec<String> {
    eventually(&format!("{count} events"), SETTLE * 4, || {
        let (events, incomplete) = all(cluster, at);
        let asked = events.iter().filter(|event| event["action"] == "system.df").count();
        assert!(asked <= count, "{asked} of {count} events");
        (asked == count && !incomplete).then(|| events.iter().map(id).collect())
    })
}

/// Each event once, and each run without a gap.
fn is_whole(events: &[String]) {
    let distinct: BTreeSet<&String> = events.iter().collect();
    assert_eq!(distinct.len(), events.len(), "some are there twice: {events:?}");
    let mut runs: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for event in &distinct {
        let (run, seq) = event.rsplit_once('/').expect("three parts");
        runs.entry(run).or_default().push(seq.parse().expect("number"));
    }
    for (run, seqs) in runs {
        assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "run {run} has gaps: {seqs:?}");
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Waits until these controllers have found, after a time, that what each holds is held by another one too.
fn covered(cluster: &Cluster, at: &[usize], since: u64) {
    for at in at {
        let rest = cluster.controllers[*at].rest();
        eventually("a second copy of everything", SETTLE * 6, || {
            let metrics = rest.get("/metrics").body;
            let value =
                |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
            let compared = value("wharden_events_compared_timestamp_seconds ")?;
            (compared > since && value("wharden_events_covered ") == Some(1)).then_some(())
        });
    }
}

#[test]
fn events_survive_the_loss_of_a_controller_and_its_disk() {
    let place = Place::new();
    let engine = Engine::start(&place);
    let mut cluster = Cluster::of(&place, 3);
    let mut agents = hosts(&place, &engine, &cluster, 4);
    agents.iter().for_each(|agent| ask(agent, 30));
    for at in 0..3 {
        is_whole(&settled(&cluster, at, 120));
    }
    covered(&cluster, &[0, 1, 2], 0);
    // While events come in, one of them is killed and its disk is gone.
    let lost = if cluster.leader(0) == 1 { 2 } else { 1 };
    let left: Vec<usize> = (0..3).filter(|at| *at != lost).collect();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| agents.iter().for_each(|agent| ask(agent, 40)));
        cluster.controllers[lost].kill();
        fs::remove_dir_all(cluster.controllers[lost].dir()).expect("the disk is lost");
        asking.join().expect("asked");
    });
    let lists: Vec<Vec<String>> = left.iter().map(|at| settled(&cluster, *at, 280)).collect();
    is_whole(&lists[0]);
    assert_eq!(lists[0], lists[1], "the same everywhere, in the same order");

    // A new controller in its place: what the lost one held as a copy gets a second one again.
    let answer = cluster.rest(left[0]).post(&format!("/v1/cluster/{}/replace", lost + 1), json!({"ttl_s": 600})).ok();
    let mut fourth = wharden_harness::Controller::new(&place, "controller-4");
    fourth.join(&cluster.controllers[left[0]].peer_address(), answer["code"].as_str().expect("code")).ok();
    fourth.start();
    cluster.controllers[lost] = fourth;
    eventually("the new one in place of the lost one", SETTLE * 4, || {
        let numbers: Vec<u64> = cluster.settled(left[0]).into_iter().map(|(number, _)| number).collect();
        (numbers.contains(&4) && numbers.len() == 3).then_some(())
    });
    covered(&cluster, &[left[0], left[1], lost], now());
    // So another one may be lost.
    cluster.controllers[left[1]].kill();
    fs::remove_dir_all(cluster.controllers[left[1]].dir()).expect("the disk is lost");
    for at in [left[0], lost] {
        assert_eq!(settled(&cluster, at, 280), lists[0]);
    }
    agents.iter_mut().for_each(Agent::stop);
}

#[test]
fn without_a_second_disk_nothing_is_acknowledged_and_the_hosts_keep_their_events() {
    let place = Place::new();
    let engine = Engine::start(&place);
    let mut cluster = Cluster::of(&place, 2);
    let mut agent = hosts(&place, &engine, &cluster, 1).remove(0);
    ask(&agent, 5);
    for at in 0..2 {
        settled(&cluster, at, 5);
    }
    cluster.controllers[1].kill();
    ask(&agent, 5);
    // The host is or comes here, and its events are not taken.
    eventually("an event that nobody else takes", SETTLE * 4, || {
        let metrics = cluster.controllers[0].rest().get("/metrics").body;
        let refused = metrics.lines().find_map(|line| line.strip_prefix("wharden_event_copies_refused_total "))?;
        (refused.parse::<f64>().expect("number") > 0.0).then_some(())
    });
    assert_eq!(all(&cluster, 0).0.iter().filter(|event| event["action"] == "system.df").count(), 5);
    // The host dies too, and its disk does not.
    agent.kill();
    cluster.controllers[1].start();
    agent.start();
    for at in 0..2 {
        is_whole(&settled(&cluster, at, 10));
    }
    agent.stop();
}
