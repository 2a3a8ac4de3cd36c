//! Replicas in one process, and a way between them that breaks, or ends at a program of an earlier version.

use super::*;
use crate::{
    keys::new_cluster,
    peers::{CallError, Reply, Request},
};
use futures::future::BoxFuture;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use wharden_pki::ClusterKeys;
use wharden_runtime::clock::SystemClock;
use wharden_state::AuditCommand;

const LONG: Duration = Duration::from_secs(60);
const CHUNK: u64 = 1024;
const SNAPSHOT_EVERY: u64 = 20;

/// The way to others. What it carried of snapshots, and how much it will.
#[derive(Default)]
struct Way {
    replicas: Mutex<BTreeMap<u64, Raft>>,
    parts: Mutex<Parts>,
    /// Those whose program knows neither canvasses nor snapshots that go on.
    old: BTreeSet<u64>,
    /// Canvasses that such a one was asked, and did not understand.
    refused: AtomicU64,
    /// Those whose process has ended.
    gone: Mutex<BTreeSet<u64>>,
}

impl Way {
    /// The question as the other side reads it.
    fn read(&self, from: u64, to: u64, mut call: Call) -> Result<Call, CallError> {
        if self.gone.lock().expect("gone").contains(&to) {
            return Err(CallError::Unreachable { to, why: "nobody listens".to_owned() });
        }
        match &mut call {
            Call::Canvass(_) if self.old.contains(&from) => {
                return Err(CallError::Lost { to, why: "an old program does not ask this".to_owned() });
            }
            // As `peers` reports a question that the other side does not know.
            Call::Canvass(_) if self.old.contains(&to) => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                return Err(CallError::Refused(format!("controller {to} refuses: it cannot be read")));
            }
            // An old sender does not say it, an old receiver does not know the word.
            Call::Snapshot(part) if self.old.contains(&to) || self.old.contains(&from) => part.resumes = false,
            _ => {}
        }
        Ok(call)
    }
}

#[derive(Default)]
struct Parts {
    /// Offsets of the parts that arrived, in order.
    arrived: Vec<u64>,
    /// Failures yet to come, when so many parts have arrived.
    broken: Option<(usize, u32)>,
}

impl Parts {
    fn passes(&mut self, offset: u64) -> bool {
        if let Some((after, times)) = &mut self.broken
            && *times > 0
            && self.arrived.len() >= *after
        {
            *times -= 1;
            return false;
        }
        self.arrived.push(offset);
        true
    }
}

/// Controller `own`'s end of it.
struct End {
    own: u64,
    way: Arc<Way>,
}

impl Transport for End {
    fn call(&self, to: u64, request: Request, _limit: Duration) -> BoxFuture<'_, Result<Reply, CallError>> {
        let lost = move || CallError::Lost { to, why: "the connection broke".to_owned() };
        let replica = self.way.replicas.lock().expect("replicas").get(&to).cloned();
        Box::pin(async move {
            let Request::Raft(call) = request else { return Err(lost()) };
            let call = self.way.read(self.own, to, call)?;
            if let Call::Snapshot(part) = &call
                && !self.way.parts.lock().expect("parts").passes(part.offset)
            {
                return Err(lost());
            }
            let replica = replica.ok_or_else(lost)?;
            Ok(Reply::Raft(replica.answer(self.own, call).await))
        })
    }
}

async fn replica(own: u64, way: &Arc<Way>, shutdown: &Shutdown) -> Raft {
    let outlet = Outlet::default();
    let watched = outlet.watched();
    let halves = Store::in_memory(outlet).expect("opens");
    let sizes = Sizes { snapshot_every: SNAPSHOT_EVERY, log_keep: 0, snapshot_chunk: CHUNK };
    let end = Arc::new(End { own, way: Arc::clone(way) });
    Raft::over(halves, watched, sizes, own, end, Arc::new(SystemClock), shutdown).await.expect("starts")
}

fn beginning() -> Command {
    let (first, ..) = new_cluster(&ClusterKeys::generate(), Timestamp(1_700_000_000_000)).expect("made");
    Command::Cluster(first)
}

fn record(number: u64) -> Command {
    Command::Audit(AuditCommand::Refused {
        action: "policy.update".into(),
        resource: "x".repeat(500),
        reason: number.to_string(),
    })
}

/// Replicas with the numbers from 1 on; the first one has founded the cluster.
async fn replicas(count: u64, way: &Arc<Way>, shutdown: &Shutdown) -> Vec<Raft> {
    let mut all = Vec::new();
    for number in 1..=count {
        all.push(replica(number, way, shutdown).await);
    }
    way.replicas.lock().expect("replicas").extend((1..).zip(all.iter().cloned()));
    all[0].found().await.expect("founded");
    all[0].propose(Actor::System, beginning()).await.expect("initialised");
    all
}

