//! Three Rafts in one process; the store of each is on a disk that can be made slow.

use openraft::{
    BasicNode, Config, Raft, RaftNetwork, RaftNetworkFactory,
    error::{InstallSnapshotError, RPCError, RaftError, RemoteError, Unreachable},
    network::RPCOption,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
        VoteResponse,
    },
};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, RwLock},
    time::Duration,
};
use wharden_model::{RequestId, Timestamp};
use wharden_powercut::{
    disk::{Disk, Order},
    mount::{Faults, Mount},
};
use wharden_state::{Actor, AuditCommand, Batch, Command, Entry};
use wharden_store::{Engine, Published, Store, TypeConfig};

type Node = Raft<TypeConfig>;
type Peers = Arc<RwLock<BTreeMap<u64, Node>>>;
type Rpc<T, E = openraft::error::Infallible> = Result<T, RPCError<u64, BasicNode, RaftError<u64, E>>>;

/// Longest that a test waits for something that has to come.
const LONG: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Direct(Peers);

struct Line {
    peers: Peers,
    to: u64,
}

impl RaftNetworkFactory<TypeConfig> for Direct {
    type Network = Line;

    async fn new_client(&mut self, to: u64, _: &BasicNode) -> Line {
        Line { peers: Arc::clone(&self.0), to }
    }
}

impl Line {
    fn peer(&self) -> Result<Node, Unreachable> {
        let peers = self.peers.read().expect("peers");
        peers.get(&self.to).cloned().ok_or_else(|| Unreachable::new(&io::Error::other("not started")))
    }
}

impl RaftNetwork<TypeConfig> for Line {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        _: RPCOption,
    ) -> Rpc<AppendEntriesResponse<u64>> {
        self.peer()?.append_entries(rpc).await.map_err(|error| RemoteError::new(self.to, error).into())
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<TypeConfig>,
        _: RPCOption,
    ) -> Rpc<InstallSnapshotResponse<u64>, InstallSnapshotError> {
        self.peer()?.install_snapshot(rpc).await.map_err(|error| RemoteError::new(self.to, error).into())
    }

    async fn vote(&mut self, rpc: VoteRequest<u64>, _: RPCOption) -> Rpc<VoteResponse<u64>> {
        self.peer()?.vote(rpc).await.map_err(|error| RemoteError::new(self.to, error).into())
    }
}

pub struct Cluster {
    nodes: BTreeMap<u64, Node>,
    mounts: BTreeMap<u64, Mount>,
}

impl Cluster {
    /// Three nodes, of which number 1 leads.
    pub async fn start() -> Self {
        let mut mounts = BTreeMap::new();
        let peers = Peers::default();
        let config = Config {
            heartbeat_interval: 250,
            election_timeout_min: 1000,
            election_timeout_max: 2000,
            ..Config::default()
        };
        let config = Arc::new(config.validate().expect("config"));
        let mut nodes = BTreeMap::new();
        for id in 1..=3 {
            let mount = Mount::new(Disk::new(Order::Any), Faults::default()).expect("a disk");
            let folder = mount.path().join("store");
            let (log, machine) = Store::open(&folder, Engine::default(), |_: Published| {}).expect("opens");
            mounts.insert(id, mount);
            let node =
                Node::new(id, Arc::clone(&config), Direct(Arc::clone(&peers)), log, machine).await.expect("starts");
            peers.write().expect("peers").insert(id, node.clone());
            nodes.insert(id, node);
        }
        let members: BTreeMap<u64, BasicNode> = (1..=3).map(|id| (id, BasicNode::default())).collect();
        nodes[&1].initialize(members).await.expect("initialised");
        nodes[&1].wait(Some(LONG)).current_leader(1, "the first to ask leads").await.expect("leads");
        Self { nodes, mounts }
    }

    /// From now on each fsync of these takes so long.
    pub fn slow_down(&self, nodes: &[u64], sync_takes: Duration) {
        for node in nodes {
            self.mounts[node].power().slow_down(sync_takes);
        }
    }

    /// Writes, wherever the leader is.
    pub async fn write(&self, number: u64) {
        let entry = Entry {
            request_id: RequestId::new(format!("{number:032x}")).expect("id"),
            actor: Actor::System,
            issued_at: Timestamp(number),
            if_revision: None,
            origin: None,
            command: Command::Audit(AuditCommand::Refused {
                action: "policy.update".into(),
                resource: "x".into(),
                reason: number.to_string(),
            }),
        };
        let written = tokio::time::timeout(LONG, async {
            loop {
                let leader = &self.nodes[&self.leader().await];
                if leader.client_write(Batch(vec![entry.clone()])).await.is_ok() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        });
        written.await.expect("writes go on");
    }

    /// Whom a majority takes for the leader.
    pub async fn leader(&self) -> u64 {
        let found = tokio::time::timeout(LONG, async {
            loop {
                let mut votes = BTreeMap::<u64, usize>::new();
                for node in self.nodes.values() {
                    if let Some(leader) = node.metrics().borrow().current_leader {
                        *votes.entry(leader).or_default() += 1;
                    }
                }
                if let Some((leader, _)) = votes.into_iter().find(|(_, count)| *count >= 2) {
                    return leader;
                }
                tokio::task::yield_now().await;
            }
        });
        found.await.expect("there is a leader")
    }

    /// The newest term that any of them knows.
    pub fn term(&self) -> u64 {
        let terms = self.nodes.values().map(|node| node.metrics().borrow().current_term);
        terms.max().expect("three nodes")
    }

    pub async fn stop(self) {
        for node in self.nodes.into_values() {
            node.shutdown().await.expect("stops");
        }
    }
}
