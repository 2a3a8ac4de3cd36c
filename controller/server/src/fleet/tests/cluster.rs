//! A controller's agents' side on a port of its own, and agents that talk to it.

use super::SOON;
use crate::{
    copies::Recorder,
    events::{EventLimits, EventStore},
    fleet::{
        Fleet, FleetConfig, admission::Admission, beats::Beats, leadership::Leadership, ledger::Ledger, live::Live,
        metrics::FleetMetrics, server::Inner,
    },
    keys::{self, Keys},
    publish::Publisher,
    raft::{ProposeError, new_request_id},
};
use bytes::Bytes;
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};
use wharden_model::{HostId, Mode, PolicyName, Posture, RequestId, Revision, Timestamp};
use wharden_pki::{ClusterKeys, KeyPair, bundle_statement, token::JoinToken, verify_bundle};
use wharden_proto::v1::{
    AgentMessage, BundleAck, BundlePush, ControllerMessage, EnrollRequest, EnrollResponse, Hello,
    agent_client::AgentClient, agent_message, controller_message,
};
use wharden_runtime::{
    clock::{Clock, SystemClock},
    metrics::Metrics,
    ready::Readiness,
    shutdown::Shutdown,
    tls::{self, ClientAuth, ClientConfig, Connector, HTTP2, Identity, TlsListener},
};
use wharden_state::{
    Actor, Applied, Change, Command, Entry, HostCommand, PolicyCommand, PolicyOrigin, State, TokenCommand,
};

/// The state and its watchers, in memory.
pub struct MemoryLedger {
    state: Mutex<(State, u64)>,
    newest: watch::Sender<Arc<State>>,
    revision: watch::Sender<Revision>,
    changes: broadcast::Sender<Change>,
    /// What this controller shows until it is asked for the newest: it is behind.
    behind: Mutex<Option<Arc<State>>>,
}

impl MemoryLedger {
    fn new() -> Self {
        Self {
            state: Mutex::default(),
            newest: watch::channel(Arc::default()).0,
            revision: watch::channel(0).0,
            changes: broadcast::channel(64).0,
            behind: Mutex::default(),
        }
    }

    /// Shows this state of before until somebody asks for the newest.
    pub fn fall_behind(&self, state: Arc<State>) {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    pub fn apply(&self, request_id: RequestId, actor: Actor, command: Command) -> Result<Applied, ProposeError> {
        let mut held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, index) = &mut *held;
        *index += 1;
        let issued_at = Timestamp(SystemClock.now());
        let entry = Entry { request_id, actor, issued_at, if_revision: None, origin: None, command };
        let (reply, changes) = state.apply(*index, &entry);
        self.newest.send_replace(Arc::new(state.clone()));
        self.revision.send_replace(state.policy_revision);
        for change in changes {
            let _ = self.changes.send(change);
        }
        Ok(reply?)
    }
}

impl Ledger for MemoryLedger {
    fn state(&self) -> Arc<State> {
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
        behind.unwrap_or_else(|| self.newest.borrow().clone())
    }

    fn newest(&self) -> BoxFuture<'_, Result<Arc<State>, ProposeError>> {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Box::pin(async { Ok(self.state()) })
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    fn propose(&self, id: RequestId, actor: Actor, command: Command) -> BoxFuture<'_, Result<Applied, ProposeError>> {
        Box::pin(async move { self.apply(id, actor, command) })
    }
}

pub struct Cluster {
    pub ledger: Arc<MemoryLedger>,
    pub keys: Arc<Keys>,
    pub events: EventStore,
    pub fleet: Fleet,
    pub shutdown: Shutdown,
    pub address: SocketAddr,
    pub metrics: Metrics,
    _dir: tempfile::TempDir,
}

pub fn policy(name: &str, action: &str) -> Command {
    Command::Policy(PolicyCommand::Put {
        name: PolicyName::new(name).expect("name"),
        text: format!("permit (principal, action == Docker::Action::{action:?}, resource);"),
        mode: Some(Mode::Enforce),
        rules: 1,
        if_version: None,
        origin: PolicyOrigin::Put,
    })
}

impl Cluster {
    pub async fn start() -> Self {
        Self::with(FleetConfig::default()).await
    }

    pub async fn with(config: FleetConfig) -> Self {
        Self::admitting(config, Admission::default()).await
    }

