//! `docker login` and `docker logout`, with a docker command that writes down what it is told.

use crate::{
    run::{NOW, Shell},
    sample::{HOST, tokens, whoami},
    server::Server,
};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

const OTHER: &str = "h-00000000000000ff";

/// Keeps contexts as files, and every call in `calls`.
const FAKE: &str = r#"#!/bin/sh
home=$(dirname "$0")/..
printf '%s\n' "$*" >> "$home/calls"
case "$2" in
  inspect) test -e "$home/context-$3" ;;
  create) if test -e "$home/context-$3"; then echo "context exists" >&2; exit 1; fi; : > "$home/context-$3" ;;
  update) test -e "$home/context-$3" ;;
  rm) rm "$home/context-$4" ;;
  *) exit 1 ;;
esac
"#;

fn host(id: &str, name: &str) -> Value {
    json!({"id": id, "name": name, "address": format!("{name}:2376"), "ca_pem": "CA\n"})
}

async fn server(hosts: &[Value]) -> Server {
    let server = Server::start().await;
    let certificate = json!({
        "username": "alice", "session_id": format!("s-{}", "1".repeat(32)), "serial": "0a", "certificate": "CERT\n",
        "expires_at": NOW.0 + 28_800_000,
    });
    server
        .on("GET /v1/whoami", 200, whoami())
        .on("GET /v1/docker/hosts", 200, json!(hosts))
        .on("POST /v1/docker/certificates", 201, certificate)
        .on("POST /v1/login", 200, tokens("access-2", "refresh-2"))
        .on("POST /v1/logout", 204, Value::Null);
    server
}

struct Place(PathBuf);

impl Place {
    fn new(server: &Server) -> Self {
        let bin = server.dir.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("docker"), FAKE).unwrap();
        fs::set_permissions(bin.join("docker"), fs::Permissions::from_mode(0o755)).unwrap();
        Self(server.dir.path().to_owned())
    }

    /// A shell that finds docker.
    fn with_docker(&self, mut shell: Shell) -> Shell {
        shell.vars.insert("PATH".to_owned(), format!("{}:/usr/bin:/bin", self.0.join("bin").display()));
        shell
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.0.join("calls")).unwrap_or_default();
        calls.lines().map(|line| line.replace(&self.0.display().to_string(), "DIR")).collect()
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.0.join("config/docker").join(name)
    }
}

