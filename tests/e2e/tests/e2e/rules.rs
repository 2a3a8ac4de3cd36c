//! Who may do what: the policies decide, the refusal says why, and the engine never sees what was refused.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, OPERATORS, ROLES};
use serde_json::json;
use std::time::Instant;
use wharden_harness::{Docker, Engine, World, eventually, limits::SETTLE};

/// Runs a command that must be refused, and makes sure that the engine was not asked for it.
#[track_caller]
fn refused(engine: &Engine, docker: &Docker, args: &[&str], call: &str, words: &[&str]) {
    let (out, calls) = engine.calls_during(|| docker.run(args));
    out.fails_saying(words);
    let seen: Vec<_> = calls.iter().filter(|c| c.contains(call)).collect();
    assert!(seen.is_empty(), "the engine has seen {seen:?} of `docker {args:?}`");
}

#[test]
fn a_user_may_create_containers_and_not_delete_them() {
    let world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    for program in Docker::programs() {
        let alice = world.docker("alice").with_program(&program);
        let name = format!("web-{}", alice.run(&["version", "--format", "{{.Client.Version}}"]).ok().replace('+', "-"));
        alice.run(&["create", "--name", &name, "app", "sleep", "1000"]).ok();
        alice.run(&["start", &name]).ok();
        assert_eq!(alice.run(&["exec", &name, "id", "-un"]).ok(), "nobody");
        refused(&world.engine, &alice, &["rm", "-f", &name], "DELETE ", &["container.delete", "no policy permits"]);
        world.direct().run(&["inspect", &name]).ok();
    }
    // The same from Python, where the refusal is a 403.
    let out = world.agent.python("alice").run(
        "c = client.containers.create('app', ['sleep', '1000'], name='py')\nc.start()\n\
         try:\n    c.remove(force=True)\n\
         except docker.errors.APIError as e:\n    print(e.response.status_code, e.explanation)",
    );
    assert!(out.ok().starts_with("403 "), "{out}");
    assert!(out.out().contains("container.delete"), "{out}");
    world.direct().run(&["inspect", "py"]).ok();
    // What happened is known: who, what, on which thing, and why.
    let events = world.events("user=wharden-t-alice&action=container.delete&decision=denied", 2);
    assert!(events.iter().all(|e| e["resource"]["name"].as_str().is_some_and(|n| !n.is_empty())), "{events:#?}");
}

#[test]
fn a_user_may_launch_containers_and_not_push_images() {
    let world = World::setup().user("alice", &[LAUNCHERS]).user("olga", &[OPERATORS]).policy("roles", ROLES).start();
    let alice = world.docker("alice");
    assert_eq!(alice.run(&["run", "app", "echo", "hello"]).ok(), "hello");
    alice.run(&["tag", "app", "127.0.0.1:1/team/app"]).ok();
    refused(
        &world.engine,
        &alice,
        &["push", "127.0.0.1:1/team/app"],
        "/push",
        &["image.push", "127.0.0.1:1/team/app", "no policy permits"],
    );
    // Whoever may push gets as far as the registry, which is not there.
    let (out, calls) = world.engine.calls_during(|| world.docker("olga").run(&["push", "127.0.0.1:1/team/app"]));
    out.fails_saying(&["refused"]);
    assert!(calls.iter().any(|c| c.contains("/push")), "{calls:?}");
}

