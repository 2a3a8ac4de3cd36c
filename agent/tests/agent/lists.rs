//! Answers that are decided on: lists, thing by thing, and the description of one thing.

use crate::{
    client::{Client, ask, eventually, get, post},
    engine::{EVENT, Fault, LABELLED, NETWORKS, WEB},
    world::{OPEN, World},
};
use serde_json::Value;
use std::sync::atomic::Ordering::SeqCst;
use tokio::time::{sleep, timeout};
use wharden_agent::limits::{EVENT_ENTRIES_MAX, EVENT_LINE_MAX, HANGUP_CHECK, LISTS_AT_ONCE_PER_USER};
use wharden_model::{Outcome, Posture};

const LIST: &str = "/v1.41/networks";
const OTHER_USER: u32 = 65_534;

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
async fn a_list_that_nobody_reads_holds_a_little_of_it() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let (share, whole) = (world.guard.limits.buffered_bytes_per_user, world.guard.limits.buffered_bytes);
    let list = ask(&world.socket, get(LIST)).await.body;
    assert!(list.len() > share / 8, "{} bytes", list.len());
    let mut slow = Vec::new();
    for _ in 0..LISTS_AT_ONCE_PER_USER {
        let mut client = Client::connect(&world.socket).await;
        let (status, head) = client.send(get(LIST)).await.head().await;
        assert!(status == 200 && head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
        slow.push(client);
    }
    eventually("what waits for its reader is counted", || world.guard.room.free() < whole).await;
    assert!(world.guard.room.free() > whole - share / 2, "{} of {whole} are left", world.guard.room.free());
    let mut last = slow.pop().expect("some");
    assert!(last.chunks().await == list, "whoever reads slowly gets all");
    assert_eq!(last.send(get("/v1.41/info")).await.answer().await.status, 200, "and may go on");
    let mut client = Client::connect(&world.socket).await;
    assert_eq!(client.send(get(LIST)).await.head().await.0, 200);
    slow.push(client);
    // All turns are taken: of those that nobody reads, one makes room.
    let before = world.guard.connections.count();
    assert!(ask(&world.socket, get(LIST)).await.body == list);
    eventually("one was cut off", || world.guard.connections.count() < before).await;
    drop((slow, last));
    eventually("nothing is held", || world.guard.room.free() == whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_keeps_the_turn_until_the_engine_has_made_the_list() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    assert_eq!(ask(&world.socket, get("/v1.41/info")).await.status, 200);
    let before = world.engine.lines().len();
    let made = || world.engine.lines().len() - before;
    world.engine.memory.busy.store(true, SeqCst);
    let mut gone = Vec::new();
    for _ in 0..3 * LISTS_AT_ONCE_PER_USER {
        let mut client = Client::connect(&world.socket).await;
        client.send(get(LIST)).await;
        gone.push(client);
    }
    eventually("the engine makes some", || made() == LISTS_AT_ONCE_PER_USER).await;
    drop(gone);
    let mut other = Client::connect_as(OTHER_USER, &world.socket).await;
    other.send(get(LIST)).await;
    eventually("another user has turns too", || made() == LISTS_AT_ONCE_PER_USER + 1).await;
    let mut late = Client::connect(&world.socket).await;
    late.send(get(LIST)).await;
    // Longer than it takes to find out that a client has gone.
    let more = timeout(2 * HANGUP_CHECK, async {
        while made() == LISTS_AT_ONCE_PER_USER + 1 {
            sleep(HANGUP_CHECK / 20).await;
        }
    });
    assert!(more.await.is_err(), "the engine still makes {LISTS_AT_ONCE_PER_USER} for nobody");
    world.engine.memory.busy.store(false, SeqCst);
    for client in [&mut other, &mut late] {
        assert_eq!(client.head().await.0, 200);
    }
    assert_eq!(made(), LISTS_AT_ONCE_PER_USER + 2, "none was made for those that had gone before their turn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_makes_one_container_at_a_time_whether_they_wait_for_it_or_not() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    assert_eq!(ask(&world.socket, get("/v1.41/info")).await.status, 200);
    let create = || post("/v1.41/containers/create", r#"{"Image":"busybox"}"#);
    let made = || world.engine.lines().iter().filter(|line| line.contains("/containers/create")).count();
    world.engine.memory.busy.store(true, SeqCst);
    let mut gone = Client::connect(&world.socket).await;
    gone.send(create()).await;
    eventually("the engine makes one", || made() == 1).await;
    let mut second = Client::connect(&world.socket).await;
    second.send(create()).await;
    drop(gone);
    let mut other = Client::connect_as(OTHER_USER, &world.socket).await;
    other.send(create()).await;
    eventually("another user's is made", || made() == 2).await;
    let more = timeout(2 * HANGUP_CHECK, async {
        while made() == 2 {
            sleep(HANGUP_CHECK / 20).await;
        }
    });
    assert!(more.await.is_err(), "the engine is not done with the first");
    world.engine.memory.busy.store(false, SeqCst);
    for client in [&mut second, &mut other] {
        assert_eq!(client.answer().await.status, 201);
    }
    assert_eq!(made(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_long_ends_nobodys_stream() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    assert_eq!(ask(&world.socket, get("/v1.41/info")).await.status, 200);
    let long = format!("{{\"Type\":\"daemon\",\"Actor\":{{\"ID\":\"{}\"}}}}\n", "x".repeat(EVENT_LINE_MAX));
    let events = format!("HTTP/1.1 200 OK\r\n\r\n{EVENT}{long}{EVENT}");
    world.engine.set_fault(Some(Fault::Instead(events.leak())));
    let answer = ask(&world.socket, get("/v1.41/events")).await;
    assert_eq!((answer.status, String::from_utf8(answer.body).expect("text")), (200, EVENT.repeat(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_turns_out_not_to_be_one_is_an_error_or_cut_off() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    assert_eq!(ask(&world.socket, get(LIST)).await.status, 200);
    for (networks, end) in [(2, "]x"), (2, ",]"), (2, ""), (5000, "]x"), (5000, "")] {
        let network = |n| format!("{{\"Id\":\"{n}\",\"Name\":\"{}\"}}", "n".repeat(60));
        let list = format!("[{}{end}", (0..networks).map(network).collect::<Vec<_>>().join(","));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", list.len());
        world.engine.set_fault(Some(Fault::Instead((head + &list).leak())));
        let mut client = Client::connect(&world.socket).await;
        client.send(get(LIST)).await;
        if networks == 2 {
            let answer = client.answer().await;
            assert_eq!(answer.status, 502);
            assert!(answer.message().contains("list cannot be understood"), "{}", answer.message());
        } else {
            assert_eq!(client.head().await.0, 200);
            let part = client.rest().await;
            assert!(!part.is_empty() && !part.ends_with(b"0\r\n\r\n"), "{networks} {end:?}");
        }
        world.engine.set_fault(None);
        assert_eq!(ask(&world.socket, get("/v1.41/info")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_description_is_decided_on_and_asked_for_again() {
    let mut world = World::start(Some(OPEN), Posture::Enforce);
    let path = format!("/v1.41/containers/{LABELLED}/json");
    let answer = ask(&world.socket, get(&path)).await;
    assert_eq!((answer.status, json(&answer.body)["Id"].as_str()), (200, Some(LABELLED)));
    assert_eq!(world.engine.lines(), [format!("GET {path} HTTP/1.1")]);
    let events = world.events().await;
    assert_eq!(events.len(), 1, "{events:#?}");
    assert!(events[0].resource.labels.len() <= EVENT_ENTRIES_MAX, "cut before it waits to be told");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_to_decide_by_is_refused_and_says_so() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    assert_eq!(ask(&world.socket, get("/v1.41/info")).await.status, 200);
    let labels = (0..70_000).map(|n| format!("\"{n}\":\"\"")).collect::<Vec<_>>().join(",");
    let body = format!("{{\"Id\":\"{LABELLED}\",\"Name\":\"/l\",\"Config\":{{\"Labels\":{{{labels}}}}}}}");
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    world.engine.set_fault(Some(Fault::Instead(whole.leak())));
    let answer = ask(&world.socket, get(&format!("/v1.41/containers/{LABELLED}/json"))).await;
    assert_eq!(answer.status, 413);
    assert!(answer.message().contains("too many labels"), "{}", answer.message());
}
