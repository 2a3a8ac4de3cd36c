//! Docker from elsewhere: a certificate of `wharden docker login`, a context, and the end of both.

use crate::policies::{NO_PRIVILEGED, OPERATORS, ROLES};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use wharden_harness::{
    Admin, Cli, Controller, Docker, Output, Python, World, admin::PASSWORD, eventually, limits::SETTLE,
};

pub const CONTEXT: &str = "wharden-dock-1";

fn world() -> World {
    World::setup().tcp().policy("roles", ROLES).policy("no-privileged", NO_PRIVILEGED).start()
}

/// Somebody with an account, on a laptop.
struct Person {
    account: Admin,
    cli: Cli,
}

impl Person {
    fn new(world: &World, name: &str) -> Self {
        Self::of(world, name, OPERATORS)
    }

    fn of(world: &World, name: &str, group: &str) -> Self {
        let account = world.admin.invite(&world.controller, name, &[group]);
        let cli = world.cli(name);
        world.settle();
        Self { account, cli }
    }

    fn docker_login(&mut self, more: &[&str]) -> Output {
        let code = self.account.totp.code();
        let args = ["docker", "login", "--username", &self.account.name, "--password-stdin", "--totp", &code];
        self.cli.run_with(&[&args, more].concat(), &format!("{PASSWORD}\n"))
    }

    fn docker(&self) -> Docker {
        Docker::elsewhere(self.cli.config(), Some(CONTEXT))
    }
}

#[test]
fn docker_works_by_a_context_as_the_user_that_logged_in() {
    let world = world();
    let mut ann = Person::new(&world, "ann");
    let said = ann.docker_login(&[]).ok();
    assert!(said.contains("ann can use Docker") && said.contains(CONTEXT), "{said}");
    let docker = ann.docker();
    assert_eq!(docker.run(&["run", "--rm", "app", "echo", "from afar"]).ok(), "from afar");
    docker.run(&["run", "-d", "--name", "shop", "app", "sh", "-c", "echo open; sleep 1000"]).ok();
    assert_eq!(docker.run(&["exec", "shop", "echo", "inside"]).ok(), "inside");
    assert_eq!(docker.run_with(&["exec", "-i", "shop", "cat"], b"there and back").ok(), "there and back");
    assert_eq!(docker.run(&["logs", "shop"]).ok(), "open");
    let out = docker.talk(&["run", "--rm", "-it", "app", "sh"], &[("$ ", "exit 7\n")]);
    out.fails_with(7);
    let saved = docker.run(&["save", "app"]);
    assert!(saved.code == 0 && saved.stdout == world.direct().run(&["save", "app"]).stdout, "{}", saved.err());
    assert_eq!(docker.run_with(&["load"], &saved.stdout).ok(), "Loaded image: app:latest");
    for program in Docker::programs() {
        assert_eq!(docker.clone().with_program(&program).run(&["ps", "--format", "{{.Names}}"]).ok(), "shop");
    }
    let refused = docker.run(&["run", "--privileged", "app", "id"]);
    refused.fails_saying(&["for user ann", "no-privileged/no-privileged"]);

    let events = world.events("user=ann&action=container.exec", 1);
    assert_eq!(events[0]["principal"], json!({"kind": "user", "name": "ann"}), "{events:#?}");
    assert_eq!(events[0]["resource"]["owner"], "ann", "what she started is hers: {events:#?}");
    assert_eq!(world.events("user=ann&decision=denied", 1).len(), 1);
    let audit = world.admin.rest().get("/v1/audit?limit=100").ok();
    let records = audit["records"].as_array().expect("records");
    assert!(records.iter().any(|r| r["action"] == "docker.certificate" && r["actor"] == "user ann"), "{audit:#}");
    let host = world.admin.rest().get(&format!("/v1/hosts/{}", world.host)).ok();
    assert_eq!(host["report"]["guard"]["address"], world.agent.tcp_address());
    assert!(host["report"]["guard"]["ca_pem"].as_str().expect("CA").starts_with("-----BEGIN CERTIFICATE-----"));

    // The same session again, after a restart of the agent: the host's CA is the same, the context is set anew.
    let mut world = world;
    world.agent.stop();
    world.agent.start();
    assert_eq!(docker.run(&["logs", "shop"]).ok(), "open");
    world.settle();
    eventually("the host tells where its guard is", SETTLE, || {
        let hosts = ann.account.rest().get("/v1/docker/hosts").ok();
        hosts.as_array().is_some_and(|hosts| hosts.len() == 1).then_some(())
    });
    let again = ann.cli.json(&["docker", "login", "--host", "dock-1"]);
    assert_eq!(again["hosts"][0]["context"], CONTEXT, "{again:#}");
    assert_eq!(docker.run(&["logs", "shop"]).ok(), "open");
}

