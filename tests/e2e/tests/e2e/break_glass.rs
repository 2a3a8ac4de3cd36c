//! Break-glass: root at the console passes the guard for a while, without a controller, and everybody hears of it.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, ROLES};
use std::process::Command;
use wharden_harness::{Agent, Output, World, bins, eventually, limits::SETTLE, os_user::OsUser};

const REASON: &str = "the controllers are away and the disk is full";

fn world() -> World {
    World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).policy("no-privileged", NO_PRIVILEGED).start()
}

fn break_glass(world: &World, args: &[&str]) -> Output {
    on(&world.agent, args)
}

/// On the host of an agent.
pub fn on(agent: &Agent, args: &[&str]) -> Output {
    let mut command = Command::new(bins::path("wharden-agent"));
    command.arg("break-glass").args(args).arg("--data-dir").arg(agent.dir());
    Output::of(&mut command, b"")
}

/// The docker command through the guard, as root.
fn root(world: &World) -> wharden_harness::Docker {
    wharden_harness::Docker::new(world.agent.socket(), None, &world.place.join("homes/root"))
}

#[test]
fn root_passes_for_a_while_without_a_controller_and_the_audit_hears_of_it_later() {
    let mut world = world();
    world.controller.stop();
    let root = root(&world);
    root.run(&["ps"]).fails_saying(&["no policy permits"]);
    let said = break_glass(&world, &["--reason", REASON, "--for", "30m"]).ok();
    assert!(said.contains("root passes the guard until"), "{said}");

    root.run(&["create", "--privileged", "--name", "repair", "app", "id"]).ok();
    // Nothing permits to look at it: whoever is to repair something must find it.
    assert_eq!(root.run(&["ps", "-a", "--format", "{{.Names}}"]).ok(), "repair");
    // Nobody else does.
    let alice = world.docker("alice");
    alice.run(&["create", "--privileged", "app", "id"]).fails_saying(&["no-privileged/no-privileged"]);
    // Through a crash of the agent too.
    world.agent.kill();
    world.agent.start();
    root.run(&["rm", "repair"]).ok();
    let log = world.agent.log();
    assert!(log.contains("BREAK-GLASS") && log.contains(REASON), "{log}");
    assert!(log.lines().any(|line| line.contains("BREAK-GLASS") && line.contains("ERROR")), "{log}");
    break_glass(&world, &["--end"]).ok();
    root.run(&["ps"]).fails_saying(&["no policy permits"]);
    break_glass(&world, &["--end"]).fails_saying(&["no break-glass"]);

    world.controller.start();
    world.admin.login();
    let lines = eventually("begin and end are in the audit", SETTLE, || {
        let audit = world.admin.rest().get("/v1/audit?limit=1000").ok();
        let records = audit["records"].as_array().expect("records");
        let lines: Vec<_> = records
            .iter()
            .filter(|r| r["action"].as_str().is_some_and(|action| action.starts_with("host.break_glass")))
            .cloned()
            .collect();
        (lines.len() >= 2).then_some(lines)
    });
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let text = |n: usize, field: &str| lines[n][field].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (text(0, "action"), text(1, "action")),
        ("host.break_glass.begin".into(), "host.break_glass.end".into())
    );
    assert!(text(0, "detail").contains(REASON) && text(0, "detail").contains("os user root"), "{lines:#?}");
    assert!(text(1, "detail").contains("ended by root"), "{lines:#?}");
    assert_eq!(text(0, "actor"), format!("host {}", world.host));
    // Acknowledged, so that nothing is left to tell.
    eventually("no notice waits", SETTLE, || {
        let left = std::fs::read_dir(world.agent.dir().join("notices")).expect("folder").count();
        (left == 0).then_some(())
    });

    // What passed is among the events, with what it would have been.
    let events = world.events("user=root&decision=would-deny", 2);
    let of =
        |action: &str| events.iter().find(|event| event["action"] == action).unwrap_or_else(|| panic!("{events:#?}"));
    let rules = &of("container.create")["decision"]["rules"];
    assert_eq!(
        (&rules[0]["id"], &rules[1]["id"]),
        (&"no-privileged/no-privileged".into(), &"builtin/break-glass".into())
    );
    assert_eq!(of("container.delete")["decision"]["rules"][0]["id"], "builtin/break-glass");
}

#[test]
fn a_stream_of_events_shows_no_more_once_it_is_over() {
    let world = world();
    let (root, direct) = (root(&world), world.direct());
    let shown = world.place.join("shown");
    break_glass(&world, &["--reason", REASON, "--for", "30m"]).ok();
    let mut events = root.command(&["events", "--filter", "event=create", "--format", "{{.Actor.Attributes.name}}"]);
    let mut events = events.stdout(std::fs::File::create(&shown).expect("a file")).spawn().expect("docker starts");
    // The stream has begun once it shows something.
    let mut tries = 0;
    let mut shows = |prefix: &str| {
        eventually(prefix, SETTLE, || {
            tries += 1;
            direct.run(&["create", "--name", &format!("{prefix}{tries}"), "app"]).ok();
            let lines = std::fs::read_to_string(&shown).expect("shown");
            lines.lines().any(|line| line.starts_with(prefix)).then_some(())
        });
    };
    shows("before");
    break_glass(&world, &["--end"]).ok();
    direct.run(&["create", "--name", "hidden", "app"]).ok();
    root.run(&["ps"]).fails_saying(&["no policy permits"]);
    break_glass(&world, &["--reason", REASON, "--for", "30m"]).ok();
    shows("after");
    let lines = std::fs::read_to_string(&shown).expect("shown");
    events.kill().expect("killed");
    events.wait().expect("waited for");
    assert!(!lines.lines().any(|line| line == "hidden"), "{lines}");
}

#[test]
fn it_ends_by_itself_is_for_one_os_user_and_only_root_begins_it() {
    let world = world();
    let alice = world.docker("alice");
    let mut command = Command::new(bins::path("wharden-agent"));
    OsUser::named("alice").run_as(&mut command, &world.place.join("homes/alice"));
    command.args(["break-glass", "--reason", "x", "--for", "1m", "--data-dir"]).arg(world.agent.dir());
    Output::of(&mut command, b"").fails_saying(&["only root"]);
    for (args, said) in [
        (&["--reason", "x", "--for", "25h"][..], "at most 24 h"),
        (&["--reason", " ", "--for", "1m"], "reason"),
        (&["--reason", "x", "--for", "1m", "--user", "wharden-t-nobody-at-all"], "no OS user"),
        (&["--for", "1m"], "--reason"),
    ] {
        break_glass(&world, args).fails_saying(&[said]);
    }
    break_glass(&world, &["--reason", "a test", "--for", "10s", "--user", "wharden-t-alice"]).ok();
    alice.run(&["create", "--privileged", "app", "id"]).ok();
    root(&world).run(&["ps"]).fails_saying(&["no policy permits"]);
    eventually("its time is up", SETTLE, || {
        (alice.run(&["create", "--privileged", "app", "id"]).code != 0).then_some(())
    });
    eventually("the audit says so", SETTLE, || {
        let audit = world.admin.rest().get("/v1/audit?limit=1000").ok();
        audit.to_string().contains("its time is up").then_some(())
    });
}
