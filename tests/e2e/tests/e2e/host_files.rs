//! Files of the host in containers: for the account that they belong to, and for no other that a container may run as.

use crate::lifecycle::baseline;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    thread,
};
use wharden_harness::{Docker, World, os_user::OsUser};

/// A folder of this test that belongs to the account.
fn folder_of(account: &OsUser, world: &World) -> PathBuf {
    let folder = world.place.path().join("files");
    fs::create_dir(&folder).expect("a folder");
    chown(&folder, Some(account.uid), Some(account.gid)).expect("its owner");
    folder
}

fn user(account: &OsUser) -> String {
    format!("{}:{}", account.uid, account.gid)
}

fn bind(folder: &Path) -> String {
    format!("{}:/m", folder.display())
}

#[test]
fn whoever_sees_files_of_the_host_is_the_account_that_asks() {
    let world = baseline();
    let (alice, olga) = (world.docker("alice"), world.docker("olga"));
    let (own, bobs) = (OsUser::named("alice"), OsUser::named("bob"));
    let folder = folder_of(&own, &world);
    let bind = bind(&folder);
    let write = ["app", "sh", "-c", "echo hers > /m/file"];
    let create = |more: &[&str]| alice.run(&[&["create", "-v", &bind], more, &write].concat());
    let rule = "baseline/no-host-paths-as-others";
    let as_own = user(&own);
    for more in [
        &[][..],
        &["--user", &user(&bobs)],
        // The image would say which group.
        &["--user", &own.uid.to_string()],
        &["--user", &format!("{}:0", own.uid)],
        &["--user", &format!("0{as_own}")],
        &["--user", &as_own, "--group-add", "0"],
        &["--user", &as_own, "--group-add", "wheel"],
    ] {
        create(more).fails_saying(&[rule, "--user UID:GID"]);
    }
    create(&["--user", &as_own, "--name", "hers"]).ok();
    alice.run(&["start", "-a", "hers"]).ok();
    let made = fs::metadata(folder.join("file")).expect("written");
    assert_eq!((made.uid(), made.gid()), (own.uid, own.gid));

    // Whose it is counts, not who starts it; commands in it are its owner's.
    alice.run(&["run", "-d", "-i", "--name", "runs", "-v", &bind, "--user", &as_own, "app", "sleep", "1000"]).ok();
    olga.run(&["restart", "-t", "0", "runs"]).ok();
    assert_eq!(alice.run(&["exec", "runs", "cat", "/m/file"]).ok(), "hers");
    alice.run(&["exec", "--user", &as_own, "runs", "id"]).ok();
    for other in [user(&bobs), own.uid.to_string(), format!("{}:{}", own.uid, bobs.gid)] {
        alice.run(&["exec", "--user", &other, "runs", "id"]).fails_saying(&[rule]);
    }
    olga.run(&["exec", "runs", "id"]).fails_saying(&["baseline/no-commands-beside-files-of-others"]);
    // The docker command shows nothing of an answer in place of a stream but its number.
    olga.run(&["attach", "runs"]).fails_saying(&["403"]);
    let refused = &world.events("action=container.attach&decision=denied", 1)[0];
    assert_eq!(refused["decision"]["rules"][0]["id"], "baseline/no-typing-beside-files-of-others", "{refused:#}");
    // A websocket takes what is typed whatever it asks for, before the version that says so.
    let socket =
        "answer = client.api.get(client.api.base_url + '/v1.41/containers/runs/attach/ws?stream=1&stdout=1', headers={
        'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='}, stream=True)
print(answer.status_code, answer.text)";
    let told = world.agent.python("olga").run(socket).ok();
    assert!(told.starts_with("403") && told.contains("no-typing-beside-files-of-others"), "{told}");
    // Nor does anybody take a command over that its owner has made and not begun.
    let made = "print(client.api.exec_create('runs', 'cat', stdin=True, user='{}')['Id'])".replace("{}", &as_own);
    let id = world.agent.python("alice").run(&made).ok();
    let begin = format!("print(client.api.exec_start('{id}', detach=True))");
    world.agent.python("olga").run(&begin).fails_saying(&["no-commands-beside-files-of-others"]);
    world.agent.python("alice").run(&begin).ok();
    // What the account could not come to by itself, it does not come to in a container.
    let closed = world.place.path().join("closed");
    fs::create_dir_all(closed.join("open")).expect("a folder");
    chown(&closed, None, Some(bobs.gid)).expect("its group");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o750)).expect("its mode");
    let inner = format!("{}/open:/m:ro", closed.display());
    alice
        .run(&["create", "--user", &as_own, "-v", &inner, "app", "true"])
        .fails_saying(&["baseline/no-unreachable-host-paths", "a folder above"]);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o751)).expect("its mode");
    alice.run(&["create", "--user", &as_own, "-v", &inner, "app", "true"]).ok();
    // Where there is nothing of the host, the number is nobody's.
    alice.run(&["run", "--rm", "--user", "4711", "app", "true"]).ok();
}

