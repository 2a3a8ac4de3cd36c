//! `docker load` is decided by the names that the archive gives, and the engine makes nothing of one that is refused.

use std::{
    fs,
    io::Write,
    process::{Child, Command, Stdio},
};
use wharden_harness::{Docker, Output, World, eventually, limits::SETTLE};

/// Who may load images under the names of their team.
const LOADERS: &str = "t-loaders";
const POLICY: &str = r#"
@id("own-names")
permit (principal in Group::"t-loaders", action == Docker::Action::"image.load", resource)
when { context.target like "docker.io/team/*" };

@id("look")
permit (principal in Group::"t-loaders", action in Docker::Action::"read", resource);
"#;

struct Saved {
    bytes: Vec<u8>,
    id: String,
}

/// An archive of a new image with these names, which the engine has no more.
fn saved(world: &World, names: &[&str]) -> Saved {
    let direct = world.direct();
    let tree = format!("tree-{}", names.join("-").replace(['/', ':'], "."));
    world.place.write(&format!("{tree}/file"), names.concat());
    let folder = world.place.join(&tree);
    let layer = output(Command::new("tar").arg("-C").arg(&folder).args(["-c", "file"]), b"");
    let id = direct.run_with(&["import", "-", names[0]], &layer).ok();
    for name in &names[1..] {
        direct.run(&["tag", names[0], name]).ok();
    }
    let bytes = direct.run(&[&["save"], names].concat());
    bytes.ok();
    direct.run(&[&["rmi"], names].concat()).ok();
    Saved { bytes: bytes.stdout, id }
}

fn output(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let out = Output::of(command, input);
    out.ok();
    out.stdout
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    output(Command::new("gzip").arg("-c"), bytes)
}

/// The archive with one more entry at its end: its own manifest, with another name for the image.
fn with_another_name(world: &World, archive: &[u8], entry: &str, names: [&str; 2]) -> Vec<u8> {
    let manifest = output(Command::new("tar").args(["-xO", "manifest.json"]), archive);
    let manifest = String::from_utf8(manifest).expect("JSON").replace(names[0], names[1]);
    assert!(manifest.contains(names[1]), "{manifest}");
    world.place.write("evil/manifest.json", manifest);
    let path = world.place.write("evil.tar", archive);
    output(Command::new("tar").arg("-C").arg(world.place.join("evil")).arg("-rf").arg(&path).arg(entry), b"");
    std::fs::read(path).expect("an archive")
}

/// Images by name and id.
fn images(docker: &Docker) -> Vec<String> {
    let all = docker.run(&["images", "-a", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]).ok();
    let mut all: Vec<_> = all.lines().map(str::to_owned).collect();
    all.sort();
    all
}

#[test]
fn names_in_an_archive_are_decided_on_and_what_is_refused_leaves_nothing() {
    let world = World::setup().user("lara", &[LOADERS]).user("mia", &[]).policy("loads", POLICY).start();
    let (direct, lara) = (world.direct(), world.docker("lara"));
    let own = saved(&world, &["team/app:1"]);
    let foreign = saved(&world, &["trusted:1"]);
    let both = saved(&world, &["team/both:1", "trusted:2"]);
    let evil = |entry| with_another_name(&world, &own.bytes, entry, ["team/app:1", "trusted:1"]);
    let (twice, aside) = (evil("manifest.json"), evil("./manifest.json"));
    let before = images(&direct);

    for (archive, name) in
        [(&foreign.bytes, "trusted:1"), (&both.bytes, "trusted:2"), (&packed(&foreign.bytes), "trusted:1")]
    {
        lara.run_with(&["load"], archive).fails_saying(&["no policy permits", "image.load", name]);
        assert_eq!(images(&direct), before);
    }
    for (archive, why) in [
        (&twice, "manifest.json is in it twice"),
        (&packed(&twice), "manifest.json is in it twice"),
        (&aside, "the one short way"),
        (&[b"\xfd7zXZ\0", &own.bytes[..]].concat(), "xz -dc < FILE | docker load"),
        (&[b"BZh9", &own.bytes[..]].concat(), "bzip2 -dc < FILE | docker load"),
        (&own.bytes[..own.bytes.len() / 2].to_vec(), "stops before its end"),
    ] {
        lara.run_with(&["load"], archive).fails_saying(&[why]);
        assert_eq!(images(&direct), before, "{why}");
    }
    for image in [&own, &foreign, &both] {
        assert_ne!(direct.run(&["image", "inspect", &image.id]).code, 0, "{}", image.id);
    }

    // Who may load nothing is refused before the engine hears of it.
    let (_, calls) = world.engine.calls_during(|| {
        world.docker("mia").run_with(&["load"], &own.bytes).fails_saying(&["no policy permits"]);
    });
    assert!(!calls.iter().any(|call| call.contains("/images/load")), "{calls:?}");

    for archive in [own.bytes.clone(), packed(&own.bytes)] {
        assert_eq!(lara.run_with(&["load"], &archive).ok(), "Loaded image: team/app:1");
        assert_eq!(direct.run(&["images", "-q", "--no-trunc", "team/app:1"]).ok(), own.id);
        direct.run(&["rmi", "team/app:1"]).ok();
    }
    // What the engine itself makes of the evil ones.
    for archive in [&twice, &aside] {
        assert_eq!(direct.run_with(&["load"], archive).ok(), "Loaded image: trusted:1");
        direct.run(&["rmi", "trusted:1"]).ok();
    }

    let denied = world.events("decision=denied&action=image.load", 4);
    assert_eq!(denied.len(), 4);
    let facts = denied.iter().find(|event| event["facts"]["target"] == "docker.io/library/trusted:2").expect("told");
    assert_eq!(facts["facts"]["tags"].as_array().map(Vec::len), Some(2), "{facts}");
    assert_eq!(world.events("decision=allowed&action=image.load", 2).len(), 2);
    assert_eq!(world.events("decision=invalid&action=image.load", 6).len(), 6);
}

