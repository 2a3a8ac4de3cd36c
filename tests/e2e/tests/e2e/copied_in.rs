//! What `docker cp` brings into containers: files, folders and links, and nothing that the engine would make of more.

use crate::lifecycle::baseline;
use std::{fs, path::Path, process::Command};
use wharden_harness::Output;

fn run(program: &str, arguments: &[&str]) {
    Output::of(Command::new(program).args(arguments), b"").ok();
}

fn archive(folder: &Path, more: &[&str]) -> Vec<u8> {
    let tar = Output::of(Command::new("tar").arg("-C").arg(folder).args(["-c"]).args(more).arg("."), b"");
    tar.ok();
    tar.stdout
}

#[test]
fn no_device_gets_into_a_container() {
    let world = baseline();
    let alice = world.docker("alice");
    alice.run(&["create", "--name", "box", "app", "sleep", "1000"]).ok();
    let into = |archive: &[u8]| alice.run_with(&["cp", "-", "box:/srv"], archive);
    let folder = |name: &str| {
        let folder = world.place.join(name);
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("file"), "plain").expect("a file");
        folder
    };

    let plain = folder("plain");
    let long = "x".repeat(180);
    fs::write(plain.join(&long), "long").expect("a file");
    fs::hard_link(plain.join("file"), plain.join("hard")).expect("a link");
    std::os::unix::fs::symlink("file", plain.join("soft")).expect("a link");
    for format in ["--format=gnu", "--format=pax"] {
        into(&archive(&plain, &[format])).ok();
    }
    alice.run(&["start", "box"]).ok();
    for name in ["file", "hard", "soft"] {
        assert_eq!(alice.run(&["exec", "box", "cat", &format!("/srv/{name}")]).ok(), "plain");
    }
    assert_eq!(alice.run(&["exec", "box", "cat", &format!("/srv/{long}")]).ok(), "long");
    // Into what runs nothing is copied here.
    alice.run(&["stop", "-t", "0", "box"]).ok();
    // As the docker command makes them.
    alice.run(&["cp", plain.to_str().expect("UTF-8"), "box:/srv/again"]).ok();
    into(&archive(&plain, &["-z"])).fails_saying(&["packed", "gzip -dc"]);
    into(b"short").fails_saying(&["stops before its first header"]);

    for (name, make, says) in [
        ("block", &["mknod", "sda", "b", "8", "0"][..], "is a device"),
        ("char", &["mknod", "mem", "c", "1", "1"], "is a device"),
        ("pipe", &["mkfifo", "passwd"], "is a pipe"),
    ] {
        let folder = folder(name);
        let node = folder.join(make[1]);
        let arguments = [&[node.to_str().expect("UTF-8")], &make[2..]].concat();
        run(make[0], &arguments);
        into(&archive(&folder, &[])).fails_saying(&[says, make[1]]);
    }
    alice.run(&["start", "box"]).ok();
    for name in ["sda", "mem", "passwd"] {
        alice.run(&["exec", "box", "ls", &format!("/srv/{name}")]).fails_saying(&["No such file"]);
    }
    let refused = world.events("action=container.archive_write&decision=invalid", 5);
    assert!(refused.iter().any(|event| event["error"].as_str().is_some_and(|error| error.contains("is a device"))));
}
