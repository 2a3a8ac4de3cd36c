//! Controllers whose stores are real and whose network is a table: who is away, who takes over, what readers see.

use super::{Coverage, Reader, RecordError, Recorder, choice, mender};
use crate::{
    events::{
        EventLimits, EventStore, HostFilter,
        tests::{event, host, json},
    },
    peers::{CallError, Reply, Request, Transport},
};
use bytes::Bytes;
use futures::future::BoxFuture;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use wharden_model::{Action, BootId, EventQuery, HostId, Outcome, Timestamp, api::EventPage};
use wharden_runtime::{
    clock::{Clock, ManualClock},
    metrics::Metrics,
    ready::Readiness,
    shutdown::Shutdown,
};
use wharden_state::{Controller, ControllerStatus, LEVEL, Seat, State};

fn boot() -> BootId {
    BootId::new("0000000000000001").expect("id")
}

fn events(seqs: impl IntoIterator<Item = u64>) -> Vec<(u64, Bytes)> {
    let of = |seq| json(&event("alice", Action::ContainerCreate, Outcome::Allowed, seq));
    seqs.into_iter().map(|seq| (seq, of(seq))).collect()
}

/// The stores by number, and who cannot be reached.
#[derive(Default)]
struct Table {
    stores: Mutex<BTreeMap<u64, EventStore>>,
    away: Mutex<BTreeSet<u64>>,
}

impl Table {
    fn store(&self, number: u64) -> EventStore {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)[&number].clone()
    }

    fn is_away(&self, number: u64) -> bool {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).contains(&number)
    }
}

/// The network as one controller sees it.
struct Way {
    own: u64,
    table: Arc<Table>,
}

impl Transport for Way {
    fn call(&self, to: u64, request: Request, _limit: Duration) -> BoxFuture<'_, Result<Reply, CallError>> {
        Box::pin(async move {
            if self.table.is_away(to) || self.table.is_away(self.own) {
                return Err(CallError::Unreachable { to, why: "it is away".to_owned() });
            }
            let store = self.table.store(to);
            Ok(match request {
                Request::Keep { mend, records } => {
                    store.keep(&records, mend).await.map_or_else(|e| Reply::Failed(e.to_string()), Reply::Kept)
                }
                Request::Part(ask) => Reply::Part(store.part(&ask, &HostFilter::Any).await.expect("reads")),
                Request::Held { after } => Reply::Held(store.held(after, 2)),
                other => panic!("nobody asks {other:?}"),
            })
        })
    }
}

struct Shared(Arc<ManualClock>);

impl Clock for Shared {
    fn now(&self) -> u64 {
        self.0.now()
    }
}

struct Cluster {
    table: Arc<Table>,
    clocks: BTreeMap<u64, Arc<ManualClock>>,
    recorders: BTreeMap<u64, Recorder>,
    readers: BTreeMap<u64, Reader>,
    coverage: Coverage,
    state: watch::Sender<Arc<State>>,
    dir: tempfile::TempDir,
    shutdown: Shutdown,
}

impl Cluster {
    async fn of(size: u64) -> Self {
        let mut state = State::default();
        state.level = LEVEL;
        for number in 1..=size {
            let nowhere = Seat { name: String::new(), peer: String::new(), rest: String::new(), agent: String::new() };
            let member = Controller {
                seat: nowhere,
                serial: String::new(),
                status: ControllerStatus::Voter,
                wants_vote: true,
                leaving: false,
                replaces: None,
                joined_at: Timestamp(0),
            };
            state.controllers.members.insert(number, member);
        }
        let mut cluster = Self {
            table: Arc::default(),
            clocks: BTreeMap::new(),
            recorders: BTreeMap::new(),
            readers: BTreeMap::new(),
            coverage: Coverage::default(),
            state: watch::channel(Arc::new(state)).0,
            dir: tempfile::tempdir().expect("dir"),
            shutdown: Shutdown::new(),
        };
        for number in 1..=size {
            // No two clocks are equal.
            cluster.clocks.insert(number, Arc::new(ManualClock::at(1_000_000 + number * 700)));
            cluster.open(number, "").await;
        }
        cluster
    }

