//! The second line: an engine that asks the agent before it serves a request, whichever socket that came from.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, OPERATORS, ROLES};
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use wharden_harness::{Docker, Output, Place, World, ports::free_port, raw};

/// What may be done past the guard: everything that an operator may.
const SOCKET: &str = r#"
@id("socket")
permit (
    principal == User::"engine-socket",
    action in [Docker::Action::"read", Docker::Action::"run", Docker::Action::"remove"],
    resource
);
"#;

/// Where engines look for plugins; a name for each test, since the folder is the machine's.
struct Plugin {
    name: String,
    socket: PathBuf,
}

impl Plugin {
    fn of_this_test(test: &str) -> Self {
        let name = format!("wharden-t-{test}-{}", std::process::id());
        let socket = format!("/run/docker/plugins/{name}.sock").into();
        Self { name, socket }
    }

    /// Starts agent and engine again, the engine with the plugin.
    fn put_between(&self, world: &mut World) {
        self.put_between_with(world, &[]);
    }

    fn put_between_with(&self, world: &mut World, more: &[&str]) {
        world.agent.stop();
        world.agent.add_argument("--authz-socket");
        world.agent.add_argument(&self.socket);
        world.engine.stop();
        // In this order: an engine does not start without its plugins.
        world.agent.start_without_engine();
        let plugin = format!("--authorization-plugin={}", self.name);
        world.engine.start_again(&[&[plugin.as_str()], more].concat());
    }

    /// The same, with an engine that listens on TCP too. Gives the folder with the certificates of these people, and the port.
    fn put_between_over_tls(&self, world: &mut World, people: &[&str]) -> (PathBuf, u16) {
        let dir = certificates(&world.place, people);
        let port = free_port();
        let at = |file: &str| dir.join(file).display().to_string();
        let more = [
            format!("--host=tcp://127.0.0.1:{port}"),
            "--tlsverify".to_owned(),
            format!("--tlscacert={}", at("ca.pem")),
            format!("--tlscert={}", at("localhost/cert.pem")),
            format!("--tlskey={}", at("localhost/key.pem")),
        ];
        self.put_between_with(world, &more.iter().map(String::as_str).collect::<Vec<_>>());
        (dir, port)
    }
}

fn world() -> World {
    World::setup()
        .user("alice", &[LAUNCHERS])
        .user("olga", &[OPERATORS])
        .policy("roles", ROLES)
        .policy("no-privileged", NO_PRIVILEGED)
        .policy("socket", SOCKET)
        .start()
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}\r\n{body}"
    )
}

#[test]
fn the_engines_own_socket_is_judged_and_the_guards_requests_are_judged_once() {
    let mut world = world();
    let plugin = Plugin::of_this_test("both");
    plugin.put_between(&mut world);

    // Past the guard: the same rules in the same words, for a user of a fixed name.
    let direct = world.direct();
    let said = direct.run(&["run", "--privileged", "app", "id"]).fails_saying(&[
        "no-privileged/no-privileged",
        "ask the platform team",
        "user engine-socket",
    ]);
    assert!(said.contains(&plugin.name), "the engine says which plugin refused: {said}");
    assert_eq!(direct.run(&["run", "--rm", "app", "echo", "hi"]).ok(), "hi");
    direct.run(&["tag", "app", "copy"]).fails_saying(&["image.tag", "no policy permits"]);

    // Through the guard: who it is, what they may, tunnels too.
    let alice = world.docker("alice");
    assert_eq!(alice.run(&["run", "--rm", "app", "id", "-u"]).ok(), "65534");
    alice.run(&["run", "--privileged", "app", "id"]).fails_saying(&["user wharden-t-alice", "no-privileged"]);
    alice.run(&["create", "--name", "kept", "app", "sleep", "60"]).ok();
    alice.run(&["rm", "kept"]).fails_saying(&["container.delete", "no policy permits"]);
    world.docker("olga").run(&["rm", "kept"]).ok();

    // One event for each request, and none for the agent's own questions.
    let created = world.events("action=container.create", 5);
    let by = |name: &str| created.iter().filter(|event| event["principal"]["name"] == name).count();
    assert_eq!((created.len(), by("engine-socket"), by("wharden-t-alice")), (5, 2, 3), "{created:#?}");
    let deleted = world.events("action=container.delete", 2);
    let refused = deleted.iter().filter(|event| event["outcome"] == "denied").count();
    assert_eq!((deleted.len(), refused), (2, 1), "{deleted:#?}");
    // The guard looks up images and containers for each of these.
    let looks = world.admin.events("action=container.inspect&user=engine-socket");
    assert!(looks.is_empty(), "{looks:#?}");
    assert!(!world.agent.log().contains("X-Wharden-Judged"), "{}", world.agent.log());
    // While the agent is there: without it the engine answers nobody, and the containers would stay.
    world.engine.stop();
}

