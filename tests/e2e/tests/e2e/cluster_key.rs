//! The key that secrets are sealed with is changed while the cluster runs, and nobody notices.

use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};
use wharden_harness::{
    Admin, Answer, Cli, Controller, Output, Place, admin::PASSWORD, bins, cluster::Cluster, eventually, limits::SETTLE,
};

fn key_file(controller: &Controller) -> PathBuf {
    controller.dir().join("cluster.key")
}

/// The keys in its file, and what is left of those before.
fn held(controller: &Controller) -> (Vec<String>, Vec<String>) {
    let text = fs::read_to_string(key_file(controller)).expect("its key");
    let lines = text.lines().map(str::to_owned);
    lines.partition(|line| !line.starts_with("wharden-cluster-key-hashes"))
}

fn rotate(cluster: &Cluster, at: usize) -> Answer {
    cluster.rest(at).post("/v1/keys/cluster/rotate", json!({}))
}

fn keys(cluster: &Cluster, at: usize) -> Value {
    cluster.rest(at).get("/v1/keys").ok()["cluster"].clone()
}

/// Waits until a change has come to its end on all that answer; the key that counts.
#[track_caller]
fn changed(cluster: &Cluster, at: usize) -> String {
    let rest = cluster.rest(at);
    eventually("the end of the change of the cluster key", SETTLE * 2, || {
        let answer = rest.get("/v1/keys");
        let keys: Value = serde_json::from_str(&answer.body).ok().filter(|_| answer.status == 200)?;
        let keys = &keys["cluster"];
        let id = keys["key_id"].as_str()?.to_owned();
        (keys["step"].is_null() && keys["left"] == 0).then_some(id)
    })
}

/// Waits until a controller holds this key and nothing but the hashes of those before.
#[track_caller]
fn holds_only(controller: &Controller, key: &str, before: usize) {
    eventually("one key in the file", SETTLE * 2, || {
        let (keys, hashes) = held(controller);
        (keys == [key] && hashes.len() == before).then_some(())
    });
    let mode = fs::metadata(key_file(controller)).expect("its key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

fn log_in(controller: &Controller, name: &str, factor: (&str, &str)) -> Answer {
    controller.rest().post("/v1/login", json!({"username": name, "password": PASSWORD, factor.0: factor.1}))
}

/// Anybody's second factors of before are good at this controller.
#[track_caller]
fn lets_in(controller: &Controller, who: &mut Admin, recovery: usize) {
    let code = who.totp.code();
    log_in(controller, &who.name, ("code", &code)).ok();
    log_in(controller, &who.name, ("recovery_code", &who.recovery_codes[recovery])).ok();
    log_in(controller, &who.name, ("recovery_code", &who.recovery_codes[recovery])).refused(401, "bad_credentials");
}

#[test]
fn the_cluster_key_is_changed_while_the_cluster_runs() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let mut bob = cluster.admin.invite(&cluster.controllers[0], "bob", &[]);
    let old = held(&cluster.controllers[0]).0;
    assert_eq!(old.len(), 1);
    let before = keys(&cluster, 0);
    assert!(before["step"].is_null(), "{before}");

    bob.rest().post("/v1/keys/cluster/rotate", json!({})).refused(403, "forbidden");
    cluster.rest(1).alone().post("/v1/keys/cluster/rotate", json!({})).refused(403, "step_up_required");
    let answer = rotate(&cluster, 1).ok();
    assert_ne!(answer["cluster"]["key_id"], before["key_id"]);
    let id = changed(&cluster, 0);
    assert_eq!(answer["cluster"]["key_id"], id);
    let new = held(&cluster.controllers[0]).0;
    assert_ne!(new, old);
    for controller in &cluster.controllers {
        holds_only(controller, &new[0], 1);
        let text = fs::read_to_string(key_file(controller)).expect("its key");
        assert!(!text.contains(&old[0]));
    }
    lets_in(&cluster.controllers[2], &mut bob, 0);
    // Each finds its way from the disk.
    for at in 0..3 {
        cluster.controllers[at].stop();
        cluster.controllers[at].start();
    }
    lets_in(&cluster.controllers[1], &mut bob, 1);

    // Who comes later gets the new key alone.
    cluster.grow(&place);
    holds_only(&cluster.controllers[3], &new[0], 1);
    lets_in(&cluster.controllers[3], &mut bob, 2);

    // And once more, with what came later.
    rotate(&cluster, 3).ok();
    changed(&cluster, 0);
    let third = held(&cluster.controllers[3]).0;
    assert_ne!(third, new);
    for controller in &cluster.controllers {
        holds_only(controller, &third[0], 2);
    }
    lets_in(&cluster.controllers[0], &mut bob, 3);

    let audit = cluster.admin.rest().get("/v1/audit?limit=1000").ok();
    let records = audit["records"].as_array().expect("records");
    let steps: Vec<&Value> = records.iter().filter(|r| r["resource"] == "cluster key").collect();
    assert_eq!(steps.len(), 6, "offered, used, done; twice: {steps:?}");
    assert!(steps.iter().any(|r| r["actor"] == "user ada"), "{steps:?}");
    // Names are shown, keys never are.
    for key in [&old[0], &new[0], &third[0]] {
        let secret = key.rsplit(':').next().expect("the key");
        assert!(!audit.to_string().contains(secret));
        for controller in &cluster.controllers {
            assert!(!controller.log().contains(secret));
        }
    }
}

#[test]
fn a_change_is_refused_while_a_controller_is_away_and_nothing_is_other_than_before() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let before: Vec<_> = cluster.controllers.iter().map(held).collect();
    let away = if cluster.leader(0) == 2 { 1 } else { 2 };
    cluster.controllers[away].kill();
    let why = rotate(&cluster, 0).refused(409, "conflict");
    let words = format!("controller {} ", away + 1);
    assert!(why["message"].as_str().is_some_and(|text| text.contains(&words)), "{why}");
    // One that hangs is away too.
    cluster.controllers[away].start();
    cluster.controllers[away].freeze();
    let why = rotate(&cluster, 0).refused(409, "conflict");
    assert!(why["message"].as_str().is_some_and(|text| text.contains(&words)), "{why}");
    cluster.controllers[away].thaw();
    let after: Vec<_> = cluster.controllers.iter().map(held).collect();
    assert_eq!(before, after);
    eventually("all controllers to answer", SETTLE, || {
        let keys = keys(&cluster, 0);
        keys["controllers"].as_array()?.iter().all(|c| c["reachable"] == true).then_some(())
    });
    rotate(&cluster, 0).ok();
    changed(&cluster, 0);
}

