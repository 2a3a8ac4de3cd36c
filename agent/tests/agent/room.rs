//! Requests that are never finished cost their own user, and nobody else.

use crate::{
    client::{Client, eventually, get, post},
    world::{OPEN, World},
};
use futures::future::{join_all, select_all};
use wharden_agent::limits::Limits;
use wharden_model::Posture;

const OTHER: u32 = 64_321;
const CREATE: &str = "/v1.41/containers/create?name=x";
const MIB: usize = 1024 * 1024;

fn chunked() -> String {
    format!("POST {CREATE} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
}

/// Patient limits, so that nothing ends while a test looks at it.
fn limits() -> Limits {
    Limits { head_timeout_s: 120, body_timeout_s: 120, ..Limits::default() }
}

async fn other_creates(world: &World) {
    let mut other = Client::connect_as(OTHER, &world.socket).await;
    assert_eq!(other.send(post(CREATE, r#"{"Image":"busybox"}"#)).await.answer().await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_come_hold_nothing() {
    let world = World::with(Some(OPEN), Posture::Enforce, limits());
    let open = join_all((0..1000).map(|_| async {
        let mut client = Client::connect(&world.socket).await;
        client.send(chunked()).await;
        client
    }));
    let open = open.await;
    eventually("all are connected", || world.guard.connections.count() >= open.len()).await;
    other_creates(&world).await;
    assert_eq!(world.guard.connections.count(), open.len() + 1, "the others last");
    // The other's own body is given back a moment after its answer.
    eventually("they hold nothing", || world.guard.room.free() == world.guard.limits.buffered_bytes).await;
    // And each of them may still go on.
    for mut client in open.into_iter().take(3) {
        let body = r#"{"Image":"busybox"}"#;
        client.send(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())).await;
        assert_eq!(client.answer().await.status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_bodies_fill_the_share_of_their_user_only() {
    let (all, share) = (8 * MIB, 4 * MIB);
    let limits = Limits { buffered_bytes: all, buffered_bytes_per_user: share, ..limits() };
    let mut world = World::with(Some(OPEN), Posture::Enforce, limits);
    let socket = world.socket.clone();
    let senders: Vec<_> = (0..16)
        .map(|_| {
            let socket = socket.clone();
            tokio::spawn(async move {
                let mut client = Client::connect(&socket).await;
                let part = [b"80000\r\n".as_slice(), &[b' '; 0x80000], b"\r\n"].concat();
                client.send(chunked()).await.send(&part).await.send(&part).await;
                client.answer().await
            })
        })
        .collect();
    eventually("they hold most of the share", || world.guard.room.free() < all - share / 2).await;
    other_creates(&world).await;
    assert!(world.guard.room.free() < all - share / 2, "while they last");
    assert!(world.guard.room.free() >= all - share, "one user's share");
    let (answer, _, rest) = select_all(senders).await;
    let answer = answer.expect("answered");
    assert_eq!(answer.status, 429);
    assert!(answer.message().contains("limits.buffered_bytes_per_user"), "{}", answer.message());
    rest.iter().for_each(tokio::task::JoinHandle::abort);
    eventually("everything is given back", || world.guard.room.free() == all).await;
    assert_eq!(world.engine.lines().len(), 1);
    let refused = world.guard.stats.no_room.get();
    let told = world.events().await.into_iter().filter(|event| event.error.contains("hold all")).count();
    assert!(refused > 0 && told as u64 == refused, "{told} of {refused} are told to the controller");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_heads_fill_the_share_of_their_user_only() {
    let world = World::with(Some(OPEN), Posture::Enforce, limits());
    let head = format!("GET /info HTTP/1.1\r\nHost: d\r\nX-Long: {}", "x".repeat(60 * 1024));
    let mut open = Vec::new();
    for _ in 0..1000 {
        let mut client = Client::connect(&world.socket).await;
        client.send(&head).await;
        open.push(client);
    }
    let (all, share) = (world.guard.limits.buffered_bytes, world.guard.limits.buffered_bytes_per_user);
    eventually("they hold most of the share", || world.guard.room.free() < all - share / 2).await;
    let mut other = Client::connect_as(OTHER, &world.socket).await;
    let large = head.replace("X-Long", "X-Registry-Auth") + "\r\n\r\n";
    for request in [get("/v1.41/info"), large] {
        assert_eq!(other.send(request).await.answer().await.status, 200);
    }
    assert!(world.guard.room.free() >= all - share - MIB, "one user's share, and the other's head");
    // One whose head came too late to fit is told so, and one that fits goes on.
    let answer = open.last_mut().expect("some").answer().await;
    assert_eq!(answer.status, 429, "{}", answer.message());
    assert!(world.guard.stats.no_room.get() > 0);
    assert_eq!(open[0].send("\r\n\r\n").await.answer().await.status, 200);
    drop(open);
    drop(other);
    eventually("everything is given back", || world.guard.room.free() == all).await;
    assert_eq!(world.engine.lines().len(), 3);
}
