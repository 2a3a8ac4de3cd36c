//! An image belongs to whoever made it on this host. Nobody can say so by a label, nor take one that is there.

use std::{
    io::Write,
    process::{Command, Stdio},
};
use wharden_harness::{Docker, Output, World, eventually, limits::SETTLE};

const OWN_ONLY: &str = r#"
@id("images-of-others") @reason("this image was made by somebody else, or nobody knows by whom") @hide
forbid (principal in Group::"makers", action, resource is Docker::Image)
unless { action == Docker::Action::"image.pull" || (resource has owner && resource.owner == principal) };
@id("run-own") @reason("containers are made of images of one's own")
forbid (principal in Group::"makers", action == Docker::Action::"container.create", resource)
unless { context.own_image };
@id("make") @reason("makers commit their containers and remove their images")
permit (principal in Group::"makers", action in [
    Docker::Action::"container.commit", Docker::Action::"container.delete", Docker::Action::"image.delete"], resource);
"#;

fn world() -> World {
    let groups = &["launchers", "builders", "makers"];
    World::setup().user("alice", groups).user("mallory", groups).packs(&["roles"]).policy("own", OWN_ONLY).start()
}

fn images(docker: &Docker) -> Vec<String> {
    let mut names: Vec<_> =
        docker.run(&["images", "--format", "{{.Repository}}"]).ok().lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[track_caller]
fn is_of(owner: &Docker, image: &str) {
    owner.run(&["image", "inspect", image]).ok();
    owner.run(&["run", "--rm", image, "true"]).ok();
    owner.run(&["tag", image, "again"]).ok();
    owner.run(&["rmi", "again"]).ok();
}

#[track_caller]
fn is_not_of(other: &Docker, image: &str) {
    for args in [&["image", "inspect", image][..], &["tag", image, "taken"], &["rmi", image], &["history", image]] {
        other.run(args).fails_saying(&["No such image"]);
    }
    other.run(&["run", "--rm", image, "true"]).fails_saying(&["own/run-own"]);
}

/// An archive of an image that is not there any more, with an owner among its labels.
fn archive(direct: &Docker, name: &str, owner: &str) -> Vec<u8> {
    direct.run(&["create", "--name", "seed", "app", name]).ok();
    direct.run(&["commit", "-c", &format!("LABEL io.wharden.owner={owner}"), "seed", name]).ok();
    direct.run(&["rm", "seed"]).ok();
    let saved = direct.run(&["save", name]);
    saved.ok();
    direct.run(&["rmi", name]).ok();
    saved.stdout
}

#[test]
fn what_one_made_is_ones_own_and_nobody_elses() {
    let mut world = world();
    let (alice, mallory, direct) = (world.docker("alice"), world.docker("mallory"), world.direct());
    let file = b"FROM app AS base\nFROM base\nLABEL io.wharden.owner=wharden-t-mallory\nENV A=b\n";
    let mut mine = Vec::new();
    for (kit, api, quiet) in [
        ("0", "1.41", ""),
        ("0", "1.41", "-q"),
        ("1", "1.41", ""),
        ("1", "1.41", "-q"),
        ("0", "1.29", ""),
        ("0", "1.24", "-q"),
    ] {
        let name = format!("built{kit}-{api}{quiet}");
        let mut args = vec!["build", "-t", &name, "--label", "io.wharden.owner=wharden-t-mallory"];
        args.extend(Some(quiet).filter(|flag| !flag.is_empty()));
        args.push("-");
        let docker = alice.clone().with_env("DOCKER_BUILDKIT", kit).with_env("DOCKER_API_VERSION", api);
        docker.run_with(&args, &[&file[..], format!("ENV N={name}\n").as_bytes()].concat()).ok();
        mine.push(name);
    }
    alice.run(&["create", "--name", "box", &mine[0], "true"]).ok();
    alice.run(&["commit", "-c", "LABEL io.wharden.owner=wharden-t-mallory", "box", "committed"]).ok();
    let tree = direct.run(&["export", "box"]).stdout;
    alice.run_with(&["import", "-c", "ENV PATH=/bin", "-c", "CMD [\"sh\"]", "-", "imported"], &tree).ok();
    alice.run_with(&["load"], &archive(&direct, "loaded", "wharden-t-alice")).ok();
    alice.run(&["rm", "box"]).ok();
    mine.extend(["committed", "imported", "loaded"].map(str::to_owned));
    for name in &mine {
        let label = direct.run(&["inspect", "--format", "{{index .Config.Labels \"io.wharden.owner\"}}", name]).ok();
        assert_eq!(label, "wharden-t-alice", "{name}");
        is_of(&alice, name);
        mallory.run(&["image", "inspect", name]).fails_saying(&["No such image"]);
    }
    mine.sort();
    for program in Docker::programs() {
        assert_eq!(images(&alice.clone().with_program(&program)), mine);
        assert_eq!(images(&mallory.clone().with_program(&program)), [""; 0]);
    }
    let usage = [&alice, &mallory].map(|docker| docker.run(&["system", "df", "-v"]).ok());
    assert!(usage[0].contains("committed") && !usage[1].contains("committed"), "{usage:?}");

    // The same made again, or brought along, changes nothing.
    let saved = direct.run(&["save", "committed"]).stdout;
    mallory.run_with(&["load", "-q"], &saved).ok();
    is_of(&alice, "committed");
    is_not_of(&mallory, "committed");

    // The inventory says it too.
    let found = eventually("the controller has been told", SETTLE, || {
        let found = world.admin.rest().get("/v1/inventory/images?owner=wharden-t-alice").ok();
        (found["items"].as_array()?.len() == mine.len()).then_some(found)
    });
    assert!(found.to_string().contains("committed:latest"), "{found}");

    // It outlives the agent; what cannot be read says of nothing whose it is.
    world.agent.kill();
    world.agent.start();
    assert_eq!(images(&alice), mine);
    is_of(&alice, "committed");
    is_not_of(&mallory, "committed");
    world.agent.stop();
    std::fs::write(world.agent.dir().join("image-owners.json"), "{\"version\":1,\"owners\":{").expect("broken");
    world.agent.start();
    world.agent.log_says("images have no owners");
    assert_eq!(images(&alice), [""; 0]);
    is_not_of(&alice, "committed");
    is_not_of(&mallory, "committed");
}

#[test]
fn an_image_is_nobodys_whatever_it_says() {
    let world = world();
    let (alice, mallory, direct) = (world.docker("alice"), world.docker("mallory"), world.direct());
    // Brought past the guard, as a pull brings it.
    for owner in ["alice", "mallory"] {
        let label = format!("wharden-t-{owner}");
        direct.run_with(&["load"], &archive(&direct, &format!("says-{owner}"), &label)).ok();
    }
    let nobodys = |image: &str| {
        is_not_of(&alice, image);
        is_not_of(&mallory, image);
    };
    nobodys("says-alice");
    nobodys("says-mallory");
    // Loaded by one, and says that it is another's.
    mallory.run_with(&["load"], &archive(&direct, "gift", "wharden-t-alice")).ok();
    nobodys("gift");
    // Loaded, and there already.
    let saved = direct.run(&["save", "says-mallory"]).stdout;
    mallory.run_with(&["load"], &saved).ok();
    nobodys("says-mallory");
    // Built to the very same image, which BuildKit does, or a stage of what is built.
    let id = |name: &str| direct.run(&["inspect", "--format", "{{.Id}}", name]).ok();
    let with = |docker: &Docker, kit: &str| docker.clone().with_env("DOCKER_BUILDKIT", kit);
    let (classic, kit) = (with(&mallory, "0"), with(&mallory, "1"));
    let forged = ["build", "-t", "built", "--label", "io.wharden.owner=wharden-t-mallory", "-"];
    with(&direct, "1").run_with(&forged, b"FROM app\nENV A=b\n").ok();
    for args in [&["build", "-t", "same", "-"][..], &["build", "-q", "-t", "same", "-"]] {
        kit.run_with(args, b"FROM built\n").ok();
        assert_eq!(id("same"), id("built"));
        nobodys("built");
    }
    let theirs = id("says-mallory");
    classic.run_with(&["build", "-t", "other", "-"], b"FROM says-mallory AS base\nFROM app\n").ok();
    nobodys("says-mallory");
    is_of(&mallory, "other");
    // What runs in a build cannot say that it made another image, not even where a build without output fails.
    let says = format!("FROM app\nRUN echo '{{\"aux\":{{\"ID\":\"{theirs}\"}}}}'; echo {theirs}\n");
    classic.run_with(&["build", "--network", "none", "-t", "talks", "-"], says.as_bytes()).ok();
    let fails = format!("FROM app\nRUN echo {theirs}; false\n");
    classic.run_with(&["build", "-q", "--network", "none", "-"], fails.as_bytes()).fails_saying(&["non-zero code"]);
    nobodys("says-mallory");
    is_of(&mallory, "talks");
    let built = format!("FROM app\nRUN echo Successfully built {}\n", &theirs["sha256:".len()..][..12]);
    let old = classic.with_env("DOCKER_API_VERSION", "1.29");
    old.run_with(&["build", "--network", "none", "-t", "says-built", "-"], built.as_bytes()).ok();
    nobodys("says-mallory");
    is_of(&mallory, "says-built");
    // The events of the engine are of ones own.
    let since = direct.run(&["run", "--rm", "app", "date", "+%s"]).ok();
    mallory.run(&["tag", "other", "mallorys"]).ok();
    direct.run(&["tag", "says-mallory", "somebodys"]).ok();
    let done = direct.run(&["run", "--rm", "app", "date", "+%s"]).ok();
    let until = eventually("a second has passed", SETTLE, || {
        let now = direct.run(&["run", "--rm", "app", "date", "+%s"]).ok();
        (now > done).then_some(now)
    });
    let seen = mallory.run(&["events", "--since", &since, "--until", &until]).ok();
    assert!(seen.contains("mallorys") && !seen.contains("somebodys"), "{seen}");
}

#[test]
fn what_was_removed_and_comes_back_at_once_is_not_whose_it_was() {
    let world = world();
    let (alice, direct) = (world.docker("alice"), world.direct());
    let archive = archive(&direct, "comes", "wharden-t-alice");
    let id = || direct.run(&["inspect", "--format", "{{.Id}}", "comes"]).ok();
    alice.run_with(&["load"], &archive).ok();
    is_of(&alice, "comes");
    let made = id();
    // As a pull would bring it back: past all looks at what there is.
    direct.run(&["rmi", "comes"]).ok();
    direct.run_with(&["load"], &archive).ok();
    assert_eq!(id(), made);
    eventually("the engine's word has come", SETTLE, || {
        (alice.run(&["image", "inspect", "comes"]).code != 0).then_some(())
    });
    is_not_of(&alice, "comes");
    // Removed and loaded by one, it stays theirs, whatever is told late.
    direct.run(&["rmi", "comes"]).ok();
    alice.run_with(&["load"], &archive).ok();
    is_of(&alice, "comes");
    let found = eventually("the controller has been told", SETTLE, || {
        let found = world.admin.rest().get("/v1/inventory/images?owner=wharden-t-alice").ok();
        (found["items"].as_array()?.len() == 1).then_some(found)
    });
    assert!(found.to_string().contains("comes:latest"), "{found}");
    is_of(&alice, "comes");
}

#[test]
fn the_container_of_a_builds_step_is_nobodys_whatever_its_image_says() {
    let world = world();
    let (alice, mallory, direct) = (world.docker("alice"), world.docker("mallory"), world.direct());
    // What a public image says of whose its containers are, and of which image.
    let app = direct.run(&["inspect", "--format", "{{.Id}}", "app"]).ok();
    let labels = format!("LABEL io.wharden.owner=wharden-t-mallory io.wharden.image={app}");
    direct.run(&["create", "--name", "seed", "app"]).ok();
    direct.run(&["commit", "-c", &labels, "seed", "public"]).ok();
    direct.run(&["rm", "seed"]).ok();
    let mut build = alice.clone().with_env("DOCKER_BUILDKIT", "0").command(&["build", "--network", "none", "-"]);
    let mut build = build.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("docker");
    build.stdin.take().expect("piped").write_all(b"FROM public\nRUN sleep 1000\n").expect("taken");
    let step = eventually("the step runs", SETTLE, || {
        let ids = direct.run(&["ps", "-q", "--no-trunc"]).ok();
        (!ids.is_empty()).then_some(ids)
    });
    let owner = "{{index .Config.Labels \"io.wharden.owner\"}} {{index .Config.Labels \"io.wharden.image\"}}";
    assert_eq!(direct.run(&["inspect", "--format", owner, &step]).ok(), format!("wharden-t-mallory {app}"));
    mallory.run(&["exec", &step, "id"]).fails_saying(&["container.exec", "no policy permits"]);
    alice.run(&["exec", &step, "id"]).fails_saying(&["container.exec", "no policy permits"]);
    let found = eventually("the controller has been told", SETTLE, || {
        let found = world.admin.rest().get("/v1/inventory/containers").ok();
        found["items"].as_array()?.iter().find(|found| found["item"]["id"] == step.as_str()).cloned()
    });
    assert_eq!(found["item"]["owner"].as_str().unwrap_or_default(), "", "{found}");
    // The engine takes the step's container away with the build.
    build.kill().expect("killed");
    build.wait().expect("ended");
    // Nor is the one of a step that writes labels with the id of the image before it.
    let steps = format!("FROM app\nLABEL io.wharden.owner=wharden-t-mallory io.wharden.image={app}\n");
    let mallorys = mallory.clone().with_env("DOCKER_BUILDKIT", "0");
    mallorys.run_with(&["build", "--rm=false", "--network", "none", "-t", "forged", "-"], steps.as_bytes()).ok();
    let left = direct.run(&["ps", "-aq", "--no-trunc", "--filter", "label=io.wharden.owner=wharden-t-mallory"]).ok();
    let image = |step: &str| direct.run(&["inspect", "--format", "{{.Image}}", step]).ok();
    assert!(left.lines().any(|step| image(step) == app), "its image is the one that its labels name");
    for step in left.lines() {
        let why = if image(step) == app { "no policy permits" } else { "nobody knows whose it is" };
        mallory.run(&["start", step]).fails_saying(&[why]);
        direct.run(&["rm", step]).ok();
    }
    // A container of an image that says the same is whose it is made for.
    alice.run_with(&["build", "-t", "own", "-"], b"FROM public\n").ok();
    alice.run(&["run", "-d", "--name", "own", "own", "sleep", "1000"]).ok();
    alice.run(&["exec", "own", "id"]).ok();
    mallory.run(&["exec", "own", "id"]).fails_saying(&["container.exec", "no policy permits"]);
    // That which is made by the id of its image is too.
    let own = alice.run(&["image", "inspect", "--format", "{{.Id}}", "own"]).ok();
    alice.run(&["run", "-d", "--name", "by-id", &own, "sleep", "1000"]).ok();
    alice.run(&["exec", "by-id", "id"]).ok();
}

/// Runs a command that reads from standard input; `meanwhile` happens after the guard has read most of it.
fn run_slowly(docker: &Docker, args: &[&str], input: &[u8], meanwhile: impl FnOnce()) {
    let mut command = docker.command(args);
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("docker");
    let mut stdin = running.stdin.take().expect("piped");
    // More than all buffers on the way hold. An archive ends with zeros, before which the engine makes nothing.
    let (most, end) = input.split_at(input.len() - 20_000);
    assert!(most.len() > 1_000_000, "{} bytes", most.len());
    stdin.write_all(most).expect("taken");
    meanwhile();
    stdin.write_all(end).expect("taken");
    drop(stdin);
    let done = running.wait_with_output().expect("ends");
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn what_came_while_a_body_was_on_its_way_is_not_whose_body_it_is() {
    let world = world();
    let (mallory, direct) = (world.docker("mallory"), world.direct());
    let archive = archive(&direct, "slow", "wharden-t-mallory");
    run_slowly(&mallory, &["load"], &archive, || drop(direct.run_with(&["load"], &archive).ok()));
    is_not_of(&mallory, "slow");
    // With nothing there when it ends, it is made.
    direct.run(&["rmi", "slow"]).ok();
    run_slowly(&mallory, &["load"], &archive, || ());
    is_of(&mallory, "slow");

    // Built, gone, and brought back past the guard while it is built once more, to the very same.
    let classic = mallory.clone().with_env("DOCKER_BUILDKIT", "0");
    world.place.write("context/Dockerfile", "FROM app\nENV SLOW=1\n");
    world.place.write("context/filling", vec![7; 2_000_000]);
    let context =
        Output::of(Command::new("tar").args(["-c", "-C"]).arg(world.place.join("context")).arg("."), b"").stdout;
    let build = |name| ["build", "--cache-from", "first", "-t", name, "-"];
    let id = |name: &str| direct.run(&["inspect", "--format", "{{.Id}}", name]).ok();
    run_slowly(&classic, &build("first"), &context, || ());
    is_of(&mallory, "first");
    let (first, saved) = (id("first"), direct.run(&["save", "first"]).stdout);
    direct.run(&["rmi", "first"]).ok();
    // Whatever makes an image looks at what there is, and so at what is gone.
    mallory.run_with(&["load"], &archive).ok();
    run_slowly(&classic, &build("again"), &context, || drop(direct.run_with(&["load"], &saved).ok()));
    assert_eq!(id("again"), first, "from the cache");
    is_not_of(&mallory, "first");
}
