//! What one host, or all of them at once, cannot do to the others.

use super::{
    Code, SOON,
    cluster::{Agent, Cluster, Open, hello, policy, request},
};
use crate::{
    fleet::{
        FleetConfig,
        admission::Admission,
        limits::{CONNECTIONS, MESSAGES_BURST, RIVALS_MAX},
    },
    raft::new_request_id,
};
use std::time::Duration;
use tonic::Status;
use wharden_model::Bundle;
use wharden_pki::KeyPair;
use wharden_proto::{
    RETRY_AFTER_MS, difference,
    v1::{Heartbeat, agent_message::Body},
};

fn retry_after(status: &Status) -> u64 {
    let told = status.metadata().get(RETRY_AFTER_MS).expect("it says when").to_str().expect("ASCII");
    told.parse().expect("milliseconds")
}

fn counter(cluster: &Cluster, name: &str) -> u64 {
    let line = format!("{name}_total ");
    let text = cluster.metrics.encode();
    text.lines().find_map(|found| found.split_once(&line)?.1.parse().ok()).unwrap_or(0)
}

async fn holding(agent: &Agent, cluster: &Cluster) -> Open {
    let mut session = agent.open(cluster, (0, &[])).await;
    let push = session.bundle().await;
    session.ack(&push).await;
    cluster.until("it holds it", |c| c.fleet.status(&agent.id).held_revision == push.revision).await;
    session
}

#[tokio::test]
async fn hosts_beyond_the_room_for_syncs_are_told_when_to_come_again_and_then_get_in() {
    let cluster = Cluster::admitting(FleetConfig::default(), Admission::with(1, 1)).await;
    let newest = cluster.change(policy("p", "container.inspect"));
    cluster.until("published", |c| c.metrics.encode().contains(&format!("publish_revision {newest}\n"))).await;
    let token = cluster.token(3);
    let (one, two) = (cluster.enrol(&token, "one").await, cluster.enrol(&token, "two").await);
    let mut first = one.open(&cluster, (0, &[])).await;
    let Err(status) = two.say(&cluster, hello((0, &[]))).await else { panic!("there was no room") };
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!((1..=2000).contains(&retry_after(&status)), "{status}");
    assert_eq!(counter(&cluster, "fleet_sessions_busy"), 1);
    let push = first.bundle().await;
    first.ack(&push).await;
    cluster.until("the place is free", |c| c.fleet.counts().behind == 0).await;
    let second = holding(&two, &cluster).await;
    assert_eq!(cluster.fleet.counts().connected, 2);
    drop(second);
}

#[tokio::test]
async fn enrolments_beyond_their_room_are_told_when_to_come_again_and_take_no_use() {
    let cluster = Cluster::admitting(FleetConfig::default(), Admission::with(9, 0)).await;
    let (token, key) = (cluster.token(1), KeyPair::generate().expect("key"));
    let refused = cluster.try_enrol(request(&token, "web", &key, &new_request_id())).await.expect_err("no room");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(retry_after(&refused) > 0);
    assert_eq!(cluster.state().tokens[&token.id].uses_left, 1);
}

#[tokio::test]
async fn a_change_is_sent_as_the_difference_to_those_who_know_how_to_apply_it() {
    let cluster = Cluster::start().await;
    for n in 0..20 {
        cluster.change(policy(&format!("p{n:02}"), "container.inspect"));
    }
    let newest = cluster.state().policy_revision;
    cluster.until("published", |c| c.metrics.encode().contains(&format!("publish_revision {newest}\n"))).await;
    let token = cluster.token(2);
    let (new, old) = (cluster.enrol(&token, "new").await, cluster.enrol(&token, "old").await);
    let Body::Hello(mut says) = hello((0, &[])) else { panic!("not a hello") };
    says.differences = true;
    let mut knows = new.say(&cluster, Body::Hello(says)).await.expect("admitted");
    knows.next().await.expect("welcome");
    let held = knows.bundle().await;
    knows.ack(&held).await;
    let mut plain = holding(&old, &cluster).await;
    cluster.until("both hold it", |c| c.fleet.counts().behind == 0).await;

    let revision = cluster.change(policy("p07", "container.logs"));
    let whole = plain.bundle().await;
    let push = knows.push().await;
    assert_eq!((push.revision, push.from, whole.from), (revision, held.revision, 0));
    assert!(push.payload.len() * 4 < whole.payload.len(), "{} of {}", push.payload.len(), whole.payload.len());
    let applied = difference::apply(&held.payload, &push.payload).expect("applies");
    assert_eq!(applied, whole.payload);
    let bundle: Bundle = serde_json::from_slice(&applied).expect("a bundle");
    assert!(bundle.policies.iter().any(|policy| policy.text.contains("container.logs")));
    assert_eq!(counter(&cluster, "fleet_bundle_differences"), 1);
}

