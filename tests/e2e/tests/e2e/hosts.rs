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
    eventually("both report what they refused", SETTLE, || {
        let mine = world.admin.events("user=wharden-t-stranger");
        let of = |host: &str| mine.iter().any(|e| e["host_id"] == host);
        (of(&world.host) && of(twin_id)).then_some(())
    });
}

#[test]
fn labels_that_rules_look_at_need_a_code_and_a_code_that_is_given_is_looked_at() {
    let mut world = World::setup().start();
    world.admin.put_policy(
        "site",
        "@id(\"off\") @reason(\"not on site a\")\nforbid (principal, action == Docker::Action::\"container.start\", resource in HostGroup::\"site=a\");",
    );
    world.admin.apply_pack("baseline");
    let host = format!("/v1/hosts/{}", world.host);
    let alone = world.admin.rest().alone();
    let label = |labels: serde_json::Value| alone.patch(&host, json!({"labels": labels}));
    // The session is fresh: enough for what no rule names.
    label(json!({"rack": "4"})).ok();
    for labels in
        [json!({"rack": "4", "site": "a"}), json!({"rack": "4", "buildkit": "allowed"}), json!({"commits": "allowed"})]
    {
        label(labels).refused(403, "step_up_required");
    }
    label(json!({"rack": "4", "site": "b"})).ok();
    let cli = world.logged_in_cli();
    let of_host = |change: &str, code: &str| cli.run(&["host", "label", &world.host, change, "--totp", code]);
    let code = world.admin.totp.code();
    of_host("site=a", &code).ok();
    label(json!({"rack": "4"})).refused(403, "step_up_required");
    // Nor is a code that is not needed taken for good unseen.
    for wrong in [world.admin.totp.wrong_code(), code] {
        let said = of_host("rack=5", &wrong).fails_with(1);
        assert!(said.contains("code"), "{said}");
    }
    assert_eq!(alone.get(&host).ok()["labels"], json!({"rack": "4", "site": "a"}));
    of_host("site-", &world.admin.totp.code()).ok();
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