#[test]
fn lists_show_somebody_elsewhere_no_more_than_somebody_here() {
    let world = World::setup().tcp().user("bob", &["launchers"]).packs(&["roles", "teams"]).start();
    world.direct().run(&["create", "--name", "older", "app"]).ok();
    world.docker("bob").run(&["create", "--name", "bob-box", "--user", "7", "app", "id"]).ok();
    let mut ann = Person::of(&world, "ann", "launchers");
    ann.docker_login(&[]).ok();
    let docker = ann.docker();
    docker.run(&["create", "--name", "ann-box", "--user", "7", "app", "id"]).ok();
    let shown = docker.run(&["ps", "-a", "--format", "{{.Names}}"]).ok();
    assert_eq!(shown.lines().collect::<Vec<_>>(), ["ann-box", "older"]);
    docker.run(&["stop", "bob-box"]).fails_saying(&["No such container: bob-box"]);
}

/// A folder as `DOCKER_CERT_PATH` wants it.
fn certificates(world: &World, name: &str, ca: &str, proof: Option<(&[u8], &[u8])>) -> PathBuf {
    let dir = world.place.join(name);
    fs::create_dir_all(&dir).expect("folder");
    fs::write(dir.join("ca.pem"), ca).expect("CA");
    if let Some((certificate, key)) = proof {
        fs::write(dir.join("cert.pem"), certificate).expect("certificate");
        fs::write(dir.join("key.pem"), key).expect("key");
    }
    dir
}

/// A key and a certificate for it, of any controller.
fn issued(admin: &Admin, dir: &Path) -> (Vec<u8>, Vec<u8>) {
    fs::create_dir_all(dir).expect("folder");
    let (csr, key) = (dir.join("csr.pem"), dir.join("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=root",
    ]);
    Output::of(openssl.arg("-keyout").arg(&key).arg("-out").arg(&csr), b"").ok();
    let csr = fs::read_to_string(csr).expect("request");
    let answer = admin.rest().post("/v1/docker/certificates", json!({"csr": csr})).ok();
    (answer["certificate"].as_str().expect("certificate").into(), fs::read(key).expect("key"))
}

#[test]
fn only_a_users_certificate_of_this_cluster_gets_in() {
    let world = world();
    let mut other = Controller::init(&world.place, "other");
    other.start();
    let stranger = Admin::bootstrap(&other, &world.admin.name);
    let host = world.admin.rest().get("/v1/docker/hosts").ok()[0].clone();
    let ca = host["ca_pem"].as_str().expect("CA");
    let address = format!("tcp://{}", host["address"].as_str().expect("address"));
    let home = world.place.join("laptop");
    let docker = |certs: &Path| {
        Docker::elsewhere(&home, None)
            .with_env("DOCKER_HOST", &address)
            .with_env("DOCKER_TLS_VERIFY", "1")
            .with_env("DOCKER_CERT_PATH", certs.to_str().expect("path"))
    };
    // What a controller signed for a key that openssl made; nothing of the request but the key counts.
    let (certificate, key) = issued(&world.admin, &world.place.join("mine"));
    world.settle();
    let mine = certificates(&world, "mine-certs", ca, Some((&certificate, &key)));
    docker(&mine).run(&["version"]).ok();
    docker(&mine).run(&["ps"]).fails_saying(&["for user root-admin", "no policy permits"]);
    let version = Python::like(&docker(&mine)).run("print(client.version()['ApiVersion'])");
    assert!(version.ok().starts_with("1."), "{version}");

    let nobody = certificates(&world, "nobody", ca, None);
    docker(&nobody).run(&["version"]).fails_saying(&[]);
    let (certificate, key) = issued(&stranger, &world.place.join("foreign"));
    let foreign = certificates(&world, "foreign-certs", ca, Some((&certificate, &key)));
    docker(&foreign).run(&["version"]).fails_saying(&[]);
    let of_host = |name: &str| fs::read(world.agent.dir().join(name)).expect("the host's own");
    let (chain, key) = (of_host("host.pem"), of_host("host.key"));
    let as_host = certificates(&world, "host-certs", ca, Some((&chain, &key)));
    docker(&as_host).run(&["version"]).fails_saying(&["names no Wharden user"]);
    // The other way round: the client knows this host and no other.
    let elsewhere = fs::read_to_string(other.ca_file()).expect("CA");
    let wary = certificates(&world, "wary", &elsewhere, None);
    docker(&wary).run(&["version"]).fails_saying(&["certificate"]);
    // Plain HTTP gets nothing either.
    let plain = Docker::elsewhere(&home, None).with_env("DOCKER_HOST", &address);
    plain.run(&["version"]).fails_saying(&[]);
    assert!(world.admin.events("decision=invalid").is_empty());
}

