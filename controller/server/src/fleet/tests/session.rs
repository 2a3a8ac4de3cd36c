use super::{
    Agent, Code, Duration, Open, SOON,
    cluster::{Cluster, hello, policy},
};
use crate::{events::HostFilter, fleet::FleetConfig};
use bytes::Bytes;
use wharden_model::{Bundle, EventQuery, HostReport};
use wharden_proto::v1::{
    BundleNack, Event, Events, Heartbeat, Hello, Notice, Report, agent_message::Body, controller_message,
};
use wharden_state::{Command, HostCommand};

async fn connected(cluster: &Cluster) -> (Agent, Open) {
    let agent = cluster.enrol(&cluster.token(1), "web").await;
    let session = agent.open(cluster, (0, &[])).await;
    (agent, session)
}

fn label(agent: &Agent, labels: &str) -> Command {
    let labels = Some(labels.parse().expect("labels"));
    Command::Host(HostCommand::Patch { id: agent.id.clone(), labels, posture: None })
}

#[tokio::test]
async fn a_host_gets_its_bundle_and_each_change_that_concerns_it() {
    let cluster = Cluster::start().await;
    let (agent, mut session) = connected(&cluster).await;
    let first = session.bundle().await;
    assert_eq!(first.revision, cluster.state().policy_revision);
    assert_eq!(cluster.fleet.counts().behind, 1);
    session.ack(&first).await;
    cluster.until("it holds it", |c| c.fleet.status(&agent.id).held_revision == first.revision).await;
    let counts = cluster.fleet.counts();
    assert_eq!((counts.connected, counts.behind), (1, 0));
    assert_eq!(cluster.fleet.status(&agent.id).held_digest.expect("held").to_vec(), first.digest);

    let revision = cluster.change(policy("more", "container.inspect"));
    let second = session.bundle().await;
    assert_eq!(second.revision, revision);
    let bundle: Bundle = serde_json::from_slice(&second.payload).expect("whole");
    assert_eq!((bundle.policies.len(), bundle.scope.labels.to_string().as_str()), (2, "env=dev"));
    session.ack(&second).await;

    cluster.change(label(&agent, "env=prod"));
    let third = session.bundle().await;
    let bundle: Bundle = serde_json::from_slice(&third.payload).expect("whole");
    assert_eq!(bundle.scope.labels.to_string(), "env=prod");
    session.ack(&third).await;
    cluster.until("it holds it", |c| c.fleet.status(&agent.id).held_revision == third.revision).await;
    drop(session);
    cluster.until("it is gone", |c| !c.fleet.status(&agent.id).connected).await;
    assert_eq!(cluster.fleet.status(&agent.id).held_revision, third.revision, "remembered");
}

#[tokio::test]
async fn who_holds_the_newest_bundle_is_left_alone_and_hears_of_a_revision_without_its_content() {
    let cluster = Cluster::start().await;
    let (agent, mut session) = connected(&cluster).await;
    let other = cluster.enrol(&cluster.token(1), "other").await;
    let first = session.bundle().await;
    session.ack(&first).await;
    let mut session = agent.open(&cluster, (first.revision, &first.digest)).await;
    let revision = cluster.change(label(&other, "env=prod"));
    assert_eq!(cluster.fleet.counts().behind, 0, "nothing is new for it");
    let header = session.bundle().await;
    assert_eq!((header.revision, header.payload.len(), &header.digest), (revision, 0, &first.digest));
    let nack = BundleNack { nonce: header.nonce, reason: "what digest?".to_owned() };
    session.send(Body::Nack(nack)).await;
    let whole = session.bundle().await;
    assert_eq!((whole.revision, whole.payload.is_empty()), (revision, false));
}

#[tokio::test]
async fn a_slow_host_gets_the_newest_bundle_and_not_those_between() {
    let cluster = Cluster::start().await;
    let (agent, mut session) = connected(&cluster).await;
    let first = session.bundle().await;
    for action in ["container.top", "container.logs", "container.wait"] {
        let revision = cluster.change(policy("more", action));
        cluster.until("published", |c| c.metrics.encode().contains(&format!("publish_revision {revision}\n"))).await;
    }
    let newest = cluster.state().policy_revision;
    session.ack(&first).await;
    assert_eq!(session.bundle().await.revision, newest);
    assert_eq!(cluster.fleet.status(&agent.id).held_revision, first.revision);
}

