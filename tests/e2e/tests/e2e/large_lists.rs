//! Whoever may build can make the engine's lists very large. They are for everybody all the same.

use wharden_harness::{Docker, World};

/// What others made is not there.
const OWN_ONLY: &str = r#"
@id("others") @reason("this is somebody else's, or nobody's") @hide
forbid (principal in Group::"makers", action, resource)
when { resource is Docker::Image || resource is Docker::Container }
unless { resource has owner && resource.owner == principal };
"#;

const LARGE: usize = 20;

/// A file that labels an image with more than half a mebibyte.
fn labelled(name: &str) -> String {
    let label = |n: usize| format!("l{n}=\"{}\"", "x".repeat(5_900));
    let labels: Vec<_> =
        (0..9).map(|line| (0..10).map(|n| label(10 * line + n)).collect::<Vec<_>>().join(" ")).collect();
    format!("FROM app\nENV NAME={name}\nLABEL {}\n", labels.join(" \\\n"))
}

fn lines(docker: &Docker, args: &[&str]) -> Vec<String> {
    let mut lines: Vec<_> = docker.run(args).ok().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn things_with_very_large_labels_keep_nobody_from_the_lists_that_they_are_in() {
    let groups = &["launchers", "builders", "makers"];
    let world =
        World::setup().user("mallory", groups).user("bob", groups).packs(&["roles"]).policy("own", OWN_ONLY).start();
    let kit = |user: &str| world.docker(user).with_env("DOCKER_BUILDKIT", "1");
    let (mallory, bob) = (kit("mallory"), kit("bob"));
    for n in 0..LARGE {
        let name = format!("large{n:02}");
        mallory.run_with(&["build", "-q", "-t", &name, "-"], labelled(&name).as_bytes()).ok();
        mallory.run(&["create", "--name", &name, &name, "true"]).ok();
    }
    bob.run_with(&["build", "-q", "-t", "bobs", "-"], b"FROM app\nENV NAME=bobs\n").ok();
    bob.run(&["create", "--name", "bobs", "bobs", "true"]).ok();
    let raw = world.agent.python("mallory").run("print(len(client.api._get(client.api._url('/images/json')).content))");
    assert!(raw.ok().parse::<usize>().expect("a number") > LARGE << 19, "{raw:?}");

    for program in Docker::programs() {
        let seen_by = |docker: &Docker| {
            let docker = docker.clone().with_program(&program);
            let images = lines(&docker, &["images", "--format", "{{.Repository}}"]);
            assert_eq!(lines(&docker, &["ps", "-a", "--format", "{{.Names}}"]), images);
            let usage = docker.run(&["system", "df", "-v"]).ok();
            let rows = |name: &str| usage.lines().filter(|line| line.contains(name)).count();
            (images.len(), rows("bobs"), rows("large"))
        };
        assert_eq!(seen_by(&bob), (1, 2, 0));
        assert_eq!(seen_by(&mallory), (LARGE, 0, 2 * LARGE));
    }
    let script = "print(sorted(tag for image in client.images.list() for tag in image.tags))\n\
                  print(sorted(container.name for container in client.containers.list(all=True)))";
    assert_eq!(world.agent.python("bob").run(script).ok(), "['bobs:latest']\n['bobs']");
    assert_eq!(world.agent.python("mallory").run(script).ok().matches("large").count(), 2 * LARGE);
}
