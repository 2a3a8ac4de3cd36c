use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// A host sends this many new events, and some that it has sent before.
    Append {
        host: u64,
        new: u64,
        again: u64,
    },
    /// The follower takes a page.
    Page {
        limit: usize,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4_u64, 1..12_u64, 0..5_u64).prop_map(|(host, new, again)| Step::Append { host, new, again }),
        4 => (1..20_usize).prop_map(|limit| Step::Page { limit }),
        1 => Just(Step::Restart),
    ]
}

/// Odd numbers are Alice's, and she is followed.
fn sent(host_n: u64, seqs: std::ops::RangeInclusive<u64>) -> Vec<(u64, Bytes)> {
    seqs.map(|seq| {
        let user = if seq % 2 == 1 { "alice" } else { "bob" };
        (seq, json(&event(user, Action::ContainerStart, Outcome::Allowed, host_n * 1000 + seq)))
    })
    .collect()
}

async fn page(store: &EventStore, after: &mut String, limit: usize, seen: &mut Vec<(HostId, u64)>) -> bool {
    let query = EventQuery {
        user: Some("alice".to_owned()),
        after: Some(after.clone()),
        limit: Some(limit),
        ..EventQuery::default()
    };
    let page = store.query(&query, &HostFilter::Any).await.expect("page");
    assert!(page.events.len() <= limit);
    *after = page.next;
    seen.extend(page.events.into_iter().map(|e| (e.host_id, e.seq)));
    page.more
}

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().expect("dir");
    let mut store = open(dir.path(), SMALL).await;
    let mut after = store.query(&EventQuery::default(), &HostFilter::Any).await.expect("page").next;
    let mut newest = [0_u64; 4];
    let (mut stored, mut seen) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Append { host: n, new, again } => {
                let last = newest[n as usize];
                let first = last.saturating_sub(again).max(1);
                let acked = store.append(&host(n), &boot(1), sent(n, first..=last + new)).await;
                assert_eq!(acked, Ok(last + new));
                stored.extend((last + 1..=last + new).filter(|seq| seq % 2 == 1).map(|seq| (host(n), seq)));
                newest[n as usize] = last + new;
            }
            Step::Page { limit } => {
                page(&store, &mut after, limit, &mut seen).await;
                assert_eq!(seen, stored[..seen.len()], "neither repeats nor skips");
            }
            Step::Restart => {
                drop(store);
                store = open(dir.path(), SMALL).await;
            }
        }
    }
    while page(&store, &mut after, 3, &mut seen).await {}
    assert_eq!(seen, stored);
    assert_eq!(store.count(), newest.iter().sum::<u64>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_follower_sees_each_event_that_matches_exactly_once_in_order(steps in prop::collection::vec(step(), 1..40)) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime").block_on(run(steps));
    }
}
