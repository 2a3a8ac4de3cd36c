//! Hosts: enrolment, identity, labels, revocation.

use crate::policies::{LAUNCHERS, ROLES};
use serde_json::json;
use wharden_harness::{Agent, Controller, World, eventually, limits::SETTLE};

#[test]
fn two_hosts_with_one_name_become_two_hosts() {
    let world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let token = world.admin.join_token("enforce", 2, &json!({"zone": "b"}));
    let mut twin = Agent::new(&world.place, "twin", world.engine.socket());
    twin.enroll(&world.controller.agent_address(), &token, "dock-1").ok();
    twin.start();
    let hosts = eventually("both are connected", SETTLE, || {
        let hosts = world.admin.hosts("dock-1");
        (hosts.len() == 2 && hosts.iter().all(|h| h["status"] == "connected")).then_some(hosts)
    });
    assert_ne!(hosts[0]["id"], hosts[1]["id"]);
    let twin_id = hosts.iter().find(|h| h["id"] != *world.host).expect("the other")["id"].as_str().expect("id");

    // A name that two have names neither; the answer says how to go on.
    let answer = world.admin.rest().get("/v1/hosts/dock-1");
    assert!(matches!(answer.status, 400 | 409), "{answer}");
    assert!(answer.body.contains("wharden host list"), "{answer}");

    // What is said about one does not touch the other.
    world.admin.rest().patch(&format!("/v1/hosts/{twin_id}"), json!({"posture": "observe"})).ok();
    eventually("the twin no longer blocks", SETTLE, || (twin.docker("stranger").run(&["ps"]).code == 0).then_some(()));
    world.docker("stranger").run(&["ps"]).fails_saying(&["no policy permits"]);
    let mine = world.events("user=wharden-t-stranger", 2);
    assert!(mine.iter().any(|e| e["host_id"] == *world.host) && mine.iter().any(|e| e["host_id"] == twin_id));
}

#[test]
fn a_revoked_host_is_cut_off_at_once_and_keeps_enforcing() {
    let mut world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let cli = world.logged_in_cli();
    let code = world.admin.totp.code();
    cli.run(&["host", "revoke", &world.host, "--yes", "--totp", &code]).ok();
    assert_eq!(world.admin.hosts("dock-1")[0]["status"], "revoked");
    let before = world.admin.hosts("dock-1")[0]["held_revision"].clone();
    // It gets nothing any more, and still enforces what it has.
    world.admin.put_policy("roles", &ROLES.replace("t-launchers", "t-others"));
    let alice = world.docker("alice");
    assert_eq!(alice.run(&["run", "--rm", "app", "echo", "hi"]).ok(), "hi");
    alice.run(&["rmi", "app"]).fails_saying(&["no policy permits"]);
    // Nor after a restart.
    world.agent.stop();
    world.agent.start();
    assert_eq!(alice.run(&["run", "--rm", "app", "echo", "hi"]).ok(), "hi");
    let host = &world.admin.hosts("dock-1")[0];
    assert_eq!(host["status"], "revoked");
    assert_eq!(host["held_revision"], before);
}

#[test]
fn join_tokens_are_counted_and_checked() {
    let world = World::setup().start();
    let agent = |name: &str| Agent::new(&world.place, name, world.engine.socket());
    let address = world.controller.agent_address();
    let count = || world.admin.rest().get("/v1/hosts").ok().as_array().expect("hosts").len();
    let token = world.admin.join_token("enforce", 1, &json!({}));
    let tampered: String = {
        // One digit of the secret is another.
        let mut parts: Vec<String> = token.split('_').map(str::to_owned).collect();
        let last = parts[2].pop().expect("secret");
        parts[2].push(if last == 'a' { 'b' } else { 'a' });
        parts.join("_")
    };
    for bad in ["", "nonsense", "wjt_0123456789ab_secret_00", &tampered] {
        let out = agent("bad").enroll(&address, bad, "dock-9");
        assert!(out.code != 0 && out.err().contains("token"), "{out}");
        assert_eq!(count(), 1);
    }
    // The token names the controller that it is for.
    let mut other = Controller::init(&world.place, "other");
    other.start();
    let out = agent("wrong").enroll(&other.agent_address(), &token, "dock-9");
    let said = out.fails_saying(&[]).to_lowercase();
    assert!(said.contains("certificate") || said.contains("fingerprint") || said.contains("ca "), "{said}");

    // Nor is it used up at the ports for others.
    for port in [world.controller.ports()[0], world.controller.ports()[2]] {
        let out = agent("door").enroll(&format!("127.0.0.1:{port}"), &token, "dock-9");
        out.fails_saying(&["is not a controller's port for agents", "7441"]);
    }

    agent("good").enroll(&address, &token, "dock-2").ok();
    assert_eq!(count(), 2);
    let out = agent("late").enroll(&address, &token, "dock-3");
    assert!(out.fails_saying(&["token"]).contains("used"), "{out}");
    assert_eq!(count(), 2);

    // A host name that is none. Nothing is used up by it.
    let token = world.admin.join_token("enforce", 1, &json!({}));
    for name in ["", "two words", &"x".repeat(254), "new\nline"] {
        let out = agent("name").enroll(&address, &token, name);
        assert!(out.code != 0 && out.all().contains("name"), "{out}");
    }
    assert_eq!(count(), 2);
    let enrolled = agent("named");
    enrolled.enroll(&address, &token, "dock-4").ok();
    // An enrolled folder is not enrolled over.
    let token = world.admin.join_token("enforce", 1, &json!({}));
    enrolled.enroll(&address, &token, "dock-5").fails_saying(&["already"]);
    assert_eq!(count(), 3);
}