#[test]
fn no_container_is_privileged_root_or_has_the_engines_socket_unless_a_policy_permits_it() {
    let mut world = World::setup()
        .user("alice", &[LAUNCHERS])
        .user("carol", &[LAUNCHERS])
        .policy("roles", ROLES)
        .labels(json!({"env": "prod"}))
        .start();
    let hardening = format!(
        r#"
@id("no-privileged") @reason("privileged containers own the host") @cis("5.5")
forbid (principal, action == Docker::Action::"container.create", resource) when {{ context.privileged }}
unless {{ principal == User::"wharden-t-carol" && resource in Host::"{host}" }};

@id("no-root") @reason("containers do not run as root") @cis("4.1")
forbid (principal, action == Docker::Action::"container.create", resource) when {{ context.root_user }}
unless {{ principal == User::"wharden-t-carol" && resource in HostGroup::"env=prod" }};

@id("no-engine-socket") @reason("who has the engine's socket owns the host") @cis("5.32")
forbid (principal, action == Docker::Action::"container.create", resource) when {{ context.engine_socket }}
unless {{ principal == User::"wharden-t-carol" && resource in Host::"{host}" }};
"#,
        host = world.host
    );
    world.put_policy("hardening", &hardening);
    let alice = world.docker("alice");
    let engine_mount = format!("{}:/d.sock", world.engine.socket().display());
    let guard_mount = format!("{}:/d.sock", world.agent.socket().display());
    let parent_mount = format!("{}:/up:ro", world.place.path().display());
    let bind = format!("type=bind,source={},target=/d.sock", world.engine.socket().display());
    let create = "/containers/create";
    let cases: &[(&[&str], &str, &str)] = &[
        (&["run", "--privileged", "app", "id"], "hardening/no-privileged", "own the host"),
        (&["create", "--privileged", "app", "id"], "hardening/no-privileged", "own the host"),
        (&["run", "rootapp", "id"], "hardening/no-root", "do not run as root"),
        (&["run", "--user", "0", "app", "id"], "hardening/no-root", "do not run as root"),
        (&["run", "--user", "root:root", "app", "id"], "hardening/no-root", "do not run as root"),
        (&["run", "-v", &engine_mount, "app", "id"], "hardening/no-engine-socket", "engine's socket"),
        (&["run", "-v", &guard_mount, "app", "id"], "hardening/no-engine-socket", "engine's socket"),
        (&["run", "-v", &parent_mount, "app", "id"], "hardening/no-engine-socket", "engine's socket"),
        (&["run", "--mount", &bind, "app", "id"], "hardening/no-engine-socket", "engine's socket"),
        (&["run", "-v", "/:/host", "app", "id"], "hardening/no-engine-socket", "engine's socket"),
    ];
    for (args, rule, reason) in cases {
        refused(&world.engine, &alice, args, create, &["container.create", rule, reason]);
    }
    assert_eq!(alice.run(&["run", "app", "id", "-u"]).ok(), "65534");
    assert_eq!(alice.run(&["run", "--user", "1234", "rootapp", "id", "-u"]).ok(), "1234");

    // The policy's exceptions are for this user on this host.
    let carol = world.docker("carol");
    // Created and not run: where the tests themselves run in a sandbox, the kernel refuses privileged containers.
    carol.run(&["create", "--privileged", "--user", "0", "app", "id", "-u"]).ok();
    assert_eq!(carol.run(&["run", "--user", "0", "app", "id", "-u"]).ok(), "0");
    assert_eq!(carol.run(&["run", "-v", &engine_mount, "rootapp", "test", "-S", "/d.sock"]).ok(), "");
    // The exception by host group ends when the host leaves the group.
    let cli = world.logged_in_cli();
    cli.run(&["host", "label", &world.host, "env-"]).ok();
    eventually("the exception ends with the label", SETTLE, || {
        let out = carol.run(&["run", "rootapp", "id", "-u"]);
        (out.code != 0 && out.all().contains("hardening/no-root")).then_some(())
    });
}

#[test]
fn a_policy_changes_what_the_user_may_do_at_once_and_its_rollback_does_too() {
    let mut world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let alice = world.docker("alice");
    let cli = world.logged_in_cli();
    let file = world.place.write("no-privileged.cedar", NO_PRIVILEGED);
    let create = &["create", "--privileged", "app", "id"];
    alice.run(create).ok();

    let start = Instant::now();
    cli.run(&["policy", "put", "no-privileged", file.to_str().expect("path")]).ok();
    eventually("the new policy refuses", SETTLE, || (alice.run(create).code != 0).then_some(()));
    eprintln!("put -> refused after {:?}", start.elapsed());
    alice.run(create).fails_saying(&["no-privileged/no-privileged", "ask the platform team"]);

    let file = world.place.write("no-privileged.cedar", NO_PRIVILEGED.replace("context.privileged", "context.init"));
    cli.run(&["policy", "put", "no-privileged", file.to_str().expect("path")]).ok();
    eventually("the second version allows", SETTLE, || (alice.run(create).code == 0).then_some(()));

    let start = Instant::now();
    cli.run(&["policy", "rollback", "no-privileged", "--yes"]).ok();
    eventually("the first version refuses again", SETTLE, || (alice.run(create).code != 0).then_some(()));
    eprintln!("rollback -> refused after {:?}", start.elapsed());

    let history = cli.json(&["policy", "history", "no-privileged"]);
    assert_eq!(history.as_array().map(Vec::len), Some(3), "{history}");
    let code = world.admin.totp.code();
    cli.run(&["policy", "remove", "no-privileged", "--yes", "--totp", &code]).ok();
    eventually("without the policy it is allowed", SETTLE, || (alice.run(create).code == 0).then_some(()));
}

