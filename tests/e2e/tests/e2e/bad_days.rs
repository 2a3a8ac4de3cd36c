//! The real engine on a bad day: down, back, standing still, with clients that leave. Nobody passes meanwhile who must not,
//! and nothing is left behind.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, ROLES};
use std::{
    fs,
    process::{Command, Stdio},
};
use wharden_harness::{World, eventually, limits::SETTLE, raw};

/// Idle connections that the agent keeps for its own questions, and one that a session may be opening.
const KEPT: usize = 9;

fn open_files(world: &World) -> usize {
    fs::read_dir(format!("/proc/{}/fd", world.agent.pid())).expect("the agent's files").count()
}

fn signal(world: &World, name: &str) {
    let sent = Command::new("kill").args([name, &world.engine.pid().to_string()]).status().expect("kill");
    assert!(sent.success());
}

/// A launcher may not load images: refused by the request alone, without asking the engine.
fn load(world: &World) -> String {
    let request = "POST /v1.41/images/load HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: 4\r\n\r\nabcd";
    raw::exchange_open(world.agent.socket(), request.as_bytes())
}

#[test]
fn an_engine_that_is_away_or_stands_still_lets_nobody_pass_and_leaves_nothing_behind() {
    let mut world = World::setup()
        .user("alice", &[LAUNCHERS])
        .policy("roles", ROLES)
        .policy("no-privileged", NO_PRIVILEGED)
        .start();
    let alice = world.docker("alice");
    alice.run(&["run", "--rm", "app", "true"]).ok();
    alice.run(&["run", "--privileged", "app", "id"]).fails_saying(&["no-privileged"]);
    assert_eq!(raw::status(&load(&world)), 403);
    let before = open_files(&world);

    world.engine.stop();
    alice.run(&["ps"]).fails_saying(&["What to do"]);
    let refused = alice.run(&["run", "--privileged", "app", "id"]);
    assert_ne!(refused.code, 0, "{refused}");
    world.engine.start_again(&[]);
    alice.run(&["run", "--rm", "app", "true"]).ok();

    let (_, calls) = world.engine.calls_during(|| {
        signal(&world, "-STOP");
        let mut waiting: Vec<_> = (0..40)
            .map(|_| alice.command(&["ps"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("docker"))
            .collect();
        eventually("all of them have come to the guard", SETTLE, || (open_files(&world) >= before + 40).then_some(()));
        let answer = load(&world);
        assert_eq!(raw::status(&answer), 403, "{answer}");
        for client in &mut waiting {
            client.kill().expect("killed");
            client.wait().expect("ended");
        }
        eventually("their connections are closed", SETTLE, || (open_files(&world) <= before + KEPT).then_some(()));
        signal(&world, "-CONT");
    });
    assert!(
        !calls.iter().any(|call| call.contains("/images/load") || call.contains("/containers/create")),
        "{calls:?}"
    );
    assert_eq!(alice.run(&["run", "--rm", "app", "echo", "hi"]).ok(), "hi");
    alice.run(&["run", "--privileged", "app", "id"]).fails_saying(&["no-privileged"]);
    eventually("nothing is left open", SETTLE, || (open_files(&world) <= before + KEPT).then_some(()));
    // Every refusal is told once: two by command line and one load before and after, one load meanwhile.
    assert_eq!(world.events("decision=denied&action=image.load", 2).len(), 2);
    assert_eq!(world.events("decision=denied&action=container.create", 2).len(), 2);
}