#[tokio::test]
async fn a_refusal_is_shown_with_its_reason_until_a_bundle_is_accepted() {
    let cluster = Cluster::start().await;
    let (agent, mut session) = connected(&cluster).await;
    let push = session.bundle().await;
    session.send(Body::Nack(BundleNack { nonce: push.nonce + 7, reason: "stray".to_owned() })).await;
    session.send(Body::Nack(BundleNack { nonce: push.nonce, reason: "disk\u{7} full".to_owned() })).await;
    cluster.until("shown", |c| c.fleet.status(&agent.id).nack == "disk full").await;
    assert_eq!((cluster.fleet.status(&agent.id).held_revision, cluster.fleet.counts().behind), (0, 1));
    cluster.change(policy("more", "container.inspect"));
    let push = session.bundle().await;
    session.ack(&push).await;
    cluster.until("accepted", |c| c.fleet.status(&agent.id).nack.is_empty()).await;
}

fn events(seqs: std::ops::RangeInclusive<u64>) -> Body {
    let json = serde_json::json!({
        "host_id": "h-00000000deadbeef", "boot_id": "00000000000000ff", "seq": 1, "at": 5,
        "principal": { "kind": "user", "name": "alice" }, "action": "container.create",
        "resource": { "kind": "Container", "id": "new" }, "outcome": "denied", "posture": "enforce",
        "decision": { "effect": "deny", "rules": [], "monitor": [], "errors": [], "revision": 1 }, "request": ""
    });
    let json = Bytes::from(json.to_string());
    let events = seqs.map(|seq| Event { seq, json: json.clone() }).collect();
    Body::Events(Events { boot_id: "00000000000000b1".to_owned(), events })
}

async fn acked(session: &mut Open) -> u64 {
    loop {
        if let controller_message::Body::EventsAck(ack) = session.next().await.expect("a message") {
            assert_eq!(ack.boot_id, "00000000000000b1");
            return ack.seq;
        }
    }
}

