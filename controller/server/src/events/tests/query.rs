use super::*;
use std::{collections::BTreeSet, time::Duration};
use wharden_model::api::EventPage;

async fn filled(dir: &Path) -> EventStore {
    let store = open(dir, SMALL).await;
    let rows = [
        ("alice", Action::ContainerCreate, Outcome::Allowed),
        ("alice", Action::ContainerDelete, Outcome::Denied),
        ("bob", Action::ImagePush, Outcome::WouldDeny),
        ("bob", Action::ContainerCreate, Outcome::Denied),
    ];
    for round in 0..10 {
        let events = rows.iter().zip(1..).map(|((user, action, outcome), nth)| {
            let seq = round * 4 + nth;
            (seq, json(&event(user, *action, *outcome, 1000 * seq)))
        });
        store.append(&host(1 + round % 2), &boot(1), events.collect()).await.expect("stored");
    }
    store
}

fn query() -> EventQuery {
    EventQuery { limit: Some(1000), ..EventQuery::default() }
}

fn seqs(page: &EventPage) -> Vec<u64> {
    page.events.iter().map(|e| e.seq).collect()
}

#[tokio::test]
async fn each_part_of_a_query_narrows_it() {
    let dir = tempfile::tempdir().expect("dir");
    let store = filled(dir.path()).await;
    let ask = async |query: EventQuery| seqs(&store.query(&query, &HostFilter::Any).await.expect("page"));
    assert_eq!(ask(query()).await, (1..=40).collect::<Vec<_>>());
    let every = |first: u64| (0..10).map(|round| round * 4 + first).collect::<Vec<u64>>();
    assert_eq!(ask(EventQuery { decision: Some("would-deny".into()), ..query() }).await, every(3));
    assert_eq!(ask(EventQuery { action: Some("container.delete".into()), ..query() }).await, every(2));
    assert_eq!(ask(EventQuery { action: Some("image".into()), ..query() }).await, every(3));
    assert_eq!(ask(EventQuery { action: Some("container".into()), ..query() }).await.len(), 30);
    assert_eq!(ask(EventQuery { user: Some("bob".into()), ..query() }).await.len(), 20);
    assert!(ask(EventQuery { user: Some("bo".into()), ..query() }).await.is_empty());
    let alices = EventQuery { user: Some("alice".into()), decision: Some("denied".into()), ..query() };
    assert_eq!(ask(alices).await, every(2));
    assert_eq!(ask(EventQuery { since: Some(38_000), ..query() }).await, [38, 39, 40]);
    assert_eq!(ask(EventQuery { until: Some(3000), ..query() }).await, [1, 2]);
    assert_eq!(ask(EventQuery { limit: Some(3), user: Some("alice".into()), ..query() }).await, [34, 37, 38]);
    let second = HostFilter::Only(BTreeSet::from([host(2)]));
    let page = store.query(&query(), &second).await.expect("page");
    assert!(page.events.len() == 20 && page.events.iter().all(|e| e.host_id == host(2)));
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused_by_the_name_of_its_part() {
    let dir = tempfile::tempdir().expect("dir");
    let store = filled(dir.path()).await;
    for (bad, part) in [
        (EventQuery { decision: Some("maybe".into()), ..query() }, "decision: "),
        (EventQuery { action: Some("contain".into()), ..query() }, "action: "),
        (EventQuery { limit: Some(0), ..query() }, "limit: "),
        (EventQuery { limit: Some(1001), ..query() }, "limit: "),
        (EventQuery { wait: Some(31), ..query() }, "wait: "),
        (EventQuery { after: Some("x".into()), ..query() }, "after: "),
    ] {
        let error = store.query(&bad, &HostFilter::Any).await.expect_err(part).to_string();
        assert!(error.starts_with(part), "{error}");
    }
}

#[tokio::test]
async fn a_follower_waits_for_the_first_event_that_matches() {
    let dir = tempfile::tempdir().expect("dir");
    let store = filled(dir.path()).await;
    let next = store.query(&query(), &HostFilter::Any).await.expect("page").next;
    let follow = EventQuery { after: Some(next.clone()), wait: Some(30), user: Some("carol".into()), ..query() };
    let follower = {
        let store = store.clone();
        tokio::spawn(async move { store.query(&follow, &HostFilter::Any).await.expect("page") })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.append(&host(1), &boot(2), plain(1..=3)).await.expect("stored");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!follower.is_finished(), "alice is not carol");
    let carol = vec![(4, json(&event("carol", Action::ImagePull, Outcome::Allowed, 1)))];
    store.append(&host(1), &boot(2), carol).await.expect("stored");
    let page = follower.await.expect("joined");
    assert_eq!((seqs(&page), page.more), (vec![4], false));
    let after = EventQuery { after: Some(next), wait: Some(1), user: Some("dave".into()), ..query() };
    let page = store.query(&after, &HostFilter::Any).await.expect("page");
    assert_eq!((seqs(&page), page.more), (vec![], false), "the wait is over");
}

#[tokio::test]
async fn an_event_is_named_after_its_session_and_rubbish_is_left_out() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(dir.path(), SMALL).await;
    let mut events = plain([1]);
    events.push((2, Bytes::from_static(b"{\"host_id\":")));
    events.push((3, Bytes::from(vec![b'['; 10_000])));
    events.push((4, Bytes::from(vec![b' '; limits::EVENT_MAX + 1])));
    assert_eq!(store.append(&host(7), &boot(8), events).await, Ok(4), "sending them again would not help");
    assert_eq!(all(&store).await, named(7, 8, [1]));
    assert_eq!(store.append(&host(7), &boot(8), plain([0])).await, Ok(0), "a run begins with 1");
    let huge = vec![(5, Bytes::from(vec![b' '; limits::APPEND_BYTES_MAX + 1]))];
    assert!(matches!(store.append(&host(7), &boot(8), huge).await, Err(AppendError::TooLarge(_))));
    assert_eq!(store.count(), 1);
}

