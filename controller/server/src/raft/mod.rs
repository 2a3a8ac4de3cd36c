//! The one place where changes enter the log.
//!
//! [`Raft::propose`] stamps a command with id and time, joins it with others that wait at the same moment into one
//! log entry, and answers when this controller has applied it. It works on every controller: [`propose`] forwards to the
//! leader, there and nowhere else, and [`read`] asks the leader how far a read must go.

mod changes;
mod election;
mod gauges;
mod inbound;
mod loss;
mod membership;
mod message;
mod network;
mod outlet;
mod propose;
mod quorum;
mod read;
#[cfg(test)]
mod tests;

pub use loss::Failed;
pub use membership::Members;
pub use message::{Answer, Call};
pub use outlet::{Outlet, Watched};

use election::{Ear, Election};
use loss::Acknowledged;
use network::Network;
use openraft::{BasicNode, Config, SnapshotPolicy};
use propose::{Link, Proposal};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, OnceLock},
};
use tokio::sync::{Mutex, broadcast, mpsc, watch};
use wharden_model::{IdError, RequestId, Revision, Timestamp};
use wharden_runtime::{clock::Clock, metrics::Metrics, shutdown::Shutdown};
use wharden_state::{Actor, Applied, Change, Command, Entry, Hex, Rejection, State};
use wharden_store::{Durable, Engine, LogStore, StateMachine, Store};

use crate::{
    limits,
    peers::{CallError, Reply, Request, Transport},
};

/// Why a change did not happen, or may not have.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProposeError {
    /// A rule of the domain refused it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// There is no leader, or this process is stopping. With the same request id it can be tried again.
    #[error("the change could not be committed: {0}")]
    Unavailable(String),
    /// The same, but it may have come to the log, and be done when there is a majority.
    #[error("the change was not confirmed, and may be done all the same: {0}")]
    Unconfirmed(String),
    /// The command does not fit a log entry.
    #[error("the change has {size} bytes; {max} is the most that one change may have")]
    TooLarge { size: usize, max: usize },
}

/// A handle to the replicated state. Cheap to clone.
#[derive(Clone)]
pub struct Raft {
    inner: openraft::Raft<wharden_store::TypeConfig>,
    link: Link,
    queue: mpsc::Sender<Proposal>,
    state: watch::Receiver<Arc<State>>,
    applied: watch::Receiver<(u64, Arc<State>)>,
    revision: watch::Receiver<Revision>,
    changes: broadcast::Sender<Change>,
    clock: Arc<dyn Clock>,
    /// Reads for callers without a session.
    rounds: Arc<read::Rounds>,
    ear: Ear,
    /// When there was contact with a majority.
    met: quorum::Met,
    durable: Durable,
    /// Id of the snapshot that is arriving, and how many bytes of it are here.
    arriving: Arc<Mutex<Option<(String, u64)>>>,
    acknowledged: Acknowledged,
    /// An entry that this controller had acknowledged and does not have.
    lost: Arc<OnceLock<u64>>,
}

/// How much log there is between snapshots, and in which pieces they travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Log entries between two snapshots.
    pub snapshot_every: u64,
    /// Log entries kept behind a snapshot.
    pub log_keep: u64,
    /// Bytes of one piece.
    pub snapshot_chunk: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            snapshot_every: limits::RAFT_SNAPSHOT_EVERY,
            log_keep: limits::RAFT_LOG_KEEP,
            snapshot_chunk: limits::RAFT_SNAPSHOT_CHUNK,
        }
    }
}

/// Why the replica could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Open(#[from] wharden_store::OpenError),
    #[error("the Raft configuration is not valid: {0}")]
    Config(#[from] openraft::ConfigError),
    #[error("Raft stopped: {0}")]
    Fatal(String),
}

impl Raft {
    /// Opens the store under `dir` and starts the replica with this node's id. A fresh store stays without members until
    /// it is told of them, by [`Raft::found`] or by a leader.
    ///
    /// # Errors
    /// [`StartError`] when the folder is not a store that this version knows, or is damaged.
    pub async fn start(
        dir: &Path,
        engine: Engine,
        node_id: u64,
        outlet: Outlet,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        shutdown: &Shutdown,
    ) -> Result<Self, StartError> {
        let folder = dir.to_owned();
        let watched = outlet.watched();
        let halves = tokio::task::spawn_blocking(move || Store::open(&folder, engine, outlet))
            .await
            .map_err(|e| StartError::Fatal(e.to_string()))??;
        Self::over(halves, watched, Sizes::default(), node_id, transport, clock, shutdown).await
    }