#[tokio::test]
async fn events_are_stored_once_under_the_name_in_the_certificate() {
    let cluster = Cluster::start().await;
    let (agent, mut session) = connected(&cluster).await;
    session.send(events(1..=3)).await;
    assert_eq!(acked(&mut session).await, 3);
    let mut session = agent.open(&cluster, (0, &[])).await;
    session.send(events(1..=5)).await;
    assert_eq!(acked(&mut session).await, 5);
    let page = cluster.events.query(&EventQuery::default(), &HostFilter::Any).await.expect("page");
    assert_eq!(page.events.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(page.events.iter().all(|e| e.host_id == agent.id && e.boot_id.as_str() == "00000000000000b1"));
    session.send(events(1..=257)).await;
    assert_eq!(session.end().await, Code::InvalidArgument);
}

#[tokio::test]
async fn a_second_session_of_a_host_replaces_the_first() {
    let cluster = Cluster::start().await;
    let (agent, mut first) = connected(&cluster).await;
    let mut second = agent.open(&cluster, (0, &[])).await;
    assert_eq!(first.end().await, Code::Aborted);
    let push = second.bundle().await;
    second.ack(&push).await;
    cluster.until("it counts", |c| c.fleet.status(&agent.id).held_revision == push.revision).await;
    assert_eq!(cluster.fleet.counts().connected, 1);
}

#[tokio::test]
async fn reports_and_heartbeats_are_remembered() {
    let cluster = Cluster::start().await;
    let (agent, mut session) = connected(&cluster).await;
    let report = HostReport { hostname: "web".to_owned(), cpus: 4, ..HostReport::default() };
    session.send(Body::Report(Report { json: Bytes::from_static(b"{") })).await;
    session.send(Body::Report(Report { json: serde_json::to_vec(&report).expect("json").into() })).await;
    session.send(Body::Heartbeat(Heartbeat { events_lost: 9 })).await;
    let answered = loop {
        if let controller_message::Body::HeartbeatAck(ack) = session.next().await.expect("a message") {
            break Duration::from_millis(ack.next_ms.into());
        }
    };
    let config = FleetConfig::default();
    assert!(answered > Duration::ZERO && answered < config.silence(), "{answered:?}");
    assert_eq!(cluster.fleet.status(&agent.id).events_lost, 9);
    let live = cluster.fleet.status(&agent.id);
    assert_eq!(live.report, Some(report));
    assert!(live.connected && live.last_seen_at.is_some());
}

#[tokio::test]
async fn a_session_that_does_not_begin_well_is_refused() {
    let cluster = Cluster::start().await;
    let agent = cluster.enrol(&cluster.token(1), "web").await;
    let Body::Hello(good) = hello((0, &[])) else { return };
    for (first, expected) in [
        (Body::Heartbeat(Heartbeat { events_lost: 0 }), Code::InvalidArgument),
        (Body::Hello(Hello { protocol: 99, ..good.clone() }), Code::FailedPrecondition),
        (Body::Hello(Hello { boot_id: "x".to_owned(), ..good.clone() }), Code::InvalidArgument),
        (Body::Hello(Hello { digest: Bytes::from_static(b"x"), ..good.clone() }), Code::InvalidArgument),
    ] {
        let mut session = agent.say(&cluster, first).await.expect("a stream");
        assert_eq!(session.end().await, expected);
    }
    let mut session = agent.open(&cluster, (0, &[])).await;
    session.send(Body::Hello(good)).await;
    assert_eq!(session.end().await, Code::InvalidArgument, "twice");
}

#[tokio::test]
async fn a_silent_session_is_closed() {
    let config = FleetConfig { heartbeat: Duration::from_millis(100), ..FleetConfig::default() };
    let cluster = Cluster::with(config).await;
    let (_, mut session) = connected(&cluster).await;
    assert_eq!(session.end().await, Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_revocation_is_not_missed_among_many_changes() {
    let cluster = Cluster::start().await;
    let (agent, mut session) = connected(&cluster).await;
    cluster.change(super::cluster::revoke(&agent.id));
    // More than the watcher can be behind, before it has a chance to run.
    for n in 0..200 {
        cluster.change(policy(&format!("p{n}"), "container.inspect"));
    }
    assert_eq!(session.end().await, Code::PermissionDenied);
}

#[tokio::test]
async fn a_stop_ends_every_session_with_the_reason() {
    let cluster = Cluster::start().await;
    let (_, mut session) = connected(&cluster).await;
    let shutdown = cluster.shutdown.clone();
    let stopping = tokio::spawn(async move { shutdown.finish(SOON).await });
    assert_eq!(session.end().await, Code::Unavailable);
    drop(session);
    stopping.await.expect("joined").expect("all tasks ended");
}

#[tokio::test]
async fn a_notice_is_in_the_audit_once_before_it_is_acknowledged() {
    let cluster = Cluster::start().await;
    let (agent, mut session) = connected(&cluster).await;
    let bundle = session.bundle().await;
    session.ack(&bundle).await;
    let json = br#"{"at":1000,"user":"root","step":{"begin":{"until":61000,"reason":"the disk is full"}}}"#;
    let notice = |id: char, json: &'static [u8]| {
        Body::Notice(Notice { id: id.to_string().repeat(32), json: Bytes::from_static(json) })
    };
    let records = || {
        let state = cluster.state();
        let records = state.audit.records().filter(|record| record.action == "host.break_glass.begin");
        records.map(|record| (record.actor.clone(), record.detail.clone())).collect::<Vec<_>>()
    };
    // The second is the same again, the third can never be read: both end the sending.
    for (id, json) in [('a', &json[..]), ('a', &json[..]), ('b', b"{}")] {
        session.send(notice(id, json)).await;
        let controller_message::Body::NoticeAck(ack) = session.next().await.expect("an answer") else {
            panic!("not the acknowledgement of a notice");
        };
        assert_eq!(ack.id, id.to_string().repeat(32));
        let detail = "os user root from 1970-01-01T00:00:01.000Z until 1970-01-01T00:01:01.000Z: the disk is full";
        assert_eq!(records(), [(format!("host {}", agent.id), detail.to_owned())]);
    }
}
