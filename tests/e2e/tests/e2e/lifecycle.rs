//! What a container is stays what was decided on: between its creation and its start, whoever starts it, and whatever
//! is done to the names and links that it was made with.

use crate::policies::{LAUNCHERS, ROLES};
use serde_json::json;
use std::{fs, os::unix::fs::symlink};
use wharden_harness::{Python, World};

/// Two launchers and an operator, under the packs that any host would have.
pub fn baseline() -> World {
    World::setup()
        .user("alice", &["launchers"])
        .user("bob", &["launchers"])
        .user("olga", &["operators"])
        .packs(&["roles", "baseline"])
        .start()
}

#[test]
fn a_name_that_may_be_root_does_not_run() {
    let world = baseline();
    let alice = world.docker("alice");
    alice.run(&["create", "--group-add", "nogroup", "app", "id"]).fails_saying(&["baseline/no-root", "number"]);
    for user in ["toor", "nobody", "nobody:nogroup", "65534:nogroup"] {
        alice.run(&["create", "--user", user, "app", "id"]).fails_saying(&["baseline/no-root", "number"]);
    }
    alice.run(&["run", "-d", "--name", "own", "app", "sleep", "1000"]).ok();
    for user in ["nobody", "65534:nogroup"] {
        alice.run(&["exec", "--user", user, "own", "id"]).fails_saying(&["baseline/no-root-exec", "number"]);
    }
    assert_eq!(alice.run(&["exec", "own", "id", "-u"]).ok(), "65534");
}

#[test]
fn what_was_made_elsewhere_is_judged_when_it_starts() {
    let world = baseline();
    let direct = world.direct();
    for (name, args, rule) in [
        ("root", &["rootapp", "id"][..], "no-root"),
        ("named", &["--user", "toor", "app", "id"], "no-root"),
        ("mighty", &["--privileged", "app", "id"], "no-privileged"),
        ("capable", &["--cap-add", "SYS_ADMIN", "app", "id"], "no-added-capabilities"),
        ("reader", &["-v", "/etc:/host:ro", "app", "id"], "no-sensitive-host-paths"),
        ("pids", &["--pid", "host", "app", "id"], "no-host-pid"),
        ("open", &["--security-opt", "systempaths=unconfined", "app", "id"], "no-unmasked-paths"),
    ] {
        let args = [&["create", "--name", name], args].concat();
        direct.run(&args).ok();
        for user in ["alice", "olga"] {
            let docker = world.docker(user);
            for verb in ["start", "restart"] {
                let rule = format!("baseline/{rule}");
                // A launcher may not start what nobody is known to own; the baseline is named all the same.
                docker.run(&[verb, name]).fails_saying(&[&format!("container.{verb}"), &rule]);
            }
        }
        assert_eq!(direct.run(&["inspect", "--format", "{{.State.Status}}", name]).ok(), "created");
    }
    direct.run(&["create", "--name", "plain", "app", "echo", "hi"]).ok();
    assert_eq!(world.docker("olga").run(&["start", "-a", "plain"]).ok(), "hi");
}

