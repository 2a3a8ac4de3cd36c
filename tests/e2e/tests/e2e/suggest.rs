//! Policies written from what was done: in force, they allow that again, and not what is near it.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED};
use serde_json::json;
use wharden_harness::World;

#[test]
fn a_suggestion_put_in_force_allows_what_was_done_and_refuses_what_is_near() {
    let mut world = World::setup()
        .posture("observe")
        .user("alice", &[LAUNCHERS])
        .policy("no-privileged", NO_PRIVILEGED)
        .labels(json!({"env": "dev"}))
        .start();
    let alice = world.docker("alice");
    let work = |name: &str| {
        alice.run(&["create", "--name", name, "app", "sleep", "1000"]).ok();
        alice.run(&["start", name]).ok();
        alice.run(&["exec", name, "id", "-un"]).ok();
        alice.run(&["rm", "-f", name]).ok();
    };
    work("web");
    alice.run(&["ps"]).ok();
    // What no policy may hold, and what is too long to keep, is left out and counted.
    alice.run(&["create", "--name", "odd", "app", "echo", "привет hello"]).ok();
    alice
        .run(&["create", "--name", "long", "--label", &format!("a={}", "x".repeat(3000)), "app", "sleep", "1000"])
        .ok();
    world.docker("stranger").run(&["ps"]).ok();
    world.events("user=wharden-t-alice&action=container.delete", 1);
    let created = world.events("user=wharden-t-alice&action=container.create", 3);

    let cli = world.logged_in_cli();
    let found = cli.json(&["policy", "suggest", "--user", "wharden-t-alice", "--since", "1h"]);
    assert_eq!((&found["skipped"], &found["lists"]), (&json!(2), &json!(["container.list"])), "{found}");
    let text = found["text"].as_str().expect("a text").to_owned();
    for part in [
        "User::\"wharden-t-alice\"",
        "container.delete",
        "resource.name == \"web\"",
        &world.host,
        "done once",
        "!context.privileged",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(found["mutations"].as_u64().is_some_and(|tried| tried > 20), "{found}");
    assert!(!["stranger", "\"odd\"", "\"long\""].iter().any(|word| text.contains(word)), "{text}");
    let of_long = created.into_iter().find(|event| event["resource"]["name"] == "long").expect("an event");
    let id = ["host_id", "boot_id", "seq"].map(|part| of_long[part].to_string().replace('"', "")).join("/");
    let told = cli.run(&["event", "explain", &id]).ok();
    assert!(told.contains("labels: not kept") && told.contains("command = \"sleep 1000\""), "{told}");
    let said = cli.run(&["policy", "suggest", "--user", "wharden-t-alice"]);
    assert!(said.out().contains("permit (") && said.err().contains("near them are refused"), "{said}");
    assert!(said.err().contains("container.list show only what the user may inspect; --wildcard listed"), "{said}");

    // Only these rules, and they bind.
    world.put_policy("alice", &text);
    cli.run(&["host", "posture", &world.host, "enforce"]).ok();
    world.settle();
    work("web");
    for near in [
        &["create", "--name", "web", "--privileged", "app", "sleep", "1000"][..],
        &["create", "--name", "web", "-v", "/tmp:/x", "app", "sleep", "1000"],
        &["create", "--name", "web", "--network", "host", "app", "sleep", "1000"],
        &["create", "--name", "web", "--health-cmd", "id", "app", "sleep", "1000"],
        &["create", "--name", "web", "--log-opt", "max-size=1m", "app", "sleep", "1000"],
        &["create", "--name", "web", "-e", "BASH_ENV=/x", "app", "sleep", "1000"],
        &["create", "--name", "web", "app", "sleep", "1001"],
        &["create", "--name", "other", "app", "sleep", "1000"],
        &["volume", "create", "v1"],
    ] {
        alice.run(near).fails_saying(&[".create"]);
    }
    world.docker("stranger").run(&["ps"]).fails_saying(&["no policy permits"]);

    // What a list shows is for the admin to say.
    world.direct().run(&["create", "--name", "theirs", "app"]).ok();
    let names = || alice.run(&["ps", "-a", "--format", "{{.Names}}"]).ok();
    assert_eq!(names(), "");
    let listed = cli.json(&["policy", "suggest", "--user", "wharden-t-alice", "--wildcard", "listed"]);
    assert_eq!(listed["lists"], json!([]), "{listed}");
    world.put_policy("alice", listed["text"].as_str().expect("a text"));
    world.settle();
    assert!(names().contains("theirs"), "{}", names());
    alice.run(&["logs", "theirs"]).fails_saying(&["no policy permits"]);

    // As wide as it was asked for, and no wider.
    let args = ["policy", "suggest", "--user", "wharden-t-alice", "--label", "env=dev"];
    let wide = cli.json(&[&args[..], &["--wildcard", "host,container-name"]].concat());
    let wide = wide["text"].as_str().expect("a text");
    assert!(wide.contains("HostGroup::\"env=dev\"") && !wide.contains("resource.name"), "{wide}");
    world.put_policy("alice", wide);
    world.settle();
    work("anything");
    alice.run(&["create", "--privileged", "app", "sleep", "1000"]).fails_saying(&["no-privileged"]);
    alice.run(&["create", "app", "sleep", "1001"]).fails_saying(&["no policy permits"]);
    cli.run(&[&args[..], &["--wildcard", "everything"]].concat()).fails_saying(&["image-tag"]);

    // What was refused is permitted only when that is asked for.
    world.events("user=wharden-t-alice&decision=denied&action=volume.create", 1);
    let permits_volumes = |more: &[&str]| {
        let found = cli.json(&[&["policy", "suggest", "--user", "wharden-t-alice"], more].concat());
        found["text"].as_str().expect("a text").contains("volume.create")
    };
    assert!(!permits_volumes(&[]));
    assert!(permits_volumes(&["--include-refused", "--wildcard", "command"]));
}
