//! A backup brings a lost cluster back: its users, policies and hosts, which follow it and leave the old one.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, ROLES};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use wharden_harness::{Admin, Cli, Controller, Output, World, bins, eventually, limits::SETTLE, world::ADMIN};

fn console(arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(bins::path("wharden-controller"));
    Output::of(command.args(arguments), b"")
}

/// A key, and its public half in the controller's configuration.
fn keys(world: &mut World) -> PathBuf {
    let key = world.place.join("backup.key");
    let public = console(&["backup", "keygen", "--out", key.to_str().expect("text")]).ok();
    console(&["backup", "keygen", "--out", key.to_str().expect("text")]).fails_saying(&["backup.key", "exists"]);
    world.controller.stop();
    let config = world.controller.dir().join("controller.toml");
    let text = fs::read_to_string(&config).expect("configuration");
    let (before, after) = text.split_once("backup_recipients = []").expect("the key is there, empty");
    fs::write(config, format!("{before}backup_recipients = [{:?}]{after}", public.trim())).expect("written");
    world.controller.start();
    key
}

/// `wharden backup create`, with a code of its own.
fn create(world: &mut World, cli: &Cli, file: &Path) -> Output {
    let code = world.admin.totp.code();
    cli.run(&["-o", "json", "--totp", &code, "backup", "create", "--file", file.to_str().expect("text")])
}

/// A backup that the controller makes when it starts.
fn scheduled(world: &mut World) -> PathBuf {
    let folder = world.place.join("backups");
    fs::create_dir(&folder).expect("folder");
    world.controller.stop();
    let config = world.controller.dir().join("controller.toml");
    let text = fs::read_to_string(&config).expect("configuration");
    fs::write(config, format!("backup_dir = {folder:?}\n{text}")).expect("written");
    world.controller.start();
    eventually("a scheduled backup", SETTLE, || {
        let file = fs::read_dir(&folder).expect("lists").flatten().map(|e| e.path()).next()?;
        file.extension().is_some_and(|e| e == "age").then_some(file)
    })
}

#[test]
fn a_restored_cluster_has_everything_and_hosts_follow_it_and_leave_the_old_one() {
    let mut world = World::setup()
        .user("alice", &[LAUNCHERS])
        .policy("roles", ROLES)
        .policy("no-privileged", NO_PRIVILEGED)
        .start();
    let cli = world.logged_in_cli();
    let file = world.place.join("cluster.wharden.age");
    let path = file.to_str().expect("text");
    create(&mut world, &cli, &file).fails_saying(&["backup_recipients", "keygen"]);
    assert!(!file.exists());

    let key = keys(&mut world);
    let identity = key.to_str().expect("text");
    let made: Value = serde_json::from_str(&create(&mut world, &cli, &file).ok()).expect("JSON");
    assert_eq!(made["bytes"].as_u64(), fs::metadata(&file).map(|m| m.len()).ok());
    cli.run(&["backup", "create", "--file", path]).fails_saying(&["exists"]);
    let audit = world.admin.rest().get("/v1/audit?limit=1000").ok();
    let records = audit["records"].as_array().expect("records");
    assert!(records.iter().any(|r| r["action"] == "backup.create" && r["outcome"] == "applied"), "{audit}");

    let summary: Value =
        serde_json::from_str(&console(&["backup", "verify", "--json", "--identity", identity, path]).ok())
            .expect("JSON");
    assert_eq!((&summary["hosts"], &summary["policies"]), (&json!(1), &json!(3)), "{summary}");
    let other = world.place.join("other.key");
    console(&["backup", "keygen", "--out", other.to_str().expect("text")]).ok();
    console(&["backup", "verify", "--identity", other.to_str().expect("text"), path])
        .fails_saying(&["other keys than the ones given"]);

    // Written after the backup: lost with the controller.
    world.put_policy("late", ROLES);
    world.controller.kill();
    let restored = Controller::new(&world.place, "restored").at_the_place_of(&world.controller);
    assert!(restored.restore(&file, &key).ok().contains("epoch 1"));
    let mut old = std::mem::replace(&mut world.controller, restored);
    world.controller.start();
    // The session has ended, password and second factor have not.
    world.admin.rest().get("/v1/policies").refused(401, "not_logged_in");
    world.admin.login();
    let names: Vec<Value> = world
        .admin
        .rest()
        .get("/v1/policies")
        .ok()
        .as_array()
        .expect("policies")
        .iter()
        .map(|p| p["name"].clone())
        .collect();
    assert!(names.contains(&json!("no-privileged")) && !names.contains(&json!("late")), "{names:?}");
    assert_eq!(world.admin.rest().get("/v1/audit/verify").ok()["intact"], true);

    // Without enrolling again the host takes the restored cluster's word.
    world.settle();
    let held =
        |world: &World| world.admin.rest().get(&format!("/v1/hosts/{}", world.host)).ok()["held_revision"].as_u64();
    assert!(held(&world) > Some(1_000_000_000));
    let alice = world.docker("alice");
    alice.run(&["create", "--privileged", "app", "id"]).fails_saying(&["no-privileged"]);
    world.put_policy("no-privileged", &NO_PRIVILEGED.replace("context.privileged", "context.init"));
    alice.run(&["create", "--privileged", "app", "id"]).ok();

    // The old one comes back to life at the place that the host knows: it is not believed.
    world.controller.stop();
    old.start();
    world.agent.log_says("earlier epoch");
    alice.run(&["create", "--privileged", "app", "id"]).ok();
    old.kill();
    world.controller.start();
    world.admin.login();
    world.settle();

    // It leaves for a new cluster, which was never restored.
    let mut founded = Controller::init(&world.place, "founded");
    founded.start();
    world.admin = Admin::bootstrap(&founded, ADMIN);
    world.agent.stop();
    let token = world.admin.join_token("enforce", 1, &json!({}));
    let mut command = std::process::Command::new(bins::path("wharden-agent"));
    command.args(["enroll", "--force", "--token-file", "-", "--controller", &founded.agent_address(), "--data-dir"]);
    Output::of(command.arg(world.agent.dir()).arg("--hostname=moved"), token.as_bytes()).ok();
    world.agent.start();
    world.host = world.admin.hosts("moved")[0]["id"].as_str().expect("host id").to_owned();
    world.put_policy("roles", ROLES);
}