#[test]
fn what_clients_save_is_loaded() {
    let world = World::setup()
        .user("lara", &[LOADERS])
        .policy("loads", POLICY)
        .policy(
            "names",
            r#"permit (principal in Group::"t-loaders", action == Docker::Action::"image.load", resource);"#,
        )
        .start();
    let (direct, lara) = (world.direct(), world.docker("lara"));
    // Layers that are shared become links in the archives of older engines.
    world.place.write("context/Dockerfile", "FROM app\nLABEL a=b\n");
    let context = world.place.join("context");
    direct.with_env("DOCKER_BUILDKIT", "0").run(&["build", "-t", "team/second", context.to_str().expect("path")]).ok();
    let direct = world.direct();
    let archive = direct.run(&["save", "app", "rootapp", "team/second"]).stdout;
    let loaded = lara.run_with(&["load"], &archive).ok();
    for name in ["app:latest", "rootapp:latest", "team/second:latest"] {
        assert!(loaded.contains(name), "{loaded}");
    }
    // Without a name.
    let id = direct.run(&["images", "-q", "--no-trunc", "app"]).ok();
    let archive = direct.run(&["save", &id]).stdout;
    assert!(lara.run_with(&["load"], &archive).ok().contains(&id));
}

/// Processes in which the engine unpacks archives.
fn unpacking(world: &World) -> usize {
    let children = format!("\nPPid:\t{}\n", world.engine.pid());
    let processes = fs::read_dir("/proc").expect("proc").flatten().map(|process| process.path());
    let unpacks = |process: &std::path::PathBuf| {
        let read = |file| fs::read_to_string(process.join(file)).unwrap_or_default();
        read("status").contains(&children) && read("cmdline").starts_with("docker-untar")
    };
    processes.filter(unpacks).count()
}

#[test]
fn loads_that_never_end_are_few_and_keep_others_from_nothing() {
    let world = World::setup().user("lara", &[LOADERS]).user("mia", &[LOADERS]).policy("loads", POLICY).start();
    let (lara, mia) = (world.docker("lara"), world.docker("mia"));
    let own = saved(&world, &["team/app:1"]).bytes;
    let (first, rest) = own.split_at(own.len() / 2);
    let begin = |docker: &Docker| {
        let mut command = docker.command(&["load"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("docker");
        child.stdin.as_mut().expect("piped").write_all(first).expect("taken");
        child
    };
    let mut open: Vec<Child> = (0..8).map(|_| begin(&lara)).collect();
    let all_are_unpacked = || eventually("the engine unpacks them", SETTLE, || (unpacking(&world) == 8).then_some(()));
    all_are_unpacked();
    lara.run_with(&["load"], &own).fails_saying(&["has 8 image archives on their way", "limits.loads_per_user"]);
    all_are_unpacked();
    mia.run_with(&["load"], &own).ok();

    let mut last = open.pop().expect("some");
    last.stdin.take().expect("piped").write_all(rest).expect("taken");
    assert!(last.wait().expect("ends").success());
    lara.run_with(&["load"], &own).ok();
    for mut child in open {
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    eventually("nothing is left", SETTLE, || (unpacking(&world) == 0).then_some(()));
}
