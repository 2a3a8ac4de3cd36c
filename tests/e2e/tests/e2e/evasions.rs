//! Ways from a container, or from the socket, to root on the host: each was a way once, or is one where the starter packs
//! are not applied.

use wharden_harness::{World, os_user::OsUser};

fn world() -> World {
    World::setup()
        .user("alice", &["launchers"])
        .user("bob", &["launchers"])
        .user("bert", &["builders"])
        .packs(&["roles", "baseline"])
        .start()
}

#[test]
fn files_are_not_copied_as_root_to_the_host_or_from_it() {
    let world = world();
    let (alice, direct) = (world.docker("alice"), world.direct());
    let own = OsUser::named("alice");
    let own = format!("{}:{}", own.uid, own.gid);
    let folder = world.place.path().join("shared");
    std::fs::create_dir(&folder).expect("folder");
    std::fs::write(folder.join("theirs"), "data").expect("file");
    let bind = format!("{}:/mnt", folder.display());
    alice.run(&["run", "-d", "--name", "box", "-u", &own, "-v", &bind, "app", "sleep", "1000"]).ok();
    let archive = wharden_harness::image::archive(world.place.path());
    // The same folder as a volume of the local driver, which is no bind to whoever looks at the container: made past the guard,
    // which does not let it be made.
    let options = ["type=none", "o=bind", &format!("device={}", folder.display())].map(|o| format!("volume-opt={o}"));
    let volume = format!("type=volume,source=disguised,target=/mnt,volume-driver=local,{}", options.join(","));
    let image = direct.run(&["image", "inspect", "--format", "io.wharden.image={{.Id}}", "app"]).ok();
    let hers = ["--label", "io.wharden.owner=wharden-t-alice", "--label", &image];
    direct.run(&[&["create", "--name", "volume", "--mount", &volume], &hers[..], &["app"]].concat()).ok();
    // A link in the container may lead anywhere, so it does not matter where in it the copy goes.
    for target in ["box:/mnt", "box:/", "box:/tmp", "volume:/mnt", "volume:/tmp"] {
        let args = ["cp", "-", target];
        // The client asks with HEAD first, and takes any answer for a file that is not there.
        alice.run_with(&args, &archive).fails_with(1);
        let (name, path) = target.split_once(':').expect("both");
        let put = format!("client.api._put(client.api._url('/containers/{name}/archive?path={path}'), data=b'')");
        let answer = world.agent.python("alice").run(&format!("r = {put}\nprint(r.status_code, r.text)")).ok();
        assert!(answer.starts_with("403") && answer.contains("baseline/no-copies-beside-mounts"), "{answer}");
    }
    for source in ["box:/mnt/theirs", "volume:/mnt/theirs", "volume:/etc"] {
        alice.run(&["cp", source, "-"]).fails_saying(&["baseline/no-copies-beside-mounts"]);
    }
    let on_the_host: Vec<_> = std::fs::read_dir(&folder).expect("folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(on_the_host, ["theirs"]);
    // Without mounts it is as ever while nothing runs in it.
    alice.run(&["create", "--name", "plain", "app", "sleep", "1000"]).ok();
    alice.run_with(&["cp", "-", "plain:/tmp"], &archive).ok();
    alice.run(&["start", "plain"]).ok();
    alice.run(&["exec", "plain", "ls", "/tmp/bin/busybox"]).ok();
    let runs = &["baseline/no-copies-of-what-runs"];
    alice.run(&["cp", "plain:/tmp/bin", "-"]).fails_saying(runs);
    direct.run(&["pause", "plain"]).ok();
    alice.run(&["cp", "plain:/tmp/bin", "-"]).fails_saying(runs);
    direct.run(&["unpause", "plain"]).ok();
    alice.run(&["stop", "-t", "0", "plain"]).ok();
    alice.run(&["cp", "plain:/tmp/bin", "-"]).ok();
}

#[test]
fn set_uid_programs_gain_nothing_and_nobody_has_to_ask_for_it() {
    let world = world();
    let alice = world.docker("alice");
    alice.run(&["run", "-d", "--name", "box", "app", "sleep", "1000"]).ok();
    for args in [
        &["exec", "box", "grep", "NoNewPrivs", "/proc/self/status"][..],
        &["exec", "box", "grep", "NoNewPrivs", "/proc/1/status"],
    ] {
        assert_eq!(alice.run(args).ok().split_whitespace().last(), Some("1"));
    }
    let off = ["create", "--security-opt", "no-new-privileges=false", "app"];
    alice.run(&off).fails_saying(&["baseline/no-new-privileges"]);
    alice.run(&["create", "--security-opt", "no-new-privileges", "app"]).ok();
    let events = world.events("user=wharden-t-alice&action=container.create&decision=allowed", 2);
    assert!(events.iter().all(|e| e["facts"]["no_new_privileges"] == true), "{events:#?}");
    // What was not asked to be mended is still refused, and not changed.
    alice.run(&["create", "--privileged", "app"]).fails_saying(&["baseline/no-privileged"]);
}

#[test]
fn no_spelling_of_a_request_reaches_into_the_host() {
    let world = world();
    let (alice, bob) = (world.docker("alice"), world.docker("bob"));
    bob.run(&["run", "-d", "--name", "bobs", "-v", "bobs-data:/d", "-e", "KEY=secret", "app", "sleep", "1000"]).ok();
    let engine = format!("{}:/e:ro", world.place.path().join("engine/data/volumes").display());
    let agent = format!("{}:/a:ro", world.agent.dir().display());
    let key = format!("{}:/a:ro", world.agent.dir().join("host.key").display());
    let overlay = "type=volume,dst=/m,volume-driver=local,volume-opt=type=overlay,volume-opt=device=overlay,\
                   \"volume-opt=o=lowerdir=/r\\oot:/ho\\me\"";
    let relative =
        "type=volume,dst=/m,volume-driver=local,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=etc";
    for (words, args) in [
        ("is not the name of a driver", &["create", "-v", "pv:/m", "--volume-driver", "../../../tmp/evil", "app"][..]),
        ("is not the name of a driver", &["create", "--log-driver", "../../../tmp/evil", "app"]),
        ("baseline/no-sensitive-host-paths", &["create", "--mount", overlay, "app"]),
        ("baseline/no-sensitive-host-paths", &["create", "--mount", relative, "app"]),
        ("baseline/no-engine-socket", &["create", "-v", &engine, "app"]),
        ("baseline/no-engine-socket", &["create", "-v", &agent, "app"]),
        ("baseline/no-engine-socket", &["create", "-v", &key, "app"]),
        ("baseline/no-root", &["create", "--user", "1000 ", "app"]),
        ("baseline/no-root", &["create", "--user", " 1000", "app"]),
        ("baseline/no-volumes-of-others", &["create", "-v", "bobs-data:/d", "app"]),
        ("baseline/no-foreign-namespaces", &["create", "--link", "bobs:b", "app"]),
        (
            "baseline/no-remote-log-drivers",
            &["create", "--log-driver", "syslog", "--log-opt", "syslog-address=unix:///run/x", "app"],
        ),
        ("baseline/no-unconfined-apparmor", &["create", "--security-opt", "apparmor=chrome", "app"]),
    ] {
        let (out, calls) = world.engine.calls_during(|| alice.run(args));
        out.fails_saying(&[words]);
        assert!(!calls.iter().any(|call| call.contains("/containers/create")), "{args:?}: {calls:?}");
    }
    alice.run(&["exec", "--user", "1000 ", "bobs", "id"]).fails_saying(&["container.exec"]);
    let owner = "{{index .Labels \"io.wharden.owner\"}}";
    assert_eq!(world.direct().run(&["volume", "inspect", "-f", owner, "bobs-data"]).ok(), "wharden-t-bob");
    // Builds: not in the network of somebody else's container, and not past the eyes of the guard.
    let bert = world.docker("bert").with_env("DOCKER_BUILDKIT", "0");
    let build = bert.run_with(&["build", "--network", "container:bobs", "-"], b"FROM app\nRUN true\n");
    build.fails_saying(&["image.build", "baseline/no-foreign-namespaces"]);
    let out = world.agent.python("bert").run(
        "import os, socket\ns = socket.socket(socket.AF_UNIX)\ns.connect(os.environ['DOCKER_HOST'].removeprefix('unix://'))\n\
         s.sendall(b'POST /grpc HTTP/1.1\\r\\nHost: d\\r\\nConnection: Upgrade\\r\\nUpgrade: h2c\\r\\n\\r\\n')\n\
         print(s.recv(65536).decode())",
    );
    let answer = out.ok();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("baseline/no-unjudged-builds"), "{answer}");
}
