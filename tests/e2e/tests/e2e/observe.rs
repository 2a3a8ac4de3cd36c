//! Posture `observe`: nothing is blocked, everything that would have been is known.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, ROLES};
use wharden_harness::{World, raw};

#[test]
fn nothing_is_blocked_and_what_would_have_been_is_in_the_events() {
    let mut world = World::setup()
        .posture("observe")
        .user("alice", &[LAUNCHERS])
        .policy("roles", ROLES)
        .policy("no-privileged", NO_PRIVILEGED)
        .start();
    let alice = world.docker("alice");
    alice.run(&["create", "--name", "p1", "--privileged", "app", "id"]).ok();
    alice.run(&["rm", "p1"]).ok();
    // Somebody whom no policy knows.
    world.docker("stranger").run(&["ps"]).ok();

    let events = world.events("decision=would-deny", 3);
    let has = |user: &str, action: &str, rule: Option<&str>| {
        events.iter().any(|e| {
            e["principal"]["name"] == user
                && e["action"] == action
                && e["decision"]["effect"] == "deny"
                && e["decision"]["rules"][0]["id"].as_str() == rule
        })
    };
    assert!(has("wharden-t-alice", "container.create", Some("no-privileged/no-privileged")), "{events:#?}");
    assert!(has("wharden-t-alice", "container.delete", None), "{events:#?}");
    assert!(has("wharden-t-stranger", "container.list", None), "{events:#?}");

    let cli = world.logged_in_cli();
    let table = cli.run(&["events", "--decision", "would-deny", "--user", "wharden-t-alice"]).ok();
    assert!(table.contains("container.delete") && table.contains("no-privileged/no-privileged"), "{table}");

    // What is not HTTP that can be judged is not sent on in any posture.
    let answer = raw::exchange(
        world.agent.socket(),
        b"POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n\
          Content-Length: 31\r\n\r\n{\"Image\":\"app\",\"image\":\"other\"}\n",
    );
    assert_eq!(raw::status(&answer), 400, "{answer}");

    // One flag, and the same host blocks.
    cli.run(&["host", "posture", &world.host, "enforce"]).ok();
    world.settle();
    let out = alice.run(&["create", "--privileged", "app", "id"]);
    out.fails_saying(&["no-privileged/no-privileged"]);
    world.docker("stranger").run(&["ps"]).fails_saying(&["no policy permits"]);
}