    pub async fn admitting(config: FleetConfig, admission: Admission) -> Self {
        let (ledger, sealing) = (Arc::new(MemoryLedger::new()), ClusterKeys::generate());
        let now = Timestamp(SystemClock.now());
        let (command, ..) = keys::new_cluster(&sealing, now).expect("keys");
        ledger.apply(new_request_id(), Actor::System, Command::Cluster(command)).expect("initialised");
        let keys = Arc::new(Keys::open(&ledger.state(), sealing).expect("keys"));
        let (metrics, readiness, shutdown) = (Metrics::new("test"), Readiness::new(&["events"]), Shutdown::new());
        let dir = tempfile::tempdir().expect("dir");
        let events = EventStore::open(dir.path(), EventLimits::default(), &metrics, &readiness).await.expect("opens");
        let newest = ledger.newest.subscribe();
        let state = move || newest.borrow().clone();
        let publisher = Publisher::follow(ledger.revision.subscribe(), state, &keys, &metrics, &shutdown);
        let fleet = Fleet::with(Inner {
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            keys: Arc::clone(&keys),
            publisher,
            events: Recorder::alone(events.clone()),
            clock: Arc::new(SystemClock),
            config,
            metrics: FleetMetrics::new(&metrics),
            shutdown: shutdown.clone(),
            live: Live::default(),
            told: crate::inventory::Counters::default(),
            inventory: crate::inventory::Inventory::default(),
            leadership: Leadership::new(now),
            alerts: std::sync::OnceLock::new(),
            admission,
            beats: Beats::new(config.heartbeat),
            controllers: watch::Sender::default(),
        });
        let lifetime = wharden_pki::limits::SERVER_LIFETIME;
        let identity = keys.ca.issue_server(&["127.0.0.1".to_owned()], 1, now, lifetime).expect("identity");
        let identity = Identity::new(&identity.chain, &identity.key_pkcs8);
        let auth = ClientAuth::Optional(vec![keys.ca.cert_der().to_vec()]);
        let server = tls::server_config(&identity, &auth, &[HTTP2]).expect("config");
        let tcp = tls::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("bound");
        let address = tcp.local_addr().expect("address");
        let serving = fleet.clone();
        drop(shutdown.spawn("agents", async move { serving.serve(TlsListener::new(tcp, server)).await }));
        let cluster = Self { ledger, keys, events, fleet, shutdown, address, metrics, _dir: dir };
        cluster.change(policy("base", "container.list"));
        cluster
    }

    pub fn state(&self) -> Arc<State> {
        self.ledger.state()
    }

    /// Applies a change of an admin.
    pub fn change(&self, command: Command) -> Revision {
        self.ledger.apply(new_request_id(), Actor::System, command).expect("applied");
        self.state().policy_revision
    }

    pub fn token(&self, uses: u32) -> JoinToken {
        let token = JoinToken::generate(self.keys.ca.fingerprint());
        self.change(Command::Token(TokenCommand::Create {
            id: token.id.clone(),
            hash: token.secret_hash().into(),
            expires_at: Timestamp(u64::MAX),
            uses,
            labels: "env=dev".parse().expect("labels"),
            posture: Posture::Enforce,
        }));
        token
    }

    /// The client of somebody who has only a token.
    pub async fn stranger(&self) -> AgentClient<Channel> {
        let config = tls::client_config_pinned(self.keys.ca.fingerprint(), &[HTTP2]).expect("config");
        AgentClient::new(dial(self.address, config).await.expect("dials"))
    }

    pub async fn try_enrol(&self, request: EnrollRequest) -> Result<EnrollResponse, Status> {
        let mut client = self.stranger().await;
        timeout(SOON, client.enroll(request)).await.expect("in time").map(tonic::Response::into_inner)
    }

    pub async fn enrol(&self, token: &JoinToken, name: &str) -> Agent {
        let key = KeyPair::generate().expect("key");
        let answer = self.try_enrol(request(token, name, &key, &new_request_id())).await.expect("enrolled");
        Agent::of(&answer, key)
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, waiting).await.expect(what);
    }
}

pub fn request(token: &JoinToken, name: &str, key: &KeyPair, id: &RequestId) -> EnrollRequest {
    EnrollRequest {
        token: token.text().reveal().to_owned(),
        csr: key.csr_der().expect("request").into(),
        hostname: name.to_owned(),
        request_id: id.to_string(),
    }
}

