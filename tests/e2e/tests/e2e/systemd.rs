//! The units that are shipped: systemd understands them, they give away little, and the agent can do its work in what they
//! leave it.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, ROLES};
use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::Command,
};
use wharden_harness::{Output, Place, World, bins, eventually, limits::SETTLE};

fn shipped(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd").join(name);
    fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn analyze(units: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("systemd-analyze");
    // The colon: the system's own units too.
    command.args(args).current_dir(units).env("SYSTEMD_UNIT_PATH", format!("{}:", units.display()));
    Output::of(&mut command, b"")
}

/// The unit of a program, with the program where it was built.
fn unit(place: &Place, program: &str) -> (PathBuf, String) {
    let name = format!("{program}.service");
    let built = bins::path(program);
    let text = shipped(&name).replace(&format!("/usr/bin/{program}"), &built.display().to_string());
    place.write(&format!("units/{name}"), &text);
    (place.join("units"), format!("./{name}"))
}

#[test]
fn the_shipped_units_are_understood_and_confined() {
    let place = Place::new();
    // Exposure by systemd's own scale of 100: "OK" ends at 49. What is left is what they work with.
    for (program, most) in [("wharden-agent", "31"), ("wharden-controller", "15")] {
        let (units, name) = unit(&place, program);
        let verified = analyze(&units, &["verify", "--man=no", &name]);
        assert_eq!((verified.code, verified.err().trim()), (0, ""), "{verified}");
        let threshold = format!("--threshold={most}");
        analyze(&units, &["security", "--offline=true", "--no-pager", &threshold, &name]).ok();
        let wider = analyze(&units, &["security", "--offline=true", "--no-pager", "--threshold=5", &name]);
        assert_ne!(wider.code, 0, "the threshold is looked at: {wider}");
    }
}

#[test]
fn what_protect_writes_for_the_socket_unit_is_understood() {
    let place = Place::new();
    place.write("units/docker.service", "[Service]\nExecStart=/usr/bin/true -H fd://\n");
    place.write("units/docker.socket", "[Socket]\nListenStream=/run/docker.sock\n[Install]\nWantedBy=sockets.target\n");
    // As wharden-agent protect writes it; its own test holds the text.
    let drop_in = include_str!("../../../../agent/src/protect/docker.socket.conf");
    place
        .write("units/docker.socket.d/50-wharden.conf", drop_in.replace("{socket}", "/run/wharden-engine/docker.sock"));
    let verified = analyze(&place.join("units"), &["verify", "--man=no", "./docker.socket"]);
    assert_eq!((verified.code, verified.err().trim()), (0, ""), "{verified}");
    // It is read: with a mistake in it, systemd complains.
    place.write("units/docker.socket.d/50-wharden.conf", drop_in.replace("SocketMode=0600", "SocketMode=words"));
    assert!(
        analyze(&place.join("units"), &["verify", "--man=no", "./docker.socket"]).err().contains("50-wharden.conf:5")
    );
}

/// The powers that the unit leaves to the agent, as setpriv takes them.
fn powers() -> String {
    let unit = shipped("wharden-agent.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("a bounding set");
    line.split_whitespace().fold("-all".to_owned(), |all, cap| {
        format!("{all},+{}", cap.strip_prefix("CAP_").expect("a capability").to_lowercase())
    })
}

#[test]
fn with_the_powers_of_its_unit_the_agent_guards_protects_and_gives_back() {
    let mut world = World::setup()
        .user("alice", &[LAUNCHERS])
        .policy("roles", ROLES)
        .policy("no-privileged", NO_PRIVILEGED)
        .start();
    world.agent.stop();
    let bounding = format!("--bounding-set={}", powers());
    world.agent.run_through(&["setpriv", "--no-new-privs", &bounding]);
    world.agent.start();
    let alice = world.docker("alice");
    assert_eq!(alice.run(&["run", "--rm", "app", "echo", "hi"]).ok(), "hi");
    alice.run(&["run", "--privileged", "app", "id"]).fails_saying(&["no-privileged"]);

    // The engine's socket belongs to a group that root is not in, as the group docker is.
    let (socket, group) = (world.engine.socket().to_owned(), 65534);
    chown(&socket, None, Some(group)).expect("group of the socket");
    let before = fs::metadata(&socket).expect("socket");
    let command = |args: &[&str]| {
        let mut command = Command::new(bins::path("wharden-agent"));
        command.args(args).arg("--data-dir").arg(world.agent.dir());
        Output::of(&mut command, b"")
    };
    let folder = format!("--folder={}", world.place.join("private").display());
    command(&["protect", &folder, &format!("--socket={}", socket.display())]).ok();
    eventually("the usual path is the guard", SETTLE, || {
        (fs::metadata(&socket).ok()?.ino() != before.ino()).then_some(())
    });
    command(&["unprotect"]).ok();
    let after = fs::metadata(&socket).expect("socket");
    assert_eq!((after.ino(), after.gid(), after.mode()), (before.ino(), group, before.mode()));
}
