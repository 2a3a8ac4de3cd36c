//! A Raft of one over the store, as a controller runs it.

use crate::support::{Memory, command, open_again};
use openraft::{
    BasicNode, Config, Raft, RaftNetwork, RaftNetworkFactory, SnapshotPolicy,
    error::{InstallSnapshotError, RPCError, RaftError, Unreachable},
    network::RPCOption,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
        VoteResponse,
    },
};
use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use wharden_state::Batch;
use wharden_store::{
    Engine, LogStore, StateMachine, Store, TypeConfig,
    backend::{Backend, BackendError, Memory as Map, Op, Visitor},
};

on_each_engine!(a_controller_restarts_without_loss_over_snapshots_and_purges,);

/// There is nobody to talk to.
struct Alone;

impl RaftNetworkFactory<TypeConfig> for Alone {
    type Network = Self;

    async fn new_client(&mut self, _: u64, _: &BasicNode) -> Self {
        Self
    }
}

fn nobody<E: std::error::Error>() -> RPCError<u64, BasicNode, E> {
    RPCError::Unreachable(Unreachable::new(&io::Error::other("alone")))
}

impl RaftNetwork<TypeConfig> for Alone {
    async fn append_entries(
        &mut self,
        _: AppendEntriesRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, RPCError<u64, BasicNode, RaftError<u64>>> {
        Err(nobody())
    }

    async fn install_snapshot(
        &mut self,
        _: InstallSnapshotRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<InstallSnapshotResponse<u64>, RPCError<u64, BasicNode, RaftError<u64, InstallSnapshotError>>> {
        Err(nobody())
    }

    async fn vote(
        &mut self,
        _: VoteRequest<u64>,
        _: RPCOption,
    ) -> Result<VoteResponse<u64>, RPCError<u64, BasicNode, RaftError<u64>>> {
        Err(nobody())
    }
}

async fn start((log, machine): (LogStore, StateMachine)) -> Raft<TypeConfig> {
    let config = Config {
        snapshot_policy: SnapshotPolicy::LogsSinceLast(50),
        max_in_snapshot_log_to_keep: 10,
        ..Config::default()
    };
    let config = Arc::new(config.validate().expect("config"));
    let raft = Raft::new(1, config, Alone, log, machine).await.expect("starts");
    if !raft.is_initialized().await.expect("runs") {
        raft.initialize(BTreeMap::from([(1, BasicNode::new("alone"))])).await.expect("initialised");
    }
    raft.wait(Some(Duration::from_secs(20))).current_leader(1, "leads alone").await.expect("leads");
    raft
}

async fn open(folder: &Path, engine: Engine) -> (Raft<TypeConfig>, Memory) {
    let sink = Memory::default();
    let store = open_again(folder, engine, &sink);
    (start(store).await, sink)
}

async fn a_controller_restarts_without_loss_over_snapshots_and_purges(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    let mut written = 0;
    let mut before = None;
    for _ in 0..3 {
        let (raft, sink) = open(folder.path(), engine).await;
        if let Some(before) = before.take() {
            assert_eq!(sink.last().state, before, "all is applied again before the first write");
        }
        for _ in 0..120 {
            let answer = raft.client_write(Batch(vec![command(written, 10), command(written + 1, 10)])).await;
            let answer = answer.expect("written");
            assert_eq!(answer.data.0.len(), 2);
            assert_eq!(sink.last().applied, Some(answer.log_id.index), "published before it is answered");
            written += 2;
        }
        before = Some(sink.last().state);
        let purged = raft.metrics().borrow().purged;
        raft.shutdown().await.expect("stops");
        assert!(purged.is_some(), "the log was purged behind a snapshot");
    }
    let last = before.expect("written");
    assert_eq!(last.audit.records().len() as u64, written);
}

/// Fails every barrier once it is told to.
#[derive(Default)]
struct Failing {
    map: Map,
    fails: AtomicBool,
}

impl Backend for Failing {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        self.map.get(key)
    }
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), BackendError> {
        self.map.put(key, value)
    }
    fn batch(&self, ops: Vec<Op>) -> Result<(), BackendError> {
        self.map.batch(ops)
    }
    fn range(&self, from: &[u8], to: &[u8], visit: &mut Visitor<'_>) -> Result<(), BackendError> {
        self.map.range(from, to, visit)
    }
    fn barrier(&self) -> Result<(), BackendError> {
        if self.fails.load(Ordering::SeqCst) { Err(BackendError("input/output error".into())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_failed_barrier_stops_raft_and_acknowledges_nothing() {
    let backend = Arc::new(Failing::default());
    let sink = Memory::default();
    let raft = start(Store::over(backend.clone(), sink.clone()).expect("opens")).await;
    raft.client_write(Batch(vec![command(1, 10)])).await.expect("written");
    let applied = sink.last().applied;
    backend.fails.store(true, Ordering::SeqCst);
    raft.client_write(Batch(vec![command(2, 10)])).await.expect_err("not acknowledged");
    let metrics = raft.metrics();
    let stopped = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Err(fatal) = metrics.borrow().running_state.clone() {
                return fatal;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let fatal = stopped.await.expect("Raft stops");
    assert!(fatal.to_string().contains("input/output error"), "{fatal}");
    assert_eq!(sink.last().applied, applied);
}
