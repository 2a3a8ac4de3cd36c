//! An engine that maps users (`userns-remap`): what the guard says and does is the same, and numbers in containers are
//! nobody's on the host.

use std::{fs, os::unix::fs::MetadataExt, path::Path};
use wharden_harness::{
    World,
    os_user::{FIRST_MAPPED, OsUser},
};

#[test]
fn what_a_container_leaves_on_the_host_is_no_accounts() {
    let mapping = format!("--userns-remap={}", OsUser::mapping("mapping").name);
    let mut world = World::setup()
        .engine(&[&mapping])
        .user("alice", &["launchers"])
        .user("bob", &["launchers"])
        .packs(&["roles", "baseline", "teams"])
        .start();
    let (alice, bob) = (world.docker("alice"), world.docker("bob"));
    alice.run(&["run", "-d", "--name", "hers", "app", "sleep", "1000"]).ok();
    assert_eq!(alice.run(&["exec", "hers", "id", "-u"]).ok(), "65534");
    bob.run(&["inspect", "hers"]).fails_saying(&["No such object: hers"]);
    alice.run(&["create", "--userns", "host", "app", "true"]).fails_saying(&["baseline/no-host-user"]);
    alice.run(&["create", "-v", "/etc:/m", "app", "true"]).fails_saying(&["baseline/no-sensitive-host-paths"]);
    let data = world.direct().run(&["info", "-f", "{{.DockerRootDir}}"]).ok();
    alice.run(&["create", "-v", &format!("{data}:/m"), "app", "true"]).fails_saying(&["baseline/no-engine-socket"]);

    // A program that gives its account's rights to whoever starts it gives those of a number that no account has.
    let trap = "cp /bin/busybox /v/id && chmod 4755 /v/id";
    alice
        .run(&[
            "run",
            "--rm",
            "--user",
            "1000:1000",
            "-v",
            "vol:/srv",
            "app",
            "sh",
            "-c",
            &trap.replace("/v/", "/srv/"),
        ])
        .ok();
    let made = world.direct().run(&["volume", "inspect", "-f", "{{.Mountpoint}}", "vol"]).ok();
    let made = fs::metadata(Path::new(&made).join("id")).expect("the program");
    assert_eq!(made.mode() & 0o7777, 0o4755);
    assert!(made.uid() >= FIRST_MAPPED && made.gid() >= FIRST_MAPPED, "{}:{}", made.uid(), made.gid());

    // Who calls from inside a container is that container, whatever its number is outside.
    let guard = format!("{}:/guard.sock", world.agent.socket().display());
    let mounts = [guard.as_str(), "/usr/bin/docker:/docker:ro", "/lib:/lib:ro", "/lib64:/lib64:ro"];
    let mounts: Vec<_> = mounts.iter().flat_map(|mount| ["-v", mount]).collect();
    let calls = ["--name", "caller", "rootapp", "/docker", "-H", "unix:///guard.sock", "ps"];
    world.direct().run(&[&["run"], &mounts[..], &calls].concat()).fails_saying(&["container.list"]);
    let events = world.events("action=container.list&user=caller", 1);
    assert_eq!(events[0]["principal"]["kind"], "workload", "{events:#?}");

    let shown = world.logged_in_cli().run(&["host", "show", "dock-1"]).ok();
    assert!(shown.contains("userns") && !shown.contains("maps no users"), "{shown}");
    assert!(!world.agent.log().contains("maps no users"));
}
