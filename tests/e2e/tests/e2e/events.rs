//! Decision events: each exactly once in queries, whatever happens to controller and agent in between.

use crate::policies::{LAUNCHERS, OPERATORS, ROLES};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    process::Stdio,
};
use wharden_harness::{World, raw};

/// Asks the guard `count` times for something that only this test asks for; as root, whom no policy knows.
fn ask(world: &World, count: usize) {
    for _ in 0..count {
        let answer = raw::exchange_open(
            world.agent.socket(),
            b"GET /v1.41/system/df HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(raw::status(&answer), 403, "{answer}");
    }
}

#[test]
fn events_arrive_exactly_once_across_restarts_of_everything() {
    let mut world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    ask(&world, 50);
    world.controller.stop();
    ask(&world, 50);
    world.controller.start();
    ask(&world, 50);
    world.controller.kill();
    ask(&world, 50);
    world.agent.stop();
    world.agent.start();
    ask(&world, 50);
    world.controller.start();
    world.agent.kill();
    world.agent.start();
    ask(&world, 50);
    world.admin.login();

    let asked = world.events("action=system.df", 300);
    assert_eq!(asked.len(), 300);
    let all = world.admin.events("");
    let mut runs: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for event in &all {
        runs.entry(event["boot_id"].as_str().expect("boot id")).or_default().push(event["seq"].as_u64().expect("seq"));
    }
    assert_eq!(runs.len(), 3, "three runs of the agent: {runs:?}");
    for (run, numbers) in &runs {
        let distinct: BTreeSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), numbers.len(), "run {run} has events twice");
        let expected: BTreeSet<u64> = (1..=numbers.len() as u64).collect();
        assert!(distinct.into_iter().eq(expected.iter()), "run {run} has gaps: {numbers:?}");
    }
}

#[test]
fn events_can_be_queried_and_followed() {
    let mut world =
        World::setup().user("alice", &[LAUNCHERS]).user("olga", &[OPERATORS]).policy("roles", ROLES).start();
    let cli = world.logged_in_cli();
    let mut follow = cli
        .command(&["events", "--follow", "--user", "wharden-t-olga", "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("wharden events --follow");
    let mut lines = BufReader::new(follow.stdout.take().expect("piped")).lines();

    world.docker("alice").run(&["create", "--name", "a1", "app"]).ok();
    world.docker("alice").run(&["rm", "a1"]).fails_saying(&["container.delete"]);
    world.docker("olga").run(&["rm", "a1"]).ok();
    world.events("user=wharden-t-olga&action=container.delete", 1);

    let count = |args: &[&str]| -> usize {
        let events = cli.json(&[&["events"], args].concat());
        events.as_array().map_or_else(|| events["events"].as_array().map_or(0, Vec::len), Vec::len)
    };
    assert_eq!(count(&["--action", "container.delete"]), 2);
    assert_eq!(count(&["--action", "container.delete", "--decision", "denied"]), 1);
    assert_eq!(count(&["--action", "container", "--user", "wharden-t-alice"]), 2);
    assert_eq!(count(&["--action", "container.delete", "--host", "dock-1"]), 2);
    assert_eq!(count(&["--action", "container.delete", "--since", "1h"]), 2);
    assert_eq!(count(&["--user", "wharden-t-nobody"]), 0);
    cli.run(&["events", "--action", "container.fly"]).fails_saying(&["container.fly"]);

    // One JSON document a line, with who, what and why in it.
    let seen = lines.find_map(|line| {
        let event: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        (event["action"] == "container.delete").then_some(event)
    });
    let seen = seen.expect("the event is followed");
    assert_eq!(seen["principal"]["name"], "wharden-t-olga");
    assert_eq!(seen["outcome"], "allowed");
    assert_eq!(seen["decision"]["rules"][0]["id"], "roles/operate");
    assert_eq!(seen["resource"]["name"], "a1");
    follow.kill().expect("our child");
    follow.wait().expect("our child");
}
