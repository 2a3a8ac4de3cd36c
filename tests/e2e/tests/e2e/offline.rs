//! Without a controller the host goes on enforcing what it last had, and tells about it later.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, ROLES};
use wharden_harness::{Agent, World, eventually, limits::SETTLE};

#[test]
fn a_host_enforces_without_its_controller_and_after_its_own_restart() {
    let mut world = World::setup()
        .user("alice", &[LAUNCHERS])
        .policy("roles", ROLES)
        .policy("no-privileged", NO_PRIVILEGED)
        .start();
    let alice = world.docker("alice");
    let check = || {
        assert_eq!(alice.run(&["run", "--rm", "app", "echo", "hi"]).ok(), "hi");
        alice.run(&["run", "--privileged", "app", "id"]).fails_saying(&["no-privileged/no-privileged"]);
        alice.run(&["rmi", "app"]).fails_saying(&["image.delete", "no policy permits"]);
    };
    check();
    world.controller.stop();
    check();
    world.agent.stop();
    world.agent.start();
    check();
    // A crash is no better a way around.
    world.agent.kill();
    world.agent.start();
    check();

    world.controller.start();
    world.admin.login();
    let events = world.events("user=wharden-t-alice&action=container.create&decision=denied", 4);
    assert_eq!(events.len(), 4, "{events:#?}");
    world.put_policy("no-privileged", &NO_PRIVILEGED.replace("context.privileged", "context.init"));
    alice.run(&["create", "--privileged", "app", "id"]).ok();
}

#[test]
fn a_host_that_never_got_a_policy_denies_all_but_ping_and_version() {
    let mut world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let token = world.admin.join_token("enforce", 1, &serde_json::json!({}));
    let mut second = Agent::new(&world.place, "second", world.engine.socket());
    second.enroll(&world.controller.agent_address(), &token, "dock-2").ok();
    world.controller.stop();
    second.start();
    let alice = second.docker("alice");
    alice.run(&["version"]).ok();
    let said = alice.run(&["ps"]).fails_saying(&["container.list"]);
    assert!(said.contains("policy") || said.contains("bundle"), "{said}");
    world.controller.start();
    eventually("the policy arrives when the controller is back", SETTLE, || {
        (alice.run(&["ps"]).code == 0).then_some(())
    });
}