#[test]
fn modes_monitor_and_disabled_do_not_block() {
    let world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let alice = world.docker("alice");
    let create = &["create", "--privileged", "app", "id"];
    let revision = world.admin.put_policy_in("no-privileged", NO_PRIVILEGED, "monitor");
    world.settle_at(revision);
    alice.run(create).ok();
    let events = world.events("user=wharden-t-alice&action=container.create", 1);
    let event = events.last().expect("one");
    assert_eq!(event["outcome"], "allowed", "{event:#}");
    assert_eq!(event["decision"]["monitor"][0]["id"], "no-privileged/no-privileged", "{event:#}");
    assert_eq!(event["decision"]["monitor"][0]["cis"], "5.5", "{event:#}");

    let revision = world.admin.put_policy_in("no-privileged", NO_PRIVILEGED, "disabled");
    world.settle_at(revision);
    alice.run(create).ok();
    let events = world.events("user=wharden-t-alice&action=container.create", 2);
    assert_eq!(events.last().expect("two")["decision"]["monitor"], json!([]), "{events:#?}");
}

#[test]
fn starter_packs_do_what_they_say() {
    let world = World::setup()
        .user("alice", &["launchers"])
        .user("bert", &["builders"])
        .user("vera", &["viewers"])
        .user("olga", &["operators"])
        .packs(&["roles", "baseline"])
        .start();
    let (alice, bert) = (world.docker("alice"), world.docker("bert"));
    let (vera, olga) = (world.docker("vera"), world.docker("olga"));
    assert_eq!(alice.run(&["run", "--name", "one", "app", "echo", "hi"]).ok(), "hi");
    for docker in [&alice, &bert, &vera, &olga] {
        assert!(docker.run(&["ps", "-a", "--format", "{{.Names}}"]).ok().contains("one"));
    }
    // Nobody who is nobody.
    world.docker("nobody-knows").run(&["ps"]).fails_saying(&["container.list", "no policy permits"]);

    refused(&world.engine, &alice, &["rm", "one"], "DELETE ", &["container.delete"]);
    refused(&world.engine, &vera, &["run", "app", "id"], "/containers/create", &["container.create"]);
    refused(&world.engine, &bert, &["push", "127.0.0.1:1/x"], "/push", &["image.push"]);
    let file = b"FROM app\nRUN echo built > /tmp/built\n";
    bert.with_env("DOCKER_BUILDKIT", "0").run_with(&["build", "-t", "built", "-"], file).ok();
    refused(&world.engine, &alice, &["build", "-"], "/build", &["image.build"]);

    // The baseline holds for those who may run, whatever else they may.
    for args in [
        &["run", "--privileged", "app"][..],
        &["run", "--pid", "host", "app"],
        &["run", "--network", "host", "app"],
        &["run", "--ipc", "host", "app"],
        &["run", "--cap-add", "SYS_ADMIN", "app"],
        &["run", "-v", "/etc:/host", "app"],
        &["run", "--user", "0", "app"],
        &["run", "--security-opt", "seccomp=unconfined", "app"],
        &["run", "--device", "/dev/null", "app"],
        &["run", "-v", "/var/run/docker.sock:/d.sock", "app"],
    ] {
        for docker in [&alice, &olga] {
            refused(&world.engine, docker, args, "/containers/create", &["container.create", "baseline/"]);
        }
    }
    olga.run(&["rm", "one"]).ok();
}

#[test]
fn front_end_and_back_end_containers_share_no_network() {
    let world = World::setup().user("olga", &["operators"]).packs(&["roles", "segmentation"]).start();
    let olga = world.docker("olga");
    for network in ["frontend", "backend"] {
        olga.run(&["network", "create", network]).ok();
    }
    olga.run(&["create", "--name", "web", "--label", "tier=frontend", "--network", "frontend", "app"]).ok();
    olga.run(&["create", "--name", "db", "--label", "tier=backend", "--network", "backend", "app"]).ok();
    olga.run(&["create", "--name", "proxy", "--label", "tier=gateway", "--network", "frontend", "app"]).ok();
    let create = "/containers/create";
    for args in [
        &["create", "--label", "tier=frontend", "--network", "backend", "app"][..],
        &["create", "--label", "tier=frontend", "app"],
        &["create", "--network", "backend", "app"],
        &["create", "--label", "tier=frontend", "--network", "container:db", "app"],
    ] {
        refused(&world.engine, &olga, args, create, &["container.create", "segmentation/"]);
    }
    olga.run(&["network", "connect", "backend", "proxy"]).ok();
    let words = &["network.connect", "segmentation/"];
    refused(&world.engine, &olga, &["network", "connect", "backend", "web"], "/connect", words);
    refused(&world.engine, &olga, &["network", "connect", "frontend", "db"], "/connect", words);
}