#[tokio::test]
async fn two_machines_with_one_key_are_found_out_and_the_open_session_stays() {
    let cluster = Cluster::start().await;
    let agent = cluster.enrol(&cluster.token(1), "web").await;
    let mut sessions = vec![agent.open(&cluster, (0, &[])).await];
    for _ in 0..RIVALS_MAX {
        sessions.push(agent.open(&cluster, (0, &[])).await);
        let before = sessions.len() - 2;
        assert_eq!(sessions[before].end().await, Code::Aborted);
    }
    let mut refused = agent.say(&cluster, hello((0, &[]))).await.expect("admitted");
    let status = refused.next().await.expect_err("contested");
    assert_eq!(status.code(), Code::Aborted);
    assert!(retry_after(&status) > 1000, "{status}");
    assert_eq!(counter(&cluster, "fleet_sessions_contested"), 1);
    let open = sessions.last_mut().expect("the one that is open");
    let push = open.bundle().await;
    open.ack(&push).await;
    cluster.until("it is served", |c| c.fleet.status(&agent.id).held_revision == push.revision).await;
}

#[tokio::test]
async fn a_flood_of_messages_waits_at_its_host_and_others_are_served() {
    let cluster = Cluster::start().await;
    let token = cluster.token(2);
    let (loud, quiet) = (cluster.enrol(&token, "loud").await, cluster.enrol(&token, "quiet").await);
    let flood = holding(&loud, &cluster).await;
    let flooding = tokio::spawn(async move {
        for events_lost in 1..=u64::from(MESSAGES_BURST) * 100 {
            flood.try_send(Body::Heartbeat(Heartbeat { events_lost })).await;
        }
    });
    cluster.until("it is slowed down", |c| counter(c, "fleet_sessions_slowed") > 0).await;
    let mut session = holding(&quiet, &cluster).await;
    let revision = cluster.change(policy("more", "container.inspect"));
    let push = session.bundle().await;
    session.ack(&push).await;
    cluster.until("the other is served", |c| c.fleet.status(&quiet.id).held_revision == revision).await;
    let read = cluster.fleet.status(&loud.id).events_lost;
    assert!(read < u64::from(MESSAGES_BURST) * 100, "all was read at once");
    flooding.abort();
}

#[tokio::test]
async fn one_host_has_a_few_connections_and_no_more() {
    let cluster = Cluster::start().await;
    let token = cluster.token(2);
    let (greedy, other) = (cluster.enrol(&token, "greedy").await, cluster.enrol(&token, "other").await);
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS.per_certificate {
        clients.push(greedy.client(&cluster).await);
    }
    let refused = |c: &Cluster| counter(c, "fleet_connections_refused");
    // The connection is closed after its handshake: whether dialling or the first call finds out is a matter of time.
    drop(greedy.try_client(&cluster).await);
    cluster.until("one is closed", |c| refused(c) > 0).await;
    drop(holding(&other, &cluster).await);
    drop(clients);
}

#[tokio::test]
async fn a_host_that_goes_without_taking_its_bundle_gives_its_place_back() {
    tokio::time::timeout(SOON * 2, async {
        let cluster = Cluster::admitting(FleetConfig::default(), Admission::with(1, 1)).await;
        let token = cluster.token(2);
        let (slow, other) = (cluster.enrol(&token, "slow").await, cluster.enrol(&token, "other").await);
        let mut stuck = slow.open(&cluster, (0, &[])).await;
        stuck.bundle().await;
        drop(stuck);
        cluster.until("it is gone", |c| !c.fleet.status(&slow.id).connected).await;
        loop {
            match other.say(&cluster, hello((0, &[]))).await {
                Ok(_) => break,
                Err(status) => tokio::time::sleep(Duration::from_millis(retry_after(&status).min(50))).await,
            }
        }
    })
    .await
    .expect("the place was given back");
}