#[test]
fn what_the_engine_does_not_show_is_refused_where_it_decides() {
    let mut world = world();
    let plugin = Plugin::of_this_test("unseen");
    plugin.put_between(&mut world);
    let socket = world.engine.socket().to_owned();
    let create = |headers: &str, body: &str| {
        raw::exchange_open(&socket, post("/v1.41/containers/create", headers, body).as_bytes())
    };

    let body = r#"{"Image":"app","HostConfig":{"Privileged":true}}"#;
    let length = format!("Content-Length: {}\r\n", body.len());
    assert!(create(&length, body).contains("no-privileged/no-privileged"));
    let plain = r#"{"Image":"app","Cmd":["id"]}"#;
    let answer = create(&format!("Content-Length: {}\r\n", plain.len()), plain);
    assert_eq!(raw::status(&answer), 201, "{answer}");

    // Whose a thing is, only the guard says.
    for labels in [r#"{"io.wharden.owner":"bob"}"#, r#"{"io.wharden.image":"sha256:0"}"#] {
        let claimed = format!(r#"{{"Image":"app","Cmd":["id"],"Labels":{labels}}}"#);
        let answer = create(&format!("Content-Length: {}\r\n", claimed.len()), &claimed);
        assert!(raw::status(&answer) == 403 && answer.contains("builtin/owner-label"), "{answer}");
    }

    // In chunks the engine reads a body that it does not show.
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let answer = create("Transfer-Encoding: chunked\r\n", &chunked);
    assert!(answer.contains("builtin/unseen-body") && raw::status(&answer) == 403, "{answer}");
    // So it does with one of a mebibyte,
    let large = format!(r#"{{"Image":"app","HostConfig":{{"Privileged":true}},"Env":["A={}"]}}"#, "x".repeat(1 << 20));
    let answer = create(&format!("Content-Length: {}\r\n", large.len()), &large);
    assert!(answer.contains("builtin/unseen-body") && raw::status(&answer) == 403, "{answer}");
    // and with an address that ends in the word for logging in.
    let request = post("/v1.41/containers/create?name=x/auth", &length, body);
    let answer = raw::exchange_open(&socket, request.as_bytes());
    assert_eq!(raw::status(&answer), 403, "{answer}");
    // What two readers could read in two ways is refused as in the guard.
    let twice = r#"{"Image":"app","image":"other"}"#;
    let answer = create(&format!("Content-Length: {}\r\n", twice.len()), twice);
    assert!(raw::status(&answer) == 403 && answer.contains("image"), "{answer}");
    // A mark that is not the agent's is no mark.
    let forged = format!("X-Wharden-Judged: {}\r\n{length}", "0".repeat(64));
    assert!(create(&forged, body).contains("no-privileged/no-privileged"));

    // Where nothing is blocked, what would have been is known.
    let cli = world.logged_in_cli();
    cli.run(&["host", "posture", &world.host, "observe"]).ok();
    world.settle();
    let answer = create("Transfer-Encoding: chunked\r\n", &chunked);
    assert_eq!(raw::status(&answer), 201, "{answer}");
    let events = world.events("decision=would-deny&action=container.create", 1);
    assert_eq!(events[0]["decision"]["rules"][0]["id"], "builtin/unseen-body", "{events:#?}");
    // While the agent is there: without it the engine answers nobody, and the containers would stay.
    world.engine.stop();
}

#[test]
fn an_engine_without_its_agent_refuses_and_serves_again_when_it_is_back() {
    let mut world = world();
    let plugin = Plugin::of_this_test("away");
    plugin.put_between(&mut world);
    world.direct().run(&["ps"]).ok();
    world.agent.kill();
    let answer =
        raw::exchange_open(world.engine.socket(), b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
    assert!(!(200..300).contains(&raw::status(&answer)), "{answer}");
    world.agent.start();
    world.direct().run(&["ps"]).ok();
    world.docker("alice").run(&["ps"]).ok();
    // While the agent is there: without it the engine answers nobody, and the containers would stay.
    world.engine.stop();
}

/// A CA, the engine's certificate, and certificates of people: `DIR/NAME/{ca,cert,key}.pem`, as docker takes them.
fn certificates(place: &Place, people: &[&str]) -> PathBuf {
    let dir = place.join("tls");
    let openssl = |args: &[&str]| drop(Output::of(Command::new("openssl").args(args).current_dir(&dir), b"").ok());
    std::fs::create_dir_all(&dir).expect("folder");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    openssl(
        &[&["req", "-x509"], &key[..], &["-subj", "/CN=ca of the engine", "-keyout", "ca.key", "-out", "ca.pem"]]
            .concat(),
    );
    for (name, usage) in people.iter().map(|name| (*name, "clientAuth")).chain([("localhost", "serverAuth")]) {
        let own = place.join(&format!("tls/{name}"));
        std::fs::create_dir_all(&own).expect("folder");
        place.write(&format!("tls/{name}/usage"), format!("extendedKeyUsage={usage}\nsubjectAltName=IP:127.0.0.1\n"));
        let (subject, at) = (format!("/CN={name}"), |file: &str| format!("{name}/{file}"));
        openssl(
            &[&["req"], &key[..4], &["-nodes", "-subj", &subject, "-keyout", &at("key.pem"), "-out", &at("csr")]]
                .concat(),
        );
        openssl(&[
            "x509",
            "-req",
            "-in",
            &at("csr"),
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            &at("usage"),
            "-out",
            &at("cert.pem"),
        ]);
        std::fs::copy(dir.join("ca.pem"), own.join("ca.pem")).expect("copied");
    }
    dir
}

fn over_tls(dir: &Path, name: &str, port: u16) -> Docker {
    Docker::elsewhere(&dir.join(name), None)
        .with_env("DOCKER_HOST", &format!("tcp://127.0.0.1:{port}"))
        .with_env("DOCKER_TLS_VERIFY", "1")
        .with_env("DOCKER_CERT_PATH", &dir.join(name).display().to_string())
}

#[test]
fn who_comes_to_the_engine_over_mutual_tls_is_the_name_in_the_certificate() {
    let mut world = world();
    let plugin = Plugin::of_this_test("tls");
    let (dir, port) = plugin.put_between_over_tls(&mut world, &["wharden-t-alice", "wharden-t-olga", "stranger"]);

    let alice = over_tls(&dir, "wharden-t-alice", port);
    assert_eq!(alice.run(&["run", "--rm", "app", "echo", "hi"]).ok(), "hi");
    alice.run(&["create", "--name", "kept", "app"]).ok();
    alice.run(&["rm", "kept"]).fails_saying(&["user wharden-t-alice", "container.delete", "no policy permits"]);
    alice.run(&["run", "--privileged", "app", "id"]).fails_saying(&["user wharden-t-alice", "no-privileged"]);
    over_tls(&dir, "wharden-t-olga", port).run(&["rm", "kept"]).ok();
    over_tls(&dir, "stranger", port).run(&["ps"]).fails_saying(&["user stranger", "no policy permits"]);
    // Whom the engine's CA does not know gets no answer at all.
    let nobody = Docker::elsewhere(&dir, None).with_env("DOCKER_HOST", &format!("tcp://127.0.0.1:{port}"));
    assert_ne!(nobody.run(&["ps"]).code, 0);

    let events = world.events("action=container.delete", 2);
    let by = |name: &str| events.iter().filter(|event| event["principal"]["name"] == name).count();
    assert_eq!((by("wharden-t-alice"), by("wharden-t-olga")), (1, 1), "{events:#?}");
    // While the agent is there: without it the engine answers nobody, and the containers would stay.
    world.engine.stop();
}

const OWN_IMAGES: &str = r#"
@id("own-images") @reason("images are for whoever made them")
forbid (principal, action in [Docker::Action::"image.inspect", Docker::Action::"image.tag"], resource)
unless { resource has owner && resource.owner == principal };
@id("run-own") @reason("containers are made of images of one's own")
forbid (principal, action == Docker::Action::"container.create", resource) unless { context.own_image };
"#;

#[test]
fn whose_an_image_is_counts_past_the_guard_too() {
    let groups = &["launchers", "builders"];
    let setup = World::setup().user("alice", groups).user("bob", groups).packs(&["roles"]);
    let mut world = setup.policy("socket", SOCKET).policy("own", OWN_IMAGES).start();
    let build = ["build", "-t", "made", "-"];
    let classic = |docker: Docker| docker.with_env("DOCKER_BUILDKIT", "0");
    classic(world.docker("alice")).run_with(&build, b"FROM app\nENV A=b\n").ok();
    let plugin = Plugin::of_this_test("owners");
    let (dir, port) = plugin.put_between_over_tls(&mut world, &["wharden-t-alice", "wharden-t-bob"]);
    let [alice, bob] = ["wharden-t-alice", "wharden-t-bob"].map(|name| classic(over_tls(&dir, name, port)));

    for owner in [&alice, &world.docker("alice")] {
        owner.run(&["image", "inspect", "made"]).ok();
        owner.run(&["tag", "made", "again"]).ok();
    }
    assert_eq!(world.docker("alice").run(&["run", "--rm", "made", "echo", "hi"]).ok(), "hi");
    // Whose the container is, nobody can tell who has made it past the guard, whatever the labels of its image say.
    alice.run(&["run", "--name", "past", "made", "echo", "hi"]).fails_saying(&["403"]);
    alice.run(&["start", "past"]).fails_saying(&["container.start", "no policy permits"]);
    for (other, name) in [
        (bob.clone(), "user wharden-t-bob"),
        (world.docker("bob"), "user wharden-t-bob"),
        (world.direct(), "user engine-socket"),
    ] {
        other.run(&["image", "inspect", "made"]).fails_saying(&["own/own-images", name]);
        other.run(&["create", "made"]).fails_saying(&["own/run-own", name]);
    }
    bob.run(&["tag", "made", "bobs"]).fails_saying(&["own/own-images"]);
    // What is there already is nobody's; and a context could be a form, which the engine would read in the place of the query.
    let context = b"FROM app\nENV A=c\n";
    bob.run_with(&["build", "-t", "past", "-"], context).fails_saying(&["builtin/unseen-body", "read as a form"]);
    bob.run(&["create", "app"]).fails_saying(&["own/run-own"]);
    alice.run(&["image", "inspect", "again"]).ok();
    bob.run(&["create", "again"]).fails_saying(&["own/run-own"]);
    // While the agent is there: without it the engine answers nobody, and the containers would stay.
    world.engine.stop();
}

const BOBS_IMAGES: &str = r#"
@id("remove-images")
permit (principal == User::"wharden-t-bob", action == Docker::Action::"image.delete", resource);
"#;

#[test]
fn what_the_guard_would_add_or_leave_out_is_refused_past_it() {
    let groups = &["launchers", "builders"];
    let setup = World::setup().user("alice", groups).user("bob", groups).user("olga", &["operators"]);
    let mut world = setup.packs(&["roles", "teams"]).policy("socket", SOCKET).policy("bobs", BOBS_IMAGES).start();
    let classic = |docker: Docker| docker.with_env("DOCKER_BUILDKIT", "0");
    let [alice, bob] = ["alice", "bob"].map(|name| classic(world.docker(name)));
    alice.run_with(&["build", "-t", "base", "-"], b"FROM app\nENV A=b\n").ok();
    bob.run_with(&["build", "-t", "derived", "-"], b"FROM base\nENV C=d\n").ok();
    let plugin = Plugin::of_this_test("changes");
    let people = ["wharden-t-alice", "wharden-t-bob", "wharden-t-olga"];
    let (dir, port) = plugin.put_between_over_tls(&mut world, &people);
    let [alice, bob, olga] = people.map(|name| over_tls(&dir, name, port));

    // Lists, for whom they may tell something that is hidden; whoever sees all of it has them.
    for list in [&["ps", "-a"][..], &["volume", "ls"], &["network", "inspect", "host"], &["system", "df"]] {
        alice.run(list).fails_saying(&["builtin/unsifted-list", "use the guard's socket"]);
        olga.run(list).ok();
    }
    alice.run(&["image", "ls"]).ok();
    world.docker("alice").run(&["ps", "-a"]).ok();
    // What the engine would copy into a volume that may be changed meanwhile,
    world.docker("bob").run(&["create", "-v", "data:/data", "app"]).ok();
    let create = |volume: &str| bob.run(&["create", "-v", volume, "app"]);
    create("data:/data").fails_saying(&["builtin/copies-into-volume", "nocopy"]);
    create("data:/data:nocopy").ok();
    // and images that would go with another one.
    bob.run(&["rmi", "derived"]).fails_saying(&["builtin/parents-of-others", "--no-prune"]);
    bob.run(&["rmi", "--no-prune", "derived"]).ok();
    // While the agent is there: without it the engine answers nobody, and the containers would stay.
    world.engine.stop();
}
