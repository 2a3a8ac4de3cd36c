//! Image archives: decided by the names that they give, while they pass.

use crate::{
    archive::{end, file, gzip, image},
    client::{Answer, Client, ask, eventually, get},
    world::{OPEN, World, bundle},
};
use std::{path::Path, sync::atomic::Ordering::SeqCst};
use tokio::time::{Duration, sleep, timeout};
use wharden_agent::limits::Limits;
use wharden_model::{Action, DecisionEvent, FactValue, Outcome, Posture};

/// Everybody may load, under names of their own.
const NAMES: &str = r#"
permit(principal, action, resource);
@id("trusted") @reason("names of the platform come from the registry")
forbid(principal, action in [Docker::Action::"image.load", Docker::Action::"image.tag"], resource)
when { context.target_registry == "r.example" };
"#;
/// Nobody may load anything but this.
const ONLY: &str = r#"
permit(principal, action == Docker::Action::"image.load", resource) when { context.target like "docker.io/team/*" };
"#;

const OTHER: u32 = 64_323;

/// Nobody may load anything.
const READERS: &str = r#"permit(principal, action in Docker::Action::"read", resource);"#;

fn request(body: &[u8]) -> Vec<u8> {
    let head = "POST /v1.41/images/load HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: ";
    [format!("{head}{}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

async fn load(socket: &Path, body: &[u8]) -> Answer {
    ask(socket, request(body)).await
}

fn set(event: &DecisionEvent, fact: &str) -> Vec<String> {
    match event.facts.as_ref().and_then(|facts| facts.get(fact)) {
        Some(FactValue::Set(set)) => set.iter().cloned().collect(),
        _ => Vec::new(),
    }
}

fn text(event: &DecisionEvent, fact: &str) -> String {
    match event.facts.as_ref().and_then(|facts| facts.get(fact)) {
        Some(FactValue::String(text)) => text.clone(),
        _ => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_is_decided_on_and_the_engine_gets_no_end_of_what_is_refused() {
    let mut world = World::start(Some(NAMES), Posture::Enforce);
    let layer = vec![7; 700_000];
    let own = image(&["team/app:1", "app:2"], &layer);
    let padded = [&own[..], &[0; 9000]].concat();
    let both = image(&["team/app:1", "r.example/base:1"], &layer);
    for (body, status) in [(padded, 200), (both.clone(), 403), (gzip(&own), 200), (gzip(&both), 403)] {
        let answer = load(&world.socket, &body).await;
        assert_eq!(answer.status, status, "{}", answer.message());
        assert!(
            status == 200 || answer.message().contains("test/trusted") && answer.message().contains("r.example/base:1"),
            "{}",
            answer.message()
        );
    }
    let seen = world.engine.seen();
    let loads: Vec<_> = seen.iter().filter(|seen| seen.line.contains("/images/load")).collect();
    assert_eq!(loads.len(), 2, "the scripted engine remembers whole requests only");
    // What was packed is read and sent on unpacked; zeros behind the end are not.
    assert!(loads.iter().all(|load| load.body == own && load.headers["transfer-encoding"] == "chunked"));

    let events = world.events().await;
    let outcomes: Vec<_> = events.iter().map(|event| event.outcome).collect();
    let (yes, no) = (Outcome::Allowed, Outcome::Denied);
    assert_eq!(outcomes, [yes, no, yes, no]);
    assert_eq!(set(&events[0], "tags"), ["docker.io/library/app:2", "docker.io/team/app:1"]);
    assert_eq!(set(&events[1], "tags"), ["docker.io/team/app:1", "r.example/base:1"]);
    assert_eq!(text(&events[1], "target"), "r.example/base:1");
    assert!(events.iter().all(|event| event.action == Action::ImageLoad));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_judged_is_refused_and_told() {
    let mut world = World::start(Some(OPEN), Posture::Enforce);
    let good = image(&["app:1"], b"x");
    let twice = [&good[..good.len() - 1024], &image(&["evil:1"], b"y")].concat();
    let mut cut = gzip(&good);
    cut.truncate(cut.len() - 9);
    let names: Vec<(Vec<u8>, &str)> = vec![
        (twice.clone(), "manifest.json is in it twice"),
        (gzip(&twice), "manifest.json is in it twice"),
        ([file("./manifest.json", b"[]"), end()].concat(), "the one short way"),
        ([file("layer.tar", b"x"), end()].concat(), "neither manifest.json"),
        (good[..good.len() - 1024].to_vec(), "stops before its end"),
        ([&gzip(&good)[..], b"trailing"].concat(), "as gzip it is damaged"),
        (cut, "as gzip it is damaged"),
        // What is packed twice would be unpacked once more by the engine.
        (
            gzip(&gzip(&image(&["app:1"], &(0..9000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()))),
            "packed once more",
        ),
        ([b"BZh9", &good[..]].concat(), "bzip2 -dc < FILE | docker load"),
        ([b"\xfd7zXZ\0", &good[..]].concat(), "xz -dc < FILE | docker load"),
        ([b"\x28\xb5\x2f\xfd", &good[..]].concat(), "zstd -dc < FILE | docker load"),
        (b"tiny".to_vec(), "stops before its end"),
        (Vec::new(), "has no body"),
    ];
    for (body, why) in &names {
        let answer = load(&world.socket, body).await;
        assert_eq!(answer.status, 400, "{why}: {}", answer.message());
        assert!(answer.message().contains(why), "{why}: {}", answer.message());
    }
    // An archive whose first file is called so that the engine takes it for another packer's.
    let inner = [file("BZh91AY", b"x"), image(&["app:1"], b"x")].concat();
    assert!(load(&world.socket, &gzip(&inner)).await.message().contains("packed once more"));
    assert!(world.engine.lines().iter().all(|line| !line.contains("/images/load")));
    let events = world.events().await;
    assert_eq!(events.len(), names.len() + 1);
    assert!(events.iter().all(|event| event.outcome == Outcome::Invalid && !event.error.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_load_nothing_is_refused_before_the_first_byte() {
    let world = World::start(Some(READERS), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send("POST /v1.41/images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 1000000\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 403);
    assert!(world.engine.lines().iter().all(|line| !line.contains("/images/load")));

    // Who may load something is waited for.
    let world = World::start(Some(ONLY), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    let own = image(&["team/app:1"], b"x");
    let (first, rest) = own.split_at(600);
    client.send(&request(&own)[..request(&own).len() - own.len()]).await.send(first).await;
    assert!(timeout(Duration::from_millis(300), client.head()).await.is_err(), "nothing is answered yet");
    assert_eq!(client.send(rest).await.answer().await.status, 200);
    for body in [image(&["app:1"], b"x"), image(&["team/app:1", "app:1"], b"x"), image(&[], b"x")] {
        assert_eq!(load(&world.socket, &body).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_never_ends_is_told_once() {
    let mut world = World::start(Some(OPEN), Posture::Enforce);
    let whole = request(&image(&["app:1"], &vec![1; 300_000]));
    let mut client = Client::connect(&world.socket).await;
    client.send(&whole[..200_000]).await;
    eventually("the archive is on its way", || world.guard.loading.count() == 1).await;
    drop(client);
    eventually("the connection ends", || world.guard.connections.count() == 0).await;
    let events = world.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].outcome == Outcome::Invalid && events[0].error.contains("was not judged"), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn observing_blocks_nothing_and_tells_what_it_read() {
    let mut world = World::start(Some(NAMES), Posture::Observe);
    let refused = image(&["r.example/base:1"], b"x");
    let unreadable = [b"BZh9", &refused[..]].concat();
    for body in [&refused, &unreadable] {
        assert_eq!(load(&world.socket, body).await.status, 200);
        assert!(world.engine.seen().last().expect("seen").body == *body);
    }
    // The connection goes on.
    let mut client = Client::connect(&world.socket).await;
    assert_eq!(client.send(request(&refused)).await.answer().await.status, 200);
    assert_eq!(client.send(get("/v1.41/info")).await.answer().await.status, 200);
    // From here on it is refused.
    world.take(8, &bundle(NAMES, Posture::Enforce));
    assert_eq!(load(&world.socket, &refused).await.status, 403);
    assert_eq!(load(&world.socket, &unreadable).await.status, 400);

    let events = world.events().await;
    let outcomes: Vec<_> = events.iter().filter(|e| e.action == Action::ImageLoad).map(|e| e.outcome).collect();
    let (would, no) = (Outcome::WouldDeny, Outcome::Denied);
    assert_eq!(outcomes, [would, Outcome::Allowed, would, no, Outcome::Invalid]);
    let unread = events[1].facts.as_ref().and_then(|facts| facts.get("names_unread")).cloned();
    assert_eq!(unread, Some(true.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_archives_are_packed_and_unpacked_at_one_time() {
    let limits = Limits { archives: 3, archives_per_user: 2, ..Limits::default() };
    let world = World::with(Some(OPEN), Posture::Enforce, limits);
    let working = |count| {
        let guard = &world.guard;
        eventually("so many are on their way", move || guard.archives.count() == count)
    };
    let asked = |line: &str, rest: &str| format!("{line} HTTP/1.1\r\nHost: docker\r\n{rest}\r\n").into_bytes();
    let context = asked("POST /v1.41/build", "Content-Type: application/x-tar\r\nContent-Length: 10240\r\n");
    let mut mine = Client::connect(&world.socket).await;
    mine.send(&context).await;
    working(1).await;
    for line in [
        "GET /v1.41/images/get?names=app",
        "GET /v1.41/containers/web/export",
        "GET /v1.41/containers/web/archive?path=/",
    ] {
        let refused = ask(&world.socket, &asked(line, "")).await;
        assert_eq!(refused.status, 429, "{line}: half of three is one");
        assert!(refused.message().contains("raise limits.archives_per_user"), "{}", refused.message());
    }
    // Neither brings an archive with it.
    for line in ["POST /v1.41/build?version=2&session=s", "GET /v1.41/containers/json"] {
        assert_ne!(ask(&world.socket, &asked(line, "")).await.status, 429, "{line}");
    }
    let mut others =
        [Client::connect_as(OTHER, &world.socket).await, Client::connect_as(OTHER + 1, &world.socket).await];
    for (n, other) in others.iter_mut().enumerate() {
        other.send(&context).await;
        working(2 + n).await;
    }
    let refused = Client::connect_as(OTHER + 2, &world.socket).await.send(&context).await.answer().await;
    assert_eq!(refused.status, 503);
    assert!(refused.message().contains("raise limits.archives"), "{}", refused.message());
    drop((mine, others));
    working(0).await;
    assert_ne!(ask(&world.socket, &asked("GET /v1.41/images/get?names=app", "")).await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_archives_of_one_user_and_of_all_are_loaded_at_one_time() {
    let limits = Limits { loads: 4, loads_per_user: 2, ..Limits::default() };
    let mut world = World::with(Some(OPEN), Posture::Enforce, limits);
    let whole = request(&image(&["app:1"], &vec![1; 300_000]));
    let (first, rest) = whole.split_at(200_000);
    let mut mine = [Client::connect(&world.socket).await, Client::connect(&world.socket).await];
    for client in &mut mine {
        client.send(first).await;
    }
    let loading = |count| {
        let guard = &world.guard;
        eventually("so many are on their way", move || guard.loading.count() == count)
    };
    loading(2).await;
    let refused = ask(&world.socket, &whole).await;
    assert_eq!(refused.status, 429);
    assert!(refused.message().contains("raise limits.loads_per_user"), "{}", refused.message());
    let mut other = Client::connect_as(OTHER, &world.socket).await;
    other.send(first).await;
    loading(3).await;
    let refused = Client::connect_as(OTHER, &world.socket).await.send(&whole).await.answer().await;
    assert_eq!(refused.status, 429);
    assert!(refused.message().contains("has 1 image archives"), "{}", refused.message());
    let mut third = Client::connect_as(OTHER + 1, &world.socket).await;
    third.send(first).await;
    loading(4).await;
    let refused = Client::connect_as(OTHER + 2, &world.socket).await.send(&whole).await.answer().await;
    assert_eq!(refused.status, 503);
    assert!(refused.message().contains("raise limits.loads"), "{}", refused.message());
    // One that ends, and one whose client goes, make room.
    let [mut ends, goes] = mine;
    assert_eq!(ends.send(rest).await.answer().await.status, 200);
    drop((goes, third));
    loading(1).await;
    assert_eq!(ask(&world.socket, &whole).await.status, 200);
    assert_eq!(other.send(rest).await.answer().await.status, 200);
    loading(0).await;
    let loads = world.engine.lines().iter().filter(|line| line.contains("/images/load")).count();
    let events = world.events().await;
    let told = events.iter().filter(|event| event.error.contains("raise limits.loads")).count();
    assert_eq!((loads, told, events.len()), (3, 3, 8), "{events:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_held_until_the_engine_is_done_whoever_waits_for_it() {
    let limits = Limits { loads: 4, loads_per_user: 1, ..Limits::default() };
    let world = World::with(Some(NAMES), Posture::Enforce, limits);
    let whole = request(&image(&["app:1"], b"x"));
    world.engine.memory.busy.store(true, SeqCst);
    let mut client = Client::connect(&world.socket).await;
    client.send(&whole).await;
    eventually("the engine has it", || world.engine.lines().iter().any(|line| line.contains("/images/load"))).await;
    drop(client);
    sleep(Duration::from_millis(300)).await;
    let refused = ask(&world.socket, &whole).await;
    assert_eq!(refused.status, 429, "{}", refused.message());
    world.engine.memory.busy.store(false, SeqCst);
    eventually("the engine has answered", || world.guard.loading.count() == 0).await;
    eventually("the connection ends", || world.guard.connections.count() == 0).await;
    // A client that does not read on holds none.
    let mut refused = Client::connect(&world.socket).await;
    assert_eq!(refused.send(request(&image(&["r.example/base:1"], b"x"))).await.answer().await.status, 403);
    assert_eq!(world.guard.loading.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_does_not_come_on_gives_way_to_others() {
    let limits = Limits { loads: 1, loads_per_user: 1, load_silence_s: 1, ..Limits::default() };
    let mut world = World::with(Some(OPEN), Posture::Enforce, limits);
    let whole = request(&image(&["app:1"], &vec![1; 300_000]));
    let mut slow = Client::connect(&world.socket).await;
    slow.send(&whole[..200_000]).await;
    eventually("it is on its way", || world.guard.loading.count() == 1).await;
    // Nobody waits for its place, and a little now and then is not enough.
    sleep(Duration::from_millis(700)).await;
    slow.send(&whole[200_000..200_001]).await;
    sleep(Duration::from_millis(700)).await;
    assert_eq!(world.guard.loading.count(), 1);
    let other = || Client::connect_as(OTHER, &world.socket);
    assert_eq!(other().await.send(&whole).await.answer().await.status, 503);
    let cut = slow.answer().await;
    assert_eq!(cut.status, 408);
    assert!(cut.message().contains("raise limits.load_silence_s"), "{}", cut.message());
    assert_eq!(other().await.send(&whole).await.answer().await.status, 200);
    let events = world.events().await;
    assert_eq!(events.iter().filter(|event| event.error.contains("somebody else waits")).count(), 1, "{events:#?}");
}
