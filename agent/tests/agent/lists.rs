//! Answers that are held until they have been decided on: lists, and the description of one thing.

use crate::{
    client::{Client, ask, eventually, get},
    engine::{NETWORKS, WEB},
    world::{OPEN, World},
};
use serde_json::Value;
use wharden_agent::limits::Limits;
use wharden_model::{Outcome, Posture};

const OTHER: u32 = 64_322;
const LIST: &str = "/v1.41/networks";

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn to_look_at_one_thing_the_engine_is_asked_once() {
    let mut world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    for name in ["web", &WEB[..12], WEB] {
        let path = format!("/v1.41/containers/{name}/json");
        let answer = client.send(get(&path)).await.answer().await;
        assert_eq!((answer.status, json(&answer.body)["Id"].as_str()), (200, Some(WEB)));
        assert!(answer.head.contains("Api-Version: 1.41\r\n"), "{}", answer.head);
        assert_eq!((world.engine.asked(&path), world.engine.asked(&format!("/containers/{name}/json"))), (1, 0));
    }
    assert!(world.engine.lines().is_empty(), "nothing else was asked");
    // What asks for more is judged first, and then sent on by its id.
    let sized = client.send(get("/v1.41/containers/web/json?size=1")).await.answer().await;
    assert_eq!(sized.status, 200);
    assert_eq!(world.engine.lines(), [format!("GET /v1.41/containers/{WEB}/json?size=1 HTTP/1.1")]);
    let missing = client.send(get("/v1.41/containers/nothing/json")).await.answer().await;
    assert_eq!((missing.status, missing.message().as_str()), (404, "No such container: nothing"));
    let events = world.events().await;
    assert_eq!(events.len(), 4, "{events:#?}");
    assert!(events.iter().all(|e| e.outcome == Outcome::Allowed && e.resource.id == WEB && e.resource.name == "web"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_refused_description_reaches_the_client() {
    let policy = format!(
        "{OPEN} @id(\"team\") @reason(\"not theirs\") forbid(principal, action == \
         Docker::Action::\"container.inspect\", resource) when {{ resource.hasTag(\"team\") && \
         resource.getTag(\"team\") == \"a\" && resource.image == \"docker.io/library/busybox:latest\" }};"
    );
    let world = World::start(Some(&policy), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    let answer = client.send(get("/v1.41/containers/web/json")).await.answer().await;
    assert_eq!(answer.status, 403);
    assert!(answer.message().contains("test/team"));
    let said = String::from_utf8(answer.body).expect("text");
    assert!(!said.contains("Labels") && !said.contains(WEB), "{said}");
    assert_eq!(client.send(get("/v1.41/info")).await.answer().await.status, 200, "the connection goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_passes_as_the_engine_wrote_it_without_what_must_not_be_seen() {
    let policy = format!(
        "{OPEN} forbid(principal, action == Docker::Action::\"network.inspect\", resource) when {{ \
         resource.name like \"*7\" }};"
    );
    let world = World::start(Some(&policy), Posture::Enforce);
    let first = ask(&world.socket, get(LIST)).await.body;
    let names: Vec<_> =
        json(&first).as_array().expect("list").iter().map(|n| n["Name"].as_str().expect("name").to_owned()).collect();
    assert!(names.len() > NETWORKS / 2 && names.len() < NETWORKS && names.iter().all(|name| !name.ends_with('7')));
    assert_eq!(ask(&world.socket, get(LIST)).await.body, first, "decisions that are remembered are the same");
    // Another bundle, other decisions.
    world.take(8, &crate::world::bundle(OPEN, Posture::Enforce));
    assert_eq!(json(&ask(&world.socket, get(LIST)).await.body).as_array().map(Vec::len), Some(NETWORKS));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_nobody_reads_fill_the_share_of_their_user_only() {
    let limits = Limits { buffered_bytes_per_user: 6 << 20, ..Limits::default() };
    let (whole, per_user) = (limits.buffered_bytes, limits.buffered_bytes_per_user);
    let world = World::with(Some(OPEN), Posture::Enforce, limits);
    let mut slow = Client::connect(&world.socket).await;
    slow.send(get(LIST)).await;
    let (status, head) = slow.head().await;
    assert_eq!(status, 200);
    let length: usize =
        head.split("Content-Length: ").nth(1).and_then(|n| n.split('\r').next()?.parse().ok()).expect("n");
    assert!(length * 2 > per_user && length < per_user, "{length}");
    assert!(world.guard.room.free() <= whole - length, "what waits for its reader is counted");
    let refused = ask(&world.socket, get(LIST)).await;
    assert_eq!(refused.status, 429);
    let mut other = Client::connect_as(OTHER, &world.socket).await;
    assert_eq!(other.send(get(LIST)).await.answer().await.status, 200, "another user does not notice");
    slow.take(length).await;
    assert_eq!(ask(&world.socket, get(LIST)).await.status, 200);
    drop((slow, other));
    eventually("nothing is held", || world.guard.room.free() == whole).await;
}