    /// Opens a controller's store; under another name it is an empty one.
    async fn open(&mut self, number: u64, name: &str) {
        let dir = self.dir.path().join(format!("{number}{name}"));
        let (metrics, readiness) = (Metrics::new("test"), Readiness::new(&["events"]));
        let limits = EventLimits { segment_bytes: 4096, ..EventLimits::default() };
        let clock = Box::new(Shared(Arc::clone(&self.clocks[&number])));
        let store = EventStore::open_with(clock, &dir, limits, &metrics, &readiness).await.expect("opens");
        self.table.stores.lock().unwrap_or_else(PoisonError::into_inner).insert(number, store.clone());
        let transport: Arc<dyn Transport> = Arc::new(Way { own: number, table: Arc::clone(&self.table) });
        let state = self.state.subscribe();
        let way = Arc::clone(&transport);
        let recorder = Recorder::new(store.clone(), number, state.clone(), way, 2, &metrics, &self.shutdown);
        self.recorders.insert(number, recorder);
        let coverage = self.coverage.clone();
        self.readers.insert(number, Reader { own: number, events: store, state, transport, coverage });
    }

    fn away(&self, number: u64, is_away: bool) {
        let mut away = self.table.away.lock().unwrap_or_else(PoisonError::into_inner);
        if is_away {
            away.insert(number)
        } else {
            away.remove(&number)
        };
    }

    /// Who holds an event.
    async fn holders(&self, n: u64, seq: u64) -> Vec<u64> {
        let mut holders = Vec::new();
        for number in self.recorders.keys() {
            if self.table.store(*number).one(&host(n), &boot(), seq).await.expect("reads").is_some() {
                holders.push(*number);
            }
        }
        holders
    }

    async fn look(&self, number: u64) -> Result<u64, String> {
        let members: Vec<u64> = self.recorders.keys().copied().collect();
        let transport = &self.readers[&number].transport;
        let recorder = &self.recorders[&number];
        mender::look(number, &members, transport, recorder, &self.coverage, &mut mender::Ranges::new()).await
    }

    async fn page(&self, at: u64, after: Option<&str>, limit: usize) -> EventPage {
        let query = EventQuery { after: after.map(str::to_owned), limit: Some(limit), ..EventQuery::default() };
        self.readers[&at].page(query, &HostFilter::Any).await.expect("a page")
    }
}

#[tokio::test]
async fn an_event_is_acknowledged_when_two_controllers_hold_it_and_not_before() {
    let cluster = Cluster::of(3).await;
    assert_eq!(cluster.recorders[&1].record(&host(5), &boot(), events(1..=3)).await, Ok(3));
    let second = choice::ranked(&cluster.state.borrow(), 1, &host(5))[0];
    let mut both = vec![1, second];
    both.sort_unstable();
    assert_eq!(cluster.holders(5, 2).await, both);
    // The second is away: the next takes over.
    cluster.away(second, true);
    assert_eq!(cluster.recorders[&1].record(&host(5), &boot(), events(4..=4)).await, Ok(4));
    assert!(cluster.holders(5, 4).await.len() == 2 && !cluster.holders(5, 4).await.contains(&second));
    // Both are away: nothing is promised and nothing shown.
    for number in [2, 3] {
        cluster.away(number, true);
    }
    let refused = cluster.recorders[&1].record(&host(5), &boot(), events(5..=6)).await;
    assert!(matches!(refused, Err(RecordError::NoSecond(_))), "{refused:?}");
    assert_eq!(cluster.holders(5, 5).await, Vec::<u64>::new());
    for number in [2, 3] {
        cluster.away(number, false);
    }
    assert_eq!(cluster.recorders[&1].record(&host(5), &boot(), events(3..=6)).await, Ok(6));
    assert_eq!(cluster.holders(5, 6).await.len(), 2);
}

#[tokio::test]
async fn one_controller_and_a_cluster_below_the_level_keep_one_copy() {
    let single = Cluster::of(1).await;
    assert_eq!(single.recorders[&1].record(&host(1), &boot(), events(1..=2)).await, Ok(2));
    let cluster = Cluster::of(3).await;
    cluster.state.send_modify(|state| Arc::make_mut(state).level = 0);
    assert_eq!(cluster.recorders[&2].record(&host(1), &boot(), events(1..=2)).await, Ok(2));
    assert_eq!(cluster.holders(1, 1).await, [2]);
    cluster.away(2, true);
    assert!(cluster.page(1, None, 10).await.incomplete, "it may hold what nobody else does, and it does");
}