#[test]
fn a_backup_that_is_cut_or_a_folder_that_is_used_restores_nothing() {
    let mut world = World::setup().start();
    let key = keys(&mut world);
    let cli = world.logged_in_cli();
    let file = world.place.join("cluster.wharden.age");
    create(&mut world, &cli, &file).ok();
    world.controller.restore(&file, &key).fails_saying(&["not empty"]);
    let bytes = fs::read(&file).expect("the backup");
    let cut = world.place.join("cut.wharden.age");
    fs::write(&cut, &bytes[..bytes.len() - 1]).expect("written");
    let fresh = Controller::new(&world.place, "new");
    fresh.restore(&cut, &key).fails_saying(&["cut.wharden.age"]);
    assert!(!fresh.dir().exists());
}

#[test]
fn scheduled_backups_are_there_after_a_start_and_can_be_restored() {
    let mut world = World::setup().start();
    let key = keys(&mut world);
    let file = scheduled(&mut world);
    console(&["backup", "verify", "--identity", key.to_str().expect("text"), file.to_str().expect("text")]).ok();
    let metrics = world.controller.rest().get("/metrics").body;
    assert!(metrics.lines().any(|l| l.starts_with("wharden_backup_last_timestamp_seconds 1")), "{metrics}");
}

/// Names of all policies.
fn policies(world: &World) -> Vec<String> {
    let all = world.admin.rest().get("/v1/policies").ok();
    all.as_array().expect("policies").iter().map(|p| p["name"].as_str().expect("name").to_owned()).collect()
}

/// The time as `--until` takes it, later than all that was answered and not later than what comes.
fn now() -> String {
    Output::of(std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ"]), b"").ok()
}

#[test]
fn a_cluster_is_restored_to_a_moment_before_something_was_destroyed() {
    let mut world = World::setup().policy("roles", ROLES).start();
    let key = keys(&mut world);
    let file = scheduled(&mut world);
    world.put_policy("late", ROLES);
    let before = now();
    // The next millisecond: a time is up to its end.
    eventually("a later time", SETTLE, || (now() > before).then_some(()));
    world.admin.rest().delete("/v1/policies/late").ok();
    assert!(!policies(&world).contains(&"late".to_owned()));
    world.controller.kill();

    let folder = world.controller.dir().to_str().expect("text").to_owned();
    let (backup, identity) = (file.to_str().expect("text"), key.to_str().expect("text"));
    let fresh = Controller::new(&world.place, "unreachable");
    fresh.restore_from(["--from-data", &folder, "--until", "999999"]).fails_saying(&[
        "log entry 999999 cannot be reached",
        "the last one was entry",
        "reaches from the beginning to log entry",
    ]);
    fresh.restore_from(["--from-data", &folder, "--until", "2020-01-01"]).fails_saying(&["nothing yet"]);
    fresh
        .restore_from(["--identity", identity, "--log", &folder, "--until", "2020-01-01", backup])
        .fails_saying(&["the backup was made at", "earlier backup"]);
    fresh.restore_from(["--identity", identity, "--until", &before, backup]).fails_saying(&["--log"]);
    assert!(!fresh.dir().exists());

    // By the folder alone, and by the backup and the log after it.
    let copy = Controller::new(&world.place, "by-folder");
    assert!(copy.restore_from(["--from-data", &folder, "--until", &before]).ok().contains("epoch 1"));
    // Without a moment, up to what it knew last.
    let whole = Controller::new(&world.place, "whole");
    assert!(whole.restore_from(["--from-data", &folder]).ok().contains("as of"));
    let restored = Controller::new(&world.place, "restored").at_the_place_of(&world.controller);
    restored.restore_from(["--identity", identity, "--log", &folder, "--until", &before, backup]).ok();
    world.controller = restored;
    world.controller.start();
    world.admin.login();
    assert!(policies(&world).contains(&"late".to_owned()), "it was not deleted yet");
    let verdict = world.admin.rest().get("/v1/audit/verify").ok();
    assert_eq!(verdict["intact"], true, "{verdict}");
    // The host follows it.
    world.settle();
}