#[test]
fn a_change_goes_to_its_end_whoever_is_killed_in_the_middle() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let mut bob = cluster.admin.invite(&cluster.controllers[0], "bob", &[]);
    for (round, leads) in [false, true].into_iter().enumerate() {
        let leader = cluster.leader(0);
        let victim = if leads { leader } else { (leader + 1) % 3 };
        let other = (0..3).find(|at| *at != victim && *at != leader).expect("a third one");
        let old = held(&cluster.controllers[other]).0;
        rotate(&cluster, other).ok();
        cluster.controllers[victim].kill();
        changed(&cluster, other);
        let new = held(&cluster.controllers[other]).0;
        assert_ne!(old, new);
        cluster.controllers[victim].start();
        for controller in &cluster.controllers {
            holds_only(controller, &new[0], round + 1);
        }
        lets_in(&cluster.controllers[victim], &mut bob, round);
        assert_eq!(changed(&cluster, victim), changed(&cluster, other));
    }
}

fn console(arguments: &[&str]) -> Output {
    Output::of(Command::new(bins::path("wharden-controller")).args(arguments), b"")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Lets a controller make backups, to a new key.
fn makes_backups_to(controller: &mut Controller, identity: &Path) {
    let public = console(&["backup", "keygen", "--out", text(identity)]).ok();
    controller.stop();
    let config = controller.dir().join("controller.toml");
    let toml = fs::read_to_string(&config).expect("configuration");
    let recipients = format!("backup_recipients = [{:?}]", public.trim());
    fs::write(&config, toml.replace("backup_recipients = []", &recipients)).expect("written");
    controller.start();
}

/// A backup, by a command at this controller.
fn backup(place: &Place, cluster: &mut Cluster, cli: &Cli, name: &str) -> PathBuf {
    let file = place.join(name);
    let code = cluster.admin.totp.code();
    cli.run(&["--totp", &code, "backup", "create", "--file", text(&file)]).ok();
    file
}

#[test]
fn backups_of_before_and_after_a_change_restore_and_moments_of_before_it_need_one() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 1);
    let identity = place.join("backup.key");
    makes_backups_to(&mut cluster.controllers[0], &identity);
    let cli = Cli::new(&place, &cluster.controllers[0], "ada");
    cli.log_in(&mut cluster.admin);

    let before = backup(&place, &mut cluster, &cli, "before.wharden.age");
    let old = held(&cluster.controllers[0]).0;
    let code = cluster.admin.totp.code();
    let said = cli.run(&["key", "rotate", "cluster", "--totp", &code]).ok();
    assert!(said.contains("seals from now on"), "{said}");
    let id = changed(&cluster, 0);
    let shown = cli.run(&["key", "list"]).ok();
    assert!(shown.contains(&id) && shown.contains("everything is sealed"), "{shown}");
    let after = backup(&place, &mut cluster, &cli, "after.wharden.age");
    let new = held(&cluster.controllers[0]).0;
    cluster.controllers[0].kill();

    for (at, (file, key)) in [(&before, &old), (&after, &new)].into_iter().enumerate() {
        console(&["backup", "verify", "--identity", text(&identity), text(file)]).ok();
        let mut restored = Controller::new(&place, &format!("restored-{at}"));
        restored.restore(file, &identity).ok();
        assert_eq!(held(&restored).0, *key);
        restored.start();
        log_in(&restored, "ada", ("recovery_code", &cluster.admin.recovery_codes[at])).ok();
        log_in(&restored, "ada", ("code", &cluster.admin.totp.code())).ok();
        restored.kill();
    }

    // The folder has no key any more for what was before the change; with a backup of before it has.
    let folder = text(cluster.controllers[0].dir()).to_owned();
    let moment = |name: &str| Controller::new(&place, name);
    moment("early").restore_from(["--from-data", &folder, "--until", "5"]).fails_saying(&["cluster.key"]);
    moment("late").restore_from(["--from-data", &folder]).ok();
    let never = ["--from-data", &folder, "--until", "2099-01-01"];
    moment("never").restore_from(never).fails_saying(&["the log of the folder ends before it"]);
    let both = ["--identity", text(&identity), "--log", &folder, text(&before)];
    moment("both").restore_from(both).ok();
}

