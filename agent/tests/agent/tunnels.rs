//! Hijacked connections: opened by the engine only, half-closed like the real thing, never left open.

use crate::{
    client::{Client, eventually, get},
    world::{OPEN, World},
};
use std::sync::atomic::Ordering::SeqCst;
use tokio::io::AsyncWriteExt;
use wharden_model::Posture;

fn attach(query: &str) -> String {
    format!(
        "POST /v1.41/containers/web/attach?stream=1&stdin=1&stdout=1{query} HTTP/1.1\r\nHost: d\r\n\
         Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_carries_both_ways_and_keeps_half_close() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    for (query, status) in [("", 101), ("&logs=1", 200)] {
        let mut client = Client::connect(&world.socket).await;
        client.send(attach(query)).await;
        let (got, head) = client.head().await;
        assert_eq!(got, status);
        assert!(head.contains("vnd.docker.raw-stream"), "{head}");
        assert_eq!(client.take(3).await, b"hi\n");
        client.send("one").await;
        assert_eq!(client.take(3).await, b"one");
        let big = vec![b'z'; 1_000_000];
        let (mut read, mut write) = client.stream.into_split();
        let sent = big.clone();
        let writer = tokio::spawn(async move {
            write.write_all(&sent).await.expect("write");
            write.shutdown().await.expect("shutdown");
            write
        });
        let mut got = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut read, &mut got).await.expect("read");
        writer.await.expect("writer");
        assert_eq!(got, [&big[..], b"bye\n"].concat(), "the engine's goodbye comes after the client's half-close");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn input_sent_early_waits_for_the_switch() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send(attach("") + "early").await;
    assert_eq!(client.head().await.0, 101);
    assert_eq!(client.take(8).await, b"hi\nearly");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_engine_does_not_switch_nothing_is_a_tunnel() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    let smuggled = "DELETE /v1.41/containers/web HTTP/1.1\r\nHost: d\r\n\r\n";
    client.send(attach("&stderr=0") + smuggled).await;
    assert_eq!(client.answer().await.status, 409);
    assert!(client.rest().await.is_empty(), "the connection ends");
    assert_eq!(world.engine.lines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_ends_its_tunnel() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send(attach("")).await;
    client.head().await;
    drop(client);
    eventually("the engine's end closes", || world.engine.memory.streams_closed.load(SeqCst) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_on_another_route_is_no_tunnel() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send("GET /v1.41/info HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n").await;
    let answer = client.answer().await;
    assert!(answer.status == 200 || answer.status == 400, "{answer:?}");
    for seen in world.engine.seen() {
        assert!(!seen.headers.contains_key("upgrade"), "{seen:?}");
    }
    let _ = get("/");
}
