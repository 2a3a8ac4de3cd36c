//! What runs where: what is asked, and how it is told to people and to programs.

use crate::{run::Shell, sample::HOST, server::Server};
use serde_json::{Value, json};

fn found(name: &str) -> Value {
    json!({
        "host": HOST, "host_name": "web1", "connected": true, "heard_at": 1,
        "item": {
            "id": "c1", "name": name, "owner": "alice", "image": "nginx:1.25", "state": "running",
            "ports": [{"host_port": 8443, "container_port": 443, "protocol": "tcp"}],
            "mounts": [{"kind": "bind", "source": "/etc", "target": "/host-etc", "read_only": true}],
        },
        "usage": {"cpu_millicores": 250, "memory_bytes": 1_048_576},
    })
}

#[tokio::test]
async fn filters_are_asked_for_and_people_see_what_was_found() {
    let server = Server::start().await;
    server.on(
        "GET /v1/inventory/containers?host_label=env%3Dprod&mount=%2Fetc&port=8443&limit=1000",
        200,
        json!({"items": [found("front"), found("evil\u{1b}[2J")], "unreachable": [3]}),
    );
    let shell = Shell::logged_in(&server).await;
    let words = ["inventory", "containers", "--mount", "/etc", "--port", "8443", "--host-label", "env=prod"];
    let outcome = shell.run(&words).await;
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    for words in ["web1", "front", "alice", "nginx:1.25", "running", "250 m", "8443->443/tcp", "/etc"] {
        assert!(outcome.out.contains(words), "{words}: {}", outcome.out);
    }
    assert!(!outcome.out.contains('\u{1b}'), "what a host says does not drive the terminal");
    assert!(outcome.err.contains("controller 3 does not answer"), "{}", outcome.err);
}

#[tokio::test]
async fn programs_get_every_page_one_thing_on_each_line() {
    let server = Server::start().await;
    let next = format!("{HOST}/c1");
    server.on("GET /v1/inventory/containers?limit=1000", 200, json!({"items": [found("one")], "next": next}));
    let second = format!("GET /v1/inventory/containers?after={HOST}%2Fc1&limit=1000");
    server.on(&second, 200, json!({"items": [found("two")]}));
    let shell = Shell::logged_in(&server).await;
    let outcome = shell.run(&["inventory", "containers", "-o", "jsonl"]).await;
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""));
    let names: Vec<Value> =
        outcome.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["item"]["name"].clone()).collect();
    assert_eq!(names, ["one", "two"]);
}

#[tokio::test]
async fn who_wants_few_is_told_that_there_is_more() {
    let server = Server::start().await;
    let next = format!("{HOST}/c1");
    server.on("GET /v1/inventory/containers?limit=1", 200, json!({"items": [found("one")], "next": next}));
    server.on("GET /v1/inventory/volumes?owner=bob&limit=1000", 200, json!({"items": []}));
    let shell = Shell::logged_in(&server).await;
    let outcome = shell.run(&["inventory", "ps", "--limit", "1"]).await;
    assert!(outcome.code == 0 && outcome.err.contains("there is more than these 1"), "{}", outcome.told());
    let outcome = shell.run(&["inventory", "volumes", "--owner", "bob"]).await;
    assert!(outcome.code == 0 && outcome.err.contains("no volumes found"), "{}", outcome.told());
    assert_eq!(shell.run(&["inventory", "containers", "--port", "99999"]).await.code, 2);
}