#[test]
fn a_controller_joins_and_a_backup_is_made_while_the_cluster_key_is_changed() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let mut bob = cluster.admin.invite(&cluster.controllers[0], "bob", &[]);
    let identity = place.join("backup.key");
    makes_backups_to(&mut cluster.controllers[0], &identity);
    let codes = cluster.admin.recovery_codes.clone();
    let cli = Cli::new(&place, &cluster.controllers[0], "ada");
    let login = ["login", "--username", "ada", "--password-stdin", "--recovery-code", &codes[0]];
    cli.run_with(&login, &format!("{PASSWORD}\n")).ok();
    let (join_code, peer) = (cluster.code(&json!({"ttl_s": 600})), cluster.controllers[0].peer_address());
    let mut fourth = Controller::new(&place, "controller-4");
    let (old, rest) = (held(&cluster.controllers[0]).0, cluster.rest(0));
    let file = place.join("meanwhile.wharden.age");

    // All at the same time, whichever comes first.
    let (changed_by, joined) = std::thread::scope(|scope| {
        let change = scope.spawn(move || rest.post("/v1/keys/cluster/rotate", json!({})));
        let mut backup = cli.command(&["backup", "create", "--file", text(&file)]);
        Output::of(backup.env("WHARDEN_RECOVERY_CODE", &codes[1]), b"").ok();
        let joined = fourth.join(&peer, &join_code);
        (change.join().expect("an answer"), joined)
    });
    joined.ok();
    fourth.start();
    cluster.controllers.push(fourth);
    cluster.settled(0);
    // Who came in between holds the new key, or is why there is none, and then the next change goes to all four.
    if changed_by.status >= 300 {
        let why = changed_by.refused(409, "conflict");
        assert!(why["message"].as_str().is_some_and(|m| m.contains("the cluster key stays as it is")), "{why}");
        assert!(held(&cluster.controllers[0]).0.contains(&old[0]), "{why}");
        eventually("all controllers to answer", SETTLE, || {
            let keys = keys(&cluster, 0);
            let all = keys["controllers"].as_array()?;
            (keys["step"].is_null() && all.iter().all(|c| c["reachable"] == true)).then_some(())
        });
        rotate(&cluster, 0).ok();
    }
    changed(&cluster, 0);
    let new = held(&cluster.controllers[0]).0;
    for controller in &cluster.controllers {
        let (keys, _) = held(controller);
        assert_eq!(keys, new);
    }
    lets_in(&cluster.controllers[3], &mut bob, 0);
    let metrics = cluster.rest(0).get("/metrics").body;
    for name in ["wharden_cluster_key_age_seconds", "wharden_signing_key_age_seconds", "wharden_cluster_key_change 0"] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    let doctor = cluster.rest(0).get("/v1/doctor").ok();
    let check = doctor["checks"].as_array().expect("checks").iter().find(|c| c["name"] == "cluster_key");
    assert_eq!(check.expect("a check")["problems"], json!([]));

    let mut restored = Controller::new(&place, "restored");
    restored.restore(&file, &identity).ok();
    restored.start();
    log_in(&restored, "ada", ("recovery_code", &codes[2])).ok();
}