    /// Starts the replica over a store that was opened already, whose sink is the [`Outlet`] that is watched here.
    ///
    /// # Errors
    /// [`StartError`] when Raft does not start.
    pub async fn over(
        (mut log, machine): (LogStore, StateMachine),
        watched: Watched,
        sizes: Sizes,
        node_id: u64,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        shutdown: &Shutdown,
    ) -> Result<Self, StartError> {
        let config = Config {
            cluster_name: "wharden".to_owned(),
            heartbeat_interval: limits::RAFT_APPEND_LIMIT_MS,
            election_timeout_min: limits::RAFT_VOTE_LIMIT_MS,
            election_timeout_max: limits::RAFT_LEASE_MS,
            enable_elect: false,
            install_snapshot_timeout: limits::RAFT_INSTALL_TIMEOUT_MS,
            snapshot_max_chunk_size: sizes.snapshot_chunk,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(sizes.snapshot_every),
            max_in_snapshot_log_to_keep: sizes.log_keep,
            ..Config::default()
        };
        let config = Arc::new(config.validate()?);
        log.start_as(node_id);
        let durable = log.durable();
        let acknowledged = Acknowledged::default();
        let (way, known) = (Arc::clone(&transport), acknowledged.clone());
        let network = Network { transport: way, durable: durable.clone(), acknowledged: known };
        let inner = openraft::Raft::<wharden_store::TypeConfig>::new(node_id, config, network, log, machine)
            .await
            .map_err(|e| StartError::Fatal(e.to_string()))?;
        let link = Link { raft: inner.clone(), transport, own: node_id };
        let (queue, waiting) = mpsc::channel(limits::PROPOSALS_WAITING);
        shutdown.spawn("propose", propose::run(link.clone(), waiting));
        let ear = Ear::default();
        let election = Election { link: link.clone(), ear: ear.clone(), durable: durable.clone() };
        shutdown.spawn("election", election.run(shutdown.clone()));
        let Watched { state, applied, revision, changes } = watched;
        let raft = Self {
            inner,
            link,
            queue,
            state,
            applied,
            revision,
            changes,
            clock,
            rounds: Arc::default(),
            ear,
            met: quorum::Met::default(),
            durable,
            arriving: Arc::default(),
            acknowledged,
            lost: Arc::default(),
        };
        shutdown.spawn_until_stopped("contact with a majority", quorum::watch(raft.clone()));
        Ok(raft)
    }

    /// Makes a fresh store a cluster of one.
    ///
    /// # Errors
    /// [`StartError::Fatal`] when it has members already.
    pub async fn found(&self) -> Result<(), StartError> {
        let members = BTreeMap::from([(self.link.own, BasicNode::default())]);
        self.inner.initialize(members).await.map_err(|e| StartError::Fatal(e.to_string()))
    }

    /// The newest applied state.
    pub fn state(&self) -> Arc<State> {
        self.state.borrow().clone()
    }

    /// The newest applied state, and the index of the log entry that it reaches to.
    pub fn applied(&self) -> (u64, Arc<State>) {
        self.applied.borrow().clone()
    }

