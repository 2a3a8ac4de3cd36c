//! Containers that call the Docker API through the guard are principals of their own.

use crate::policies::{OPERATORS, ROLES};
use wharden_harness::World;

const WORKLOADS: &str = r#"
@id("ci-may-list")
permit (
    principal is Workload,
    action in [Docker::Action::"container.list", Docker::Action::"container.inspect"],
    resource
)
when { principal.image == "rootapp" && principal.hasTag("role") && principal.getTag("role") == "ci" };
"#;

#[test]
fn a_container_that_calls_the_guard_is_a_workload() {
    let world = World::setup().user("olga", &[OPERATORS]).policy("roles", ROLES).policy("workloads", WORKLOADS).start();
    let guard = format!("{}:/guard.sock", world.agent.socket().display());
    let olga = world.docker("olga");
    // The docker command of this machine, with its libraries, in a container that has the guard's socket.
    let run = |name: &str, extra: &[&str]| {
        let args = [
            &["run", "--name", name, "-v", &guard, "-v", "/usr/bin/docker:/docker:ro"][..],
            &["-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro"],
            extra,
            &["rootapp", "/docker", "-H", "unix:///guard.sock", "ps", "--format", "{{.Names}}"],
        ];
        olga.run(&args.concat())
    };
    assert_eq!(run("ci", &["--label", "role=ci"]).ok(), "ci");
    run("other", &["--label", "role=web"]).fails_saying(&["container.list", "no policy permits"]);

    let events = world.events("action=container.list&user=ci", 1);
    assert_eq!(events[0]["principal"]["kind"], "workload", "{events:#?}");
    assert_eq!(events[0]["principal"]["labels"]["role"], "ci", "{events:#?}");
    let events = world.events("action=container.list&user=other&decision=denied", 1);
    assert_eq!(events[0]["principal"]["name"], "other", "{events:#?}");
}