/// Sends a snapshot over a way that breaks after six parts, more often than openraft tries for one part, so that it begins
/// again with the first one. Where the parts begin that went then.
async fn sent_again(old: impl Into<BTreeSet<u64>>) -> Vec<u64> {
    let way = Arc::new(Way { old: old.into(), ..Way::default() });
    way.parts.lock().expect("parts").broken = Some((6, 8));
    let shutdown = Shutdown::new();
    let replicas = replicas(2, &way, &shutdown).await;
    let (leader, late) = (&replicas[0], &replicas[1]);
    for number in 0..40 {
        leader.propose(Actor::System, record(number)).await.expect("committed");
    }
    // The last one that there will be: with another one, a transfer begins anew.
    let (end, wait) = (leader.applied().0, leader.inner.wait(Some(LONG)));
    let last = |index: u64| index + SNAPSHOT_EVERY > end;
    let taken = wait.metrics(|now| now.purged.is_some_and(|purged| last(purged.index)), "the log begins later");
    taken.await.expect("a snapshot was taken");
    leader.add_learner(2).await.expect("it follows");
    late.link.applied(leader.applied().0, LONG).await.expect("it has everything");
    assert_eq!(*late.state(), *leader.state());

    let Parts { arrived, broken } = std::mem::take(&mut *way.parts.lock().expect("parts"));
    assert_eq!(broken, Some((6, 0)), "the connection broke as often as it should");
    let begun: Vec<usize> = (0..arrived.len()).filter(|n| arrived[*n] == 0).collect();
    assert!(begun.len() >= 2 && begun[1] >= 6, "it began again: {arrived:?}");
    shutdown.stop();
    leader.stop().await;
    late.stop().await;
    arrived[begun[1]..].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_goes_on_where_its_connection_broke() {
    let again = sent_again([]).await;
    assert!(again[1..].iter().all(|offset| *offset >= 6 * CHUNK), "what was there did not go again: {again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_does_not_know_that_a_snapshot_can_go_on_gets_it_from_its_beginning() {
    for old in [1, 2] {
        let again = sent_again([old]).await;
        let whole: Vec<u64> = (0..).map(|part| part * CHUNK).take(again.len()).collect();
        assert_eq!(again, whole, "all of it goes, whichever of the two is old");
        assert!(again.len() > 6, "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_does_not_know_canvasses_does_not_stop_elections() {
    let (way, shutdown) = (Arc::new(Way { old: [3].into(), ..Way::default() }), Shutdown::new());
    let replicas = replicas(3, &way, &shutdown).await;
    let first = &replicas[0];
    for number in [2, 3] {
        first.add_learner(number).await.expect("it follows");
    }
    first.set_voters([1, 2, 3].into()).await.expect("they vote");
    first.propose(Actor::System, record(1)).await.expect("committed");
    // Else the other one, which has more, would have to lead.
    replicas[1].link.applied(first.applied().0, LONG).await.expect("it has everything");
    way.gone.lock().expect("gone").insert(1);
    first.stop().await;
    // Without the vote of the one that cannot be canvassed there is no majority.
    let leader = &replicas[1];
    let wait = leader.inner.wait(Some(LONG));
    wait.metrics(|now| now.current_leader == Some(2), "it leads").await.expect("elected");
    leader.propose(Actor::System, record(2)).await.expect("committed");
    assert!(way.refused.load(Ordering::SeqCst) > 0, "it was asked");
    shutdown.stop();
    leader.stop().await;
    replicas[2].stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_lost_its_log_gives_up_and_the_leader_goes_on() {
    let (way, shutdown) = (Arc::new(Way::default()), Shutdown::new());
    let replicas = replicas(3, &way, &shutdown).await;
    let leader = &replicas[0];
    for number in [2, 3] {
        leader.add_learner(number).await.expect("it follows");
    }
    leader.set_voters([1, 2, 3].into()).await.expect("they vote");
    leader.propose(Actor::System, record(1)).await.expect("committed");
    replicas[1].link.applied(leader.applied().0, LONG).await.expect("it has everything");
    replicas[1].stop().await;
    let emptied = replica(2, &way, &shutdown).await;
    way.replicas.lock().expect("replicas").insert(2, emptied.clone());
    let failed = tokio::time::timeout(LONG, emptied.failed()).await.expect("it gives up");
    assert!(matches!(failed, Failed::Lost(entry) if entry <= leader.applied().0), "{failed}");
    assert_eq!(leader.lost_logs(), [2].into());
    let vote = openraft::raft::VoteRequest::new(openraft::Vote::new(9, 3), leader.durable.last());
    let answer = emptied.answer(3, Call::Vote(vote)).await;
    assert!(matches!(answer, Answer::Failed(_)), "it does not vote: {answer:?}");
    leader.propose(Actor::System, record(2)).await.expect("the others are a majority");
    leader.linearizable().await.expect("read");
    shutdown.stop();
    leader.stop().await;
    replicas[2].stop().await;
}
