//! Several teams on one host: each sees and reaches what is its own.

use wharden_harness::{Docker, World, eventually, limits::SETTLE};

fn names(docker: &Docker, args: &[&str]) -> Vec<String> {
    let mut names: Vec<_> = docker.run(args).ok().lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn what_one_team_made_is_not_there_for_the_other() {
    let world = World::setup()
        .user("alice", &["launchers", "makers"])
        .user("bob", &["launchers", "makers"])
        .user("olga", &["operators"])
        .packs(&["roles", "baseline", "teams"])
        .policy(
            "makers",
            r#"
@id("make") @reason("makers make volumes and networks, and drop their own")
permit (principal in Group::"makers", action in [
    Docker::Action::"volume.create", Docker::Action::"network.create", Docker::Action::"volume.delete"], resource);
"#,
        )
        .start();
    let (alice, bob, olga, direct) = (world.docker("alice"), world.docker("bob"), world.docker("olga"), world.direct());
    direct.run(&["create", "--name", "older", "app"]).ok();
    direct.run(&["volume", "create", "unowned"]).ok();
    for (docker, who) in [(&alice, "alice"), (&bob, "bob")] {
        docker.run(&["volume", "create", &format!("{who}-vol")]).ok();
        docker.run(&["network", "create", &format!("{who}-net")]).ok();
        let implicit = format!("{who}-data:/data:ro");
        let name = format!("{who}-box");
        docker.run(&["run", "-d", "--name", &name, "-v", &implicit, "app", "sleep", "1000"]).ok();
    }
    for program in Docker::programs() {
        let alice = world.docker("alice").with_program(&program);
        let containers = ["ps", "-a", "--format", "{{.Names}}"];
        assert_eq!(names(&alice, &containers), ["alice-box", "older"]);
        assert_eq!(names(&olga.clone().with_program(&program), &containers), ["alice-box", "bob-box", "older"]);
        assert_eq!(names(&alice, &["volume", "ls", "-q"]), ["alice-data", "alice-vol"]);
        let networks = names(&alice, &["network", "ls", "--format", "{{.Name}}"]);
        assert!(networks.contains(&"alice-net".to_owned()) && !networks.contains(&"bob-net".to_owned()));
        let usage = alice.run(&["system", "df", "-v"]).ok();
        assert!(usage.contains("alice-box") && usage.contains("alice-data"), "{usage}");
        assert!(!usage.contains("bob-"), "{usage}");
        assert!(names(&alice, &["images", "--format", "{{.Repository}}"]).contains(&"app".to_owned()));
    }
    let out = world.agent.python("alice").run(
        "print(sorted(c.name for c in client.containers.list(all=True)), sorted(v.name for v in client.volumes.list()))",
    );
    assert_eq!(out.ok(), "['alice-box', 'older'] ['alice-data', 'alice-vol']");

    // By name, it is not there, in the words for what is not there.
    for (what, args) in [
        ("No such container: bob-box", &["inspect", "--type", "container", "bob-box"][..]),
        ("No such container: bob-box", &["logs", "bob-box"]),
        ("No such container: bob-box", &["exec", "bob-box", "id"]),
        ("No such container: bob-box", &["stop", "bob-box"]),
        ("no such container bob-box", &["ps", "-a", "--filter", "since=bob-box"]),
        ("no such container bob-box", &["ps", "-a", "--filter", "before=bob-box"]),
        ("no such volume", &["volume", "inspect", "bob-vol"]),
        ("no such volume", &["volume", "rm", "bob-vol"]),
        ("no such volume", &["volume", "inspect", "unowned"]),
        ("No such network: bob-net", &["network", "inspect", "bob-net"]),
    ] {
        let hidden = alice.run(args).fails_saying(&[]);
        assert!(hidden.to_lowercase().contains(&what.to_lowercase()), "{args:?}: {hidden}");
        let asked: Vec<_> = args.iter().map(|arg| arg.replace("bob", "nix").replace("unowned", "nothing")).collect();
        let missing = alice.run(&asked.iter().map(String::as_str).collect::<Vec<_>>()).fails_saying(&[]);
        assert_eq!(hidden.replace("bob", "nix").replace("unowned", "nothing"), missing, "{args:?}");
    }
    let id = direct.run(&["inspect", "--format", "{{.Id}}", "bob-box"]).ok();
    alice.run(&["inspect", "--type", "container", &id[..12]]).fails_saying(&["No such container"]);
    olga.run(&["inspect", "bob-box"]).ok();
    let prefixed = format!("container:{}", &id[..6]);
    alice.run(&["create", "--pid", &prefixed, "app"]).fails_saying(&["No such container", &id[..6]]);
    // How many of others there are is not to be told from where a list is cut.
    assert_eq!(names(&alice, &["ps", "-n", "1", "--format", "{{.Names}}"]), ["alice-box"], "bob's is newer");
    let after = ["ps", "-a", "--filter", "since=older", "--format", "{{.Names}}"];
    assert_eq!(names(&alice, &after), ["alice-box"], "from what is there on");
    // Admins see that it was tried.
    let events = world.events("user=wharden-t-alice&action=container.inspect&decision=denied", 1);
    assert_eq!(events[0]["decision"]["rules"][0]["id"], "teams/containers-of-others", "{events:#?}");

    // Not by way of a container of one's own either.
    for (rule, args) in [
        ("baseline/no-volumes-of-others", &["run", "-v", "bob-data:/d", "app", "true"][..]),
        ("baseline/no-volumes-of-others", &["run", "-v", "unowned:/d", "app", "true"]),
        ("baseline/no-volumes-of-others", &["run", "--mount", "type=volume,source=bob-vol,target=/d", "app", "true"]),
        // As of what is not there.
        ("network bob-net not found", &["run", "--network", "bob-net", "app", "true"]),
        ("network no-net not found", &["run", "--network", "no-net", "app", "true"]),
        ("No such container: bob-box", &["create", "--pid", "container:bob-box", "app"]),
        ("No such container: no-box", &["create", "--volumes-from", "no-box", "app"]),
        ("No such container: bob-box", &["create", "--link", "bob-box", "app"]),
        ("teams/volumes-of-others", &["volume", "create", "bob-vol"]),
    ] {
        alice.run(args).fails_saying(&[rule]);
    }
    alice.run(&["run", "-v", "alice-data:/d", "--network", "alice-net", "app", "true"]).ok();

    // A network of nobody's names only one's own, whatever the client asks in.
    direct.run(&["network", "create", "commons"]).ok();
    for (docker, name) in [(&alice, "alice-two"), (&bob, "bob-two")] {
        docker.run(&["run", "-d", "--name", name, "--network", "commons", "app", "sleep", "1000"]).ok();
    }
    let attached = |docker: &Docker| {
        let each = "{{range .Containers}}{{.Name}} {{end}}";
        let names = docker.run(&["network", "inspect", "commons", "--format", each]).ok();
        let mut names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(attached(&olga), ["alice-two", "bob-two"]);
    assert_eq!(attached(&alice), ["alice-two"]);
    alice.run(&["network", "inspect", "--verbose", "commons"]).fails_saying(&["teams/no-verbose-networks"]);
    olga.run(&["network", "inspect", "--verbose", "commons"]).ok();
    let old = world.agent.python("alice").run(
        "client.api._version = '1.24'\n\
         print(sum(len(network.get('Containers') or {}) for network in client.api.networks()))",
    );
    assert_eq!(old.ok(), "0", "a list of networks names nothing");
}

#[test]
fn events_of_the_engine_are_those_of_ones_own() {
    let world =
        World::setup().user("alice", &["launchers"]).user("bob", &["launchers"]).packs(&["roles", "teams"]).start();
    let (alice, bob) = (world.docker("alice"), world.docker("bob"));
    let since = world.direct().run(&["run", "--rm", "app", "date", "+%s"]).ok();
    bob.run(&["run", "--name", "bob-box", "-v", "bob-data:/d", "app", "true"]).ok();
    alice.run(&["run", "--name", "alice-box", "-v", "alice-data:/d", "app", "true"]).ok();
    // What is past, up to now.
    let done = world.direct().run(&["run", "--rm", "app", "date", "+%s"]).ok();
    let until = eventually("a second has passed", SETTLE, || {
        let now = world.direct().run(&["run", "--rm", "app", "date", "+%s"]).ok();
        (now > done).then_some(now)
    });
    let past = |docker: &Docker| docker.run(&["events", "--since", &since, "--until", &until]).ok();
    let seen = past(&alice);
    assert!(seen.contains("alice-box") && seen.contains("alice-data"), "{seen}");
    assert!(!seen.contains("bob-"), "{seen}");
    let all = past(&world.direct());
    assert!(all.contains("bob-box") && all.contains("bob-data"), "{all}");
    // Who takes the name of a volume over does not hear in which containers of others it was.
    let id = bob.run(&["inspect", "--format", "{{.Id}}", "bob-box"]).ok();
    assert!(all.contains(&id) && past(&bob).contains(&format!("container={id}")), "{all}");
    world.direct().run(&["rm", "bob-box"]).ok();
    world.direct().run(&["volume", "rm", "bob-data"]).ok();
    alice.run(&["create", "-v", "bob-data:/d", "app"]).ok();
    let seen = past(&alice);
    assert!(seen.contains("volume create bob-data") && !seen.contains(&id), "{seen}");
}

#[test]
fn whoever_has_no_role_does_not_learn_what_is_there() {
    let world =
        World::setup().user("alice", &["launchers"]).user("nobody", &[]).packs(&["roles", "baseline", "teams"]).start();
    let direct = world.direct();
    world.docker("alice").run(&["create", "--name", "web", "--user", "1000", "app"]).ok();
    direct.run(&["network", "create", "front"]).ok();
    direct.run(&["create", "--name", "older", "app"]).ok();
    let nobody = world.docker("nobody");
    for (action, there, args) in [
        ("image.inspect", "app", &["image", "inspect", "{}"][..]),
        ("network.inspect", "front", &["network", "inspect", "{}"]),
        ("container.inspect", "web", &["container", "inspect", "{}"]),
        ("container.inspect", "older", &["container", "inspect", "{}"]),
        ("container.delete", "older", &["rm", "{}"]),
        ("container.create", "front", &["create", "--network", "{}", "app"]),
        ("container.create", "app", &["create", "{}"]),
    ] {
        let ask = |name: &str| {
            let args: Vec<_> = args.iter().map(|arg| if *arg == "{}" { name } else { arg }).collect();
            nobody.run(&args).fails_saying(&[&format!("Wharden refused {action} ("), "no policy permits it"])
        };
        assert_eq!(ask(there), ask("nothing").replace("nothing", there), "{args:?}");
    }
    // What was asked for is in the events all the same.
    let events = world.events("user=wharden-t-nobody&action=image.inspect&decision=denied", 2);
    let of =
        |name: &str| events.iter().find(|event| event["request"].to_string().contains(name)).expect("an event").clone();
    assert!(
        of("/images/app/json")["facts"].is_object() && of("/images/nothing/json")["facts"].is_null(),
        "{events:#?}"
    );
    // Whoever has one hears of what is not there as the engine says it.
    world.docker("alice").run(&["image", "inspect", "nothing"]).fails_saying(&["No such image"]);
}