#[test]
fn the_engine_copies_nothing_of_an_image_onto_the_host() {
    let world = baseline();
    let own = OsUser::named("alice");
    let folder = folder_of(&own, &world);
    let (alice, olga, direct) = (world.docker("alice"), world.docker("olga"), world.direct());
    // What an image may hold: a program that makes root of whoever starts it.
    let trap = "mkdir /x && cp /bin/busybox /x/id && chmod 4755 /x/id";
    direct.run(&["run", "--name", "seed", "--user", "0", "app", "sh", "-c", trap]).ok();
    direct.run(&["commit", "-c", "USER 65534", "seed", "trap"]).ok();
    let options = ["type=none", "o=bind", &format!("device={}", folder.display())];
    let mount = |name: &str, more: &str| {
        let options: String = options.iter().map(|option| format!(",volume-opt={option}")).collect();
        format!("type=volume{name},target=/x{more},volume-driver=local{options}")
    };
    let rule = "baseline/no-host-path-volumes";
    let create =
        |docker: &Docker, mount: &str| docker.run(&["create", "--user", &user(&own), "--mount", mount, "trap", "true"]);
    for (name, more) in [("", ""), (",source=hers", ""), ("", ",readonly"), ("", ",volume-nocopy")] {
        create(&alice, &mount(name, more)).fails_saying(&[rule, "type=bind"]);
    }
    let made: Vec<_> = options.iter().flat_map(|option| ["-o", option]).collect();
    olga.run(&[&["volume", "create"], &made[..], &["hers"]].concat()).fails_saying(&[rule]);
    // Nor into one that was made beside the guard, or before it.
    let label = "io.wharden.owner=wharden-t-alice";
    direct.run(&[&["volume", "create", "--label", label], &made[..], &["old"]].concat()).ok();
    alice.run(&["create", "--user", &user(&own), "-v", "old:/x", "trap", "true"]).fails_saying(&[rule]);
    assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 0);
    assert_eq!(fs::metadata(&folder).expect("the folder").uid(), own.uid);
    // What the kernel would mount as root is not asked of it.
    let share = ["type=nfs", "o=addr=127.0.0.1", "device=:/"].map(|option| format!("volume-opt={option}")).join(",");
    let share = format!("type=volume,target=/x,volume-driver=local,{share}");
    create(&alice, &share).fails_saying(&["baseline/no-mounted-file-systems"]);
    // The folder itself is mounted as it is.
    let bind = bind(&folder);
    alice.run(&["run", "--rm", "--user", &user(&own), "-v", &bind, "trap", "touch", "/m/plain"]).ok();
    assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 1);
}

/// Of what is mounted over `/dev` older runtimes make the host's own `/dev/null` the container's, or whatever a link there names.
#[test]
fn nothing_covers_the_devices_that_a_runtime_trusts() {
    let world = baseline();
    let (alice, direct) = (world.docker("alice"), world.direct());
    direct.run(&["create", "--name", "seed", "app", "true"]).ok();
    direct.run(&["commit", "-c", "USER 65534", "-c", "VOLUME /dev", "seed", "covers"]).ok();
    let rule = "baseline/no-mounts-over-devices";
    let run = |more: &[&str]| alice.run(&[&["run", "--rm"], more, &["true"]].concat());
    for more in [
        &["-v", "mine:/dev", "app"][..],
        &["-v", "mine:/dev/null", "app"],
        &["-v", "/dev", "app"],
        &["--tmpfs", "/dev/pts", "app"],
        &["--mount", "type=volume,target=/dev/x", "app"],
        &["covers"],
    ] {
        run(more).fails_saying(&[rule, "/dev/shm is free"]);
    }
    // Nor is what was made so beside the guard started.
    direct
        .run(&[
            "create",
            "--name",
            "old",
            "--label",
            "io.wharden.owner=wharden-t-alice",
            "--user",
            "65534",
            "-v",
            "mine:/dev",
            "app",
            "true",
        ])
        .ok();
    alice.run(&["start", "old"]).fails_saying(&[rule]);
    run(&["--tmpfs", "/dev/shm", "app"]).ok();
    let null = fs::metadata("/dev/null").expect("a device");
    assert_eq!((null.uid(), null.mode() & 0o777), (0, 0o666));
}

#[test]
fn of_two_who_make_a_volume_of_one_name_one_has_it() {
    let world = baseline();
    let (alice, bob) = (world.docker("alice"), world.docker("bob"));
    let both = |name: &str| {
        let create = |docker: &Docker, target: &str| {
            let volume = format!("{name}:{target}");
            docker.run(&["create", "-v", &volume, "app", "true"]).code == 0
        };
        thread::scope(|scope| {
            let bobs = scope.spawn(|| create(&bob, "/data"));
            [create(&alice, "/bin"), bobs.join().expect("a container or none")]
        })
    };
    for round in 0..12 {
        assert_eq!(both(&format!("race-{round}")).iter().filter(|made| **made).count(), 1, "round {round}");
    }
}

#[test]
fn into_a_volume_that_another_container_has_the_engine_copies_nothing() {
    let world = baseline();
    let alice = world.docker("alice");
    alice.run(&["run", "-d", "--name", "first", "-v", "shared:/nowhere", "app", "sleep", "1000"]).ok();
    // What runs in the first could put links there, which the engine would follow as root.
    for mount in [&["-v", "shared:/bin:ro"][..], &["--mount", "type=volume,source=shared,target=/bin"]] {
        alice.run(&[&["create"], mount, &["app", "true"]].concat()).ok();
        assert_eq!(alice.run(&["exec", "first", "ls", "/nowhere"]).ok(), "");
    }
    // The engine mounts volumes on the host for a copy: not beside any.
    alice.run(&["cp", "first:/etc", "-"]).fails_saying(&["baseline/no-copies-beside-mounts", "docker exec"]);
    // A volume that no other has begins with what the image has there, as ever.
    alice.run(&["volume", "inspect", "shared"]).ok();
    alice.run(&["run", "-d", "--name", "second", "-v", "fresh:/bin", "app", "sleep", "1000"]).ok();
    alice.run(&["exec", "second", "ls", "/bin/busybox"]).ok();
}
