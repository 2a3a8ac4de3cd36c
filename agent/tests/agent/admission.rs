//! What is refused never reaches the engine, and what is allowed reaches it in the form that was judged.

use crate::{
    client::{Client, ask, eventually, get, post},
    engine::Fault,
    world::{NO_PRIVILEGED, OPEN, World, bundle, host_id},
};
use std::sync::atomic::Ordering::SeqCst;
use wharden_agent::{
    break_glass::{Grant, Moment},
    limits::Limits,
};
use wharden_model::{Action, Effect, Outcome, Posture, Principal, Timestamp};
use wharden_runtime::clock::{Clock, SystemClock};

const CREATE: &str = "/v1.41/containers/create?name=x";

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_never_reaches_the_engine_and_says_why() {
    let mut world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    let answer = ask(&world.socket, post(CREATE, r#"{"Image":"busybox","HostConfig":{"Privileged":true}}"#)).await;
    assert_eq!(answer.status, 403);
    let message = answer.message();
    for part in ["container.create", "test/no-privileged", "privileged containers own the host", "CIS 5.5", "sec@corp"]
    {
        assert!(message.contains(part), "{message}");
    }
    assert!(answer.head.contains("Api-Version: 1.41\r\n"), "{}", answer.head);
    assert!(world.engine.lines().is_empty());
    let answer = ask(&world.socket, post(CREATE, r#"{"Image":"busybox"}"#)).await;
    assert_eq!(answer.status, 201);
    assert_eq!(world.engine.lines(), ["POST /v1.41/containers/create?name=x HTTP/1.1"]);

    let events = world.events().await;
    let outcomes: Vec<_> = events.iter().map(|e| (e.seq, e.action, e.outcome)).collect();
    assert_eq!(
        outcomes,
        [(1, Action::ContainerCreate, Outcome::Denied), (2, Action::ContainerCreate, Outcome::Allowed)]
    );
    assert_eq!(events[0].principal, Principal::User { name: "root".into() });
    assert_eq!((&events[0].host_id, events[0].decision.revision), (&host_id(), 7));
    assert_eq!(events[0].request, "POST /v1.41/containers/create");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_gets_the_canonical_form_and_nothing_of_the_original() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let body = r#" { "Image" : "busybox" , "Env" : [ "A=1" ] } "#;
    let request = format!(
        "POST /containers/create HTTP/1.1\r\nHost: evil\r\nX-Smuggled: 1\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x};ext=1\r\n{body}\r\n0\r\nTrailer: x\r\n\r\n",
        body.len()
    );
    assert_eq!(ask(&world.socket, request).await.status, 201);
    let seen = world.engine.seen();
    assert_eq!(seen[0].line, "POST /v1.41/containers/create HTTP/1.1");
    assert!(!seen[0].headers.contains_key("x-smuggled") && !seen[0].headers.contains_key("transfer-encoding"));
    assert_ne!(seen[0].body, body.as_bytes());
    let sent: serde_json::Value = serde_json::from_slice(&seen[0].body).expect("JSON");
    assert_eq!(sent["Image"], "busybox");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_bring_a_mark_of_its_own() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let request = |more: &str| format!("GET /v1.41/info HTTP/1.1\r\nHost: d\r\nX-Wharden-Judged: forged\r\n{more}\r\n");
    let answer = ask(&world.socket, request("")).await;
    assert_eq!(answer.status, 200);
    let mark = world.engine.seen()[0].headers["x-wharden-judged"].clone();
    assert!(mark.len() == 64 && !mark.contains("forged"), "one header, and it is the agent's");
    assert!(!answer.head.contains(&mark));
    // Nor take the agent's away.
    assert_eq!(ask(&world.socket, request("Connection: X-Wharden-Judged\r\n")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_by_a_name_is_what_was_decided_on() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let delete = |path: &str| format!("DELETE /v1.41/{path} HTTP/1.1\r\nHost: d\r\n\r\n");
    for request in [
        delete("volumes/turned"),
        delete("images/turned"),
        get("/v1.41/images/turned/get"),
        get("/v1.41/images/get?names=busybox&names=turned"),
        post("/v1.41/images/turned/push", "").replace("\r\n\r\n", "\r\nX-Registry-Auth: e30=\r\n\r\n"),
    ] {
        let answer = ask(&world.socket, &request).await;
        assert_eq!(
            (answer.status, answer.message().contains("try again")),
            (409, true),
            "{request}{}",
            answer.message()
        );
    }
    assert!(world.engine.lines().is_empty(), "{:?}", world.engine.lines());
    for request in [delete("volumes/kept"), delete("images/busybox")] {
        assert_eq!(ask(&world.socket, &request).await.status, 204, "{request}");
    }
    // A name is not given away meanwhile either.
    let turn = world.guard.image_names.take("docker.io/library/busybox:latest".into()).await;
    let mut beside = Client::connect(&world.socket).await;
    beside.send(get("/v1.41/images/busybox/get")).await;
    assert_eq!(beside.head().await.0, 200, "others may look at it too");
    let mut tagging = Client::connect(&world.socket).await;
    tagging.send(post("/v1.41/images/busybox/tag?repo=busybox", "")).await;
    eventually("the name is waited for", || turn.is_wanted()).await;
    assert_eq!(world.engine.lines().len(), 3);
    // Whoever wants to look at it now waits for that, by two names of the same too.
    let mut looking = Client::connect(&world.socket).await;
    looking.send(get("/v1.41/images/get?names=busybox&names=busybox:latest")).await;
    drop(turn);
    tagging.answer().await;
    assert_eq!(looking.head().await.0, 200);
    // Once the engine answers it has found the image, however long it goes on.
    ask(&world.socket, post("/v1.41/images/busybox/tag?repo=busybox", "")).await;
    assert!(world.engine.lines()[3].contains("/tag?repo=busybox"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_name_for_long_hears_why() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let turn = world.guard.image_names.take("docker.io/library/busybox:latest".into()).await;
    let answer = ask(&world.socket, post("/v1.41/images/busybox/tag?repo=busybox", "")).await;
    assert_eq!(answer.status, 409);
    assert!(answer.message().contains("docker.io/library/busybox:latest has been pushed"), "{}", answer.message());
    assert!(world.engine.lines().is_empty() && !turn.is_wanted());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_waited_is_decided_on_by_the_policies_of_now() {
    let mut world = World::start(Some(OPEN), Posture::Enforce);
    let turn = world.guard.naming.take("kept".into()).await;
    let mut client = Client::connect(&world.socket).await;
    client.send("DELETE /v1.41/volumes/kept HTTP/1.1\r\nHost: d\r\n\r\n").await;
    eventually("the request waits", || turn.is_wanted()).await;
    let kept = format!("{OPEN}\nforbid(principal, action == Docker::Action::\"volume.delete\", resource);");
    world.take(8, &bundle(&kept, Posture::Enforce));
    drop(turn);
    assert_eq!(client.answer().await.status, 403);
    assert!(world.engine.lines().is_empty(), "{:?}", world.engine.lines());
    let outcomes: Vec<_> = world.events().await.iter().map(|event| event.outcome).collect();
    assert_eq!(outcomes, [Outcome::Allowed, Outcome::Denied]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_is_not_done() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let delete = "DELETE /v1.41/volumes/kept HTTP/1.1\r\nHost: d\r\n\r\n";
    let turn = world.guard.naming.take("kept".into()).await;
    let mut client = Client::connect(&world.socket).await;
    client.send(delete).await;
    eventually("the request waits", || turn.is_wanted()).await;
    drop((client, turn));
    // Behind the one that has gone.
    assert_eq!(ask(&world.socket, delete).await.status, 204);
    assert_eq!(world.engine.lines(), ["DELETE /v1.41/volumes/kept HTTP/1.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_only_has_dockers_api_is_not_served() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let body = r#"{"ApiVersion":"1.41","Components":[{"Name":"Podman Engine"},{"Name":"Conmon"}]}"#;
    let version: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into());
    world.engine.set_fault(Some(Fault::Instead(version)));
    for request in [get("/v1.41/_ping"), post(CREATE, r#"{"Image":"busybox"}"#)] {
        let answer = ask(&world.socket, request).await;
        assert!(answer.status >= 500 && answer.message().contains("\"Podman Engine\""), "{}", answer.message());
    }
    assert!(world.engine.lines().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_reach_the_engine_as_full_ids() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    assert_eq!(ask(&world.socket, "DELETE /v1.41/containers/web HTTP/1.1\r\nHost: d\r\n\r\n").await.status, 204);
    assert_eq!(world.engine.lines(), [format!("DELETE /v1.41/containers/{} HTTP/1.1", crate::engine::WEB)]);
    let missing = ask(&world.socket, "DELETE /v1.41/containers/nothing HTTP/1.1\r\nHost: d\r\n\r\n").await;
    assert_eq!((missing.status, missing.message().as_str()), (404, "No such container: nothing"));
    assert_eq!(world.engine.lines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_requests_are_refused_in_every_posture() {
    for posture in [Posture::Enforce, Posture::Observe] {
        let mut world = World::start(Some(OPEN), posture);
        for (request, status) in [
            (post(CREATE, r#"{"Image":"a","image":"b"}"#), 400),
            (post("/v1.41/containers/../containers/create", "{}"), 400),
            ("GET /info HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".into(), 400),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 505),
            ("\x16\x03\x01 not http".into(), 400),
            ("BREW /info HTTP/1.1\r\nHost: d\r\n\r\n".into(), 501),
        ] {
            let answer = ask(&world.socket, &request).await;
            assert_eq!(answer.status, status, "{request}: {answer:?}");
        }
        assert!(world.engine.lines().is_empty(), "{:?}", world.engine.lines());
        let events = world.events().await;
        assert!(!events.is_empty() && events.iter().all(|e| e.outcome == Outcome::Invalid && !e.error.is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn posture_observe_forwards_and_reports_what_would_have_been_refused() {
    let mut world = World::start(Some(NO_PRIVILEGED), Posture::Observe);
    let body = r#"{"Image":"busybox","HostConfig":{"Privileged":true}}"#;
    assert_eq!(ask(&world.socket, post(CREATE, body)).await.status, 201);
    let events = world.events().await;
    assert_eq!((events[0].outcome, events[0].posture), (Outcome::WouldDeny, Posture::Observe));
    assert_eq!(events[0].decision.rules[0].id, "test/no-privileged");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bundle_the_posture_decides() {
    let world = World::start(None, Posture::Enforce);
    assert_eq!(ask(&world.socket, get("/_ping")).await.status, 200);
    assert_eq!(ask(&world.socket, get("/v1.41/version")).await.status, 200);
    let refused = ask(&world.socket, get("/v1.41/info")).await;
    assert_eq!(refused.status, 403);
    let world = World::start(None, Posture::Observe);
    assert_eq!(ask(&world.socket, get("/v1.41/info")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n"
    );
    assert_eq!(ask(&world.socket, head).await.status, 413);
    let mut client = Client::connect(&world.socket).await;
    client
        .send(format!(
            "POST {CREATE} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        ))
        .await;
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..64 {
        if tokio::io::AsyncWriteExt::write_all(&mut client.stream, &chunk).await.is_err() {
            break;
        }
    }
    assert_eq!(client.answer().await.status, 413);
    assert!(world.engine.lines().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_is_answered_and_forgotten() {
    let limits = Limits { head_timeout_s: 1, body_timeout_s: 1, ..Limits::default() };
    let world = World::with(Some(OPEN), Posture::Enforce, limits);
    assert_eq!(ask(&world.socket, "GET /info HTTP/1.1\r\nHo").await.status, 408);
    let body = "POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
    assert_eq!(ask(&world.socket, body).await.status, 408);
    let mut client = Client::connect(&world.socket).await;
    client.send("GET /info HTTP/1.1\r\nHo").await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.expect("shutdown");
    assert_eq!(client.answer().await.status, 400);
    let mut client = Client::connect(&world.socket).await;
    client.send(body).await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.expect("shutdown");
    assert_eq!(client.answer().await.status, 400);
    assert!(world.engine.lines().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_down_or_silent_gives_a_clear_answer() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    assert_eq!(ask(&world.socket, get("/v1.41/info")).await.status, 200);
    world.engine.memory.mute.store(true, SeqCst);
    let answer = ask(&world.socket, get("/v1.41/info")).await;
    assert_eq!(answer.status, 502, "{answer:?}");
    std::fs::remove_file(&world.engine.path).expect("remove");
    let answer = ask(&world.socket, get("/v1.41/info")).await;
    assert_eq!(answer.status, 503);
    assert!(answer.message().contains("engine.sock"), "{}", answer.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_by_break_glass_is_judged_all_the_same_and_says_so() {
    let mut world = World::start(Some(NO_PRIVILEGED), Posture::Enforce);
    let privileged = post(CREATE, r#"{"Image":"busybox","HostConfig":{"Privileged":true}}"#);
    let now = Moment::now(Timestamp(SystemClock.now())).expect("now");
    let grant = |uid, seconds: u64| Grant {
        id: "0".repeat(32),
        user: "root".into(),
        uid,
        reason: "the disk is full".into(),
        begun_at: now.wall,
        until: Timestamp(now.wall.0 + seconds * 1000),
        kernel_boot: now.kernel_boot.clone(),
        begun_uptime_ms: now.uptime_ms,
    };
    world.break_glass.begin(&grant(4_000_000_000, 600)).expect("begun");
    assert_eq!(ask(&world.socket, &privileged).await.status, 403, "it is another one's");
    world.break_glass.begin(&grant(0, 600)).expect("begun");
    assert_eq!(ask(&world.socket, &privileged).await.status, 201);
    assert_eq!(ask(&world.socket, post(CREATE, r#"{"Image":"a","image":"b"}"#)).await.status, 400, "still ambiguous");
    world.break_glass.begin(&grant(0, 0)).expect("begun");
    assert_eq!(ask(&world.socket, &privileged).await.status, 403, "its time is up");

    let events = world.events().await;
    let outcomes: Vec<_> = events.iter().map(|event| event.outcome).collect();
    assert_eq!(outcomes, [Outcome::Denied, Outcome::WouldDeny, Outcome::Invalid, Outcome::Denied]);
    let rules: Vec<_> = events[1].decision.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(rules, ["test/no-privileged", "builtin/break-glass"]);
    assert!(events[1].decision.rules[1].reason.contains("the disk is full"));
    assert_eq!((events[1].posture, events[1].decision.effect), (Posture::Enforce, Effect::Deny));
}