pub async fn dial(address: SocketAddr, config: Arc<ClientConfig>) -> Result<Channel, tonic::transport::Error> {
    let connect = tower::service_fn(move |_| {
        let connector = Connector::new(Arc::clone(&config));
        async move { connector.connect("127.0.0.1", address.port()).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://127.0.0.1").connect_with_connector(connect).await
}

pub fn code<T>(result: Result<T, Status>) -> Code {
    result.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// An enrolled host.
pub struct Agent {
    pub id: HostId,
    pub key: KeyPair,
    pub chain: Vec<Vec<u8>>,
}

impl Agent {
    pub fn of(answer: &EnrollResponse, key: KeyPair) -> Self {
        let chain = answer.chain.iter().map(|der| der.to_vec()).collect();
        Self { id: HostId::new(answer.host_id.as_str()).expect("id"), key, chain }
    }

    pub async fn try_client(&self, cluster: &Cluster) -> Result<AgentClient<Channel>, tonic::transport::Error> {
        let identity = Identity::new(&self.chain[..1], &self.key.pkcs8_der());
        let roots = [cluster.keys.ca.cert_der().to_vec()];
        let config = tls::client_config(&roots, Some(&identity), &[HTTP2]).expect("config");
        Ok(AgentClient::new(dial(cluster.address, config).await?))
    }

    pub async fn client(&self, cluster: &Cluster) -> AgentClient<Channel> {
        self.try_client(cluster).await.expect("dials")
    }

    /// Opens a stream and sends a first message.
    pub async fn say(&self, cluster: &Cluster, first: agent_message::Body) -> Result<Open, Status> {
        let (to, outbound) = mpsc::channel(16);
        to.send(AgentMessage { body: Some(first) }).await.expect("room");
        let mut client = self.client(cluster).await;
        let answer = timeout(SOON, client.session(ReceiverStream::new(outbound))).await.expect("in time")?;
        let keys = vec![cluster.keys.bundles.public_key()];
        Ok(Open { to, from: answer.into_inner(), keys, cluster: cluster.keys.cluster_id.clone() })
    }

    pub async fn open(&self, cluster: &Cluster, held: (Revision, &[u8])) -> Open {
        let mut open = self.say(cluster, hello(held)).await.expect("admitted");
        assert!(matches!(open.next().await, Ok(controller_message::Body::Welcome(_))));
        open
    }
}

pub fn hello((revision, digest): (Revision, &[u8])) -> agent_message::Body {
    agent_message::Body::Hello(Hello {
        protocol: wharden_proto::PROTOCOL,
        boot_id: "00000000000000b1".to_owned(),
        revision,
        digest: Bytes::copy_from_slice(digest),
        report: None,
        differences: false,
    })
}

/// An open session.
pub struct Open {
    to: mpsc::Sender<AgentMessage>,
    from: Streaming<ControllerMessage>,
    keys: Vec<[u8; 32]>,
    cluster: wharden_model::ClusterId,
}

impl Open {
    pub async fn send(&self, body: agent_message::Body) {
        self.to.send(AgentMessage { body: Some(body) }).await.expect("open");
    }

    /// The session may have ended.
    pub async fn try_send(&self, body: agent_message::Body) {
        let _ = self.to.send(AgentMessage { body: Some(body) }).await;
    }

    pub async fn next(&mut self) -> Result<controller_message::Body, Status> {
        let message = timeout(SOON, self.from.message()).await.expect("in time")?;
        Ok(message.expect("not the end").body.expect("a body"))
    }

    /// The next bundle, whole or only its header; its signature and digest hold.
    pub async fn bundle(&mut self) -> BundlePush {
        let push = self.push().await;
        let whole = push.from == 0 && !push.payload.is_empty();
        assert!(!whole || wharden_pki::fingerprint(&push.payload)[..] == push.digest[..]);
        push
    }

    /// The next push, in any form; its signature holds.
    pub async fn push(&mut self) -> BundlePush {
        let controller_message::Body::Bundle(push) = self.next().await.expect("a message") else {
            panic!("something else than a bundle");
        };
        let digest: [u8; 32] = push.digest.as_ref().try_into().expect("a digest");
        let statement = bundle_statement(&self.cluster, push.revision, &digest);
        assert_eq!(verify_bundle(&self.keys, &statement, &push.signature), Ok(()));
        push
    }

    pub async fn ack(&self, push: &BundlePush) {
        self.send(agent_message::Body::Ack(BundleAck { nonce: push.nonce, revision: push.revision })).await;
    }

    /// Reads until the end and says why it came.
    pub async fn end(&mut self) -> Code {
        loop {
            match timeout(SOON, self.from.message()).await.expect("in time") {
                Ok(Some(_)) => {}
                Ok(None) => return Code::Ok,
                Err(status) => return status.code(),
            }
        }
    }
}

pub fn revoke(id: &HostId) -> Command {
    Command::Host(HostCommand::Revoke { id: id.clone() })
}
