//! Keep-alive, pipelining, parallel clients, limits.

use crate::{
    client::{Client, ask, eventually, get, post},
    world::{NO_PRIVILEGED, OPEN, World},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};
use wharden_agent::limits::{Limits, VALVE_CONNECTIONS, VALVE_CUT, VALVE_SHUT};
use wharden_model::Posture;

const OTHER_USER: u32 = 65_534;

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_many_requests_refused_ones_too() {
    let world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    let bad = post("/v1.41/containers/create", r#"{"Image":"busybox","HostConfig":{"Privileged":true}}"#);
    for _ in 0..3 {
        assert_eq!(client.send(get("/v1.41/info")).await.answer().await.status, 200);
        assert_eq!(client.send(&bad).await.answer().await.status, 403);
        assert_eq!(
            client.send("DELETE /v1.41/containers/web HTTP/1.1\r\nHost: d\r\n\r\n").await.answer().await.status,
            403
        );
        let head = client.send("HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n").await.head().await;
        assert_eq!(head.0, 200, "{}", head.1);
        client.send(get("/v1.41/containers/json")).await;
        assert_eq!(client.head().await.0, 200);
        assert_eq!(client.take(2).await, b"[]", "a list is passed on in one piece, as the engine wrote it");
    }
    assert_eq!(world.engine.lines().len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_judged_one_by_one_and_answered_in_order() {
    let world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    let delete = "DELETE /v1.41/containers/web HTTP/1.1\r\nHost: d\r\n\r\n";
    client.send([&get("/v1.41/info"), delete, &get("/v1.41/version"), delete].concat()).await;
    for status in [200, 403, 200, 403] {
        assert_eq!(client.answer().await.status, status);
    }
    assert_eq!(world.engine.lines(), ["GET /v1.41/info HTTP/1.1", "GET /v1.41/version HTTP/1.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_close_is_honoured() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    client.send("GET /v1.41/info HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
    assert!(client.rest().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_at_once_each_get_their_own_answer() {
    let world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let socket = world.socket.clone();
            tokio::spawn(async move {
                let mut client = Client::connect(&socket).await;
                for round in 0..5 {
                    let privileged = (n + round) % 2 == 0;
                    let body = format!(r#"{{"Image":"busybox","HostConfig":{{"Privileged":{privileged}}}}}"#);
                    let answer =
                        client.send(post(&format!("/v1.41/containers/create?name=c{n}"), &body)).await.answer().await;
                    assert_eq!(answer.status, if privileged { 403 } else { 201 });
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("client");
    }
    assert_eq!(world.engine.lines().len(), 250);
    assert_eq!(world.reporter.lost(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_the_limit_are_told_so() {
    let limits = Limits { connections: 10, connections_per_user: 2, ..Limits::default() };
    let world = World::with(Some(OPEN), Posture::Enforce, limits);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(&world.socket).await;
        assert_eq!(client.send(get("/_ping")).await.answer().await.status, 200);
        held.push(client);
    }
    let mut third = Client::connect(&world.socket).await;
    let answer = third.send(get("/_ping")).await.answer().await;
    assert_eq!(answer.status, 503);
    assert!(answer.message().contains("connections_per_user"), "{}", answer.message());
    drop(held);
    let mut status = 0;
    for _ in 0..100 {
        status = ask(&world.socket, get("/_ping")).await.status;
        if status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_restarts_is_found_again_on_the_same_connection() {
    let mut world = World::start(Some(OPEN), Posture::Enforce);
    let mut client = Client::connect(&world.socket).await;
    assert_eq!(client.send(get("/v1.41/info")).await.answer().await.status, 200);
    for _ in 0..3 {
        world.engine = crate::engine::Engine::start(&world.engine.path.clone());
        assert_eq!(client.send(get("/v1.41/info")).await.answer().await.status, 200);
        let delete = "DELETE /v1.41/containers/web HTTP/1.1\r\nHost: d\r\n\r\n";
        assert_eq!(client.send(delete).await.answer().await.status, 204);
        assert_eq!(world.engine.lines().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_memory_is_used_up_who_has_very_many_connections_gets_no_more_and_then_loses_some() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let used = Arc::new(AtomicU64::new(0));
    let percent = Arc::clone(&used);
    let watch = move || Some(percent.load(SeqCst));
    world.guard.valve.watch(world.guard.stats.clone(), watch).expect("thread");
    let mut mine = Client::connect(&world.socket).await;
    assert_eq!(mine.send(get("/v1.41/info")).await.answer().await.status, 200);
    let mut theirs = Vec::new();
    while theirs.len() < VALVE_CONNECTIONS {
        theirs.push(Client::connect_as(OTHER_USER, &world.socket).await);
    }
    let open = || world.guard.connections.count();
    eventually("all are served", || open() == VALVE_CONNECTIONS + 1).await;
    used.store(VALVE_SHUT, SeqCst);
    let refusal = loop {
        let mut client = Client::connect_as(OTHER_USER, &world.socket).await;
        let answer = client.send(get("/_ping")).await.answer().await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(refusal.status, 503);
    assert!(refusal.message().contains("memory is nearly used up"), "{}", refusal.message());
    assert_eq!(ask(&world.socket, get("/_ping")).await.status, 200, "others are served");
    assert!(open() > VALVE_CONNECTIONS, "and nothing is cut off");
    used.store(VALVE_CUT, SeqCst);
    eventually("some are cut off", || open() < VALVE_CONNECTIONS).await;
    assert_eq!(mine.send(get("/v1.41/info")).await.answer().await.status, 200);
    used.store(0, SeqCst);
    let first = &mut theirs[0];
    assert_eq!(first.send(get("/v1.41/info")).await.answer().await.status, 200, "the newest have gone");
    while theirs.len() <= VALVE_CONNECTIONS {
        theirs.push(Client::connect_as(OTHER_USER, &world.socket).await);
    }
    let last = theirs.last_mut().expect("some");
    assert_eq!(last.send(get("/_ping")).await.answer().await.status, 200, "as before");
}
