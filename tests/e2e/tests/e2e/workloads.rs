//! Containers that call the Docker API through the guard are principals of their own.

use crate::policies::{OPERATORS, ROLES};
use wharden_harness::World;

const WORKLOADS: &str = r#"
@id("ci-may-list")
permit (principal is Workload, action == Docker::Action::"container.list", resource)
when { principal.image == "rootapp" && principal.hasTag("role") && principal.getTag("role") == "ci" };
"#;

/// One request through the mounted guard, spoken by busybox.
const LIST: &str = "printf 'GET /v1.41/containers/json HTTP/1.1\\r\\nHost: d\\r\\nConnection: close\\r\\n\\r\\n' | nc local:/guard.sock";

#[test]
fn a_container_that_calls_the_guard_is_a_workload() {
    let world = World::setup().user("olga", &[OPERATORS]).policy("roles", ROLES).policy("workloads", WORKLOADS).start();
    let mount = format!("{}:/guard.sock", world.agent.socket().display());
    let olga = world.docker("olga");
    let run = |name: &str, extra: &[&str]| {
        let args = [&["run", "--name", name, "-v", &mount], extra, &["rootapp", "sh", "-c", LIST]].concat();
        olga.run(&args)
    };
    let out = run("ci", &["--label", "role=ci"]);
    if !out.all().contains("HTTP/1.1") {
        panic!("busybox nc does not speak to unix sockets here: {out}");
    }
    assert!(out.out().starts_with("HTTP/1.1 200"), "{out}");
    let out = run("other", &["--label", "role=web"]);
    assert!(out.out().starts_with("HTTP/1.1 403"), "{out}");

    let events = world.events("action=container.list&user=ci", 1);
    assert_eq!(events[0]["principal"]["kind"], "workload", "{events:#?}");
    assert_eq!(events[0]["principal"]["labels"]["role"], "ci", "{events:#?}");
    let events = world.events("action=container.list&user=other&decision=denied", 1);
    assert_eq!(events[0]["principal"]["name"], "other", "{events:#?}");
}
