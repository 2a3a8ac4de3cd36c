use super::{
    FleetConfig, FleetCounts, HostLive,
    admission::Admission,
    beats::Beats,
    controllers,
    frames::Calls,
    leadership::Leadership,
    ledger::Ledger,
    limits::{
        CONNECTION_WINDOW, CONNECTIONS, HEADERS_MAX, INBOUND_MAX, KEEPALIVE, KEEPALIVE_TIMEOUT, STREAM_WINDOW,
        STREAMS_MAX,
    },
    live::Live,
    metrics::FleetMetrics,
    refusal::Refusal,
    service::Service,
};
use crate::{
    connections::Connections,
    copies::Recorder,
    inventory::{Answer, Counters, Filter, Inventory, Kind, Sign},
    keys::Keys,
    peers::Present,
    publish::Publisher,
    raft::Raft,
};
use bytes::Bytes;
use futures::StreamExt;
use std::{
    error::Error,
    sync::{Arc, OnceLock},
};
use tokio::sync::{broadcast, watch};
use tonic::transport::Server;
use wharden_model::{HostId, Timestamp};
use wharden_pki::{CsrError, Issued};
use wharden_proto::{
    MESSAGE_MAX,
    v1::{Controllers, agent_server::AgentServer},
};
use wharden_runtime::{clock::Clock, metrics::Metrics, shutdown::Shutdown, tls::TlsListener};
use wharden_state::Change;

/// Why the agents' port stopped.
#[derive(Debug, thiserror::Error)]
#[error("the agents' port stopped: {0}")]
pub struct ServeError(String);

/// The agents' side. Clones are the same fleet.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

/// What every call and session shares.
pub(super) struct Inner {
    pub ledger: Arc<dyn Ledger>,
    pub keys: Arc<Keys>,
    pub publisher: Publisher,
    pub events: Recorder,
    pub clock: Arc<dyn Clock>,
    pub config: FleetConfig,
    pub metrics: FleetMetrics,
    pub shutdown: Shutdown,
    pub live: Live,
    pub inventory: Inventory,
    pub told: Counters,
    pub leadership: Leadership,
    /// Empty until they are there, and in tests.
    pub alerts: OnceLock<crate::alerts::Alerts>,
    pub admission: Admission,
    pub beats: Beats,
    /// What agents are told of the controllers.
    pub controllers: watch::Sender<Arc<Controllers>>,
}

impl Inner {
    /// Tells the sessions when the list of controllers is another one.
    fn look_at_controllers(&self) {
        let list = Arc::new(controllers::list(&self.ledger.state()));
        self.controllers.send_if_modified(|held| {
            let other = *held != list;
            *held = list;
            other
        });
    }

    /// Two machines have the key of a host.
    pub fn is_clone(&self, id: &HostId) {
        self.metrics.contested.inc();
        if let Some(alerts) = self.alerts.get() {
            let summary = "two agents use the identity of one host";
            let detail = "each opens a session and ends the other's; the open one stays for now";
            alerts.raise(&crate::alerts::table::AGENT_CLONE, id.as_str(), id.as_str(), summary, detail);
        }
    }

    /// They have not, or no more.
    pub fn is_no_clone(&self, id: &HostId) {
        if let Some(alerts) = self.alerts.get() {
            alerts.resolve(&crate::alerts::table::AGENT_CLONE, id.as_str());
        }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }

    pub fn issue(&self, csr: &[u8], id: &HostId) -> Result<Issued, CsrError> {
        self.keys.ca.issue_host(csr, id, self.now(), self.config.certificate_lifetime)
    }

    /// The certificate, then the CA's.
    pub fn chain(&self, issued: Issued) -> Vec<Bytes> {
        vec![issued.der.into(), Bytes::copy_from_slice(self.keys.ca.cert_der())]
    }

    pub fn bundle_keys(&self) -> Vec<Bytes> {
        vec![Bytes::copy_from_slice(&self.keys.bundles.public_key())]
    }
}

impl Fleet {
    /// Without serving yet. Follows revocations from now on.
    #[expect(clippy::too_many_arguments, reason = "the parts that it joins, each once")]
    pub fn new(
        raft: Raft,
        keys: Arc<Keys>,
        publisher: Publisher,
        events: Recorder,
        clock: Arc<dyn Clock>,
        config: FleetConfig,
        metrics: &Metrics,
        shutdown: &Shutdown,
    ) -> Self {
        let now = Timestamp(clock.now());
        let inventory = Inventory::default();
        let fleet = Self::with(Inner {
            ledger: Arc::new(raft.clone()),
            keys,
            publisher,
            events,
            clock,
            config,
            metrics: FleetMetrics::new(metrics),
            shutdown: shutdown.clone(),
            live: Live::default(),
            told: Counters::new(metrics, &inventory),
            inventory,
            leadership: Leadership::new(now),
            alerts: OnceLock::new(),
            admission: Admission::default(),
            beats: Beats::new(config.heartbeat),
            controllers: watch::Sender::default(),
        });
        shutdown.spawn_until_stopped("leader", follow_leader(Arc::clone(&fleet.0), raft));
        fleet
    }

