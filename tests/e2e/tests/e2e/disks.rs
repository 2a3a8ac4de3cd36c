//! Full disks, and folders that are not ours to read: a clear error, nothing changed, nothing lost.

use crate::policies::{LAUNCHERS, ROLES};
use serde_json::json;
use std::{collections::BTreeMap, fs, path::Path};
use wharden_harness::{Admin, Agent, Controller, Output, Place, SmallDisk, World, eventually, limits::SETTLE};

#[test]
fn a_controller_with_a_full_disk_says_so_and_loses_nothing() {
    let place = Place::new();
    let disk = SmallDisk::mount(place.join("disk"), 96);
    let mut controller = Controller::init_in(&place, &disk.path().join("data"), "controller");
    controller.start();
    let mut admin = Admin::bootstrap(&controller, "ada");
    let put = |n: u32| {
        // Some weight, so that the disk is felt soon.
        let text = format!("// {}\npermit (principal == User::\"u{n}\", action, resource);", "x".repeat(40_000));
        json!({"text": text}).to_string().into_bytes()
    };
    let path = |n: u32| format!("/v1/policies/p{n}");
    let mut kept = Vec::new();
    for n in 0..5 {
        admin.rest().send(&reqwest::Method::PUT, &path(n), Some(put(n))).ok();
        kept.push(n);
    }
    disk.fill();
    // Until the room that the log already has is used up, writes may still succeed; those count.
    let mut refused = None;
    for n in 5..2000 {
        match admin.rest().try_send(&reqwest::Method::PUT, &path(n), Some(put(n))) {
            Ok(answer) if (200..300).contains(&answer.status) => kept.push(n),
            Ok(answer) => refused = Some(answer.to_string()),
            Err(error) => refused = Some(error),
        }
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("a full disk refuses a write at last");
    eprintln!("what the client saw: {refused}");
    eventually("the log names the cause", SETTLE, || {
        let log = controller.log().to_lowercase();
        (log.contains("no space") || log.contains("disk is full") || log.contains("enospc")).then_some(())
    });
    disk.empty();
    controller.kill();
    controller.start();
    for n in kept {
        assert_eq!(admin.rest().get(&path(n)).status, 200, "acknowledged policy p{n} is gone");
    }
    assert_eq!(admin.rest().get("/v1/audit/verify").ok()["intact"], true);
    admin.rest().send(&reqwest::Method::PUT, &path(5000), Some(put(5000))).ok();
    admin.login();
}

#[test]
fn a_host_with_a_full_disk_goes_on_enforcing() {
    let world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let disk = SmallDisk::mount(world.place.join("disk"), 32);
    let token = world.admin.join_token("enforce", 1, &json!({}));
    let small = world.place.path().join("disk/agent");
    let mut agent = Agent::new(&world.place, "disk/agent", world.engine.socket());
    assert_eq!(agent.dir(), small);
    agent.enroll(&world.controller.agent_address(), &token, "dock-2").ok();
    agent.start();
    let alice = agent.docker("alice");
    eventually("the policy is there", SETTLE, || (alice.run(&["ps"]).code == 0).then_some(()));
    disk.fill();
    for _ in 0..20 {
        alice.run(&["ps"]).ok();
        alice.run(&["rmi", "app"]).fails_saying(&["no policy permits"]);
    }
    // It cannot keep a new policy for its next start, so it must not say that it holds it; or it holds it in full.
    world
        .admin
        .put_policy("more", "@id(\"x\") forbid (principal, action == Docker::Action::\"volume.list\", resource);");
    alice.run(&["ps"]).ok();
    disk.empty();
    eventually("with room again the newest policy is held", 4 * SETTLE, || {
        let host = world.admin.hosts("dock-2").remove(0);
        (alice.run(&["volume", "ls"]).code != 0 && host["nack"] == "").then_some(())
    });
    alice.run(&["volume", "ls"]).fails_saying(&["more/x"]);
}

/// Every file under a folder with its content.
fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.insert(path.display().to_string(), fs::read(&path).expect("file"));
            }
        }
    }
    all
}

#[test]
fn a_store_of_an_unknown_version_is_refused_and_not_touched() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    Admin::bootstrap(&controller, "ada");
    controller.stop();
    let store = controller.dir().join("store");
    let version = store.join("FORMAT");
    let original = fs::read(&version).unwrap_or_else(|e| panic!("{}: {e}", version.display()));
    let cases = [
        ("wharden-store 999\nin use\n", "wharden-store 999"),
        ("somebody-elses 1\n", "something else"),
        ("", "something else"),
    ];
    for (unknown, says) in cases {
        fs::write(&version, unknown).expect("version file");
        let before = content(&store);
        let out = Output::of(&mut controller.run_command(), b"");
        out.fails_saying(&[says, &store.display().to_string()]);
        assert!(content(&store) == before, "the folder was touched");
    }
    fs::write(&version, original).expect("version file");
    controller.start();
}