#[tokio::test]
async fn a_context_is_made_set_anew_and_removed() {
    let server = server(&[host(HOST, "web1")]).await;
    let place = Place::new(&server);
    let shell = place.with_docker(Shell::logged_in(&server).await);
    let first = shell.run(&["docker", "login"]).await;
    assert_eq!(first.code, 0, "{}", first.told());
    assert!(first.out.contains("alice can use Docker") && first.out.contains("wharden-web1"), "{}", first.told());
    assert!(first.err.contains("docker --context wharden-web1 ps"), "{}", first.told());
    let again = shell.run(&["docker", "login", "--host", "web1", "-o", "json"]).await;
    assert_eq!(again.code, 0, "{}", again.told());
    let answer = again.json();
    assert_eq!(answer["hosts"][0]["context"], "wharden-web1");
    assert_eq!(answer["hosts"][0]["docker_host"], "tcp://web1:2376");
    assert_eq!(answer["expires_at"], NOW.0 + 28_800_000);

    let dir = place.kept("wharden-web1");
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!((text("ca.pem").as_str(), text("cert.pem").as_str()), ("CA\n", "CERT\n"));
    assert!(text("key.pem").starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert_eq!(fs::metadata(dir.join("key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    let csr = server.seen().into_iter().rfind(|seen| seen.route == "POST /v1/docker/certificates").unwrap().body;
    assert!(csr["csr"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
    assert!(
        !again.told().contains("PRIVATE KEY") && !server.seen().iter().any(|s| s.body.to_string().contains("PRIVATE"))
    );

    let out = shell.run(&["docker", "logout"]).await;
    assert_eq!(out.code, 0, "{}", out.told());
    assert!(!dir.exists());
    assert!(server.routes().contains(&"POST /v1/logout".to_owned()));
    assert!(shell.store().load().unwrap().sessions.is_empty());
    let files = "ca=DIR/config/docker/wharden-web1/ca.pem,cert=DIR/config/docker/wharden-web1/cert.pem,\
                 key=DIR/config/docker/wharden-web1/key.pem";
    let set = format!("wharden-web1 --description Wharden guard of web1 (alice) --docker host=tcp://web1:2376,{files}");
    assert_eq!(
        place.calls(),
        [
            "context inspect wharden-web1".to_owned(),
            format!("context create {set}"),
            "context inspect wharden-web1".to_owned(),
            format!("context update {set}"),
            "context inspect wharden-web1".to_owned(),
            "context rm --force wharden-web1".to_owned(),
        ]
    );
}

#[tokio::test]
async fn without_docker_the_variables_are_printed() {
    let server = server(&[host(HOST, "web1")]).await;
    let mut shell = Shell::logged_in(&server).await;
    shell.vars.insert("PATH".to_owned(), "/nonexistent".to_owned());
    let outcome = shell.run(&["docker", "login"]).await;
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    let path = server.dir.path().join("config/docker/wharden-web1");
    for line in [
        "export DOCKER_HOST=tcp://web1:2376".to_owned(),
        "export DOCKER_TLS_VERIFY=1".to_owned(),
        format!("export DOCKER_CERT_PATH='{}'", path.display()),
    ] {
        assert!(outcome.out.lines().any(|l| l == line), "{line}: {}", outcome.told());
    }
    assert!(outcome.err.contains("docker is not installed"), "{}", outcome.told());
    let json = shell.run(&["docker", "login", "-o", "json"]).await.json();
    assert!(json["hosts"][0].get("context").is_none() && json["hosts"][0]["cert_path"] == path.display().to_string());
    assert_eq!(shell.run(&["docker", "logout"]).await.code, 0);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_session_is_opened_when_there_is_none_or_factors_are_given() {
    let server = server(&[host(HOST, "web1")]).await;
    let place = Place::new(&server);
    let mut shell = place.with_docker(Shell::at(&server));
    let refused = shell.run(&["docker", "login"]).await;
    assert_eq!(refused.code, 3, "{}", refused.told());
    shell.stdin = "correct horse battery staple\n".to_owned();
    let words = ["docker", "login", "--username", "alice", "--password-stdin", "--totp", "123456"];
    let outcome = shell.run(&words).await;
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    let seen = server.seen();
    let login = seen.iter().find(|seen| seen.route == "POST /v1/login").unwrap();
    assert_eq!(login.body["code"], "123456");
    let certificate = seen.iter().find(|seen| seen.route == "POST /v1/docker/certificates").unwrap();
    assert_eq!(certificate.bearer.as_deref(), Some("Bearer access-2"));
}

#[tokio::test]
async fn a_context_of_somebody_else_is_left_alone() {
    let server = server(&[host(HOST, "web1")]).await;
    let place = Place::new(&server);
    let shell = place.with_docker(Shell::logged_in(&server).await);
    fs::write(place.0.join("context-wharden-web1"), "").unwrap();
    let refused = shell.run(&["docker", "login"]).await;
    assert_eq!(refused.code, 2, "{}", refused.told());
    assert!(refused.err.contains("--context"), "{}", refused.told());
    assert!(!server.routes().contains(&"POST /v1/docker/certificates".to_owned()), "nothing is used up");
    let outcome = shell.run(&["docker", "login", "--context", "mine"]).await;
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    assert_eq!(shell.run(&["docker", "logout"]).await.code, 0);
    assert!(place.0.join("context-wharden-web1").exists() && !place.0.join("context-mine").exists());
}

#[tokio::test]
async fn hosts_are_chosen_by_id_or_by_a_name_that_is_the_only_one() {
    let none = server(&[]).await;
    let outcome = Shell::logged_in(&none).await.run(&["docker", "login"]).await;
    assert!(outcome.code == 1 && outcome.err.contains("--guard-listen"), "{}", outcome.told());

    let server = server(&[host(HOST, "web1"), host(OTHER, "web1")]).await;
    let place = Place::new(&server);
    let shell = place.with_docker(Shell::logged_in(&server).await);
    let outcome = shell.run(&["docker", "login", "-o", "json"]).await;
    let names: Vec<Value> = outcome.json()["hosts"].as_array().unwrap().iter().map(|h| h["context"].clone()).collect();
    assert_eq!(names, [format!("wharden-web1-{HOST}"), format!("wharden-web1-{OTHER}")]);
    let ambiguous = shell.run(&["docker", "login", "--host", "web1"]).await;
    assert!(ambiguous.code == 2 && ambiguous.err.contains("give the id"), "{}", ambiguous.told());
    let absent = shell.run(&["docker", "login", "--host", "web9"]).await;
    assert!(absent.code == 1 && absent.err.contains("web9"), "{}", absent.told());
    let two = shell.run(&["docker", "login", "--context", "mine"]).await;
    assert!(two.code == 2 && two.err.contains("2 hosts"), "{}", two.told());
    let one = shell.run(&["docker", "login", "--host", OTHER, "--context", "mine"]).await;
    assert_eq!(one.code, 0, "{}", one.told());
    for bad in ["default", "-x", "a b", "x"] {
        assert_eq!(shell.run(&["docker", "login", &format!("--context={bad}")]).await.code, 2, "{bad}");
    }
}
