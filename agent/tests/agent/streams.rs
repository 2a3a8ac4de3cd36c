//! Bodies pass without being held: back-pressure, early answers, vanishing clients.

use crate::{
    archive::image,
    client::{Client, ask, eventually, get},
    engine::EVENT,
    world::{NO_PRIVILEGED, OPEN, World},
};
use std::sync::atomic::Ordering::SeqCst;
use tokio::{
    io::AsyncWriteExt,
    time::{Duration, sleep},
};
use wharden_model::Posture;

const LOAD: &str = "POST /v1.41/images/load HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_slows_the_engine_down() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send(get("/v1.41/images/get?names=busybox")).await;
    assert_eq!(client.head().await.0, 200);
    let mut last = u64::MAX;
    loop {
        sleep(Duration::from_millis(200)).await;
        let now = world.engine.memory.exported.load(SeqCst);
        if now == last {
            break;
        }
        last = now;
    }
    assert!(last < 4 * 1024 * 1024, "{last} bytes were taken for a client that reads none");
    client.take(16 * 1024 * 1024).await;
    assert!(world.engine.memory.exported.load(SeqCst) > last);
    drop(client);
    eventually("the engine's end closes", || world.engine.memory.streams_closed.load(SeqCst) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_a_silent_stream() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let event = format!("{:x}\r\n{EVENT}\r\n", EVENT.len());
    for (path, first) in
        [("/v1.41/containers/web/logs?stdout=1&follow=1", "6\r\nhello\n\r\n"), ("/v1.41/events", event.as_str())]
    {
        let closed = world.engine.memory.streams_closed.load(SeqCst);
        let mut client = Client::connect(&world.socket).await;
        client.send(get(path)).await;
        assert_eq!(client.head().await.0, 200);
        assert_eq!(client.take(first.len()).await, first.as_bytes());
        drop(client);
        eventually("the engine's end closes", || world.engine.memory.streams_closed.load(SeqCst) > closed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_arrive_whole_in_both_framings() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let layer: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let content = image(&["app:1"], &layer);
    let told = format!("{} bytes", content.len());
    let mut chunked = format!("{LOAD}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for part in content.chunks(70_001) {
        chunked.extend(format!("{:X};e\r\n", part.len()).as_bytes());
        chunked.extend(part);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\nTrailer: x\r\n\r\n");
    let plain = [format!("{LOAD}Content-Length: {}\r\n\r\n", content.len()).as_bytes(), &content].concat();
    for request in [chunked, plain] {
        let answer = ask(&world.socket, request).await;
        assert_eq!((answer.status, answer.message()), (200, told.clone()));
        assert!(world.engine.seen().last().expect("seen").body == content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expect_continue_is_answered_only_after_the_decision() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    let content = image(&["app:1"], b"");
    client.send(format!("{LOAD}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", content.len())).await;
    assert_eq!(client.head().await.0, 100);
    let answer = client.send(&content).await.answer().await;
    assert_eq!((answer.status, answer.message()), (200, format!("{} bytes", content.len())));

    let world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send(format!("{LOAD}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 403);
    assert!(world.engine.lines().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_gets_its_answer_while_it_is_still_sending() {
    let world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send(format!("{LOAD}Transfer-Encoding: chunked\r\n\r\n")).await;
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..64 {
        client.send(&chunk).await;
    }
    let answer = client.answer().await;
    assert_eq!(answer.status, 403);
    assert!(answer.message().contains("test/no-load"));
    assert!(world.engine.lines().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_answers_early_is_heard() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send("POST /v1.41/build HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..32 {
        client.send(&chunk).await;
    }
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.message().as_str()), (400, "no Dockerfile"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cuts_its_upload_leaves_no_whole_request() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send(format!("{LOAD}Content-Length: 100\r\n\r\nabc")).await;
    client.stream.shutdown().await.expect("shutdown");
    assert_eq!(client.answer().await.status, 400);
    let mut client = Client::connect(&world.socket).await;
    client.send(format!("{LOAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n")).await;
    assert_eq!(client.answer().await.status, 400);
    assert!(world.engine.lines().is_empty(), "the scripted engine remembers whole requests only");
}
