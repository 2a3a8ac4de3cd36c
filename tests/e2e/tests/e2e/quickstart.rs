//! `deploy/quickstart.sh`, as a person would run it, with the programs of this build.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};
use wharden_harness::{Output, Place, bins};

fn quickstart(dir: &Path, args: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/quickstart.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg("--dir").arg(dir).args(args);
    command.env("WHARDEN_BIN", bins::path("wharden").parent().expect("folder")).env_remove("DOCKER_HOST");
    Output::of(&mut command, b"")
}

fn settings(dir: &Path) -> BTreeMap<String, String> {
    let file = dir.join("quickstart.env");
    assert_eq!(fs::metadata(&file).expect("quickstart.env").permissions().mode() & 0o777, 0o600);
    let names = "WHARDEN_URL WHARDEN_CA_FILE WHARDEN_ADMIN WHARDEN_PASSWORD WHARDEN_TOTP_SECRET WHARDEN_BIN \
                 WHARDEN_GUARD_SOCKET WHARDEN_ENGINE_SOCKET WHARDEN_HOST_ID WHARDEN_PIDS";
    // As a shell reads it.
    let script = format!("source \"$1\"; for n in {names}; do printf '%s=%s\\n' \"$n\" \"${{!n}}\"; done");
    let out = Output::of(Command::new("bash").args(["-euc", &script, "-"]).arg(&file), b"");
    out.ok().lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// Stops what the script started even when the test fails.
struct Down<'a>(&'a Path);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        quickstart(self.0, &["--down"]);
    }
}

#[test]
fn the_quickstart_brings_everything_up_and_takes_it_down() {
    let place = Place::new();
    let dir = place.join("qs");
    let down = Down(&dir);
    let said = quickstart(&dir, &["--private-docker"]).ok();
    assert!(said.contains("== Allowed") && said.contains("== Refused"), "{said}");
    assert!(said.contains("baseline/"), "the refusal names its rule: {said}");
    let first = settings(&dir);
    let pids: Vec<&str> = first["WHARDEN_PIDS"].split(' ').collect();
    assert_eq!(pids.len(), 3, "{first:?}");
    let alive = |pid: &str| Path::new("/proc").join(pid).exists();
    assert!(pids.iter().all(|p| alive(p)));

    // The environment is enough for the CLI.
    let wharden = |args: &[&str]| {
        let mut command = Command::new(Path::new(&first["WHARDEN_BIN"]).join("wharden"));
        command.args(args).env("WHARDEN_URL", &first["WHARDEN_URL"]).env("WHARDEN_CA_FILE", &first["WHARDEN_CA_FILE"]);
        Output::of(command.env("WHARDEN_CONFIG_DIR", dir.join("cli")), b"")
    };
    let host = wharden(&["host", "show", &first["WHARDEN_HOST_ID"], "-o", "json"]).json();
    assert_eq!((host["posture"].as_str(), host["status"].as_str()), (Some("enforce"), Some("connected")));

    // A second run changes nothing.
    quickstart(&dir, &["--private-docker"]).ok();
    assert_eq!(settings(&dir), first);

    quickstart(&dir, &["--down"]).ok();
    assert!(!pids.iter().any(|p| alive(p)), "everything has stopped");
    // And up again with the same host and the same admin.
    quickstart(&dir, &["--private-docker"]).ok();
    let again = settings(&dir);
    for name in ["WHARDEN_URL", "WHARDEN_PASSWORD", "WHARDEN_TOTP_SECRET", "WHARDEN_HOST_ID"] {
        assert_eq!(again[name], first[name]);
    }
    drop(down);
    assert!(!again["WHARDEN_PIDS"].split(' ').any(alive));
}

#[test]
fn wrong_usage_changes_nothing() {
    let place = Place::new();
    for args in [
        &["--controllers", "10"][..],
        &["--controllers", "x"],
        &["--nope"],
        &["--docker"],
        &["--docker", "/x", "--private-docker"],
    ] {
        let dir = place.join("none");
        quickstart(&dir, args).fails_with(2);
        assert!(!dir.exists());
    }
    let said = quickstart(&place.join("none"), &["--docker", "/no/such.sock"]).fails_with(1);
    assert!(said.contains("/no/such.sock"), "{said}");
}