#[tokio::test]
async fn what_only_one_holds_is_given_to_another_and_a_lost_disk_is_made_good() {
    let mut cluster = Cluster::of(3).await;
    for n in 1..=5 {
        cluster.table.store(1).append(&host(n), &boot(), events((1..=40).step_by(2))).await.expect("stored");
    }
    assert_eq!(cluster.look(1).await, Ok(100));
    assert!(!cluster.coverage.has(1), "it was not at the moment of the look");
    assert_eq!((cluster.look(1).await, cluster.coverage.has(1)), (Ok(0), true));
    for n in 1..=5 {
        assert_eq!(cluster.holders(n, 39).await.len(), 2);
    }
    cluster.open(1, "-anew").await;
    assert_eq!(cluster.look(1).await, Ok(0), "an empty disk has nothing to give");
    let given = (cluster.look(2).await.expect("looks"), cluster.look(3).await.expect("looks"));
    assert_eq!(given.0 + given.1, 100);
    for n in 1..=5 {
        for seq in (1..=40).step_by(2) {
            assert_eq!(cluster.holders(n, seq).await.len(), 2);
        }
    }
    cluster.away(2, true);
    assert!(cluster.look(1).await.is_err(), "who is away may hold anything");
    let page = cluster.page(3, None, 1000).await;
    assert_eq!((page.events.len(), page.unreachable), (100, vec![2]));
}

#[derive(Clone, Debug)]
enum Step {
    /// A host sends new events to a controller, and some that it has sent before.
    Send {
        host: u64,
        at: u64,
        new: u64,
        again: u64,
    },
    /// The controller dies after the copy and before its own disk; the host goes to another one.
    Torn {
        host: u64,
        at: u64,
        to: u64,
    },
    /// All are there but this one, or all.
    Away(u64),
    /// The follower takes a page.
    Page {
        at: u64,
        limit: usize,
    },
    Time(u64),
    Mend(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..5_u64, 1..4_u64, 1..8_u64, 0..4_u64).prop_map(|(host, at, new, again)| Step::Send { host, at, new, again }),
        1 => (1..5_u64, 1..4_u64, 1..3_u64).prop_map(|(host, at, to)| Step::Torn { host, at, to: (at + to - 1) % 3 + 1 }),
        2 => (0..4_u64).prop_map(Step::Away),
        5 => (1..4_u64, 1..12_usize).prop_map(|(at, limit)| Step::Page { at, limit }),
        1 => (1..5000_u64).prop_map(Step::Time),
        1 => (1..4_u64).prop_map(Step::Mend),
    ]
}

/// A follower that never looks back.
#[derive(Default)]
struct Follower {
    after: String,
    seen: Vec<(HostId, u64)>,
}

impl Follower {
    async fn page(&mut self, cluster: &Cluster, at: u64, limit: usize) -> bool {
        let page = cluster.page(at, Some(&self.after), limit).await;
        assert!(!page.incomplete && page.events.len() <= limit, "{:?}", page.unreachable);
        self.after = page.next;
        self.seen.extend(page.events.into_iter().map(|event| (event.host_id, event.seq)));
        page.more
    }

    /// To the end, where the clocks of all are.
    async fn finish(&mut self, cluster: &Cluster) {
        for at in [1, 2, 3, 1] {
            while self.page(cluster, at, 7).await {}
        }
    }
}

