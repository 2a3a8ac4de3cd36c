//! One decision, explained: what made it, what today's policies would say, and what would do.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, ROLES};
use serde_json::Value;
use wharden_harness::World;

fn id(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().expect("a text").to_owned();
    format!("{}/{}/{}", text("host_id"), text("boot_id"), event["seq"])
}

fn world() -> World {
    World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).policy("no-privileged", NO_PRIVILEGED).start()
}

const OTHERS: &str = "@id(\"others\") forbid (principal, action, resource) when { resource has owner && !(principal in resource.owner) };";

/// Nothing about the request matters to it.
const NEVER: &str =
    r#"@id("never") @reason("never") forbid (principal, action == Docker::Action::"container.start", resource);"#;

#[test]
fn a_refusal_is_explained_with_the_smallest_change_that_would_be_allowed() {
    let mut world = world();
    let alice = world.docker("alice");
    alice
        .run(&["create", "--name", "p1", "--privileged", "--cap-add", "SYS_PTRACE", "app"])
        .fails_saying(&["no-privileged"]);
    let event = world.events("user=wharden-t-alice&action=container.create&decision=denied", 1).remove(0);
    let cli = world.logged_in_cli();
    let list = cli.run(&["events", "--decision", "denied", "--ids"]).ok();
    assert!(list.contains(&id(&event)), "{list}");
    let told = cli.run(&["event", "explain", &id(&event)]).ok();
    for part in [
        "denied",
        "user wharden-t-alice",
        "container.create",
        "container p1",
        "privileged = true",
        "SYS_PTRACE",
        "no-privileged/no-privileged",
        "privileged containers own the host",
        "CIS 5.5",
        "version 1, mode enforce",
        "leave out --privileged",
        "deny, by the same",
        "/containers/create",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(!told.contains("leave out --cap-add"), "{told}");
    // What it says does.
    alice.run(&["create", "--name", "p1", "--cap-add", "SYS_PTRACE", "app"]).ok();

    // The rule goes away: the event stays as it was, and today's answer is another.
    let code = world.admin.totp.code();
    cli.run(&["policy", "rm", "no-privileged", "--yes", "--totp", &code]).ok();
    let json = cli.json(&["event", "explain", &id(&event)]);
    assert_eq!(json["event"]["decision"]["effect"], "deny");
    assert_eq!(json["now"]["effect"], "allow");
    assert_eq!(json["advice"]["remedy"]["kind"], "not_needed");
    assert_eq!(cli.json(&["event", "show", &id(&event)])["seq"], event["seq"]);
    // A draft is tried on the very event.
    let draft = world.place.path().join("strict.cedar");
    std::fs::write(&draft, NO_PRIVILEGED).expect("written");
    let draft = draft.to_str().expect("a path");
    cli.run(&["policy", "test", "--event", &id(&event), "--expect", "allow"]).ok();
    let told = cli.run(&["policy", "test", "--event", &id(&event), "--expect", "deny", "--draft", draft]).ok();
    assert!(told.contains("strict/no-privileged") && told.contains("leave out --privileged"), "{told}");
}

#[test]
fn when_no_change_of_the_request_would_do_the_rules_that_are_near_say_what_they_want() {
    let mut world = world();
    let alice = world.docker("alice");
    alice.run(&["create", "--name", "d1", "app"]).ok();
    alice.run(&["rm", "d1"]).fails_saying(&["no policy permits"]);
    let event = world.events("user=wharden-t-alice&action=container.delete", 1).remove(0);
    let cli = world.logged_in_cli();
    let told = cli.run(&["event", "explain", &id(&event)]).ok();
    for part in [
        "no change of the request alone",
        "rule roles/operate permits this, but",
        "principal in Group::\"t-operators\"",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let told = cli.run(&["policy", "test", "--user", "wharden-t-alice", "docker", "run", "--privileged", "app"]).ok();
    assert!(told.contains("leave out --privileged"), "{told}");
    assert!(told.contains("image app is there, wharden-t-alice's, and names no user"), "{told}");

    // Whose a thing is taken to be is said, and can be.
    let test = |words: &[&str]| cli.run(&[&["policy", "test", "--user", "wharden-t-alice"], words].concat()).ok();
    let others = world.place.write("others.cedar", OTHERS);
    let others = others.to_str().expect("a path");
    let told = test(&["--draft", others, "--expect", "allow", "docker", "start", "web"]);
    assert!(told.contains("container web is there, wharden-t-alice's"), "{told}");
    let told = test(&["--draft", others, "--owner", "bob", "--expect", "deny", "docker", "start", "web"]);
    assert!(told.contains("container web is there, bob's") && !told.contains("is not in the directory"), "{told}");
    let told = cli.run(&["policy", "test", "--user", "nobody-knows", "docker", "ps"]).ok();
    assert!(told.contains("user nobody-knows is not in the directory"), "{told}");
    let told = cli.run(&["policy", "test", "--service-account", "ci", "docker", "ps"]).ok();
    assert!(told.contains("service account ci") && told.contains("is not in the directory"), "{told}");
    // Who is permitted is kept off by the forbid alone: no other permit would help.
    let draft = world.place.write("never.cedar", NEVER);
    let told = test(&["--draft", draft.to_str().expect("a path"), "docker", "start", "web"]);
    assert!(told.contains("never/never") && told.contains("what is above forbids it"), "{told}");
    assert!(!told.contains("permits this, but"), "{told}");

    let unknown = id(&event).rsplit_once('/').expect("an id").0.to_owned() + "/999999";
    cli.run(&["event", "explain", &unknown]).fails_saying(&["there is no event"]);
    cli.run(&["event", "explain", "d1"]).fails_saying(&["HOST/RUN/NUMBER"]);
    let rest = world.admin.rest();
    rest.get("/v1/events/h-0/x/1/explanation").refused(400, "invalid");
    rest.post("/v1/policy/test", serde_json::json!({"event": id(&event), "user": "x"})).refused(400, "invalid");
}