    /// Every new state.
    pub fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.state.clone()
    }

    /// Asks another controller.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn ask(&self, to: u64, request: Request, limit: std::time::Duration) -> Result<Reply, CallError> {
        self.link.transport.call(to, request, limit).await
    }

    /// The way to other controllers.
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.link.transport)
    }

    /// Whether this replica has heard of members at all.
    ///
    /// # Errors
    /// [`StartError::Fatal`].
    pub async fn has_members(&self) -> Result<bool, StartError> {
        self.inner.is_initialized().await.map_err(|e| StartError::Fatal(e.to_string()))
    }

    /// The revision of policy; wakes when it changes.
    pub fn revision(&self) -> watch::Receiver<Revision> {
        self.revision.clone()
    }

    /// What changes from now on. A receiver that lags must look at the state again.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Proposes a change under a fresh request id.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn propose(&self, actor: Actor, command: Command) -> Result<Applied, ProposeError> {
        self.propose_with(new_request_id(), actor, command, None).await
    }

    /// Proposes a change. The request id makes a retry safe; `if_revision` refuses it if policy moved meanwhile.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn propose_with(
        &self,
        request_id: RequestId,
        actor: Actor,
        command: Command,
        if_revision: Option<Revision>,
    ) -> Result<Applied, ProposeError> {
        let issued_at = Timestamp(self.clock.now());
        self.propose_entry(Entry { request_id, actor, issued_at, if_revision, origin: None, command }).await
    }

    /// Proposes a change that was stamped already.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn propose_entry(&self, entry: Entry) -> Result<Applied, ProposeError> {
        let (needs, level) = (entry.command.level(), self.state.borrow().level);
        if needs > level {
            return Err(ProposeError::Unavailable(format!(
                "it needs level {needs} and the cluster is at {level}: upgrade all controllers, see wharden cluster status"
            )));
        }
        propose::submit(&self.queue, entry).await
    }

    /// Term, role and log positions.
    pub fn metrics(&self) -> openraft::RaftMetrics<u64, BasicNode> {
        self.inner.metrics().borrow().clone()
    }

    /// Adds what describes the replica to the metrics of the process.
    pub fn register(&self, metrics: &Metrics) {
        let raft = self.clone();
        metrics.gauges(move || gauges::read(&raft));
        let raft = self.clone();
        metrics.gauges(move || gauges::quorum(&raft));
    }

    /// Waits for a leader.
    ///
    /// # Errors
    /// [`ProposeError::Unavailable`] when none shows up in `timeout`.
    pub async fn wait_for_leader(&self, timeout: std::time::Duration) -> Result<u64, ProposeError> {
        let metrics = self
            .inner
            .wait(Some(timeout))
            .metrics(|m| m.current_leader.is_some(), "a leader")
            .await
            .map_err(|e| ProposeError::Unavailable(e.to_string()))?;
        metrics.current_leader.ok_or_else(|| ProposeError::Unavailable("no leader".to_owned()))
    }

    /// Ends when another controller leads than this one, or none does; who it is now. `None` when the replica is gone.
    pub async fn other_leader(&self, known: Option<u64>) -> Option<Option<u64>> {
        let mut metrics = self.inner.metrics();
        let found = metrics.wait_for(|metrics| metrics.current_leader != known).await;
        found.ok().map(|metrics| metrics.current_leader)
    }

    /// Ends when the replica cannot go on, e.g. because its disk does not confirm a write; says why. The process must end
    /// then: what it would serve from memory may not be what a restart reads.
    pub async fn failed(&self) -> Failed {
        let mut metrics = self.inner.metrics();
        let why = tokio::select! {
            // A leader hears of it from openraft only when something is committed.
            failed = self.durable.failed() => failed.to_string(),
            ended = metrics.wait_for(|now| now.running_state.is_err()) => match ended {
                Ok(ended) => ended.running_state.as_ref().err().map_or_else(String::new, ToString::to_string),
                Err(_) => "raft is gone".to_owned(),
            },
        };
        self.lost.get().map_or(Failed::Replica(why), |entry| Failed::Lost(*entry))
    }

    /// Controllers that have lost part of their log, as far as this one knows as their leader.
    pub fn lost_logs(&self) -> BTreeSet<u64> {
        let vote = self.inner.metrics().borrow().vote;
        self.acknowledged.lost(&vote)
    }

    /// Stops. What was acknowledged is on disk already.
    pub async fn stop(&self) {
        if let Err(error) = self.inner.shutdown().await {
            tracing::warn!(%error, "raft did not stop cleanly");
        }
    }
}

/// A request id for a change that nobody will retry from outside.
pub fn new_request_id() -> RequestId {
    loop {
        if let Ok(id) = RequestId::new(format!("{:032x}", rand::random::<u128>())) {
            return id;
        }
    }
}

/// The id that a hash makes: the same for the same parts, at whichever controller.
///
/// # Errors
/// When the first half of the hash, as hex, is no id.
pub fn request_id_of(hash: Sha256) -> Result<RequestId, IdError> {
    RequestId::new(Hex(hash.finalize()[..16].to_vec()).to_string())
}