async fn run(steps: Vec<Step>) {
    let cluster = Cluster::of(3).await;
    for number in 1..=3 {
        cluster.coverage.set(number, true);
    }
    let mut follower = Follower::default();
    let mut newest = BTreeMap::<u64, u64>::new();
    let mut away = 0;
    for step in steps {
        match step {
            Step::Send { host: n, at, new, again } if at != away => {
                let last = newest.entry(n).or_default();
                let first = last.saturating_sub(again).max(1);
                let acked = cluster.recorders[&at].record(&host(n), &boot(), events(first..=*last + new)).await;
                assert_eq!(acked, Ok(*last + new));
                *last += new;
            }
            Step::Torn { host: n, at, to } if away == 0 => {
                let last = newest.entry(n).or_default();
                let sent = || events(*last + 1..=*last + 3);
                let taken = cluster.table.store(at).take(&host(n), &boot(), sent()).expect("taken");
                let second = choice::ranked(&cluster.state.borrow(), at, &host(n))[0];
                let request = Request::Keep { mend: false, records: taken.records() };
                cluster.readers[&at].transport.call(second, request, Duration::ZERO).await.expect("copied");
                drop(taken);
                cluster.away(at, true);
                away = at;
                let acked = cluster.recorders[&to].record(&host(n), &boot(), sent()).await;
                assert_eq!(acked, Ok(*last + 3));
                *last += 3;
            }
            Step::Away(number) => {
                for other in 1..=3 {
                    cluster.away(other, other == number);
                }
                away = number;
            }
            Step::Page { at, limit } if at != away => {
                follower.page(&cluster, at, limit).await;
            }
            Step::Time(millis) => {
                cluster.clocks.values().for_each(|clock| clock.advance(millis));
            }
            Step::Mend(at) if away == 0 => {
                assert_eq!(cluster.look(at).await, Ok(0), "everything is held twice");
            }
            _ => {}
        }
        let distinct: BTreeSet<_> = follower.seen.iter().collect();
        assert_eq!(distinct.len(), follower.seen.len(), "something came twice: {:?}", follower.seen);
    }
    for number in 1..=3 {
        cluster.away(number, false);
    }
    follower.finish(&cluster).await;
    let all: BTreeSet<_> = newest.iter().flat_map(|(n, last)| (1..=*last).map(move |seq| (host(*n), seq))).collect();
    let seen: BTreeSet<_> = follower.seen.iter().cloned().collect();
    assert_eq!((seen == all, follower.seen.len()), (true, all.len()), "{:?}", all.difference(&seen));
    // Whoever begins at the beginning, with any one of them away, sees the same in the same order.
    for number in 1..=3 {
        cluster.away(number, true);
        let mut late = Follower::default();
        let at = number % 3 + 1;
        for _ in 0..2 {
            while late.page(&cluster, at, 5).await {}
        }
        assert_eq!(late.seen, follower.seen);
        let list = cluster.page(at, None, 9).await;
        let listed: Vec<_> = list.events.into_iter().map(|event| (event.host_id, event.seq)).collect();
        assert_eq!(listed, follower.seen[follower.seen.len().saturating_sub(9)..]);
        cluster.away(number, false);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_batch_whose_controller_died_in_the_middle_is_there_once() {
    for (at, to) in [(1, 2), (2, 3), (3, 1)] {
        let sent = Step::Send { host: 1, at: to, new: 2, again: 3 };
        run(vec![Step::Torn { host: 1, at, to }, Step::Away(0), sent, Step::Page { at: 1, limit: 4 }]).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pages_neither_repeat_nor_skip_while_controllers_come_and_go_and_hosts_move(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime").block_on(run(steps));
    }

    #[test]
    fn what_one_holds_alone_is_what_is_in_no_other(
        own in prop::collection::btree_set(1..60_u64, 0..40),
        others in prop::collection::vec(prop::collection::btree_set(1..60_u64, 0..40), 0..3),
    ) {
        let ranges = |all: &BTreeSet<u64>| {
            let mut ranges: Vec<(u64, u64)> = Vec::new();
            for seq in all {
                match ranges.last_mut() {
                    Some((_, to)) if *to + 1 == *seq => *to = *seq,
                    _ => ranges.push((*seq, *seq)),
                }
            }
            mender::Ranges::from([((1, 1), ranges)])
        };
        let theirs: Vec<_> = others.iter().map(&ranges).collect();
        let alone = mender::alone(Some(&ranges(&own)), &theirs.iter().collect::<Vec<_>>());
        let told: BTreeSet<u64> = alone.into_values().flatten().flat_map(|(from, to)| from..=to).collect();
        let expected: BTreeSet<u64> = own.into_iter().filter(|seq| !others.iter().any(|o| o.contains(seq))).collect();
        prop_assert_eq!(told, expected);
    }
}