    pub(super) fn with(inner: Inner) -> Self {
        let inner = Arc::new(inner);
        let changes = inner.ledger.changes();
        inner.look_at_controllers();
        inner.shutdown.spawn_until_stopped("revocations", end_revoked(Arc::clone(&inner), changes));
        Self(inner)
    }

    /// Serves agents until the shutdown. The listener asks for client certificates of the cluster's CA and does not
    /// require them (`ClientAuth::Optional`), ALPN `h2`.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(&self, listener: TlsListener) -> Result<(), ServeError> {
        let handshakes = self.0.metrics.connections.clone();
        let connections = Connections::new(CONNECTIONS, self.0.metrics.refused_connections.clone());
        let incoming = listener.incoming().filter_map(move |stream| {
            handshakes.inc();
            let admitted = stream.map(|stream| connections.admit(stream)).transpose();
            std::future::ready(admitted)
        });
        let service = Service(Arc::clone(&self.0));
        let others = AgentServer::new(service.clone())
            .max_decoding_message_size(INBOUND_MAX)
            .max_encoding_message_size(MESSAGE_MAX);
        let calls = Calls { service, others };
        Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(STREAMS_MAX)
            .http2_max_header_list_size(HEADERS_MAX)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .serve_with_incoming_shutdown(calls, incoming, self.0.shutdown.stopped())
            .await
            .map_err(|error| ServeError(error.source().map_or_else(|| error.to_string(), ToString::to_string)))
    }

    /// Raises alerts here from now on.
    pub fn raise_through(&self, alerts: &crate::alerts::Alerts) {
        drop(self.0.alerts.set(alerts.clone()));
    }

    /// What is known of a host.
    pub fn status(&self, id: &HostId) -> HostLive {
        self.0.live.status(id)
    }

    /// What the hosts with a session here have told of themselves.
    pub fn inventory(&self) -> &Inventory {
        &self.0.inventory
    }

    /// When a host was last heard here.
    pub fn sign(&self, id: &HostId) -> Sign {
        self.0.live.sign(id)
    }

    /// Searches the inventory of the hosts here.
    pub fn search(&self, kind: Kind, filter: &Filter) -> Answer {
        self.0.inventory.search(kind, filter, |id| self.sign(id))
    }

    /// A host without a session is on its way back, rather than lost, because controllers have changed a moment ago.
    pub fn awaits(&self, live: &HostLive) -> bool {
        let Inner { leadership, config, .. } = &*self.0;
        !live.connected && leadership.awaits(live.last_seen_at, self.0.now(), config.silence())
    }

    /// Hosts that have or had a session here, by id, after one of them.
    pub fn page(&self, after: Option<&HostId>, max: usize) -> Vec<(HostId, HostLive)> {
        self.0.live.page(after, max)
    }

    /// Hosts with a session here, and what is to be said of some of them.
    pub fn present(&self) -> Present {
        self.0.live.present()
    }

    /// Hosts with a session here.
    pub fn counts(&self) -> FleetCounts {
        let newest = self.0.publisher.subscribe().borrow().as_ref().map_or(0, |published| published.revision());
        self.0.live.counts(newest)
    }

    /// Why hosts are not given the newest revision: its policies do not compile together.
    pub fn problem(&self) -> Option<String> {
        self.0.publisher.problem()
    }
}

async fn follow_leader(fleet: Arc<Inner>, raft: Raft) {
    let mut leader = None;
    while let Some(now) = raft.other_leader(leader).await {
        leader = now;
        fleet.leadership.changed(fleet.now());
    }
}

/// Closes the stream of a host at the moment that its revocation is applied here.
async fn end_revoked(fleet: Arc<Inner>, mut changes: broadcast::Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(Change::HostRevoked(id)) => {
                fleet.live.end(&id, Refusal::Revoked(id.clone()));
                fleet.is_no_clone(&id);
            }
            Ok(Change::Controllers) => fleet.look_at_controllers(),
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "fell behind the changes; looking at every session");
                fleet.look_at_controllers();
                let state = fleet.ledger.state();
                let gone = |id: &HostId| state.hosts.get(id).is_none_or(|host| host.revoked_at.is_some());
                for id in fleet.live.connected().into_iter().filter(gone) {
                    fleet.live.end(&id, Refusal::Revoked(id.clone()));
                }
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