#[test]
fn a_link_that_is_changed_after_the_creation_leads_nowhere_else() {
    // Without the baseline, which refuses paths with a folder that others may write to.
    let world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let (good, bad) = (world.place.path().join("good"), world.place.path().join("bad"));
    for (folder, text) in [(&good, "good"), (&bad, "bad")] {
        fs::create_dir(folder).expect("folder");
        fs::write(folder.join("which"), text).expect("file");
    }
    let link = world.place.path().join("link");
    symlink(&good, &link).expect("link");
    let alice = world.docker("alice");
    let (bind, mount) = (format!("{}:/m", link.display()), format!("type=bind,source={},target=/m", link.display()));
    alice.run(&["create", "--name", "binds", "-v", &bind, "app", "cat", "/m/which"]).ok();
    alice.run(&["create", "--name", "mounts", "--mount", &mount, "app", "cat", "/m/which"]).ok();
    fs::remove_file(&link).expect("unlink");
    symlink(&bad, &link).expect("link");
    for name in ["binds", "mounts"] {
        assert_eq!(alice.run(&["start", "-a", name]).ok(), "good");
    }
    // And where such a rule is, a path that its user could turn elsewhere is refused to begin with.
    let strict = baseline();
    let writable = strict.place.path().join("writable");
    fs::create_dir_all(writable.join("inner")).expect("folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&writable, mode).expect("mode");
    let inner = format!("{}:/m", writable.join("inner").display());
    let refused = strict.docker("alice").run(&["create", "-v", &inner, "app"]);
    refused.fails_saying(&["baseline/no-replaceable-host-paths"]);
}

#[test]
fn nobody_looks_into_the_namespaces_of_somebody_elses_container() {
    let world = baseline();
    let (alice, bob) = (world.docker("alice"), world.docker("bob"));
    bob.run(&["run", "-d", "--name", "bobs", "--ipc", "shareable", "-e", "KEY=secret", "app", "sleep", "1000"]).ok();
    alice.run(&["run", "-d", "--name", "alices", "app", "sleep", "1000"]).ok();
    for flag in ["--pid", "--ipc", "--network"] {
        alice.run(&["run", flag, "container:bobs", "app", "id"]).fails_saying(&["baseline/no-foreign-namespaces"]);
    }
    for flag in ["--pid", "--network"] {
        alice.run(&["run", flag, "container:alices", "app", "true"]).ok();
    }
}

#[test]
fn a_volume_that_comes_along_with_a_container_is_its_makers() {
    let world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let alice = world.docker("alice");
    let forged = "type=volume,source=vol-a,target=/v,volume-label=io.wharden.owner=bob,volume-label=a=b";
    alice.run(&["create", "--mount", forged, "app"]).ok();
    alice.run(&["create", "--mount", "type=volume,source=vol-b,target=/w", "app"]).ok();
    for (volume, labels) in [
        ("vol-a", json!({"a": "b", "io.wharden.owner": "wharden-t-alice"})),
        ("vol-b", json!({"io.wharden.owner": "wharden-t-alice"})),
    ] {
        assert_eq!(world.direct().run(&["volume", "inspect", volume]).json()[0]["Labels"], labels);
    }
}

#[test]
fn a_name_that_means_another_image_by_then_does_not_start() {
    let world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let (alice, direct) = (world.docker("alice"), world.direct());
    let label = |name: &str| {
        let format = "{{index .Config.Labels \"io.wharden.image\"}} {{.Image}}";
        let out = direct.run(&["inspect", "--format", format, name]).ok();
        let (judged, made) = out.split_once(' ').expect("two ids");
        (judged.to_owned(), made.to_owned())
    };
    alice.run(&["create", "--name", "same", "--label", "io.wharden.image=sha256:0", "app", "true"]).ok();
    let (judged, made) = label("same");
    assert_eq!(judged, made);
    alice.run(&["start", "-a", "same"]).ok();
    // What the race would leave behind: decided on one image, made of another.
    let judged = format!("io.wharden.image={made}");
    direct.run(&["create", "--name", "other", "--label", &judged, "rootapp", "true"]).ok();
    alice.run(&["start", "other"]).fails_saying(&["create it again"]);
}

#[test]
fn a_command_is_begun_by_whom_it_was_made_by() {
    let mut world = World::setup().user("olga", &["operators"]).user("omar", &["operators"]).packs(&["roles"]).start();
    world.docker("olga").run(&["run", "-d", "--name", "runs", "app", "sleep", "1000"]).ok();
    let made = |who: &str| world.agent.python(who).run("print(client.api.exec_create('runs', 'id')['Id'])").ok();
    let begin = |world: &World, who: &str, id: &str| {
        world.agent.python(who).run(&format!("print(client.api.exec_start('{id}', detach=True))"))
    };
    let id = made("olga");
    begin(&world, "omar", &id).fails_saying(&["builtin/exec-of-another", "make one of your own"]);
    begin(&world, "olga", &id).ok();
    let past = Python::like(&world.direct()).run("print(client.api.exec_create('runs', 'id')['Id'])").ok();
    let before = made("olga");
    world.agent.kill();
    world.agent.start();
    for id in [&past, &before] {
        begin(&world, "olga", id).fails_saying(&["builtin/exec-of-another"]);
    }
    world.docker("olga").run(&["exec", "runs", "id"]).ok();
}

#[test]
fn nobody_drives_what_they_could_not_have_started() {
    let world = baseline();
    let (olga, direct) = (world.docker("olga"), world.direct());
    for (name, more) in [("pids", &["--pid", "host", "--user", "5"][..]), ("roots", &["--user", "0"])] {
        direct.run(&[&["run", "-d", "-i", "--name", name], more, &["app", "cat"]].concat()).ok();
        olga.run(&["attach", name]).fails_saying(&["403"]);
        let seen = format!("client.api.attach('{name}', stdout=True, stream=False, logs=True)\nprint('seen')");
        assert_eq!(world.agent.python("olga").run(&seen).ok().trim(), "seen");
    }
    olga.run(&["exec", "pids", "id"]).fails_saying(&["baseline/no-exec-in-privileged", "namespaces of the host"]);
    olga.run(&["exec", "--user", "5", "roots", "id"]).ok();
    let refused = world.events("action=container.attach&decision=denied", 2);
    assert!(
        refused.iter().all(|event| event["decision"]["rules"][0]["id"] == "baseline/no-typing-in-privileged"),
        "{refused:#?}"
    );
    assert!(refused.iter().any(|event| event["facts"]["host_access"] == json!(["pid"])), "{refused:#?}");
}
