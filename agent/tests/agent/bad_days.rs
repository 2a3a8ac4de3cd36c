//! When everything around it fails, the guard goes on: nobody passes who must not, nothing is left behind, and what it
//! counts is what happened.

use crate::{
    client::{Client, ask, eventually, get, post},
    engine::Fault,
    world::{NO_PRIVILEGED, World},
};
use futures::future::join_all;
use std::sync::{Arc, atomic::Ordering::SeqCst};
use wharden_agent::limits::Limits;
use wharden_model::{Outcome, Posture};
use wharden_runtime::clock::ManualClock;

const LOAD: &str = "POST /v1.41/images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\nabcd";

fn privileged() -> String {
    post("/v1.41/containers/create", r#"{"Image":"busybox","HostConfig":{"Privileged":true}}"#)
}

async fn works_as_ever(world: &World) {
    assert_eq!(ask(&world.socket, get("/v1.41/info")).await.status, 200);
    assert_eq!(ask(&world.socket, privileged()).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_from_the_engine_is_told_and_lets_nobody_pass() {
    let world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    works_as_ever(&world).await;
    for garbage in [
        "\u{1}\u{2}\u{3} what is this\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n[]",
        "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 20",
        "",
    ] {
        let (errors, lines) = (world.guard.stats.engine_errors.get(), world.engine.lines().len());
        world.engine.set_fault(Some(Fault::Instead(garbage)));
        let mut told = 0;
        for request in [get("/v1.41/info"), get("/v1.41/containers/json"), privileged(), LOAD.to_owned()] {
            let answer = ask(&world.socket, &request).await;
            assert!(matches!(answer.status, 502 | 403), "{garbage:?}: {answer:?}");
            assert!(answer.message().contains("What to do"), "{}", answer.message());
            told += u64::from(answer.status == 502);
        }
        assert!(told > 0);
        assert_eq!(world.guard.stats.engine_errors.get() - errors, told, "{garbage:?}");
        world.engine.set_fault(None);
        works_as_ever(&world).await;
        assert_eq!(world.engine.lines().len(), lines + 1, "{:?}", world.engine.lines());
    }
    eventually("all connections end", || world.guard.connections.count() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_never_looks_whole() {
    let world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    works_as_ever(&world).await;
    let errors = world.guard.stats.engine_errors.get();
    for (part, seen) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "half"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "4\r\nhalf\r\n"),
    ] {
        world.engine.set_fault(Some(Fault::Instead(part)));
        let mut client = Client::connect(&world.socket).await;
        assert_eq!(client.send(get("/v1.41/info")).await.head().await.0, 200);
        assert_eq!(String::from_utf8(client.rest().await).expect("text"), seen);
        // Of a small list nothing is passed on.
        assert_eq!(ask(&world.socket, get("/v1.41/containers/json")).await.status, 502);
        world.engine.set_fault(None);
        works_as_ever(&world).await;
    }
    assert_eq!(world.guard.stats.engine_errors.get() - errors, 4);
    eventually("all connections end", || world.guard.connections.count() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_engine_hangs_refusals_are_still_given_and_those_who_leave_leave_nothing() {
    let world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    works_as_ever(&world).await;
    let lines = world.engine.lines();
    world.engine.set_fault(Some(Fault::Silence));
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut client = Client::connect(&world.socket).await;
        client.send(get("/v1.41/info")).await;
        waiting.push(client);
    }
    let refused = ask(&world.socket, LOAD).await;
    assert_eq!(refused.status, 403);
    // Of those who leave before, the engine never hears.
    eventually("the engine has all", || world.engine.memory.silent.load(SeqCst) >= 50).await;
    drop(waiting);
    eventually("the engine's ends close", || world.engine.memory.streams_closed.load(SeqCst) >= 50).await;
    eventually("all connections end", || world.guard.connections.count() == 0).await;
    world.engine.set_fault(None);
    assert_eq!(world.engine.lines(), lines, "nothing was answered, so nothing was remembered");
    works_as_ever(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_may_be_another_is_asked_once_by_all_who_come() {
    let world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    works_as_ever(&world).await;
    let (before, clients) = (world.engine.asked("/info"), 200);
    let mut open = Vec::new();
    for _ in 0..clients {
        open.push(Client::connect(&world.socket).await);
    }
    world.guard.engine.forget();
    let asked = join_all(open.iter_mut().map(async |client| client.send(get("/_ping")).await.answer().await.status));
    assert_eq!(asked.await, vec![200; clients]);
    assert_eq!(world.engine.asked("/info") - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_changes_no_decision_and_no_number() {
    let clock = Arc::new(ManualClock::at(1_900_000_000_000));
    let limits = Limits::default();
    let mut world = World::with_clock(Some(NO_PRIVILEGED), Posture::Enforce, limits, Arc::clone(&clock) as _);
    let times = [1_900_000_000_000, 0, 4_000_000_000_000, 1_500_000_000_000, u64::MAX, 1_900_000_000_001];
    for time in times {
        clock.set(time);
        works_as_ever(&world).await;
    }
    let events: Vec<_> = world.events().await;
    let numbers: Vec<_> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    let told: Vec<_> = events.chunks(2).map(|pair| (pair[1].at.0, pair[0].outcome, pair[1].outcome)).collect();
    assert_eq!(told, times.map(|time| (time, Outcome::Allowed, Outcome::Denied)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_stops_nobody_and_every_event_is_written_or_counted() {
    let limits = Limits { spool_bytes: 16 * 1024, ..Limits::default() };
    let mut world = World::with(Some(NO_PRIVILEGED), Posture::Enforce, limits);
    let mut client = Client::connect(&world.socket).await;
    for _ in 0..200 {
        assert_eq!(client.send(privileged()).await.answer().await.status, 403);
    }
    let counted = || world.reporter.written() + world.reporter.lost();
    eventually("every event is accounted for", || counted() == 200).await;
    let (written, lost) = (world.reporter.written(), world.reporter.lost());
    assert!(written > 0 && lost > 0, "{written} written, {lost} lost");
    assert!(world.reporter.stats().bytes <= 16 * 1024);
    assert_eq!(world.events().await.len() as u64, written);
    assert!(world.engine.lines().is_empty());
}
