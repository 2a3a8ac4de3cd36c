//! Two replicas in one process, and a way between them that breaks.

use super::*;
use crate::{
    keys::new_cluster,
    peers::{CallError, Reply, Request},
};
use futures::future::BoxFuture;
use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock},
    time::Duration,
};
use wharden_pki::ClusterKeys;
use wharden_runtime::clock::SystemClock;
use wharden_state::AuditCommand;

const LONG: Duration = Duration::from_secs(60);
const CHUNK: u64 = 1024;

/// The way to others. What it carried of snapshots, and how much it will.
#[derive(Default)]
struct Way {
    replicas: OnceLock<BTreeMap<u64, Raft>>,
    parts: Mutex<Parts>,
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
        let replica = self.way.replicas.get().and_then(|replicas| replicas.get(&to)).cloned();
        Box::pin(async move {
            let Request::Raft(call) = request else { return Err(lost()) };
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
    let sizes = Sizes { snapshot_every: 20, log_keep: 0, snapshot_chunk: CHUNK };
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_goes_on_where_its_connection_broke() {
    let (way, shutdown) = (Arc::new(Way::default()), Shutdown::new());
    let replicas = BTreeMap::from([(1, replica(1, &way, &shutdown).await), (2, replica(2, &way, &shutdown).await)]);
    let (leader, late) = (replicas[&1].clone(), replicas[&2].clone());
    assert!(way.replicas.set(replicas).is_ok());
    // More failures than openraft tries for one part: then it begins again with the first one.
    way.parts.lock().expect("parts").broken = Some((6, 8));
    leader.found().await.expect("founded");
    leader.propose(Actor::System, beginning()).await.expect("initialised");
    for number in 0..40 {
        leader.propose(Actor::System, record(number)).await.expect("committed");
    }
    let wait = leader.inner.wait(Some(LONG));
    wait.metrics(|now| now.purged.is_some(), "the log begins later").await.expect("a snapshot was taken");
    leader.add_learner(2).await.expect("it follows");
    late.link.applied(leader.applied().0, LONG).await.expect("it has everything");
    assert_eq!(*late.state(), *leader.state());

    let Parts { arrived, broken } = std::mem::take(&mut *way.parts.lock().expect("parts"));
    assert_eq!(broken, Some((6, 0)), "the connection broke as often as it should");
    let begun: Vec<usize> = (0..arrived.len()).filter(|n| arrived[*n] == 0).collect();
    assert!(begun.len() >= 2 && begun[1] >= 6, "it began again: {arrived:?}");
    let after = &arrived[begun[1] + 1..];
    assert!(after.iter().all(|offset| *offset >= 6 * CHUNK), "what was there did not go again: {arrived:?}");
    shutdown.stop();
    leader.stop().await;
    late.stop().await;
}