#[test]
fn hosts_are_found_by_id_and_by_name() {
    let mut state = wharden_state::State::default();
    for n in 1..=3 {
        let made = wharden_state::Host {
            name: if n == 3 { "db" } else { "web" }.to_owned(),
            ..serde_json::from_value(serde_json::json!({
                "name": "", "labels": {}, "posture": "observe", "token": "jt-000000000000", "enrolled_at": 0,
                "serial": "", "certificate_expires_at": 0, "revoked_at": null
            }))
            .expect("host")
        };
        state.hosts.insert(host(n), made.into());
    }
    let only = |hosts: &[u64]| Ok(HostFilter::Only(hosts.iter().map(|n| host(*n)).collect()));
    assert_eq!(HostFilter::resolve(&state, None), Ok(HostFilter::Any));
    assert_eq!(HostFilter::resolve(&state, Some("web")), only(&[1, 2]));
    assert_eq!(HostFilter::resolve(&state, Some(host(2).as_str())), only(&[2]));
    assert_eq!(HostFilter::resolve(&state, Some("x")), Err(QueryError::UnknownHost("x".to_owned())));
}

#[tokio::test]
async fn one_event_is_found_by_its_name_and_no_other_is_taken_for_it() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(dir.path(), SMALL).await;
    for n in 1..=3 {
        for run in 1..=2 {
            let seqs: Vec<u64> = (n * 10..n * 10 + 8).collect();
            store.append(&host(1), &boot(run), plain(seqs.clone())).await.expect("stored");
            store.append(&host(2), &boot(run), plain(seqs)).await.expect("stored");
        }
    }
    for (host_n, run, seq) in [(1, 1, 10), (1, 2, 17), (2, 1, 25), (2, 2, 37)] {
        let event = store.one(&host(host_n), &boot(run), seq).await.expect("reads").expect("there");
        assert_eq!((event.host_id, event.boot_id, event.seq), (host(host_n), boot(run), seq));
        assert_eq!(event.at, Timestamp(1000 + seq));
    }
    for (host_n, run, seq) in [(1, 1, 9), (1, 1, 18), (1, 1, 99), (1, 3, 10), (3, 1, 10)] {
        assert_eq!(store.one(&host(host_n), &boot(run), seq).await, Ok(None), "{host_n}/{run}/{seq}");
    }
}