/// A command that streams, once it has said its first line.
pub fn follow(docker: &Docker, args: &[&str]) -> Child {
    let mut command = docker.command(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("docker starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a first line");
    assert!(!line.is_empty(), "{args:?} ended at once");
    child
}

/// Running streams end, and nothing can be asked any more.
fn ends(world: &World, person: &Person, words: &[&str], act: impl FnOnce()) {
    let docker = person.docker();
    let name = format!("talk-{}", person.account.name);
    docker.run(&["run", "-d", "--name", &name, "app", "sh", "-c", "echo open; sleep 1000"]).ok();
    let mut streams = [
        follow(&docker, &["logs", "-f", &name]),
        follow(&docker, &["events", "--since", "1"]),
        follow(&docker, &["exec", &name, "sh", "-c", "echo here; sleep 1000"]),
    ];
    assert!(streams.iter_mut().all(|stream| stream.try_wait().expect("state").is_none()), "they go on");
    act();
    eventually("the streams end", SETTLE, || {
        streams.iter_mut().all(|stream| stream.try_wait().expect("state").is_some()).then_some(())
    });
    docker.run(&["ps"]).fails_saying(words);
    world.direct().run(&["rm", "-f", &name]).ok();
}

#[test]
fn disabling_or_deleting_a_user_ends_streams_and_access() {
    let world = world();
    let (mut ann, mut ben) = (Person::new(&world, "ann"), Person::new(&world, "ben"));
    ann.docker_login(&[]).ok();
    ben.docker_login(&["--host", "dock-1"]).ok();
    ends(&world, &ann, &["wharden docker login"], || {
        world.admin.rest().patch("/v1/users/ann", json!({"disabled": true})).ok();
    });
    assert_eq!(ben.docker().run(&["run", "--rm", "app", "echo", "still"]).ok(), "still", "nobody else is cut off");
    ends(&world, &ben, &["wharden docker login"], || {
        world.admin.rest().delete("/v1/users/ben").ok();
    });
    // Neither enabling again nor the same name again brings an old session back.
    world.admin.rest().patch("/v1/users/ann", json!({"disabled": false})).ok();
    world.admin.user("ben", &[OPERATORS]);
    world.settle();
    for person in [&ann, &ben] {
        person.docker().run(&["ps"]).fails_saying(&["has ended"]);
    }
}

#[test]
fn disabling_a_user_ends_what_their_account_on_the_host_runs() {
    let world = World::setup().user("alice", &["operators"]).user("bob", &["operators"]).packs(&["roles"]).start();
    let (alice, bob) = (world.docker("alice"), world.docker("bob"));
    alice.run(&["run", "-d", "--name", "talk", "app", "sh", "-c", "echo open; sleep 1000"]).ok();
    let shell = ["exec", "talk", "sh", "-c", "echo here; sleep 1000"];
    let mut streams = [follow(&alice, &["logs", "-f", "talk"]), follow(&alice, &shell)];
    let mut other = follow(&bob, &["logs", "-f", "talk"]);
    world.admin.rest().patch("/v1/users/wharden-t-alice", json!({"disabled": true})).ok();
    eventually("the streams end", SETTLE, || {
        streams.iter_mut().all(|stream| stream.try_wait().expect("state").is_some()).then_some(())
    });
    alice.run(&["ps"]).fails_saying(&["builtin/disabled-user"]);
    assert!(other.try_wait().expect("state").is_none(), "nobody else is cut off");
    other.kill().expect("ended");
    other.wait().expect("ended");
}

#[test]
fn logging_out_ends_streams_and_access_on_hosts_that_are_restarted_too() {
    let mut world = world();
    let mut ann = Person::new(&world, "ann");
    ann.docker_login(&[]).ok();
    let kept = ann.cli.config().join("docker").join(CONTEXT);
    assert!(kept.join("key.pem").exists());
    // Somebody has copied the folder.
    let copy = ann.cli.config().join("copy");
    fs::create_dir_all(&copy).expect("folder");
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        fs::copy(kept.join(name), copy.join(name)).expect("copied");
    }
    let address = format!("tcp://{}", world.agent.tcp_address());
    let thief = Docker::elsewhere(ann.cli.config(), None)
        .with_env("DOCKER_HOST", &address)
        .with_env("DOCKER_TLS_VERIFY", "1")
        .with_env("DOCKER_CERT_PATH", copy.to_str().expect("path"));
    thief.run(&["ps"]).ok();
    ends(&world, &ann, &[CONTEXT], || {
        let said = ann.cli.run(&["docker", "logout"]).ok();
        assert!(said.contains("contexts removed: 1"), "{said}");
    });
    assert!(!kept.exists());
    thief.run(&["ps"]).fails_saying(&["session of user ann has ended"]);
    // The host knows it by heart.
    world.controller.stop();
    world.agent.stop();
    world.agent.start();
    thief.run(&["ps"]).fails_saying(&["session of user ann has ended"]);
    world.controller.start();
    let contexts = Docker::elsewhere(ann.cli.config(), None).run(&["context", "ls", "-q"]).ok();
    assert_eq!(contexts, "default");
    let sessions: Value = ann.account.rest().get("/v1/whoami").ok();
    assert_eq!(sessions["username"], "ann", "her other session goes on");
}
