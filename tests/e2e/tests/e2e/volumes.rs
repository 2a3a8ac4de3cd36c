//! Volumes that come along with a container are its maker's, and end as they end without the guard.

use std::collections::BTreeSet;
use wharden_harness::{Docker, World};

fn world(packs: &[&str]) -> World {
    let world = World::setup()
        .user("alice", &["launchers", "cleaners"])
        .user("bob", &["launchers"])
        .packs(packs)
        .policy(
            "cleaners",
            r#"
@id("clean") @reason("cleaners remove what they made")
permit (principal in Group::"cleaners", action in [
    Docker::Action::"container.delete", Docker::Action::"volume.delete", Docker::Action::"volume.prune"], resource);
"#,
        )
        .start();
    // An image with a place for a volume, and something in it.
    let direct = world.direct();
    direct.run(&["run", "--name", "seed", "-u", "0", "app", "sh", "-c", "mkdir /data; echo seed > /data/file"]).ok();
    direct.run(&["commit", "-c", "USER 65534", "-c", "VOLUME /data", "seed", "keeper"]).ok();
    direct.run(&["rm", "seed"]).ok();
    world
}

fn volumes(docker: &Docker) -> BTreeSet<String> {
    docker.run(&["volume", "ls", "-q"]).ok().lines().map(str::to_owned).collect()
}

#[test]
fn volumes_without_a_name_are_their_makers_and_end_with_the_container() {
    let world = world(&["roles", "baseline", "teams"]);
    let (alice, bob, direct) = (world.docker("alice"), world.docker("bob"), world.direct());
    // One of the image, one of the command line; content of the image is copied as ever.
    alice.run(&["run", "-d", "--name", "box", "-v", "/own", "keeper", "sleep", "1000"]).ok();
    assert_eq!(alice.run(&["exec", "box", "cat", "/data/file"]).ok(), "seed");
    let mine = volumes(&alice);
    assert_eq!(mine.len(), 2, "{mine:?}");
    assert_eq!(volumes(&bob), BTreeSet::new());
    let places =
        direct.run(&["inspect", "--format", "{{range .Mounts}}{{.Type}} {{.Destination}} {{end}}", "box"]).ok();
    let places: BTreeSet<_> = places.split_whitespace().collect();
    assert_eq!(places, BTreeSet::from(["volume", "/data", "/own"]));
    for volume in &mine {
        let labels = direct.run(&["volume", "inspect", "--format", "{{json .Labels}}", volume]).ok();
        assert!(labels.contains(r#""io.wharden.owner":"wharden-t-alice""#), "{labels}");
        bob.run(&["volume", "inspect", volume]).fails_saying(&["No such volume"]);
    }
    // A name keeps its volume when the container goes with those that have none.
    alice.run(&["create", "--name", "named", "-v", "kept:/kept", "-v", "/gone", "keeper"]).ok();
    alice.run(&["rm", "-f", "-v", "box", "named"]).ok();
    assert_eq!(volumes(&direct), BTreeSet::from(["kept".to_owned()]));
    // With --rm too.
    assert_eq!(alice.run(&["run", "--rm", "-v", "/own", "keeper", "cat", "/data/file"]).ok(), "seed");
    assert_eq!(volumes(&direct), BTreeSet::from(["kept".to_owned()]));
    // Without -v they stay, and a prune takes them, with those of everybody.
    alice.run(&["create", "--name", "left", "keeper"]).ok();
    alice.run(&["rm", "left"]).ok();
    assert_eq!(volumes(&alice).len(), 2);
    alice.run(&["volume", "prune", "-f"]).fails_saying(&["teams/no-prunes"]);
    direct.run(&["volume", "prune", "-f"]).ok();
    assert_eq!(volumes(&direct), BTreeSet::new());
}

#[test]
fn what_is_mounted_at_a_place_of_the_image_is_what_the_engine_alone_would_mount() {
    // Without the baseline, which forbids to borrow the mounts of another container.
    let world = world(&["roles", "teams"]);
    let (alice, direct) = (world.docker("alice"), world.direct());
    alice.run(&["create", "--name", "first", "-v", "mine:/data", "keeper"]).ok();
    let at = |name: &str| {
        let form = "{{range .Mounts}}{{if eq .Destination \"/data\"}}{{.Name}}{{.Type}}{{end}}{{end}}";
        direct.run(&["inspect", "--format", form, name]).ok()
    };
    assert_eq!(at("first"), "minevolume");
    alice.run(&["create", "--name", "second", "--volumes-from", "first", "keeper"]).ok();
    assert_eq!(at("second"), "minevolume");
    alice.run(&["create", "--name", "third", "--mount", "type=tmpfs,target=/data", "keeper"]).ok();
    assert_eq!(at("third"), "tmpfs");
    assert_eq!(volumes(&direct), BTreeSet::from(["mine".to_owned()]));
    // Clients of the oldest version say it by binds.
    let old = alice.clone().with_env("DOCKER_API_VERSION", "1.24");
    old.run(&["create", "--name", "old", "-v", "oldest:/o", "-v", "/p", "keeper"]).ok();
    assert_eq!(volumes(&alice).len(), 4, "{:?}", volumes(&alice));
    assert_eq!(volumes(&alice), volumes(&direct));
}
