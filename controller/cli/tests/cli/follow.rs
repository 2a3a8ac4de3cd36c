//! `events --follow`.

use crate::{
    run::Shell,
    sample::{error, event},
    server::Server,
};
use serde_json::json;

#[tokio::test]
async fn follow_goes_on_from_the_cursor_and_outlives_a_restart() {
    let server = Server::start().await;
    let page = |events: serde_json::Value, next: &str| json!({"events": events, "next": next, "more": false});
    let after = |cursor: &str| format!("GET /v1/events?user=bob&after={cursor}&limit=2&wait=25");
    server
        .on("GET /v1/events?user=bob&limit=2", 200, page(json!([event(1, "allowed", "a")]), "c1"))
        .on(&after("c1"), 200, page(json!([]), "c1"))
        .on(&after("c1"), 503, error("unavailable", "no leader", ""))
        .on(&after("c1"), 200, page(json!([event(2, "denied", "b")]), "c2"))
        .on(&after("c2"), 403, error("forbidden", "no policy permits event.read", ""));
    let shell = Shell::logged_in(&server).await;
    let words = ["events", "--follow", "--user", "bob", "--limit", "2", "-o", "json"];
    let outcome = shell.run(&words).await;
    assert_eq!(outcome.code, 1);
    let names: Vec<serde_json::Value> = outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(names.iter().map(|e| e["resource"]["name"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(outcome.error()["code"], "forbidden");
    assert_eq!(server.routes().len(), 5);
}

#[tokio::test]
async fn followed_events_are_lines_for_people() {
    let server = Server::start().await;
    let events = json!([event(1, "allowed", "a"), event(2, "would_deny", "b\u{1b}[2J"), event(3, "denied", "")]);
    server.on("GET /v1/events?limit=100", 200, json!({"events": events, "next": "c", "more": false})).on(
        "GET /v1/events?after=c&limit=100&wait=25",
        403,
        error("forbidden", "enough", "rest"),
    );
    let outcome = Shell::logged_in(&server).await.run(&["events", "-f"]).await;
    insta::assert_snapshot!(outcome.told());
}
